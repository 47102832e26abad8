import gc
import json
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import tifffile
from PIL import Image
from safetensors.numpy import load_file, save_file
from typer.main import get_command
from typer.testing import CliRunner

from pix2pix import __version__
from pix2pix.cli.main import app
from pix2pix.config import Config, recipe_names
from pix2pix.inference.translator import Translator
from pix2pix.pictures import codec
from pix2pix.pictures.contract import PictureContract
from tests.cli.command import pix2pix
from tests.helpers import (
    SMALL,
    files_below,
    noise,
    pixels,
    write,
    write_model,
    write_pairs,
    write_text,
    write_truncated,
)

COMMANDS = sorted(get_command(app).commands)
GROUPS = {"data", "study"}  # their commands are tested in test_data.py and test_study.py
TINY = [word for setting in (*SMALL, "training.images=8") for word in ("--set", setting)]


def good(*words: str | Path) -> str:
    result = pix2pix(*words)
    assert result.exit_code == 0, result.output
    return result.stdout


def refused(*words: str | Path) -> str:
    """The one sentence of a request that is refused."""
    result = pix2pix(*words)
    assert result.exit_code == 2, result.output
    *before, last = result.stderr.splitlines()
    assert last.startswith("pix2pix: ")
    assert not [line for line in before if line.startswith("pix2pix: ") or "Traceback" in line]
    return last.removeprefix("pix2pix: ")


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working folder, with everything that a test makes."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def model(place: Path) -> Path:
    return write_model(place / "model.safetensors", layout="side by side")


@pytest.fixture
def nothing_written(place: Path) -> Callable[[], bool]:
    """Whether the working folder holds the files that it held at the first call, and no other."""
    before: list[set[str]] = []

    def check() -> bool:
        before.append(files_below(place))
        return before[0] == before[-1]

    return check


# Help


def test_the_version_is_printed() -> None:
    assert good("--version") == f"pix2pix {__version__}\n"


