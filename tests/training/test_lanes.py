"""What runs beside what, with streams that write down who waits for whom."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import torch
from torch import Tensor
from torch._dynamo.backends.common import aot_autograd
from torch._functorch.aot_autograd import make_boxed_func

from pix2pix.config import Config
from pix2pix.data.feed import HostFeed
from pix2pix.training import lanes, layers
from pix2pix.training.engine import PlainEngine
from pix2pix.training.graph import GraphEngine
from pix2pix.training.lanes import Lane
from pix2pix.training.state import new_state
from pix2pix.training.twin import Manner
from tests.helpers import double_state
from tests.training.test_graph_engine import CPU, assert_near, run, setting

Tiny = Callable[..., Config]


class Streams:
    """torch.cuda's streams on the processor; `seen` is what happened, in order."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.seen: list[tuple[str, ...]] = []
        its, made = self, [0]

        class Stream:
            def __init__(self, device: torch.device | str) -> None:
                self.device, self.name = device, f"lane {made[0]}" if made[0] else "main"
                made[0] += 1

            def wait_stream(self, other: Stream) -> None:
                its.seen.append((self.name, "waits for", other.name))

        current = [Stream("cpu")]

        @contextmanager
        def stream(entered: Stream) -> Iterator[None]:
            current.append(entered)
            yield
            current.pop()

        def remember(tensor: Tensor, read_by: Stream) -> None:
            its.seen.append((read_by.name, "keeps", str(tuple(tensor.shape))))

        monkeypatch.setattr(torch.cuda, "Stream", Stream)
        monkeypatch.setattr(torch.cuda, "stream", stream)
        monkeypatch.setattr(torch.cuda, "current_stream", lambda device: current[-1])
        monkeypatch.setattr(Tensor, "record_stream", remember)
        self.now = lambda: current[-1].name

    def note(self, what: str) -> None:
        """What the current stream does."""
        self.seen.append((self.now(), what))


@pytest.fixture
def streams(monkeypatch: pytest.MonkeyPatch) -> Streams:
    its, gradients = Streams(monkeypatch), layers._gradients

    def noted(*tensors: object) -> tuple[Tensor, Tensor, Tensor]:
        of_input, of_weight, _ = tensors[-1]  # type: ignore[misc]
        its.note("gradient of " + " and ".join(["input"] * of_input + ["weight"] * of_weight))
        return gradients(*tensors)  # type: ignore[arg-type]

    monkeypatch.setattr(layers, "_gradients", noted)
    return its


def backwards(learns: bool, asked: bool, opened: bool) -> layers.Convolution:
    layer = layers.Convolution(torch.nn.Conv2d(2, 3, 4, 2, 1).requires_grad_(learns))
    if opened:
        layer.lane.open(torch.device("cpu"))
    layer(torch.rand(1, 2, 8, 8).requires_grad_(asked)).sum().backward()
    return layer


def test_a_weight_s_gradient_is_reckoned_beside_that_of_the_input(streams: Streams) -> None:
    backwards(learns=True, asked=True, opened=True)
    assert streams.seen == [
        ("lane 1", "waits for", "main"),
        ("lane 1", "gradient of weight"),
        ("lane 1", "keeps", "(1, 3, 4, 4)"),
        ("lane 1", "keeps", "(1, 2, 8, 8)"),
        ("main", "gradient of input"),
        ("lane 1", "waits for", "main"),  # before Adam writes to what main has read
    ]


@pytest.mark.parametrize(
    ("learns", "opened", "wanted"),
    [(False, True, "input"), (True, False, "input and weight"), (False, False, "input")],
)
def test_what_the_layer_before_waits_for_stays_on_the_main_stream(
    streams: Streams, learns: bool, opened: bool, wanted: str
) -> None:
    backwards(learns=learns, asked=True, opened=opened)
    assert streams.seen == [("main", f"gradient of {wanted}")]


def test_a_closed_lane_opens_with_the_stream_it_had(streams: Streams) -> None:
    lane, names = Lane(), []
    for _ in range(2):
        lane.open(torch.device("cpu"))
        with lane.inside():
            names.append(streams.now())
        lane.close()
        with lane.inside():
            assert streams.now() == "main"
    assert names == ["lane 1", "lane 1"]


