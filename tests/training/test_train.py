import json
import os
import random
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from safetensors import safe_open

from pix2pix import model_file
from pix2pix.config import Config, TrainingConfig
from pix2pix.derive import edges
from pix2pix.errors import UserError
from pix2pix.model_file import load_model, read_header
from pix2pix.pictures.contract import PictureContract
from pix2pix.training import loop
from pix2pix.training import train as train_module
from pix2pix.training.captured import CapturedStep
from pix2pix.training.distributed import Processes
from pix2pix.training.objective import FEATURE_NETWORKS, GENERATOR_TERMS
from pix2pix.training.state import State, add_to_average
from pix2pix.training.step import plain_step
from pix2pix.training.train import Result, train
from tests.conftest import TINY, write_split_pairs
from tests.helpers import SMALL, noise, write

CPU = torch.device("cpu")
Tiny = Callable[..., Config]
STRADDLING = ("training.schedule=linear", "training.batch=3")
TECHNIQUES = (
    "training.average=0.9",
    "training.schedule=linear",
    "model.upsample=resize",
    "objective.terms={feature_matching = 10}",
)
WALL_CLOCK = ("seconds", "images_per_second")


class CrashError(Exception):
    """What stands for a power cut."""


@pytest.fixture
def config(tiny: Tiny) -> Config:
    """Forty images in 14 batches, so that batches straddle the borders of epochs and intervals."""
    return tiny(*STRADDLING)