@pytest.mark.parametrize(
    ("shell", "words"),
    [
        ("bash", {"COMP_WORDS": "pix2pix tr", "COMP_CWORD": "1"}),
        ("zsh", {"_TYPER_COMPLETE_ARGS": "pix2pix tr"}),
        ("fish", {"_TYPER_COMPLETE_ARGS": "pix2pix tr", "_TYPER_COMPLETE_FISH_ACTION": "get-args"}),
    ],
)
def test_shells_complete_commands(shell: str, words: dict[str, str]) -> None:
    variables = {**words, "_PIX2PIX_COMPLETE": f"complete_{shell}"}
    completed = CliRunner().invoke(app, [], env=variables, prog_name="pix2pix").stdout
    assert "train" in completed
    assert "translate" in completed
    assert "export" not in completed


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_of_a_shell_asks_this_program(shell: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION", "1")
    shown = CliRunner().invoke(app, ["--show-completion", shell], prog_name="pix2pix")
    assert shown.exit_code == 0
    assert f"_PIX2PIX_COMPLETE=complete_{shell}" in shown.stdout


def test_help_lists_every_command() -> None:
    text = good("--help")
    assert {"train", "translate", "info", "config", "demo", "data"} <= set(COMMANDS)
    for command in COMMANDS:
        assert f"\n  {command} " in text


@pytest.mark.parametrize("command", sorted({*COMMANDS} - GROUPS))
def test_help_of_a_command_shows_an_example(command: str) -> None:
    lines = [line.strip() for line in good(command, "--help").splitlines()]
    assert [line for line in lines if line.startswith(f"pix2pix {command}")]


@pytest.mark.parametrize("command", ["train", "translate"])
def test_a_missing_argument_is_a_refusal(command: str) -> None:
    assert pix2pix(command).exit_code == 2


@pytest.mark.parametrize(
    "words",
    [["--batch", "0"], ["--samples", "0"], ["--seed", "-1"], ["--seed", str(2**32)], ["--loud"]],
    ids=" ".join,
)
def test_numbers_out_of_range_and_unknown_options_are_refused(model: Path, words: list[str]) -> None:
    write(Path("a.png"))
    result = pix2pix("translate", model, "a.png", "-o", "out", *words)
    assert result.exit_code == 2
    assert words[0] in result.stderr
    assert not Path("out").exists()


# config and info


def test_config_prints_toml_that_is_read_back() -> None:
    Path("mine.toml").write_text(good("config", "--recipe", "facades", "--set", "training.batch=4"), "utf-8")
    config = Config.load("facades", ["training.batch=4"])
    assert Config.load("mine.toml") == config
    assert config != Config.load("facades")


def test_info_says_what_a_model_is(model: Path) -> None:
    lines = dict(line.split(maxsplit=1) for line in good("info", model).splitlines())
    assert lines["generator"].startswith("unet, width 4")
    assert lines["source"] == "3 channels of uint8, the left half of pairs"
    assert "trained at       32 x 32 px\n" in good("info", model)


# train


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


def test_ctrl_c_is_exit_code_130(monkeypatch: pytest.MonkeyPatch) -> None:
    def stopped(*rest: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("pix2pix.demo.run_demo", stopped)
    assert pix2pix("demo").exit_code == 130


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


# translate


def test_files_folders_and_globs_together(model: Path, place: Path) -> None:
    for n, name in enumerate(["a.png", "in/b.png", "in/deep/c.png", "x/1/d.png", "x/2/e.png"]):
        write(place / name, noise(20, 30 + n, seed=n))
    said = good("translate", model, "a.png", "in", "x/*/*.png", "-o", "out", "--batch", "2")
    assert said == "5 of 5 pictures translated to out\n"
    assert files_below(place / "out") == {"a.png", "b.png", "deep/c.png", "1/d.png", "2/e.png"}
    assert pixels(place / "out" / "2" / "e.png").shape == (20, 34, 3)


def test_one_file_to_one_file_in_another_format(model: Path, place: Path) -> None:
    write(place / "a.png", noise(20, 30))
    good("translate", model, "a.png", "-o", "new/b.jpg")
    assert files_below(place / "new") == {"b.jpg"}
    assert pixels(place / "new" / "b.jpg").shape == (20, 30, 3)


@pytest.mark.parametrize("name", ["webp", ".webp", "WEBP"])
def test_format_replaces_the_endings(model: Path, place: Path, name: str) -> None:
    for source in ("in/a.png", "in/b.c.tif"):
        write(place / source)
    good("translate", model, "in", "-o", "out", "--format", name)
    assert files_below(place / "out") == {"a.webp", "b.c.webp"}


def test_a_picture_without_an_ending_gets_that_of_the_targets(model: Path, place: Path) -> None:
    write(place / "a.png").rename("picture")
    good("translate", model, "picture", "-o", "out")
    good("translate", model, "picture", "-o", "out", "--format", "webp")
    assert files_below(place / "out") == {"picture.png", "picture.webp"}


def test_info_names_the_folders_that_a_model_learned_from(place: Path) -> None:
    for n in range(4):
        for folder in ("grey", "colour"):
            write(place / "data" / folder / "deep" / f"{n}.png", noise(32, 32, seed=n))
    good("train", "data/grey", "data/colour", *TINY)
    said = good("info", "runs/grey")
    assert ", from the folder grey\n" in said
    assert ", from the folder colour\n" in said
    line = next(line for line in said.splitlines() if line.startswith("translate"))
    words = [{"SOURCES": "data/grey", "OUT": "out"}.get(word, word) for word in line.split()[2:]]
    good(*words)
    assert len(files_below(place / "out")) == 4


def test_photographs_train_and_are_translated_with_make(place: Path) -> None:
    for n in range(8):
        write(place / "photos" / f"{n}.jpg", noise(32, 32, 3, n))
    good("train", "photos", *TINY, "--make", "lab")
    model = "runs/photos/model.safetensors"
    assert "made from photographs: lab" in good("info", model)
    for words in ([], ["--make"]):
        good("translate", model, "photos/1.jpg", "-o", "out/1.png", *words)
        assert pixels(place / "out" / "1.png").shape == (32, 32, 3)


def test_make_is_refused_where_the_model_makes_nothing(model: Path, place: Path) -> None:
    write(place / "a.png")
    assert "it makes no sources" in refused("translate", model, "a.png", "-o", "out", "--make")


@pytest.mark.parametrize("recipe", ["lab", "downscale:4"])
def test_a_recipe_is_no_value_of_translate_make(model: Path, place: Path, recipe: str) -> None:
    write(place / "a.png")
    said = refused("translate", model, "a.png", "-o", "out", "--make", recipe)
    assert "--make takes no recipe here" in said
    assert f"Leave out '{recipe}'" in said
    assert "There is no file or folder gone" in refused("translate", model, "gone", "-o", "out", "--make")


def test_targets_of_16_bits_leave_in_16_bits(place: Path) -> None:
    for n in range(8):
        write(place / "grey" / f"{n}.jpg", noise(32, 32, 1, n))
        write(place / "deep" / f"{n}.png", noise(32, 32, 1, n).astype(np.uint16) * 257)
    good("train", "grey", "deep", *TINY)
    good("translate", "runs/grey/model.safetensors", "grey/1.jpg", "-o", "out")
    array = codec.read(place / "out" / "1.png")
    assert (array.dtype, array.shape) == (np.uint16, (32, 32, 1))
    said = refused("translate", "runs/grey/model.safetensors", "grey/1.jpg", "-o", "b.jpg")
    assert "cannot hold 1 channels of uint16" in said


def test_mode_and_seed_are_used(model: Path, place: Path) -> None:
    write(place / "a.png", noise(32, 32))
    translator = Translator.load(model, "cpu")
    for words, options in (
        ([], {}),
        (["--seed", "3"], {"seed": 3}),
        (["--mode", "deterministic"], {"mode": "deterministic"}),
    ):
        good("translate", model, "a.png", "-o", "out", "--device", "cpu", *words)
        wanted = np.asarray(translator.translate("a.png", **options))
        assert np.array_equal(pixels(place / "out" / "a.png"), wanted)


def test_samples_are_numbered_and_their_spread_is_shown(model: Path, place: Path) -> None:
    write(place / "a.png", noise(40, 30))
    good("translate", model, "a.png", "-o", "out", "--samples", "2")
    assert files_below(place / "out") == {"a-1.png", "a-2.png", "a-spread.png"}


def test_a_half_is_taken_and_a_forgotten_half_is_noted(model: Path, place: Path) -> None:
    write(place / "pair.png", noise(32, 64))
    result = pix2pix("translate", model, "pair.png", "-o", "out")
    assert result.exit_code == 0
    assert "if it is a pair, add --half left" in result.stderr
    assert pixels(place / "out" / "pair.png").shape == (32, 64, 3)

    result = pix2pix("translate", model, "pair.png", "-o", "out", "--half", "left")
    assert "--half" not in result.stderr
    assert pixels(place / "out" / "pair.png").shape == (32, 32, 3)


def bad_among_good(place: Path) -> Path:
    """A folder of 20 good pictures and a bad one."""
    for n in range(20):
        write(place / "in" / f"{n:02d}.png", noise(16, 16, seed=n))
    write_text(place / "in" / "10b.jpg")
    return place / "in"


def test_one_bad_file_among_many_is_skipped_and_named(model: Path, place: Path) -> None:
    result = pix2pix("translate", model, bad_among_good(place), "-o", "out")
    assert result.exit_code == 1
    assert result.stdout == "20 of 21 pictures translated to out\n"
    *_, headline, failure = result.stderr.splitlines()
    assert headline == "1 file was skipped:"
    assert "10b.jpg is not a picture" in failure
    assert len(files_below(place / "out")) == 20


def test_ctrl_c_says_how_far_translating_came(
    model: Path, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(5):
        write(place / "in" / f"{number}.png", noise(8, 8))
    translated, batches = Translator.translate_sources, iter([True, True, False])

    def interrupted(self: Translator, *sources: Any, **how: Any) -> Any:
        if not next(batches):
            raise KeyboardInterrupt
        return translated(self, *sources, **how)

    monkeypatch.setattr(Translator, "translate_sources", interrupted)
    result = pix2pix("translate", model, "in", "-o", "out", "--batch", "2")
    assert result.exit_code == 130
    assert "stopped after 4 of 5 pictures; those are in out" in result.stderr
    assert len(files_below(place / "out")) == 4


def test_strict_stops_at_a_bad_file(model: Path, place: Path) -> None:
    said = refused("translate", model, bad_among_good(place), "-o", "out", "--strict")
    assert "10b.jpg is not a picture" in said


@pytest.mark.parametrize("count", [1, 2])
def test_only_bad_files_are_refused(model: Path, place: Path, count: int) -> None:
    for n in range(count):
        write_text(place / "in" / f"{n}.jpg")
    assert "0.jpg is not a picture" in refused("translate", model, "in", "-o", "out")
    assert not (place / "out").exists()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["gone.png", "-o", "out"], "There is no file or folder gone.png"),
        (["gone/*.png", "-o", "out"], "No picture matches gone/*.png"),
        (["odd.png", "-o", "out", "--half", "left"], "odd.png is 31 x 8 px, so its halves"),
        (["text.jpg", "-o", "out"], "text.jpg is not a picture (17 bytes)"),
        (["cut.jpg", "-o", "out"], "cut.jpg cannot be read"),
        (["empty", "-o", "out"], "empty holds no pictures"),
        (["a.png", "-o", "text.jpg/out"], "Cannot write text.jpg/out/a.png: Not a directory"),
        (["a.png", "odd.png", "-o", "b.png"], "2 pictures cannot all become b.png"),
        (["a.png", "deep/a.png", "-o", "out"], "would both become out/a.png"),
        (["a.png", "-o", "."], "a.png is an input and would be lost"),
        (["a-1.png", "-o", "a.png", "--samples", "2"], "a-1.png is an input and would be lost"),
        (["a.png", "-o", "out", "--mode", "papr"], "--mode papr is unknown: wanted paper, determ"),
        (["a.png", "-o", "out", "--half", "top"], "--half top is unknown: wanted whole, left"),
        (["a.png", "-o", "out", "--format", "doc"], "--format doc is unknown: wanted bmp, jpeg"),
        (["a.png", "-o", "out", "--device", "abacus"], "There is no device 'abacus' here"),
        (["a.png", "-o", "out", "--samples", "2", "--mode", "running"], "has no noise"),
    ],
)
def test_a_translation_that_is_not_possible_is_refused(
    model: Path, place: Path, nothing_written: Callable[[], bool], words: list[str], said: str
) -> None:
    write(place / "a.png")
    write(place / "a-1.png")
    write(place / "deep" / "a.png")
    write(place / "odd.png", noise(8, 31))
    write_text(place / "text.jpg")
    write_truncated(place / "cut.jpg")
    (place / "empty").mkdir()
    nothing_written()
    assert said in refused("translate", model, *words)
    assert nothing_written()


