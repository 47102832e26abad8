"""The best model: what may choose it, and that it is the one with the best score, killed runs included."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor

from pix2pix import Translator
from pix2pix.config import Config
from pix2pix.errors import UserError
from pix2pix.inference.describe import describe_model
from pix2pix.measures import SET_MEASURES, features
from pix2pix.measures.features import FeatureNetwork
from pix2pix.model_file import load_model, read_header
from pix2pix.training import selection
from pix2pix.training.objective import FEATURE_NETWORKS, GENERATOR_TERMS
from pix2pix.training.selection import find_best, find_feature_scores
from pix2pix.training.train import train
from tests.helpers import write_pairs

Tiny = Callable[..., Config]
CPU = torch.device("cpu")
CHOOSING = ("training.best=kid", "training.validate_images=8")


class Colours:
    """A network whose features are the mean colours of quarters; it counts the pictures that it has seen."""

    def __init__(self) -> None:
        self.pictures = 0

    def __call__(self, pictures: Tensor) -> Tensor:
        self.pictures += len(pictures)
        return torch.nn.functional.adaptive_avg_pool2d(pictures, 2).flatten(1)


@pytest.fixture
def colours(monkeypatch: pytest.MonkeyPatch) -> Colours:
    network = Colours()
    monkeypatch.setattr(selection, "find_features", lambda choice: FeatureNetwork("colours", network))
    return network


@pytest.fixture
def no_vgg16(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing() -> None:
        raise UserError("VGG16 is not there.")

    for module in (features, selection):
        monkeypatch.setattr(module, "load_vgg16", missing)


def lines(run: Path) -> list[dict[str, float]]:
    written = [json.loads(line) for line in (run / "metrics.jsonl").read_text("utf-8").splitlines()]
    return [line for line in written if "val_l1" in line]


def weights(model: Path) -> dict[str, Tensor]:
    return load_model(model, CPU)[0].state_dict()


def assert_same_best(one: Path, other: Path) -> None:
    one, other = one / "best.safetensors", other / "best.safetensors"
    assert read_header(one).provenance == read_header(other).provenance
    for name, tensor in weights(one).items():
        torch.testing.assert_close(tensor, weights(other)[name], rtol=0, atol=0)


def crash_in(monkeypatch: pytest.MonkeyPatch, images_seen: int) -> None:
    """Stop as a kill does: after the validation at an image, before anything else is written."""
    from pix2pix.training import loop

    validate = loop._validate

    def crashing(session: loop.Session) -> None:
        validate(session)
        if session.context.state.images_seen >= images_seen:
            raise KeyError("killed")

    monkeypatch.setattr(loop, "_validate", crashing)


# The best model


def test_the_best_model_is_that_of_the_lowest_score(
    tmp_path: Path, pairs: Path, tiny: Tiny, monkeypatch: pytest.MonkeyPatch, colours: Colours
) -> None:
    scripted = iter([5.0, 2.0, 3.0, 2.0, 4.0])
    monkeypatch.setitem(SET_MEASURES, "kid", lambda real, fake: next(scripted))
    result = train([pairs], tiny(*CHOOSING), tmp_path / "run")
    assert result.best == tmp_path / "run" / "best.safetensors"
    about = read_header(result.best).provenance
    assert (about.images_seen, about.scored_at_images, about.scores["val_kid"]) == (16, 16, 2.0)
    assert about.feature_network == "colours"
    same = train([pairs], tiny("training.images=16"), tmp_path / "until there").model
    for name, tensor in weights(result.best).items():
        torch.testing.assert_close(tensor, weights(same)[name])
    assert "Best model: kid 2 at image 16, in best.safetensors" in (
        tmp_path / "run" / "index.html"
    ).read_text("utf-8")
    assert dict(describe_model(result.best))["val_kid"] == "2"
    assert Translator.load(result.best, "cpu").header.provenance.images_seen == 16


def test_features_of_the_targets_are_computed_once(
    tmp_path: Path, pairs: Path, tiny: Tiny, colours: Colours
) -> None:
    train([pairs], tiny(*CHOOSING), tmp_path / "run")
    assert [line["images"] for line in lines(tmp_path / "run")] == [8, 16, 24, 32, 40]
    assert colours.pictures == 4 * (5 + 1)


@pytest.mark.parametrize("save_images", [16, 1000])
def test_a_run_that_was_killed_keeps_the_same_best_model(
    tmp_path: Path,
    pairs: Path,
    tiny: Tiny,
    monkeypatch: pytest.MonkeyPatch,
    colours: Colours,
    save_images: int,
) -> None:
    config = tiny(*CHOOSING, f"training.save_images={save_images}", "training.images=24")
    train([pairs], config, tmp_path / "whole")
    for killed_at in (8, 16, 24):
        with monkeypatch.context() as patch:
            crash_in(patch, killed_at)
            with pytest.raises(KeyError):
                train([pairs], config, tmp_path / "killed")
    train([pairs], config, tmp_path / "killed")
    assert_same_best(tmp_path / "whole", tmp_path / "killed")


def test_a_finished_run_may_name_what_chooses_and_go_on(
    tmp_path: Path, pairs: Path, tiny: Tiny, colours: Colours
) -> None:
    run = tmp_path / "run"
    assert train([pairs], tiny("training.images=16"), run).best is None
    result = train([pairs], tiny(*CHOOSING, "training.images=24"), run)
    assert result.best is not None
    assert read_header(result.best).provenance.images_seen == 24


@pytest.mark.parametrize("change", ["training.validate_pairs=3", "training.best=fid"])
def test_a_best_model_of_other_pairs_or_measures_is_no_mark(
    tmp_path: Path, pairs: Path, tiny: Tiny, colours: Colours, change: str
) -> None:
    best = train([pairs], tiny(*CHOOSING), tmp_path / "run").best
    assert best is not None
    assert find_best(best, tiny(*CHOOSING), "colours") is not None
    assert find_best(best, tiny(*CHOOSING, change), "colours") is None
    assert find_best(best, tiny(*CHOOSING), "Inception") is None


# What may choose


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        (
            ["training.best=l1"],
            "l1 cannot choose the best model: it rewards blur. Choose by features: st_lpips",
        ),
        (["training.best=ssim"], "ssim cannot choose"),
        (["training.best=psnr_db"], "psnr_db cannot choose"),
        (["training.best=beauty"], "best = beauty is no measure that chooses: wanted st_lpips, kid, fid"),
        (
            ['training.measures=["beauty"]'],
            "names 'beauty': wanted some of l1, psnr_db, ssim, st_lpips, kid, fid",
        ),
        (["training.features=a.onnx"], "training.features names a network that nothing uses"),
        (["training.best=kid", "--recipe scorer"], "Targets are classes"),
    ],
)
@pytest.mark.usefixtures("colours")
def test_what_cannot_choose_is_refused(settings: list[str], expected: str) -> None:
    recipe = "scorer" if "--recipe scorer" in settings else None
    with pytest.raises(UserError, match=expected):
        find_feature_scores(Config.load(recipe, [s for s in settings if not s.startswith("--")]))


@pytest.mark.parametrize(
    "setting", ["training.best=kid", "training.best=st_lpips", 'training.measures=["fid"]']
)
@pytest.mark.usefixtures("no_vgg16")
def test_a_missing_extra_is_named_before_anything_is_written(
    tmp_path: Path, pairs: Path, tiny: Tiny, setting: str
) -> None:
    with pytest.raises(UserError, match=r"pip install 'pix2pix\[metrics\]'"):
        train([pairs], tiny(setting), tmp_path / "run")
    assert not (tmp_path / "run").exists()


@pytest.mark.usefixtures("colours")
def test_a_network_that_the_model_learns_from_does_not_choose(
    tmp_path: Path, pairs: Path, tiny: Tiny, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(GENERATOR_TERMS, "perceptual", lambda turn: (turn.g - turn.y).square().mean())
    monkeypatch.setitem(FEATURE_NETWORKS, "perceptual", "colours")
    learning = "objective.terms={perceptual = 2}"
    with pytest.raises(UserError, match="chooses by colours, which the model learns from"):
        train([pairs], tiny(*CHOOSING, learning), tmp_path / "run")
    first = train([pairs], tiny("training.images=1", learning), tmp_path / "first").model
    with pytest.raises(UserError, match="chooses by colours, which the model learns from"):
        train([pairs], tiny(*CHOOSING), tmp_path / "run", init=first)
    train([pairs], tiny("training.images=1", learning, 'training.measures=["kid"]'), tmp_path / "measured")
    assert not (tmp_path / "run").exists()


@pytest.mark.usefixtures("colours")
def test_a_run_whose_first_weights_learned_from_a_network_never_chooses_by_it(
    tmp_path: Path, pairs: Path, tiny: Tiny, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        patched.setitem(GENERATOR_TERMS, "perceptual", lambda turn: (turn.g - turn.y).square().mean())
        patched.setitem(FEATURE_NETWORKS, "perceptual", "colours")
        config = tiny("training.images=1", "objective.terms={perceptual = 2}")
        first = train([pairs], config, tmp_path / "first").model
    run = train([pairs], tiny("training.images=8"), tmp_path / "run", init=first).model
    metrics = (tmp_path / "run" / "metrics.jsonl").read_bytes()
    with pytest.raises(UserError, match="chooses by colours, which the model learns from"):
        train([pairs], tiny(*CHOOSING, "training.images=24"), tmp_path / "run")
    assert (tmp_path / "run" / "metrics.jsonl").read_bytes() == metrics
    assert read_header(run).provenance.images_seen == 8


@pytest.mark.usefixtures("colours")
def test_without_validation_pairs_nothing_chooses(tmp_path: Path, tiny: Tiny) -> None:
    data = write_pairs(tmp_path / "pairs" / "train", 3).parent
    with pytest.raises(UserError, match="chooses a model by the validation pairs, and 0 are there"):
        train([data], tiny(*CHOOSING), tmp_path / "run")
    write_pairs(data / "val", 2)
    for broken in (data / "val").iterdir():
        broken.write_text("no picture")
    with pytest.raises(UserError, match=r"none can be used.*0\.png"):
        train([data], tiny(*CHOOSING), tmp_path / "run")
