from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from pix2pix.config import Config
from pix2pix.errors import UserError
from pix2pix.model_file import load_model, save_model
from pix2pix.training.distributed import Processes
from pix2pix.training.plan import describe_plan, length_in_words, make_plan, pick_engine, saved_bytes
from pix2pix.training.run_folder import RunFolder
from pix2pix.training.train import train
from tests.helpers import files_below

CPU, CUDA = torch.device("cpu"), torch.device("cuda")
Tiny = Callable[..., Config]


def test_a_plan_says_what_training_would_take_and_writes_nothing(
    tmp_path: Path, pairs: Path, cache: Path, tiny: Tiny
) -> None:
    before = files_below(tmp_path)
    facts = describe_plan(make_plan([pairs], tiny("training.batch=2"), tmp_path / "run", device="cpu"))
    assert facts["data"] == "40 train, 4 val (side by side)"
    assert facts["pictures"] == "3 -> 3 channels, 32 x 32 px"
    # By hand: four layers down and up of widths 4, 8, 16, 32, 32; the discriminator's three.
    assert facts["generator"].endswith(" parameters")
    assert "parameters" in facts["discriminator"]
    # 40 pairs of 36 x 36 px and 4 of 32 x 32 px, of 6 bytes a pixel.
    assert f"about {6 * (40 * 36**2 + 4 * 32**2) / 1e6:.1f} MB of decoded pairs" in facts["disk"]
    assert str(tmp_path / "run") in facts["disk"]
    assert "activations" in facts["memory"]
    assert "20 steps" in facts["time"]
    assert files_below(tmp_path) == before
    assert files_below(cache) == set()


def test_an_unknown_loss_term_is_refused_before_anything_is_written(
    tmp_path: Path, pairs: Path, tiny: Tiny
) -> None:
    with pytest.raises(UserError, match="names 'sharpness', which is no registered loss term"):
        make_plan([pairs], tiny("objective.terms={sharpness = 10}"), tmp_path / "run")


def test_auto_is_the_captured_engine_on_a_gpu_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.version, "cuda", "13.0")
    assert (pick_engine("auto", CPU), pick_engine("auto", CUDA)) == ("plain", "graph")


@pytest.mark.parametrize("name", ["auto", "plain", "graph"])
def test_several_processes_take_the_plain_step(name: str) -> None:
    assert pick_engine(name, CUDA, Processes(0, 2)) == "plain"


def test_epochs_become_images(tmp_path: Path, pairs: Path, tiny: Tiny) -> None:
    plan = make_plan([pairs], tiny(), tmp_path / "run", device="cpu", epochs=3)
    assert plan.config.training.images == 120
    assert length_in_words(plan) == "120 images: 3 x 40 pairs"
    assert length_in_words(make_plan([pairs], tiny(), tmp_path / "run")) == "40 images: 1 x 40 pairs"


def test_a_disk_that_cannot_hold_what_is_saved_is_noticed_before_training(
    tmp_path: Path, pairs: Path, tiny: Tiny, monkeypatch: pytest.MonkeyPatch
) -> None:
    state, model = saved_bytes(tiny())
    free = 2 * state + model
    monkeypatch.setattr("shutil.disk_usage", lambda path: SimpleNamespace(free=free))
    make_plan([pairs], tiny(), tmp_path / "new" / "run")
    free -= 1
    with pytest.raises(UserError, match=r"The model and the training state take .* free") as caught:
        make_plan([pairs], tiny(), tmp_path / "new" / "run")
    assert "another place" in caught.value.hint


def test_saved_bytes_are_those_on_disk(tmp_path: Path, pairs: Path, tiny: Tiny) -> None:
    train([pairs], tiny("training.images=2"), tmp_path / "run", device="cpu")
    folder = RunFolder(tmp_path / "run")
    for path, expected in zip((folder.state, folder.model), saved_bytes(tiny()), strict=True):
        assert path.stat().st_size == pytest.approx(expected, rel=0.3)  # names and settings come on top


def test_an_engine_that_records_nothing_says_so(tmp_path: Path, pairs: Path, tiny: Tiny) -> None:
    for engine, words in (("plain", "plain, fp32"), ("graph", "graph unrecorded, fp32")):
        assert (
            make_plan([pairs], tiny(), tmp_path / "run", device="cpu", engine=engine).engine_in_words == words
        )


@pytest.mark.parametrize("name", ["plain", "graph"])
def test_a_named_engine_is_taken(name: str) -> None:
    assert pick_engine(name, CPU) == name


def test_an_unknown_engine_is_refused_with_those_there_are() -> None:
    with pytest.raises(UserError, match="auto, plain or graph"):
        pick_engine("turbo", CPU)


def test_a_run_that_continues_keeps_the_contracts_that_it_began_with(
    tmp_path: Path, pairs: Path, cache: Path, tiny: Tiny
) -> None:
    """Another version may find another range in the same files."""
    run = tmp_path / "run"
    train([pairs], tiny(), run, device="cpu")
    generator, header = load_model(run / "model.safetensors", CPU)
    target = header.image.target.model_copy(update={"low": -7.0, "high": 300.0})
    image = header.image.model_copy(update={"target": target})
    save_model(run / "model.safetensors", generator, header.model_copy(update={"image": image}))
    longer = tiny("training.images=40")
    assert make_plan([pairs], longer, run, device="cpu").reading.target == target
    assert make_plan([pairs], longer, tmp_path / "other", device="cpu").reading.target.low == 0
    (run / "model.safetensors").write_bytes(b"broken")
    assert make_plan([pairs], longer, run, device="cpu").reading.target.low == 0