@pytest.fixture(scope="module")
def shared_pairs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of `pairs`, once."""
    return write_split_pairs(tmp_path_factory.mktemp("shared") / "pairs")


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory, shared_pairs: Path) -> Path:
    """The run of `config` on the shared pairs that nothing stopped."""
    run = tmp_path_factory.mktemp("shared") / "whole"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PIX2PIX_CACHE", str(run.with_name("cache")))
        train([shared_pairs], Config.load(None, [*TINY, *STRADDLING]), run)
    return run


def crash_at(monkeypatch: pytest.MonkeyPatch, images_seen: int) -> None:
    def crashing(state: State, *inputs: object) -> object:
        losses = plain_step(state, *inputs)
        if state.images_seen >= images_seen:
            raise CrashError
        return losses

    monkeypatch.setattr("pix2pix.training.step.plain_step", crashing)


def crashing_average(images_seen: int) -> Callable[..., None]:
    def crashing(state: State, before: int, training: TrainingConfig) -> None:
        add_to_average(state, before, training)
        if state.images_seen >= images_seen:
            raise CrashError

    return crashing


def interrupt_at(monkeypatch: pytest.MonkeyPatch, images_seen: int) -> None:
    def interrupted(state: State, *inputs: object) -> object:
        losses = plain_step(state, *inputs)
        if state.images_seen >= images_seen:
            signal.raise_signal(signal.SIGINT)
        return losses

    monkeypatch.setattr("pix2pix.training.step.plain_step", interrupted)


def metrics(run: Path) -> list[dict[str, float]]:
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    return [{k: v for k, v in line.items() if k not in WALL_CLOCK} for line in lines]


def weights(path: Path) -> dict[str, torch.Tensor]:
    with safe_open(path, "pt") as opened:
        return {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118


def contents(run: Path) -> dict[str, bytes]:
    """Every file of a run but its lock, and its page, which says when it was written."""
    files = (path for path in run.rglob("*") if path.is_file())
    return {
        str(path.relative_to(run)): path.read_bytes()
        for path in files
        if path.name not in (".lock", "index.html", "data.js")
    }


def assert_same_run(one: Path, other: Path) -> None:
    assert metrics(one) == metrics(other)
    assert (one / "model.safetensors").read_bytes() == (other / "model.safetensors").read_bytes()
    state, other_state = (weights(r / "checkpoints" / "state.safetensors") for r in (one, other))
    assert state.keys() == other_state.keys()
    assert [name for name in state if not torch.equal(state[name], other_state[name])] == []
    previews = [sorted(p.name for p in (r / "previews").iterdir()) for r in (one, other)]
    assert previews[0] == previews[1]


def test_a_run_ends_with_a_model_that_knows_where_it_is_from(tmp_path: Path, pairs: Path, tiny: Tiny) -> None:
    result = train([pairs], tiny(), tmp_path / "run")
    _, header = load_model(result.model, CPU)
    assert result == Result(tmp_path / "run" / "model.safetensors", True, 40, result.scores, [])
    assert set(result.scores) == {"val_l1", "val_psnr_db", "val_ssim"}
    assert header.config == tiny()
    assert header.mode == "paper"
    assert header.image.layout == "side by side"
    assert header.provenance.scores == result.scores
    assert (header.provenance.images_seen, header.provenance.pairs) == (40, 40)
    assert header.provenance.initialised_from is None


def test_a_model_knows_the_pictures_that_it_learned_from(tmp_path: Path, tiny: Tiny) -> None:
    for n in range(4):
        write(tmp_path / "grey" / f"{n}.jpg", noise(32, 32, 1, n))
        write(tmp_path / "deep" / f"{n}.tif", noise(32, 32, 5, n).astype(np.uint16) * 257)
    config = Config.load(None, [*SMALL, "training.images=2"])
    result = train([tmp_path / "grey", tmp_path / "deep"], config, tmp_path / "run")
    _, header = load_model(result.model, CPU)
    assert (header.config.model.source_channels, header.config.model.target_channels) == (1, 5)
    assert header.image.source == PictureContract(channels=1)
    assert header.image.target == PictureContract(channels=5, depth="uint16", high=65535, suffix=".tif")
    # The same request goes on, although the run's configuration now names the channels.
    longer = Config.load(None, [*SMALL, "training.images=4"])
    assert train([tmp_path / "grey", tmp_path / "deep"], longer, tmp_path / "run").finished


@pytest.mark.parametrize(
    ("recipe", "made"),
    [("edges", f"edges:{edges.LOW}:{edges.HIGH}:{edges.SIGMA_PX}"), ("inpaint", "inpaint:centre")],
)
def test_what_is_made_of_photographs_is_recorded_with_every_number(
    tmp_path: Path, pairs: Path, recipe: str, made: str
) -> None:
    config = Config.load(None, [*SMALL, "training.images=2", f"data.make={recipe}"])
    result = train([pairs], config, tmp_path / "run")
    _, header = load_model(result.model, CPU)
    assert header.image.made == made
    assert header.image.photograph == PictureContract()
    assert header.image.layout == "photographs"


def test_classes_are_learned_by_cross_entropy(tmp_path: Path) -> None:
    colours = np.array([(0, 6, 217), (13, 61, 251), (165, 0, 0), (0, 117, 255)], np.uint8)
    for n in range(4):
        index = np.kron(noise(4, 4, 1, n)[:, :, 0] % 4, np.ones((8, 8), np.uint8))
        labels = colours[index]
        write(tmp_path / "pairs" / "train" / f"{n}.png", np.concatenate([labels, labels], 1))
    classes = [
        f"data.{h}={v}"
        for half in ("source", "target")
        for h, v in ((f"{half}_labels", "facades"), (f"{half}_one_hot", "true"))
    ]
    quick = ("training.learning_rate=0.01", "training.images=60", "training.log_images=5")
    config = Config.load(None, [*SMALL, *classes, *quick, "objective.gan=false"])
    result = train([tmp_path / "pairs"], config, tmp_path / "run")
    losses = [line["loss_class"] for line in metrics(tmp_path / "run") if "loss_class" in line]
    assert losses[-1] < losses[0] / 2
    _, header = load_model(result.model, CPU)
    assert header.image.target.tensor_channels == header.config.model.target_channels == 12
    assert "cross-entropy" in (tmp_path / "run" / "index.html").read_text("utf-8")


def test_training_learns(tmp_path: Path, pairs: Path, tiny: Tiny) -> None:
    config = tiny("objective.gan=false", "training.images=60", "training.learning_rate=0.01")
    train([pairs], config, tmp_path / "run")
    l1 = [line["loss_l1"] for line in metrics(tmp_path / "run") if "loss_l1" in line]
    assert l1[-1] < l1[0] / 2


def test_the_same_seed_makes_the_same_run_and_another_another(
    tmp_path: Path, shared_pairs: Path, config: Config, whole: Path
) -> None:
    train([shared_pairs], config, tmp_path / "same")
    assert_same_run(whole, tmp_path / "same")
    other = Config.parse(config.model_dump() | {"training": {**config.training.model_dump(), "seed": 1}})
    train([shared_pairs], other, tmp_path / "other")
    assert metrics(whole) != metrics(tmp_path / "other")


def test_a_stopped_run_of_the_graph_engine_goes_on_as_if_it_had_not_stopped(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, pairs: Path, config: Config
) -> None:
    train([pairs], config, tmp_path / "whole", engine="graph", precision="bf16")
    with monkeypatch.context() as patch:

        def crashing(self: CapturedStep) -> None:
            run(self)
            if self.context.state.images_seen >= 30:
                raise CrashError

        run = CapturedStep.run
        patch.setattr(CapturedStep, "run", crashing)
        with pytest.raises(CrashError):
            train([pairs], config, tmp_path / "stopped", engine="graph", precision="bf16")
    train([pairs], config, tmp_path / "stopped", engine="graph", precision="bf16")
    assert_same_run(tmp_path / "whole", tmp_path / "stopped")
    about = json.loads((tmp_path / "whole" / "environment.json").read_text())
    assert about["engine"] == "graph unrecorded, bf16"


@pytest.mark.parametrize("engine", ["plain", "graph"])
def test_a_run_of_every_technique_goes_on_and_its_model_is_the_average(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, pairs: Path, tiny: Tiny, engine: str
) -> None:
    config = tiny(*TECHNIQUES)
    train([pairs], config, tmp_path / "whole", engine=engine)
    for images_seen in (5, 19):
        with monkeypatch.context() as patch, suppress(CrashError):
            patch.setattr(loop, "add_to_average", crashing_average(images_seen))
            train([pairs], config, tmp_path / "stopped", engine=engine)
    train([pairs], config, tmp_path / "stopped", engine=engine)
    assert_same_run(tmp_path / "whole", tmp_path / "stopped")
    saved = weights(tmp_path / "whole" / "checkpoints" / "state.safetensors")
    for name, weight in weights(tmp_path / "whole" / "model.safetensors").items():
        torch.testing.assert_close(weight, saved[f"average.{name}"])
        if name.endswith("conv.weight"):
            assert (weight - saved[f"generator.{name}"]).abs().max() > 1e-6


@pytest.mark.parametrize("stop", [crash_at, interrupt_at])
@pytest.mark.parametrize("stops", [(3,), (30,), (42,), (5, 9, 12, 31)])
def test_a_stopped_run_goes_on_as_if_it_had_not_stopped(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    shared_pairs: Path,
    config: Config,
    whole: Path,
    stop: Callable[..., None],
    stops: tuple[int, ...],
) -> None:
    for images_seen in stops:
        with monkeypatch.context() as patch:
            stop(patch, images_seen)
            try:
                result = train([shared_pairs], config, tmp_path / "stopped")
            except CrashError:
                continue
            assert result.finished == (result.images_seen >= 40)
    assert train([shared_pairs], config, tmp_path / "stopped").finished
    assert_same_run(whole, tmp_path / "stopped")


@given(st.lists(st.integers(1, 40), min_size=1, max_size=3))
@settings(
    max_examples=4, phases=[Phase.generate], suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_wherever_it_crashes_it_goes_on_as_if_it_had_not(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    shared_pairs: Path,
    config: Config,
    whole: Path,
    stops: list[int],
) -> None:
    stopped = tmp_path / f"stopped-{len(list(tmp_path.iterdir()))}"
    for images_seen in stops:
        with monkeypatch.context() as patch, suppress(CrashError):
            crash_at(patch, images_seen)
            train([shared_pairs], config, stopped)
    train([shared_pairs], config, stopped)
    assert_same_run(whole, stopped)


def test_a_crash_while_saving_costs_nothing_but_time(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, shared_pairs: Path, config: Config, whole: Path
) -> None:
    """A disk that is full for each single file in turn, until the run is through."""
    keep, run = model_file.save_file, tmp_path / "stopped"
    for allowed in range(100):
        done = 0

        def full(tensors: object, path: Path, about: object, allowed: int = allowed) -> None:
            nonlocal done
            if done == allowed % 3:
                Path(path).write_bytes(b"half")
                raise OSError(28, "No space left on device")
            done += 1
            keep(tensors, path, about)

        monkeypatch.setattr(model_file, "save_file", full)
        try:
            train([shared_pairs], config, run)
        except UserError as error:
            message = str(error)
        else:
            break
        assert "No space left on device" in message
        assert not list(run.rglob(".*.safetensors"))
    assert allowed > 3
    assert_same_run(whole, run)


def test_a_finished_run_is_left_as_it_is(tmp_path: Path, pairs: Path, config: Config) -> None:
    first = train([pairs], config, tmp_path / "run")
    before = contents(tmp_path / "run")
    assert train([pairs], config, tmp_path / "run") == first
    assert contents(tmp_path / "run") == before


def test_a_crash_within_the_first_save_is_made_good(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, pairs: Path, tiny: Tiny
) -> None:
    def crash(*inputs: object) -> None:
        raise CrashError

    config = tiny("training.save_images=1000")
    train([pairs], config, tmp_path / "whole")
    with monkeypatch.context() as patch:
        patch.setattr(loop, "save_model", crash)
        with pytest.raises(CrashError):
            train([pairs], config, tmp_path / "stopped")
    assert not (tmp_path / "stopped" / "model.safetensors").exists()
    assert train([pairs], config, tmp_path / "stopped").finished
    assert_same_run(tmp_path / "whole", tmp_path / "stopped")


def test_a_finished_run_without_its_state_is_not_begun_anew(tmp_path: Path, pairs: Path, tiny: Tiny) -> None:
    train([pairs], tiny("training.images=4"), tmp_path / "run")
    (tmp_path / "run" / "checkpoints" / "state.safetensors").unlink()
    before = contents(tmp_path / "run")
    with pytest.raises(UserError, match="has a model, but not the state of its training"):
        train([pairs], tiny("training.images=4"), tmp_path / "run")
    assert contents(tmp_path / "run") == before


def test_a_run_that_is_moved_while_it_is_trained_goes_on_at_its_new_place(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, pairs: Path, tiny: Tiny
) -> None:
    config = tiny("training.log_images=1000", "training.validate_images=1000")
    train([pairs], config, tmp_path / "whole")

    def moving(state: State, *inputs: object) -> object:
        losses = plain_step(state, *inputs)
        if state.images_seen == 25:
            (tmp_path / "run").rename(tmp_path / "moved")
        return losses

    with monkeypatch.context() as patch:
        patch.setattr("pix2pix.training.step.plain_step", moving)
        with pytest.raises(UserError, match="was moved or removed"):
            train([pairs], config, tmp_path / "run")
    assert not (tmp_path / "run").exists()
    assert not list((tmp_path / "moved").rglob(".unfinished-*"))
    assert train([pairs], config, tmp_path / "moved").finished
    assert_same_run(tmp_path / "whole", tmp_path / "moved")


def test_a_run_that_ended_after_the_plan_was_made_is_not_taken_over(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, pairs: Path, tiny: Tiny
) -> None:
    start = train_module._start

    def start_late(*inputs: Any) -> Any:
        monkeypatch.setattr(train_module, "_start", start)
        train([pairs], tiny("training.images=4", "training.seed=7"), tmp_path / "run")
        return start(*inputs)

    monkeypatch.setattr(train_module, "_start", start_late)
    with pytest.raises(UserError, match=r"training\.seed is 7 there and 0 here"):
        train([pairs], tiny(), tmp_path / "run")
    assert read_header(tmp_path / "run").config.training.seed == 7


def test_a_run_that_another_process_holds_is_refused(tmp_path: Path, pairs: Path, tiny: Tiny) -> None:
    run = tmp_path / "run"
    train([pairs], tiny("training.images=1"), run)
    before = contents(run)
    hold = "import fcntl, sys; f = open(sys.argv[1], 'w'); fcntl.flock(f, 2); print(); input()"
    with subprocess.Popen(
        [sys.executable, "-c", hold, str(run / ".lock")], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as holder:
        assert holder.stdin is not None
        assert holder.stdout is not None
        holder.stdout.readline()
        with pytest.raises(UserError, match="Another process"):
            train([pairs], tiny(), run)
        holder.stdin.write(b"\n")
    assert contents(run) == before
    assert train([pairs], tiny(), run).images_seen == 40


def test_init_takes_weights_and_says_from_where(tmp_path: Path, pairs: Path, tiny: Tiny) -> None:
    initial = train([pairs], tiny(), tmp_path / "first").model
    still = tiny("training.learning_rate=1e-30", "training.images=2", "training.seed=7")
    result = train([pairs], still, tmp_path / "second", init=initial)
    (model, header), (first, _) = load_model(result.model, CPU), load_model(initial, CPU)
    for (name, weight), other in zip(model.named_parameters(), first.parameters(), strict=True):
        assert torch.equal(weight, other), name
    assert header.provenance.initialised_from == str(initial)
    assert header.provenance.images_seen == 2


def test_a_model_file_names_the_feature_networks_of_its_losses_and_of_those_before(
    tmp_path: Path, pairs: Path, tiny: Tiny, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(GENERATOR_TERMS, "perceptual", lambda turn: (turn.g - turn.y).square().mean())
    monkeypatch.setitem(FEATURE_NETWORKS, "perceptual", "AlexNet")
    config = tiny("training.images=1", "objective.terms={perceptual = 2}")
    first = train([pairs], config, tmp_path / "first").model
    second = train([pairs], tiny("training.images=1"), tmp_path / "second", init=first).model
    again = train([pairs], tiny("training.images=2"), tmp_path / "second").model
    assert again == second
    for model in (first, second):
        assert read_header(model).provenance.feature_networks == ("AlexNet",)


def test_init_starts_a_run_and_does_not_start_it_again(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, pairs: Path, config: Config
) -> None:
    initial = train([pairs], config, tmp_path / "first").model
    train([pairs], config, tmp_path / "whole", init=initial)
    for images_seen in (5, 31):
        with monkeypatch.context() as patch, suppress(CrashError):
            crash_at(patch, images_seen)
            train([pairs], config, tmp_path / "stopped", init=initial)
    initial.unlink()
    train([pairs], config, tmp_path / "stopped", init=initial)
    assert_same_run(tmp_path / "whole", tmp_path / "stopped")


@pytest.mark.parametrize(
    "setting", ["model.width=5", "data.size_px=64", "model.norm=instance", "model.generator=encoder_decoder"]
)
def test_init_from_another_generator_is_refused_before_anything_is_written(
    tmp_path: Path, pairs: Path, tiny: Tiny, setting: str
) -> None:
    initial = train([pairs], tiny("training.images=1"), tmp_path / "first").model
    with pytest.raises(UserError, match="holds another generator") as caught:
        train([pairs], tiny(setting), tmp_path / "second", init=initial)
    assert str(initial) in str(caught.value)
    assert not (tmp_path / "second").exists()


def test_init_from_another_generator_is_answered_by_the_settings_that_fit(
    tmp_path: Path, pairs: Path, tiny: Tiny
) -> None:
    resnet = ["model.generator=resnet", "model.norm=instance", "model.dropout=0.0"]
    initial = train([pairs], tiny("training.images=1", *resnet), tmp_path / "first").model
    with pytest.raises(UserError) as caught:
        train([pairs], tiny(), tmp_path / "second", init=initial)
    requested = re.findall(r"--set (\S+\w)", caught.value.hint)
    assert sorted(requested) == sorted(resnet)
    assert train([pairs], tiny(*requested), tmp_path / "second", init=initial).finished


def test_out_of_memory_is_a_sentence_with_what_to_lower(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, pairs: Path, tiny: Tiny
) -> None:
    def hungry(state: State, *inputs: object) -> None:
        torch.empty(2**60, dtype=torch.uint8)

    monkeypatch.setattr("pix2pix.training.step.plain_step", hungry)
    with pytest.raises(UserError, match="batches of 2 at 32 x 32 px and width 4") as caught:
        train([pairs], tiny("training.batch=2"), tmp_path / "run")
    assert "training.batch" in caught.value.hint


def test_other_errors_keep_their_traceback_and_free_the_run(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, pairs: Path, tiny: Tiny
) -> None:
    def wrong(state: State, *inputs: object) -> None:
        raise RuntimeError("a defect")

    with monkeypatch.context() as patch:
        patch.setattr("pix2pix.training.step.plain_step", wrong)
        with pytest.raises(RuntimeError, match="a defect"):
            train([pairs], tiny(), tmp_path / "run")
    assert train([pairs], tiny("training.images=1"), tmp_path / "run").finished


def test_l1_alone_trains_without_a_discriminator(tmp_path: Path, pairs: Path, tiny: Tiny) -> None:
    train([pairs], tiny("objective.gan=false"), tmp_path / "run")
    assert all("loss_d" not in line for line in metrics(tmp_path / "run"))
    names = weights(tmp_path / "run" / "checkpoints" / "state.safetensors")
    assert {name.split(".")[0] for name in names} == {"generator"}


@pytest.mark.slow
def test_a_run_killed_ten_times_ends_with_the_same_weights(tmp_path: Path, pairs: Path, tiny: Tiny) -> None:
    config = tiny("training.images=600", "training.batch=2", *TECHNIQUES)
    train([pairs], config, tmp_path / "whole")
    recipe, run = tmp_path / "recipe.toml", tmp_path / "killed"
    recipe.write_text(config.to_toml())
    command = [
        sys.executable,
        "-m",
        "pix2pix",
        "train",
        str(pairs),
        "--recipe",
        str(recipe),
        "--run",
        str(run),
        "--device",
        "cpu",
    ]
    dice = random.Random(0)
    kills = 0
    for _ in range(10):
        begun = time.time_ns()
        with subprocess.Popen(command, stderr=subprocess.DEVNULL) as process:
            while process.poll() is None and not _described_since(run, begun):
                time.sleep(0.01)
            time.sleep(dice.uniform(0, 0.8))
            if process.poll() is None:
                os.kill(process.pid, signal.SIGKILL)
                kills += 1
    assert kills >= 5
    subprocess.run(command, check=True, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    assert_same_run(tmp_path / "whole", run)
    assert not list(run.rglob(".*.safetensors"))


def _described_since(run: Path, moment: int) -> bool:
    """Whether the process that began then has come to its first step."""
    page = run / "index.html"
    return page.exists() and page.stat().st_mtime_ns > moment


def test_out_of_memory_while_validating_names_that(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, pairs: Path, tiny: Tiny
) -> None:
    monkeypatch.setattr(loop, "validate", lambda *arguments: torch.empty(2**60, dtype=torch.uint8))
    with pytest.raises(UserError, match="while scoring the validation pairs, 8 at a time") as caught:
        train([pairs], tiny(), tmp_path / "run")
    assert "training.batch" not in str(caught.value)


def test_the_engine_and_the_processes_end_where_training_fails(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, pairs: Path, tiny: Tiny
) -> None:
    ended = []

    @contextmanager
    def group(device: str, advice: object) -> Iterator[tuple[Processes, str]]:
        try:
            yield Processes(), device
        finally:
            ended.append("processes")

    @contextmanager
    def opened(*arguments: object) -> Iterator[Callable[[object], None]]:
        try:
            yield lambda packet: 1 // 0
        finally:
            ended.append("engine")

    monkeypatch.setattr(train_module, "process_group", group)
    monkeypatch.setitem(loop.ENGINES, "plain", opened)
    with pytest.raises(ZeroDivisionError):
        train([pairs], tiny(), tmp_path / "run")
    assert ended == ["engine", "processes"]


def test_targets_with_pixels_without_data_are_learned_and_scored(tmp_path: Path, tiny: Tiny) -> None:
    rng = np.random.default_rng(0)
    for number in range(8):
        split = tmp_path / "pairs" / ("train" if number < 6 else "val")
        target = rng.random((40, 40, 1)).astype(np.float32)
        target[: 4 * number] = np.nan
        write(split / "source" / f"{number}.npy", target)
        write(split / "target" / f"{number}.npy", target)
    config = tiny("data.target_range=[0, 1]", "training.images=10", "training.validate_images=10")
    result = train([tmp_path / "pairs"], config, tmp_path / "run", device="cpu")
    assert result.finished
    assert {"val_l1", "val_psnr_db", "val_ssim"} <= result.scores.keys()
    assert all(np.isfinite(score) for score in result.scores.values())
    _, header = load_model(result.model, torch.device("cpu"))
    assert (header.image.target.fill, header.image.source.fill) == ("nan", "nan")
