"""The captured engine's body against the plain engine, on the processor."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from pix2pix.training.body import _channels_last
from pix2pix.training.graph import GraphEngine
from pix2pix.training.twin import Manner

from pix2pix.config import Config
from pix2pix.data.batches import Loader
from pix2pix.data.feed import Feed, HostFeed, Line, sent
from pix2pix.data.reading import Reading
from pix2pix.data.store import Store
from pix2pix.device import Precision
from pix2pix.networks.noise import noise_keys
from pix2pix.pictures.contract import LabelClass, PictureContract
from pix2pix.training.checkpoint import load_state, save_state
from pix2pix.training.distributed import ALONE, Processes
from pix2pix.training.engine import Engine, PlainEngine, Setting
from pix2pix.training.meter import Meter
from pix2pix.training.state import State, new_state
from tests.helpers import double_state, noise

CPU = torch.device("cpu")
Tiny = Callable[..., Config]
SHADES = PictureContract(
    classes=tuple(LabelClass(name=str(n), colour=(n, n, n)) for n in range(3)), one_hot=True
)


class DoubleFeed(HostFeed):
    """Pictures in float64, for networks in float64."""

    def pictures(self, *tensors: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        source, target = super().pictures(*tensors)
        return source.double(), target.double()


def loader(config: Config) -> Loader:
    targets = SHADES if config.data.target_one_hot else PictureContract()
    rng = np.random.default_rng(1)
    shape = (9, *config.data.resize, 1 if targets.one_hot else 3)
    halves = (
        np.stack([noise(*config.data.resize, seed=n) for n in range(9)]),
        rng.integers(0, 3 if targets.one_hot else 256, shape, np.uint8),
    )
    reading = Reading(PictureContract(), targets, config.data)
    store = Store(*halves, reading, [str(n) for n in range(9)], [], "digest")
    return Loader(store, config.data, config.training.batch, config.training.seed)


def setting(
    config: Config,
    state: State,
    feed: type[HostFeed] = DoubleFeed,
    precision: Precision = "fp32",
    processes: Processes = ALONE,
) -> Setting:
    return Setting(state, config, feed(loader(config)), Meter(), CPU, precision, processes)


def run(engine: Engine, steps: int) -> None:
    its: Setting = engine.setting
    feed: Feed = its.feed
    keys = partial(noise_keys, its.config.training.seed)
    for _ in range(steps):
        packet = Line(feed, CPU, its.processes.share, keys).packet(its.state.images_seen)
        engine.step(sent(packet, CPU))


def assert_near(one: State, other: State, within: float) -> None:
    for (_, mine, _), (_, theirs, _) in zip(one.parts(), other.parts(), strict=True):
        found, wanted = mine.state_dict(), theirs.state_dict()
        assert found.keys() == wanted.keys()
        for name, tensor in found.items():
            torch.testing.assert_close(
                tensor, wanted[name], rtol=0, atol=within, msg=lambda m, n=name: f"{n}: {m}"
            )


def assert_engines_agree(config: Config, manner: Manner, steps: int = 20) -> None:
    plain = PlainEngine(setting(config, double_state(config)))
    graph = GraphEngine(setting(config, double_state(config)), manner)
    start = double_state(config)
    for engine in (plain, graph):
        run(engine, steps)
    assert_near(graph.setting.state, plain.setting.state, 1e-9)
    moved = [
        float((a - b).abs().max())
        for a, b in zip(graph.setting.state.tensors(), start.tensors(), strict=True)
    ]
    assert min(moved) > 0
    assert graph.setting.state.images_seen == steps * config.training.batch
    assert graph.setting.meter.count == steps
    assert graph.setting.meter.means() == pytest.approx(plain.setting.meter.means(), abs=1e-9)


CLASSES = ("data.target_labels=facades", "data.target_one_hot=true", "objective.l1=3")


@pytest.mark.parametrize("kind", ["bce", "lsgan", "hinge"])
@pytest.mark.parametrize("batch", [1, 2])
def test_twenty_steps_of_both_engines_end_in_the_same_weights(tiny: Tiny, kind: str, batch: int) -> None:
    config = tiny(f"objective.adversarial={kind}", f"training.batch={batch}")
    assert_engines_agree(config, Manner(padded=True))


@pytest.mark.parametrize("manner", [Manner(merged=False), Manner()], ids=str)
def test_twenty_steps_in_another_manner_end_in_the_same_weights(tiny: Tiny, manner: Manner) -> None:
    assert_engines_agree(tiny(), manner)


@pytest.mark.parametrize(
    "settings",
    [
        ("objective.conditional=false",),
        ("objective.gan=0", "training.batch=2"),
        ("objective.l1=0", "training.seed=4294967295"),
        (*CLASSES, "training.batch=2"),
        ("training.schedule=linear", "training.images=30"),
        ("model.norm=instance", "training.batch=2"),
        ("model.norm=none", "training.batch=2"),
        ("model.generator=encoder_decoder", "model.upsample=resize"),
        ("model.discriminator_px=1",),
    ],
    ids=" ".join,
)
def test_twenty_steps_of_both_engines_agree_with(tiny: Tiny, settings: tuple[str, ...]) -> None:
    assert_engines_agree(tiny(*settings), Manner(padded=True))


def test_real_and_fake_share_a_pass_only_where_they_share_no_statistics(tiny: Tiny) -> None:
    for settings, merged in (
        (("training.batch=1",), True),
        (("training.batch=2",), False),
        (("training.batch=2", "model.norm=instance"), True),
        (("training.batch=2", "model.norm=none"), True),
    ):
        config = tiny(*settings)
        assert GraphEngine(setting(config, double_state(config))).body.merged is merged


def test_channels_may_lie_beside_each_other(tiny: Tiny) -> None:
    config = tiny()
    plain = PlainEngine(setting(config, double_state(config)))
    state = double_state(config)
    for _, network, optimiser in state.parts():
        _channels_last(network, optimiser)
    graph = GraphEngine(setting(config, state), Manner(padded=True))
    for engine in (plain, graph):
        run(engine, 20)
    assert_near(state, plain.setting.state, 1e-9)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:The .grad attribute", "ignore:.*should not be instantiated")
def test_a_compiler_sees_the_networks_whole(tiny: Tiny, monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a GPU but for the kernels: traced without a break, with every pass of the step."""
    whole = torch.compile

    def traced(function: Callable[..., Any], options: object, **settings: Any) -> Any:
        return whole(function, backend="aot_eager", **settings)

    monkeypatch.setattr(torch, "compile", traced)
    assert_engines_agree(tiny(), Manner(padded=True, compiled=True), steps=3)