def test_an_engine_s_lanes_have_the_numbers_of_one_that_was_closed(tiny: Tiny) -> None:
    """They are part of what is compiled: other numbers would not be found among the kernels."""
    config, numbers = tiny(), []
    gc.collect()  # of other tests' engines
    for _ in range(2):
        engine = GraphEngine(setting(config, double_state(config)), Manner())
        beside = GraphEngine(setting(config, double_state(config)), Manner())
        both = [[lane.number for lane in it.body.G._lanes.values()] for it in (engine, beside)]
        assert not set(both[0]) & set(both[1])
        numbers.append(both)
        engine.close()
        beside.close()
    assert numbers[0] == numbers[1]


def test_steps_in_lanes_end_in_the_weights_of_the_plain_engine(tiny: Tiny, streams: Streams) -> None:
    config = tiny()
    plain = PlainEngine(setting(config, double_state(config)))
    beside = GraphEngine(setting(config, double_state(config)), Manner(padded=True, beside=True))
    for engine in (plain, beside):
        run(engine, 3)
    assert_near(beside.setting.state, plain.setting.state, 1e-9)
    used = {who for who, *_ in streams.seen} - {"main"}
    joined = {its[2] for its in streams.seen if its[:2] == ("main", "waits for")}
    assert len(used) > 2
    assert joined == used


def test_where_real_and_fake_pass_apart_no_lane_has_two_gradients_to_add(
    tiny: Tiny, streams: Streams
) -> None:
    config = tiny("training.batch=2")
    plain = PlainEngine(setting(config, double_state(config)))
    beside = GraphEngine(setting(config, double_state(config)), Manner(padded=True, beside=True))
    assert not beside.body.merged
    for engine in (plain, beside):
        run(engine, 1)
    assert_near(beside.setting.state, plain.setting.state, 1e-9)
    used = [who for who, what, *_ in streams.seen if who != "main" and what.startswith("gradient")]
    assert used
    assert len(set(used)) == len(used)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:The .grad attribute", "ignore:.*should not be instantiated")
@pytest.mark.parametrize(
    "settings", [(), ("training.batch=2",), ("model.norm=instance", "training.batch=2")], ids=" ".join
)
def test_what_a_lane_makes_is_read_by_nobody_before_they_meet(
    tiny: Tiny, streams: Streams, monkeypatch: pytest.MonkeyPatch, settings: tuple[str, ...]
) -> None:
    """In the compiler's graphs the gradient of a weight goes out as it comes from the lane."""
    whole, seen = torch.compile, [0]

    def look(graph: torch.fx.GraphModule, inputs: object) -> Callable[..., Any]:
        for node in graph.graph.nodes:
            if node.target is not torch.ops.pix2pix.convolve_backward.default:
                continue
            *_, lane, (_, learns, _) = node.args
            if learns and lanes.find_lane(lane).is_open:
                parts = [user for user in node.users if user.args[1] > 0]
                assert {user.op for part in parts for user in part.users} == {"output"}
                seen[0] += 1
        return make_boxed_func(graph.forward)

    def traced(function: Callable[..., Any], options: object, **its: Any) -> Any:
        return whole(function, backend=aot_autograd(fw_compiler=look, bw_compiler=look), **its)

    monkeypatch.setattr(torch, "compile", traced)
    manner = Manner(padded=True, compiled=True, beside=True)
    config = tiny(*settings)
    engine = GraphEngine(setting(config, new_state(config, CPU), HostFeed), manner)
    run(engine, 2)
    assert seen[0] > 2
    with torch.compiler.set_stance("fail_on_recompile"):  # it would break a capture
        run(engine, 2)


def test_adam_follows_in_the_lane_and_all_else_waits_for_it(
    tiny: Tiny, streams: Streams, monkeypatch: pytest.MonkeyPatch
) -> None:
    kernel = pytest.importorskip("pix2pix.training.adam_kernel", reason="Triton is not there")
    config = tiny("model.norm=none")
    engine = GraphEngine(
        setting(config, double_state(config)), Manner(torch.float32, own_adam=True, beside=True)
    )
    monkeypatch.setattr(kernel, "descend", lambda *its: streams.note("Adam"))
    torch_s = engine.body.G.optimiser.step
    monkeypatch.setattr(engine.body.G.optimiser, "step", lambda: (streams.note("rest"), torch_s()))
    run(engine, 1)
    lane = [who for who, what, *_ in streams.seen if what == "Adam" and who != "main"][-1]
    order = [its for its in streams.seen if lane in its or its[1] == "rest"]
    order = [its for its in order if its[1] != "keeps"]
    assert order == [
        (lane, "waits for", "main"),
        (lane, "gradient of weight"),
        (lane, "waits for", "main"),
        (lane, "Adam"),
        ("main", "waits for", lane),
        ("main", "rest"),
    ]