def test_a_broken_block_of_a_tiff_is_named_and_the_rest_is_translated(model: Path, place: Path) -> None:
    tifffile.imwrite(place / "a.tif", noise(64, 64), tile=(32, 32), photometric="rgb", compression="zlib")
    with tifffile.TiffFile(place / "a.tif") as opened:
        start = opened.pages.first.dataoffsets[3]
    data = bytearray((place / "a.tif").read_bytes())
    data[start : start + 20] = b"\xff" * 20
    (place / "a.tif").write_bytes(data)
    done = pix2pix("translate", model, "a.tif", "-o", "out", "--stream")
    assert done.exit_code == 1
    assert "1 of 1 pictures translated to out" in done.output
    assert "1 block was left without data:\n  a.tif: the block of rows 32 to 63 and col" in done.output
    assert codec.read(place / "out" / "a.tif").shape == (64, 64, 3)


# Files that are no models


def cut_short(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def headless(path: Path) -> None:
    save_file({"weight": np.zeros(3, np.float32)}, path)


def newer(path: Path) -> None:
    tensors = load_file(path)
    header = json.dumps({"format": 99, "provenance": {"versions": {"pix2pix": "9.9"}}})
    save_file(tensors, path, {"pix2pix": header})


def missing(path: Path) -> None:
    path.unlink()


def folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


@pytest.mark.parametrize(
    ("spoil_model", "said"),
    [
        (missing, "model.safetensors does not exist"),
        (folder, "model.safetensors is a folder"),
        (write_text, "model.safetensors is not a whole .safetensors file (17 bytes)"),
        (lambda path: path.write_bytes(b""), "is not a whole .safetensors file (0 bytes)"),
        (cut_short, "model.safetensors is not a whole .safetensors file"),
        (headless, "model.safetensors is a .safetensors file, but not a pix2pix model"),
        (newer, "has model format 99; this version reads up to 2. Upgrade pix2pix"),
    ],
)
@pytest.mark.parametrize(
    "words",
    [["info"], ["translate", "a.png", "-o", "out"], ["train", "pairs", *TINY, "--init"]],
    ids=["info", "translate", "train"],
)
def test_a_file_that_is_no_model_is_refused_everywhere(
    model: Path,
    place: Path,
    nothing_written: Callable[[], bool],
    spoil_model: Callable[[Path], object],
    said: str,
    words: Sequence[str],
) -> None:
    write(place / "a.png")
    write_pairs(place / "pairs", 8)
    spoil_model(model)
    nothing_written()
    command, *rest = words
    words = [command, *rest, model] if command == "train" else [command, model, *rest]
    assert said in refused(*words)
    assert nothing_written()


# The terminal


def test_a_refusal_half_way_gives_the_cursor_back(
    model: Path, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TTY_COMPATIBLE", "1")
    result = pix2pix("translate", model, bad_among_good(place), "-o", "out", "--strict", "--batch", "2")
    assert result.exit_code == 2
    hide, show = "\x1b[?25l", "\x1b[?25h"
    assert result.stderr.count(hide) == result.stderr.count(show) == 1
    assert result.stderr.index(show) < result.stderr.index("pix2pix: ")


@pytest.mark.parametrize("name", recipe_names())
def test_every_recipe_is_printed(name: str) -> None:
    assert good("config", "--recipe", name)


def test_a_reader_that_goes_away_is_no_defect(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(path: Path) -> None:
        raise BrokenPipeError

    monkeypatch.setattr("pix2pix.inference.describe.describe_model", gone)
    assert pix2pix("info", model).exit_code == 1


@pytest.mark.parametrize(("size", "noted"), [(16, "smaller"), (32, ""), (63, ""), (64, "larger")])
def test_pictures_much_larger_or_smaller_than_those_learned_are_noted(
    model: Path, place: Path, size: int, noted: str
) -> None:
    write(place / "a.png", noise(size, size))
    result = pix2pix("translate", model, "a.png", "-o", "out")
    assert result.exit_code == 0
    assert (f"shapes are {noted} here" in result.stderr) == bool(noted)
    assert ("--size train" in result.stderr) == bool(noted)
    assert "note:" not in pix2pix("translate", model, "a.png", "-o", "out", "--size", "train").stderr


@pytest.mark.parametrize("size", ["train", "40", "48x32"])
def test_pictures_are_scaled_for_the_network_and_keep_their_size(model: Path, place: Path, size: str) -> None:
    write(place / "in" / "a.png", noise(50, 70))
    good("translate", model, "in", "-o", "plain")
    good("translate", model, "in", "-o", "out", "--size", size)
    good("translate", model, "in", "-o", "many", "--size", size, "--samples", "2")
    scaled = pixels(place / "out" / "a.png")
    assert scaled.shape == (50, 70, 3)
    assert abs(scaled.astype(int) - pixels(place / "plain" / "a.png")).mean() > 1
    for name, shape in (("a-1", (50, 70, 3)), ("a-2", (50, 70, 3)), ("a-spread", (50, 70))):
        assert pixels(place / "many" / f"{name}.png").shape == shape


def index_masks(place: Path) -> Path:
    """Photographs with masks of class indexes, and their palette; three of the masks' four colours."""
    (place / "three.toml").write_text(
        "".join(
            f'[[class]]\nname = "{name}"\ncolour = "{colour}"\n'
            for name, colour in (("sky", "#000009"), ("sea", "#090000"), ("road", "#c8c800"))
        )
    )
    for n in range(8):
        write(place / "photos" / f"{n}.jpg", noise(32, 32, 3, n))
        index = noise(32, 32, 1, n) % 3
        write(place / "masks" / f"{n}.png", index)
        picture = Image.fromarray(index[:, :, 0] + 1)
        picture.putpalette([1, 1, 1, 0, 0, 9, 9, 0, 0, 200, 200, 0])
        (place / "tables").mkdir(exist_ok=True)
        picture.save(place / "tables" / f"{n}.png")
    return place


@pytest.mark.parametrize(
    ("targets", "mode", "levels"), [("masks", "L", {0, 1, 2}), ("tables", "P", {1, 2, 3})]
)
def test_class_maps_come_back_as_they_came(place: Path, targets: str, mode: str, levels: set[int]) -> None:
    index_masks(place)
    classes = ("data.target_labels='three.toml'", "data.target_one_hot=true")
    words = [word for setting in classes for word in ("--set", setting)]
    good("train", "photos", targets, *TINY, *words, "--run", "run")
    good("translate", "run", "photos", "-o", "out")
    good("translate", "run", "photos/1.jpg", "-o", "colours", "--format", "png")
    with Image.open(place / "out" / "1.png") as picture:
        assert picture.mode == mode
        assert set(np.unique(np.asarray(picture))) <= levels
        if mode == "P":
            assert picture.getpalette()[:12] == [1, 1, 1, 0, 0, 9, 9, 0, 0, 200, 200, 0]
            assert np.array_equal(np.asarray(picture.convert("RGB")), pixels(place / "colours" / "1.png"))
    assert pixels(place / "colours" / "1.png").shape == (32, 32, 3)
    assert Translator.load("run", "cpu").translate("photos/1.jpg").mode == mode
    # What came out is what training reads.
    good("train", "photos", "out", *TINY, *words, "--run", "again", "--dry-run")


@pytest.mark.parametrize(("width", "noted"), [(32, True), (64, False)])
def test_single_pictures_that_are_cut_in_two_are_noted(place: Path, width: int, noted: bool) -> None:
    for name in "abc":
        write(place / "single" / "train" / f"{name}.png", noise(32, width))
    result = pix2pix("train", "single", *TINY)
    assert result.exit_code == 0, result.stderr
    assert ("is cut in two" in result.stderr) is noted


def test_the_folder_of_a_run_stands_for_its_model(model: Path, place: Path) -> None:
    run = place / "a-run"
    run.mkdir()
    (run / "model.safetensors").write_bytes(model.read_bytes())
    assert good("info", run) == good("info", run / "model.safetensors")


def test_commands_leave_the_collector_of_python_on(model: Path, place: Path) -> None:
    write(place / "a.png")
    good("translate", model, "a.png", "-o", "out")
    assert gc.isenabled()


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


def test_a_stopped_command_does_not_wait_for_threads() -> None:
    """Threads of libraries may still compute, and abort when Python ends before they do."""
    program = """
import threading, time
from pix2pix.cli import main

def app():
    threading.Thread(target=time.sleep, args=[600]).start()
    print("stopped")
    raise SystemExit(130)

main.app = app
main.run()
"""
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=120)
    assert (ended.returncode, ended.stdout, ended.stderr) == (130, "stopped\n", "")
