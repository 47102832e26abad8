"""The captured engine's step against the plain step, on the processor."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from pix2pix.config import Config
from pix2pix.data.batches import Loader
from pix2pix.data.feed import HostFeed, Packet, PacketSource, sent
from pix2pix.data.reading import Reading
from pix2pix.data.store import Store
from pix2pix.device import Precision
from pix2pix.networks.noise import noise_keys
from pix2pix.pictures.contract import LabelClass, PictureContract
from pix2pix.training import captured
from pix2pix.training.captured import CapturedStep, apart, captured_engine
from pix2pix.training.distributed import ALONE, Processes
from pix2pix.training.loop import ENGINES
from pix2pix.training.state import Meter, State, load_state, new_state, save_state
from pix2pix.training.step import EngineContext, EngineName
from tests.helpers import double_state, noise

CPU = torch.device("cpu")
Tiny = Callable[..., Config]
SHADES = PictureContract(
    classes=tuple(LabelClass(name=str(n), colour=(n, n, n)) for n in range(3)), one_hot=True
)
CLASSES = ("data.target_labels=facades", "data.target_one_hot=true", "objective.l1=3")


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


def new_context(
    config: Config,
    state: State | None = None,
    feed: type[HostFeed] = DoubleFeed,
    precision: Precision = "fp32",
    processes: Processes = ALONE,
) -> EngineContext:
    state = state or double_state(config)
    return EngineContext(state, config, feed(loader(config)), Meter(CPU), CPU, precision, processes)


def next_packet(context: EngineContext) -> Packet:
    keys = partial(noise_keys, context.config.training.seed)
    source = PacketSource(context.feed, CPU, context.processes.share, keys)
    return sent(source.packet(context.state.images_seen), CPU)


def run(name: EngineName, context: EngineContext, steps: int) -> EngineContext:
    with ENGINES[name](context, next_packet(context), print) as step:
        for _ in range(steps):
            step(next_packet(context))
    return context


def assert_near(one: State, other: State, within: float) -> None:
    for (_, mine, _), (_, theirs, _) in zip(one.parts(), other.parts(), strict=True):
        tensors, expected = mine.state_dict(), theirs.state_dict()
        assert tensors.keys() == expected.keys()
        for name, tensor in tensors.items():
            torch.testing.assert_close(
                tensor, expected[name], rtol=0, atol=within, msg=lambda m, n=name: f"{n}: {m}"
            )


def assert_engines_agree(config: Config, steps: int = 20) -> None:
    plain, graph = (run(name, new_context(config), steps) for name in ("plain", "graph"))
    assert_near(graph.state, plain.state, 1e-9)
    moved = [
        float((a - b).abs().max())
        for a, b in zip(graph.state.tensors(), double_state(config).tensors(), strict=True)
    ]
    assert min(moved) > 0
    assert graph.state.images_seen == steps * config.training.batch
    assert graph.meter.count == steps
    assert graph.meter.means() == pytest.approx(plain.meter.means(), abs=1e-9)


@pytest.mark.parametrize("adversarial", ["bce", "lsgan", "hinge"])
@pytest.mark.parametrize("batch", [1, 2])
def test_twenty_steps_of_both_engines_end_in_the_same_weights(
    tiny: Tiny, adversarial: str, batch: int
) -> None:
    assert_engines_agree(tiny(f"objective.adversarial={adversarial}", f"training.batch={batch}"))


@pytest.mark.parametrize(
    "settings",
    [
        ("objective.conditional=false",),
        ("objective.gan=0", "training.batch=2"),
        ("objective.l1=0", "training.seed=4294967295"),
        (*CLASSES, "training.batch=2"),
        CLASSES,
        ("training.schedule=linear", "training.images=30"),
        ("model.norm=instance", "training.batch=2"),
        ("model.norm=none", "training.batch=2"),
        ("model.generator=encoder_decoder", "model.upsample=resize"),
        ("model.generator=resnet", "model.blocks=2", "model.norm=instance"),
        ("model.discriminator_px=1",),
        ("objective.terms={feature_matching = 10}", "training.batch=2"),
    ],
    ids=" ".join,
)
def test_twenty_steps_of_both_engines_agree_with(tiny: Tiny, settings: tuple[str, ...]) -> None:
    assert_engines_agree(tiny(*settings))


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:The .grad attribute", "ignore:.*should not be instantiated")
def test_a_compiler_sees_the_networks_whole(tiny: Tiny, monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a GPU but for the kernels: traced without a break, with every pass of the step."""
    config = tiny()
    plain, context = run("plain", new_context(config), 3), new_context(config)
    captured_step = CapturedStep(context)
    captured_step.networks = tuple(
        torch.compile(network, dynamic=False, fullgraph=True, backend="aot_eager")
        for network in captured_step.networks
    )
    # What suits a processor alone is no part of it.
    monkeypatch.setattr("pix2pix.training.step._FEW_PX", 0)
    for _ in range(3):
        captured_step.load(next_packet(context))
        captured_step.run()
        context.state.images_seen += 1
    assert_near(context.state, plain.state, 1e-9)


@pytest.mark.parametrize("name", ["plain", "graph"])
def test_bf16_stays_near_float32(tiny: Tiny, name: EngineName) -> None:
    config, means = tiny(), {}
    for precision in ("fp32", "bf16"):
        context = run(name, new_context(config, new_state(config, CPU), HostFeed, precision), 10)
        means[precision] = context.meter.means()
        assert {t.dtype for t in context.state.tensors()} == {torch.float32}
    assert means["bf16"] == pytest.approx(means["fp32"], rel=0.02)
    assert means["bf16"] != means["fp32"]