def test_bf16_stays_near_float32(tiny: Tiny) -> None:
    config, means = tiny(), {}
    for precision, dtype in (("fp32", None), ("bf16", torch.bfloat16)):
        state = new_state(config, CPU)
        engine = GraphEngine(setting(config, state, HostFeed), Manner(dtype, padded=True))
        run(engine, 10)
        means[precision] = engine.setting.meter.means()
        assert {t.dtype for t in state.tensors()} == {torch.float32}
    assert means["bf16"] == pytest.approx(means["fp32"], rel=0.02)
    assert means["bf16"] != means["fp32"]


def test_the_plain_engine_has_bf16_too(tiny: Tiny) -> None:
    config, means = tiny(), []
    for precision in ("fp32", "bf16"):
        engine = PlainEngine(setting(config, new_state(config, CPU), HostFeed, precision))
        run(engine, 10)
        means.append(engine.setting.meter.means())
    assert means[1] == pytest.approx(means[0], rel=0.02)
    assert means[1] != means[0]


@pytest.mark.parametrize("batch", [1, 2])
def test_a_run_of_the_graph_engine_goes_on_bit_for_bit(tmp_path: Path, tiny: Tiny, batch: int) -> None:
    config = tiny(f"training.batch={batch}", "training.schedule=linear")

    def engine(state: State) -> GraphEngine:
        bf16 = Manner(torch.bfloat16, padded=True)
        return GraphEngine(setting(config, state, HostFeed), bf16)

    through = engine(new_state(config, CPU))
    run(through, 6)
    stopped = engine(new_state(config, CPU))
    run(stopped, 3)
    save_state(tmp_path / "state", stopped.setting.state, {})

    # Into an engine that has already trained on something else: nothing may be left of that.
    taken_up = engine(new_state(config, CPU))
    run(taken_up, 2)
    load_state(tmp_path / "state", taken_up.setting.state, CPU)
    taken_up.refresh()
    run(taken_up, 3)
    for mine, wanted in zip(taken_up.setting.state.tensors(), through.setting.state.tensors(), strict=True):
        assert torch.equal(mine, wanted)


def test_a_step_leaves_every_tensor_in_its_place(tiny: Tiny) -> None:
    """What a CUDA graph knows are addresses: a step, a save and a load may not move anything."""
    config = tiny()
    engine = GraphEngine(setting(config, new_state(config, CPU), HostFeed))
    run(engine, 1)

    def places() -> list[int]:
        inputs = (engine.body._keys, engine.body._rate, engine.setting.meter.sums, *engine.body._inputs)
        return [t.data_ptr() for t in (*engine.setting.state.tensors(), *inputs)]

    before = places()
    run(engine, 3)
    engine.setting.meter.clear()
    assert places() == before


