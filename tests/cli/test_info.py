"""`pix2pix info`, and files that are no models."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from tests.cli.command import TINY, good, refused
from tests.helpers import files_below, noise, write, write_pairs, write_text


def test_info_says_what_a_model_is(model: Path) -> None:
    lines = dict(line.split(maxsplit=1) for line in good("info", model).splitlines())
    assert lines["generator"].startswith("unet, width 4")
    assert lines["source"] == "3 channels of uint8, the left half of pairs"
    assert "trained at       32 x 32 px\n" in good("info", model)


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


def test_the_folder_of_a_run_stands_for_its_model(model: Path, place: Path) -> None:
    run = place / "a-run"
    run.mkdir()
    (run / "model.safetensors").write_bytes(model.read_bytes())
    assert good("info", run) == good("info", run / "model.safetensors")
