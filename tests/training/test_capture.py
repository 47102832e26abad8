"""Which of several captures is kept, and that a wrong one is not."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import SimpleNamespace

import pytest
import torch

from pix2pix.config import Config
from pix2pix.training import graph as graph_module
from pix2pix.training.capture import APART, Before, apart, capture
from pix2pix.training.engine import PlainEngine
from pix2pix.training.graph import GraphEngine
from pix2pix.training.meter import Meter
from pix2pix.training.twin import Manner
from tests.helpers import double_state
from tests.training.test_graph_engine import FakeGPU, assert_near, prepared, run, setting

Tiny = Callable[..., Config]


def test_steps_are_apart_as_the_large_weight_is_that_went_most_astray() -> None:
    start = [torch.zeros(2000), torch.zeros(3)]
    wanted = [torch.ones(2000), torch.ones(3)]
    near, far = torch.ones(2000), torch.ones(2000)
    near[:20] = 0
    far[:1000] = -1
    broken = torch.full((2000,), torch.nan)
    assert apart(start, wanted, wanted) == 0
    assert apart(start, wanted, [near, torch.ones(3)]) == pytest.approx(0.1)
    assert apart(start, wanted, [near, -torch.ones(3)]) < APART  # few numbers say little
    assert apart(start, wanted, [far, torch.ones(3)]) > APART
    assert apart(start, wanted, [start[0], torch.ones(3)]) == 1
    assert apart(start, wanted, [broken, torch.ones(3)]) == math.inf
    assert apart(start, [broken, torch.ones(3)], [near, torch.ones(3)]) == math.inf
    assert apart(start, start, start) == 0  # nothing was to move and nothing did
    assert apart(start, start, wanted) == math.inf


def test_everything_is_put_back_where_it_was(tiny: Tiny) -> None:
    config = tiny()
    engine = PlainEngine(setting(config, double_state(config)))
    run(engine, 2)
    state, meter = engine.setting.state, engine.setting.meter
    wanted = [tensor.clone() for tensor in state.tensors()]
    places, means = [tensor.data_ptr() for tensor in state.tensors()], meter.means()
    sums = meter.sums
    before = Before(state, meter)
    run(engine, 2)
    before.put_back()
    for tensor, was in zip(state.tensors(), wanted, strict=True):
        assert torch.equal(tensor, was)
    assert [tensor.data_ptr() for tensor in state.tensors()] == places
    assert meter.sums is sums
    assert meter.means() == pytest.approx(means)


def test_sums_that_were_empty_are_empty_again(tiny: Tiny) -> None:
    config = tiny()
    engine = PlainEngine(setting(config, double_state(config)))
    before = Before(engine.setting.state, Meter())
    run(engine, 1)
    before.put_back()
    assert before._meter.means() == {}


BESIDE = Manner(beside=True)


@pytest.fixture
def engine(tiny: Tiny, monkeypatch: pytest.MonkeyPatch) -> GraphEngine:
    """One that may choose, on a faked GPU where replays in lanes take half the time."""
    config = tiny()
    engine = GraphEngine(setting(config, double_state(config)), Manner())
    engine._given, engine.body.compiled = False, True
    monkeypatch.setattr(
        graph_module,
        "seconds_a_replay",
        lambda graph, device: 0.001 if next(iter(engine.body.G._lanes.values())).is_open else 0.002,
    )
    return engine


def test_the_fastest_capture_is_kept_and_the_state_as_it_was(
    engine: GraphEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    gpu, said = FakeGPU(monkeypatch, engine), list[str]()
    plain = PlainEngine(setting(engine.setting.config, double_state(engine.setting.config)))
    prepared(engine, said)
    assert gpu.asked.count("capture") == 2
    assert gpu.asked.count("reset") == 1
    assert said[-1].endswith(": 1.00 ms a step, on several streams")
    for one in (plain, engine):
        run(one, 3)
    assert_near(engine.setting.state, plain.setting.state, 1e-9)


def test_a_faster_capture_that_steps_otherwise_is_not_kept(
    engine: GraphEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    gpu, said = FakeGPU(monkeypatch, engine), list[str]()
    answers = iter([0.02, 1.3])
    monkeypatch.setattr(graph_module, "apart", lambda *weights: next(answers))
    prepared(engine, said)
    assert "the captured step, on several streams ends 1.30 steps away" in said[-2]
    assert said[-1].endswith(": 2.00 ms a step")
    assert gpu.asked.count("capture") == 2


def test_where_no_capture_is_the_step_it_is_done_uncaptured(
    engine: GraphEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    gpu, said = FakeGPU(monkeypatch, engine), list[str]()
    plain = PlainEngine(setting(engine.setting.config, double_state(engine.setting.config)))
    monkeypatch.setattr(graph_module, "apart", lambda *weights: math.inf)
    prepared(engine, said)
    assert said[-1] == "the step is not captured and is slower"
    asked = gpu.asked.count("replay")
    for one in (plain, engine):
        run(one, 3)
    assert gpu.asked.count("replay") == asked
    assert_near(engine.setting.state, plain.setting.state, 1e-9)


def test_no_other_manner_is_tried_where_there_is_no_memory_for_it(
    engine: GraphEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    gpu, said = FakeGPU(monkeypatch, engine), list[str]()
    gpu.free = 7
    prepared(engine, said)
    assert gpu.asked.count("capture") == 1
    assert said[-1].endswith(": 2.00 ms a step")


def test_a_capture_that_failed_leaves_nothing_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    """torch ends it neither for the allocator nor for the thread's stream."""
    done: list[object] = []

    @contextmanager
    def graph(into: object, **settings: object) -> Iterator[None]:
        yield
        raise RuntimeError("operation not permitted")

    main = SimpleNamespace(device=torch.device("cuda", 1))
    for name, fake in (
        ("CUDAGraph", object),
        ("graph_pool_handle", lambda: (0, 7)),
        ("graph", graph),
        ("current_stream", lambda device: main),
        ("set_stream", done.append),
    ):
        monkeypatch.setattr(torch.cuda, name, fake)
    for name in ("_cuda_endAllocateToPool", "_cuda_releasePool"):
        monkeypatch.setattr(torch._C, name, lambda *its: done.append(its), raising=False)
    with pytest.raises(RuntimeError, match="not permitted"):
        capture(main, lambda: None)  # type: ignore[arg-type]
    assert done == [main, (1, (0, 7)), (1, (0, 7))]


def test_what_cannot_be_captured_in_lanes_is_captured_without(
    engine: GraphEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    FakeGPU(monkeypatch, engine)
    said: list[str] = []
    lay_out = engine.body.G.lay_out

    def fails(beside: bool) -> None:
        if beside:
            raise RuntimeError("no stream is left\nat all")
        lay_out(beside)

    monkeypatch.setattr(engine.body.G, "lay_out", fails)
    prepared(engine, said)
    assert said[-2:][0] == "note: no stream is left"
    assert said[-1].endswith(": 2.00 ms a step")