class FakeGPU:
    """What `prepare` asks of torch.cuda, on the processor: a stream is nothing, a replay a step."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, engine: GraphEngine) -> None:
        self.asked: list[str] = []
        its = self

        class Stream:
            def __init__(self, device: object = None, priority: int = 0) -> None:
                self.device = device

            def wait_stream(self, other: object) -> None: ...

        class Graph:
            def replay(self) -> None:
                its.asked.append("replay")
                engine.body.run()

            def reset(self) -> None:
                its.asked.append("reset")

        @contextmanager
        def graph(into: Graph, pool: object, stream: Stream, capture_error_mode: str) -> Iterator[None]:
            assert torch.backends.cudnn.benchmark
            assert not gc.isenabled()
            its.asked.append("capture")
            body = engine.body.run
            monkeypatch.setattr(engine.body, "run", lambda: None)  # recorded, not run
            yield
            monkeypatch.setattr(engine.body, "run", body)

        @contextmanager
        def block(of: object) -> Iterator[None]:
            its.asked.append(str(of) if isinstance(of, torch.device) else "stream")
            yield

        self.free = 80
        for name, fake in (
            ("Stream", Stream),
            ("current_stream", Stream),
            ("CUDAGraph", Graph),
            ("graph", graph),
            ("stream", block),
            ("device", block),
            ("synchronize", lambda device: None),
            ("graph_pool_handle", lambda: (0, 1)),
            ("empty_cache", lambda: None),
            ("mem_get_info", lambda device: (its.free, 80)),
            ("memory_reserved", lambda device: 4),
        ):
            monkeypatch.setattr(torch.cuda, name, fake)
        monkeypatch.setattr(torch.Tensor, "record_stream", lambda tensor, stream: None)
        engine.setting = replace(engine.setting, device=torch.device("cuda", 1))


def prepared(engine: GraphEngine, said: list[str]) -> None:
    its = engine.setting
    line = Line(its.feed, CPU, its.processes.share, partial(noise_keys, its.config.training.seed))
    engine.prepare(line.packet(0), said.append)


def test_preparing_captures_on_the_device_and_leaves_everything_as_it_was(
    tiny: Tiny, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = tiny()
    plain = PlainEngine(setting(config, double_state(config)))
    engine = GraphEngine(setting(config, double_state(config)), Manner())
    gpu, said = FakeGPU(monkeypatch, engine), list[str]()
    prepared(engine, said)
    assert gpu.asked.count("capture") == 1
    assert gpu.asked[0] == "cuda:1"
    asked = len(gpu.asked)
    assert not torch.backends.cudnn.benchmark
    assert gc.isenabled()
    for one in (plain, engine):
        run(one, 5)
    assert gpu.asked[asked:] == ["cuda:1", "replay"] * 5
    assert_near(engine.setting.state, plain.setting.state, 1e-9)
    assert engine.setting.meter.means() == pytest.approx(plain.setting.meter.means(), abs=1e-9)
    engine.close()
    engine.close()
    assert gpu.asked.count("reset") == 1


def test_without_a_compiler_the_step_is_captured_uncompiled(
    tiny: Tiny, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(function: object, **settings: object) -> Callable[..., object]:
        def broken(*tensors: object) -> object:
            raise RuntimeError("Failed to find C compiler.\nPlease specify via CC")

        return broken

    config = tiny()
    monkeypatch.setattr(torch, "compile", fails)
    engine = GraphEngine(setting(config, double_state(config)), Manner(compiled=True))
    gpu, said = FakeGPU(monkeypatch, engine), list[str]()
    prepared(engine, said)
    assert "without it and is slower: Failed to find C compiler." in said[1]
    assert gpu.asked.count("capture") == 1
    plain = PlainEngine(setting(config, double_state(config)))
    for one in (plain, engine):
        run(one, 3)
    assert_near(engine.setting.state, plain.setting.state, 1e-9)


def test_a_fault_that_is_not_the_compiler_s_is_not_hidden(
    tiny: Tiny, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = tiny()
    engine = GraphEngine(setting(config, double_state(config)), Manner())
    FakeGPU(monkeypatch, engine)
    monkeypatch.setattr(engine.body, "_generate", lambda *its: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        prepared(engine, [])
    assert not torch.backends.cudnn.benchmark