@pytest.mark.parametrize("batch", [1, 2])
def test_a_run_of_the_captured_engine_goes_on_bit_for_bit(tmp_path: Path, tiny: Tiny, batch: int) -> None:
    config = tiny(f"training.batch={batch}", "training.schedule=linear")

    def fresh() -> EngineContext:
        return new_context(config, new_state(config, CPU), HostFeed, "bf16")

    whole, stopped = run("graph", fresh(), 6), run("graph", fresh(), 3)
    save_state(tmp_path / "state", stopped.state, {})
    # Into an engine that has already trained on something else: nothing may be left of that.
    resumed = run("graph", fresh(), 2)
    load_state(tmp_path / "state", resumed.state, CPU)
    run("graph", resumed, 3)
    for mine, expected in zip(resumed.state.tensors(), whole.state.tensors(), strict=True):
        assert torch.equal(mine, expected)


def test_a_step_leaves_every_tensor_in_its_place(tmp_path: Path, tiny: Tiny) -> None:
    """A CUDA graph knows addresses: a step, a save and a load may not move anything."""
    config = tiny()
    context = new_context(config, new_state(config, CPU), HostFeed)
    captured_step = CapturedStep(context)

    def make_step() -> list[int]:
        captured_step.load(next_packet(context))
        captured_step.run()
        tensors = (*context.state.tensors(), *captured_step.inputs, captured_step.rate, context.meter.sums)
        return [tensor.data_ptr() for tensor in tensors]

    before = make_step()
    save_state(tmp_path / "state", context.state, {})
    load_state(tmp_path / "state", context.state, CPU)
    context.meter.clear()
    assert make_step() == before


class FakeGraph:
    """A CUDA graph whose replay is the captured_step, or what a test puts in its place."""

    def __init__(self, replay: Callable[[], None]) -> None:
        self.replay = replay


@pytest.fixture
def fake_gpu(monkeypatch: pytest.MonkeyPatch) -> Callable[[EngineContext, Callable[..., Any]], list[str]]:
    """`fake_gpu(context, capture)` gives what is logged, and the results of steps made so."""

    def use(context: EngineContext, capture: Callable[[CapturedStep], FakeGraph]) -> list[str]:
        @contextmanager
        def block(device: torch.device) -> Iterator[None]:
            assert device == torch.device("cuda", 1)
            yield

        logged: list[str] = []
        monkeypatch.setattr(captured, "_capture", capture)
        monkeypatch.setattr(captured, "on_device", block)
        monkeypatch.setattr(torch, "compile", lambda network, dynamic: network)
        on_gpu = replace(context, device=torch.device("cuda", 1))
        with captured_engine(on_gpu, next_packet(context), logged.append) as step:
            for _ in range(3):
                step(next_packet(context))
        return logged

    return use


def test_a_recorded_step_is_compared_and_used_from_the_same_state(
    tiny: Tiny, fake_gpu: Callable[..., list[str]]
) -> None:
    context = new_context(tiny())
    replays = []

    def capture(captured_step: CapturedStep) -> FakeGraph:
        captured_step.run()
        return FakeGraph(lambda: replays.append(1) or captured_step.run())

    logged = fake_gpu(context, capture)
    assert logged[-1].startswith("captured in ")
    assert len(replays) == 1 + 3
    assert_near(context.state, run("plain", new_context(tiny()), 3).state, 1e-9)
    assert (context.meter.count, context.state.images_seen) == (3, 3)


def wrong(captured_step: CapturedStep) -> FakeGraph:
    def replay() -> None:
        captured_step.run()
        with torch.no_grad():
            captured_step.context.state.generator.encoder[-1].conv.weight.add_(1)

    return FakeGraph(replay)


def failing(captured_step: CapturedStep) -> FakeGraph:
    raise RuntimeError("Failed to find C compiler.\nPlease specify via CC")


@pytest.mark.parametrize(
    ("capture", "reason"),
    [
        (wrong, "steps away from the plain one"),
        (failing, "Failed to find C compiler"),
        (lambda captured_step: FakeGraph(lambda: None), "it ends 1.00 steps away"),
    ],
)
def test_a_capture_that_fails_or_leads_elsewhere_is_reported_and_the_step_is_plain(
    tiny: Tiny, fake_gpu: Callable[..., list[str]], capture: Callable[[CapturedStep], FakeGraph], reason: str
) -> None:
    context = new_context(tiny("model.width=8"))
    (*_, last) = fake_gpu(context, capture)
    assert last.startswith("the captured step is not used")
    assert last.endswith(reason) or reason in last
    assert "\n" not in last
    assert_near(context.state, run("plain", new_context(tiny("model.width=8")), 3).state, 1e-9)
    assert (context.meter.count, context.state.images_seen) == (3, 3)


def test_distance_is_a_share_of_the_way_of_the_worst_large_tensor() -> None:
    start, end = [torch.zeros(2048), torch.zeros(3)], [torch.ones(2048), torch.ones(3)]
    assert apart(start, end, end) == 0
    assert apart(start, end, start) == pytest.approx(1)
    assert apart(start, end, [end[0] * 1.25, start[1]]) == pytest.approx(0.25)
    assert not apart(start, end, [end[0] * float("nan"), end[1]]) <= 1
