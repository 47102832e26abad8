"""`pix2pix train`: what it writes and prints, and requests that cannot be met."""

import signal
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from pix2pix.config import Config
from pix2pix.inference.translator import Translator
from pix2pix.pictures import codec
from pix2pix.pictures.contract import PictureContract
from tests.cli.command import TINY, good, pix2pix, refused
from tests.helpers import (
    files_below,
    noise,
    pixels,
    write,
    write_model,
    write_pairs,
    write_text,
    write_truncated,
)


def test_training_leaves_a_model_that_translates(place: Path) -> None:
    write_pairs(place / "pairs", 8)
    said = good("train", "pairs", *TINY)
    assert "finished: 8 images seen" in said
    assert f"model: {Path('runs/pairs/model.safetensors')}" in said
    good("translate", "runs/pairs/model.safetensors", write(place / "a.png"), "-o", "out")
    assert pixels(place / "out" / "a.png").shape == (32, 32, 3)


def test_a_new_run_without_a_recipe_names_the_other_one(place: Path) -> None:
    write_pairs(place / "pairs", 4)
    words = ("train", "pairs", *TINY)
    assert pix2pix(*words, "--recipe", "paper", "--run", "paper").stderr.count("--recipe modern") == 0
    assert [pix2pix(*words).stderr.count("--recipe modern") for _ in range(2)] == [1, 0]  # new, resumed
    assert pix2pix("train", "missing", *TINY).stderr.count("--recipe modern") == 0  # a plan is made first


def test_training_on_two_folders_with_all_options(place: Path) -> None:
    for n in range(8):
        write(place / "grey" / f"{n}.png", noise(32, 32, 1, n))
        write(place / "colour" / f"{n}.jpg", noise(32, 32, 3, n))
    first = write_model(place / "first.safetensors", source=PictureContract(channels=1))
    good("train", "grey", "colour", *TINY, "--run", "mine", "--seed", "7", "--device", "cpu", "--init", first)
    written = Config.load(place / "mine" / "config.toml")
    assert written.training.seed == 7
    assert (written.model.source_channels, written.model.target_channels) == (1, 3)
    header = Translator.load(place / "mine" / "model.safetensors", "cpu").header
    assert header.provenance.initialised_from == str(first)
    assert header.image.layout == "two folders"


def test_the_same_command_again_goes_on(place: Path) -> None:
    write_pairs(place / "pairs", 8)
    for images in (8, 8, 12):
        said = good("train", "pairs", *TINY, "--set", f"training.images={images}")
        assert f"finished: {images} images seen" in said


def test_epochs_count_the_pairs(place: Path) -> None:
    for n in range(8):
        write(place / "pairs" / "train" / f"{n}.png", noise(32, 64, seed=n))
    words = ("train", "pairs", *TINY[:-2], "--epochs", "2")
    result = pix2pix(*words)
    assert "length: 16 images: 2 x 8 pairs" in result.stderr
    assert "finished: 16 images seen" in result.stdout
    assert "16 images: 2 x 8 pairs" in good(*words, "--dry-run")
    assert "finished: 24 images seen" in good(*words[:-1], "3")
    assert "both say how long" in refused(*words, "--set", "training.images=9")
    for number in ("0", "0.5", "-1", "nan"):
        assert f"--epochs {number}: wanted a whole number" in refused(*words[:-1], number)


def test_a_run_without_validation_pairs_scores_nothing(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pix2pix.progress._LINE_SECONDS", 0.0)
    write(place / "pairs" / "train" / "a.png", noise(32, 64))
    result = pix2pix("train", "pairs", *TINY)
    assert result.exit_code == 0
    assert "drawing previews" in result.stderr
    assert "scoring" not in result.stderr


def test_a_cache_that_cannot_be_written_is_refused_with_its_variable(
    place: Path, monkeypatch: pytest.MonkeyPatch, nothing_written: Callable[[], bool]
) -> None:
    write_pairs(place / "pairs", 8)
    assert nothing_written()
    monkeypatch.setenv("PIX2PIX_CACHE", str(place / "pairs" / "0.png"))
    said = refused("train", "pairs", *TINY)
    assert "Cannot write" in said
    assert "PIX2PIX_CACHE" in said
    assert nothing_written()


def test_a_training_that_was_stopped_says_how_to_go_on(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def stopped(*rest: Any, **named: Any) -> SimpleNamespace:
        return SimpleNamespace(first=True, finished=False, images_seen=1234, scores={})

    monkeypatch.setattr("pix2pix.training.train.train", stopped)
    result = pix2pix("train", "pairs")
    assert result.exit_code == 130
    assert result.stdout == "stopped at image 1,234; the same command goes on from there\n"


@pytest.mark.parametrize("bad", ["odd width", "text", "truncated"])
def test_one_bad_pair_is_left_out_and_named_at_the_end(place: Path, bad: str) -> None:
    write_pairs(place / "pairs" / "train", 8)
    name = spoil(place / "pairs" / "train", bad)
    result = pix2pix("train", "pairs", *TINY)
    assert result.exit_code == 1
    assert "finished: 8 images seen" in result.stdout
    *_, headline, failure = result.stderr.splitlines()
    assert headline == "1 pair was left out:"
    assert name in failure
    assert (place / "runs" / "pairs" / "model.safetensors").is_file()


def spoil(folder: Path, what: str) -> str:
    """Put one bad file into a folder, and return its name."""
    path = folder / ("bad.png" if what == "odd width" else "bad.jpg")
    if what == "odd width":
        write(path, noise(32, 63))
    elif what == "text":
        write_text(path)
    else:
        write_truncated(path)
    return path.name


def only_bad(what: str) -> Callable[[Path], None]:
    def make(place: Path) -> None:
        (place / "pairs").mkdir()
        spoil(place / "pairs", what)

    return make


def unmatched(place: Path) -> None:
    for n in range(3):
        write(place / "pairs" / "source" / f"{n}.png")
        write(place / "pairs" / "target" / f"{n + 1}.png")


def several_bad(place: Path) -> None:
    for n in range(3):
        write_text(place / "pairs" / f"{n}.jpg")


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda place: None, "pairs does not exist"),
        (lambda place: write_text(place / "pairs"), "pairs is a file"),
        (lambda place: (place / "pairs").mkdir(), "pairs holds no pictures (0 files)"),
        (lambda place: write(place / "pairs" / "val" / "a.png"), "There are no pairs in train/"),
        (only_bad("odd width"), "bad.png is 63 x 32 px, so its halves differ in width"),
        (only_bad("text"), "bad.jpg is not a picture (17 bytes)"),
        (only_bad("truncated"), "bad.jpg cannot be read"),
        (several_bad, "None of the 3 pairs that were tried could be used"),
        (unmatched, "2 pictures make no pair. pairs/source/0.png has no partner in pairs/target."),
    ],
)
def test_pairs_that_cannot_be_used_are_refused(
    place: Path, nothing_written: Callable[[], bool], make: Callable[[Path], None], said: str
) -> None:
    make(place)
    nothing_written()
    assert said in refused("train", "pairs", *TINY)
    assert nothing_written()


@pytest.mark.parametrize("bad", ["odd width", "text", "truncated"])
def test_strict_training_stops_at_a_bad_pair(
    place: Path, nothing_written: Callable[[], bool], bad: str
) -> None:
    write_pairs(place / "pairs", 8)
    name = spoil(place / "pairs", bad)
    nothing_written()
    assert name in refused("train", "pairs", *TINY, "--strict")
    assert nothing_written()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--set", "training.bach=4"], "There is no setting 'training.bach'; did you mean"),
        (["--set", "training.batch=many"], "training.batch = 'many' is not possible"),
        (["--set", "training.batch"], "'training.batch' is not a setting"),
        (["--recipe", "facade"], "There is no recipe 'facade'; did you mean 'facades'?"),
        (["--recipe", "gone.toml"], "Cannot read the recipe gone.toml"),
        (["--device", "abacus"], "There is no device 'abacus' here"),
        (["--init", "gone.safetensors"], "gone.safetensors does not exist"),
        (["--run", "pairs/0.png"], "Cannot write pairs/0.png: "),
        (["--run", "pairs/0.png/run"], "Cannot write pairs/0.png/run: "),
        (["--run", "pairs"], "pairs is not empty and no run"),
    ],
)
def test_training_that_is_not_possible_is_refused(
    place: Path, nothing_written: Callable[[], bool], words: list[str], said: str
) -> None:
    write_pairs(place / "pairs", 8)
    nothing_written()
    assert said in refused("train", "pairs", *TINY, *words)
    assert nothing_written()


def test_a_run_of_another_configuration_is_refused(place: Path, nothing_written: Callable[[], bool]) -> None:
    write_pairs(place / "pairs", 8)
    good("train", "pairs", *TINY)
    nothing_written()
    before = (place / "runs" / "pairs" / "model.safetensors").read_bytes()
    said = refused("train", "pairs", *TINY, "--set", "training.batch=2")
    assert "is a run of another configuration: training.batch is 1 there and 2 here" in said
    assert "more than the 4 requested" in refused("train", "pairs", *TINY, "--set", "training.images=4")
    assert nothing_written()
    assert (place / "runs" / "pairs" / "model.safetensors").read_bytes() == before


@pytest.mark.parametrize(("width", "noted"), [(32, True), (64, False)])
def test_single_pictures_that_are_cut_in_two_are_noted(place: Path, width: int, noted: bool) -> None:
    for name in "abc":
        write(place / "single" / "train" / f"{name}.png", noise(32, width))
    result = pix2pix("train", "single", *TINY)
    assert result.exit_code == 0, result.stderr
    assert ("is cut in two" in result.stderr) is noted


def test_a_command_that_is_ended_leaves_nothing_unfinished(
    place: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = codec.read_picture

    def read_and_end(path: Path, *rest: Any) -> Any:
        if path.name == "8.png":
            signal.raise_signal(signal.SIGTERM)
        return real(path, *rest)

    write_pairs(place / "pairs", 20)
    monkeypatch.setattr(codec, "read_picture", read_and_end)
    before = signal.getsignal(signal.SIGTERM)
    assert pix2pix("train", "pairs", "--run", "run", *TINY).exit_code == 130
    assert files_below(cache) == files_below(place) - {f"pairs/{n}.png" for n in range(20)} == set()
    assert signal.getsignal(signal.SIGTERM) == before
