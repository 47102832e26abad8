"""Every snippet of the documents: parsed by the program that it is for, and run where a test can run it."""

from __future__ import annotations

import os
import re
import subprocess
import tomllib
from collections.abc import Callable, Mapping
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.main import get_command

from pix2pix.cli.main import app
from pix2pix.config import Config, recipe_names
from pix2pix.pictures import codec
from tests.cli.command import pix2pix
from tests.helpers import SMALL, noise, write, write_model
from tests.snippets import ROOT, Block, blocks, commands, documents, ours

# What a test does not run but only parses, by what the command begins with or holds, and why.
NOT_RUN = {
    r"^data fetch ": "downloads; tests/datasets/test_fetch.py",
    r"^(study )?serve ": "runs until it is stopped; tests/serve, tests/evaluation/study",
    r"^demo$": "trains for minutes; tests/test_demo.py",
    r"^bulk ": "starts Ray; tests/bulk",
    r"^import ": "a file of another package; tests/importing",
    r"facades.safetensors": "what `import` has written",
    r"^study report": "needs the answers of people; tests/evaluation/study",
    r" --web ": "downloads the browser's runtime; tests/export",
    r"best[=.]": "needs the weights of a feature network; tests/training/test_selection.py",
    r"hub:": "downloads; tests/data/test_hub.py",
    r"^push ": "uploads",
    r"--log wandb": "sends to a service; tests/training/test_logs.py",
    r"^data cache .*--clear": "keeps what the process of the tests still uses; tests/data/test_cache.py",
}
PARSED_ONLY = {"nginx", "html", "js"}  # no parser of theirs is at hand
LENGTH = [f"training.{name}_images=2" for name in ("log", "validate", "save")]
COLOURS = np.array([(0, 6, 217), (13, 61, 251), (165, 0, 0), (0, 117, 255)], np.uint8)  # of facades
CAMVID = '[[class]]\nname = "a"\ncolour = "#000000"\n[[class]]\nname = "b"\ncolour = "#0d3dfb"\n'


def every(*languages: str) -> list[Block]:
    return [block for path in documents() for block in blocks(path) if block.language in languages]


def label_map(seed: int = 0, size: int = 32) -> np.ndarray:
    """Squares of the classes of facades, (H, W, 3) uint8."""
    classes = np.random.default_rng(seed).integers(0, len(COLOURS), (size // 8, size // 8))
    return COLOURS[classes].repeat(8, 0).repeat(8, 1)


def facades(path: Path) -> None:
    for split, first in (("train", 0), ("val", 4), ("test", 8)):
        for n in range(first, first + 4):
            write(path / split / f"{n}.png", np.hstack([noise(32, 32, seed=n), label_map(n)]))


def pictures(path: Path) -> None:
    for n in range(60):
        write(path / f"{n}.png", noise(32, 64, seed=n))


def animation(path: Path) -> None:
    frames = [Image.fromarray(noise(32, 32, seed=n)) for n in range(3)]
    frames[0].save(path, save_all=True, append_images=frames[1:], duration=40)


def clip(path: Path) -> None:
    av = pytest.importorskip("av")
    with av.open(str(path), "w") as out:
        stream = out.add_stream("libx264", rate=25)
        stream.width = stream.height = 32
        for n in range(3):
            out.mux(stream.encode(av.VideoFrame.from_ndarray(noise(32, 32, seed=n))))
        out.mux(stream.encode())


def heights(path: Path) -> None:
    for half in ("source", "target"):
        for n in range(4):
            values = noise(32, 32, 1, seed=n).astype(np.float32)
            if half == "target":
                values = 255 - values
                values[0, 0] = -9999
            write(path / half / f"{n}.tif", values)


def labelled(path: Path) -> None:
    """Pairs in `source` and `target`; the sources are label maps."""
    for split in ("train", "val"):
        for n in range(4):
            write(path / split / "source" / f"{n}.png", (label_map(n)[..., :1] > 6).astype(np.uint8))
            write(path / split / "target" / f"{n}.png", noise(32, 32, seed=n))


def camvid(path: Path) -> None:
    for folder in ("train", "trainannot", "val", "valannot"):
        for n in range(4):
            classes = (label_map(n)[..., :1] > 6).astype(np.uint8)
            write(path / folder / f"{n}.png", classes if folder.endswith("annot") else noise(32, 32, seed=n))


def masks(path: Path) -> None:
    for n in range(4):
        write(path / "images" / f"{n}.png", noise(32, 32, seed=n))
        write(path / "masks" / f"{n}.png", label_map(n))


def video_frames(path: Path) -> None:
    for n in range(12):
        write(path / f"video{n // 2}_{n}.png", noise(32, 64, seed=n))


# Input of the documents -> what makes it. Folders of runs are trained, by `run_of`.
INPUTS: dict[str, Callable[[Path], object]] = {
    "facades": facades,
    "facades/val": facades,
    "camvid.toml": lambda path: path.write_text(CAMVID),
    "clip.mp4": clip,
    "drawing.gif": animation,
    "walk.gif": animation,
    "eyes": masks,
    "frames": video_frames,
    "heights": heights,
    "labels.png": lambda path: write(path, label_map()),
    "sketch.png": write,
    "mosaic.tif": lambda path: codec.write(noise(64, 64), path),
    "model.safetensors": write_model,
    "pairs": pictures,
    "shoes": facades,
    "DATA": facades,
    "datasets/facades": facades,
    **dict.fromkeys(
        ("photos", "labels", "labels/", "photographs", "flowers", "edges", "translated"), pictures
    ),
    **dict.fromkeys(("photos/grey", "photos/colour", "out", "out/l1", "out/cgan"), pictures),
}
# What a page calls by a name that others use for something else.
OF_PAGE = {"docs/results/evaluation.md": {"labels": labelled, "camvid": camvid}}
SCORER = ("--recipe", "scorer", "--set", "data.target_labels=facades", "--set", "data.snap_labels=true")
RUNS = {
    **dict.fromkeys(("runs/facades", "runs/l1", "runs/cgan", "runs/shoes"), ("--recipe", "facades")),
    **dict.fromkeys(("scorer", "scorer256", "runs/scorer"), SCORER),
}


def tiny(words: list[str]) -> list[str]:
    """The smallest networks and two images; a recipe without a GAN has no discriminator to make small."""
    gan = ("--recipe", "scorer") not in pairwise(words)
    small = [s for s in SMALL if gan or "discriminator" not in s]
    length = ["training.images=2"] if "--epochs" not in words else []
    return [word for setting in (*small, *length, *LENGTH) for word in ("--set", setting)]


def outputs_of(words: list[str]) -> list[str]:
    return [after for word, after in pairwise(words) if word in ("-o", "--out", "--run")]


def run(words: list[str], inputs: Mapping[str, Callable[[Path], object]] = INPUTS) -> None:
    """Run a command of a document on inputs that are made when they are named first; training is short."""
    outputs = outputs_of(words)
    for word in words:
        name = word.rpartition("=")[2].removesuffix("/model.safetensors").removesuffix("/scores")
        if name in outputs or Path(name).exists():
            continue
        if name in RUNS:
            run(["train", "facades", *RUNS[name], "--run", name])
            if word.endswith("/scores"):
                run(["evaluate", name, "facades", "-o", f"{name}/scores"])
        elif name in inputs:
            inputs[name](Path(name.partition("/val")[0]))
    result = pix2pix(*words, *(tiny(words) if words[0] in ("train", "ablate") else ()))
    assert result.exit_code == 0, f"{' '.join(words)}\n{result.output}"


def skipped(words: list[str], command: list[str]) -> bool:
    line = " ".join(command)
    return words[0] != "pix2pix" or any(re.search(pattern, line) for pattern in NOT_RUN)


def run_shell(block: Block) -> None:
    inputs = INPUTS | OF_PAGE.get(block.path.relative_to(ROOT).as_posix(), {})
    for number, words in enumerate(commands(block.text)):
        command = ours(words)
        if command is not None and not skipped(words, command):
            if block.path.name == "commands.md" and any(Path(out).exists() for out in outputs_of(command)):
                Path(f"again{number}").mkdir()  # examples that write to one place are alternatives
                os.chdir(f"again{number}")
            run(["1" if before == "--epochs" else word for before, word in pairwise(("", *command))], inputs)


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("block", every("sh"), ids=lambda block: block.name)
def test_commands_are_understood(block, place):
    (place / "camvid.toml").write_text(CAMVID)
    for words in commands(block.text):
        command = ours(words)
        if command is None:
            continue
        group, rest = get_command(app), list(command)
        while hasattr(group, "commands"):
            assert rest[0] in group.commands, f"{block.name}: {rest[0]}"
            group = group.commands[rest.pop(0)]
        context = group.make_context("pix2pix", rest)
        settings = context.params.get("settings") or context.params.get("set_") or []
        recipe = context.params.get("recipe")
        Config.load(recipe if recipe in recipe_names() else None, settings)


@pytest.mark.parametrize("block", every("sh"), ids=lambda block: block.name)
def test_shells_understand_them(block):
    checked = subprocess.run(["bash", "-n"], input=block.text, capture_output=True, text=True)
    assert checked.returncode == 0, f"{block.name}: {checked.stderr}"


def test_other_languages_are_parsed():
    for block in every("python"):
        compile(block.text, block.name, "exec")
    for block in every("toml"):
        tomllib.loads(block.text)
    known = {"sh", "python", "toml"} | PARSED_ONLY
    assert {block.language for path in documents() for block in blocks(path)} <= known


def run_page(path: Path, place: Path) -> None:
    """Run a page from the top to the bottom in one folder; the blocks of commands.md stand alone."""
    for number, block in enumerate(b for b in blocks(path) if b.language == "sh"):
        folder = place / path.stem / (str(number) if path.name == "commands.md" else "all")
        folder.mkdir(parents=True, exist_ok=True)
        with pytest.MonkeyPatch.context() as patch:
            patch.chdir(folder)
            run_shell(block)


@pytest.mark.parametrize("name", ["README.md", "docs/start.md"])
def test_the_first_commands_run(name, place):
    run_page(ROOT / name, place)


@pytest.mark.slow
@pytest.mark.parametrize("path", documents(), ids=lambda path: path.relative_to(ROOT).as_posix())
def test_commands_run(path, place):
    run_page(path, place)


@pytest.mark.parametrize("name", ["README.md", "README.zh.md", "docs/api.md"])
def test_python_runs(name, place, monkeypatch):
    """The settings of the documents are replaced by those of the smallest networks."""
    from pix2pix import Config

    load, small = Config.load, [*SMALL, "training.images=2", *LENGTH]
    monkeypatch.setattr(Config, "load", lambda recipe=None, settings=(): load(recipe, [*settings, *small]))
    facades(place / "facades")
    write(place / "labels.png", label_map())
    for block in blocks(ROOT / name):
        if block.language == "python":
            exec(compile(block.text, block.name, "exec"), {})
    with Image.open(place / "house.png") as house:
        assert house.size == (32, 32)


@pytest.mark.slow
def test_an_exported_model_runs_as_the_page_says(place):
    pytest.importorskip("onnxruntime")
    run(["export", "runs/facades", "--onnx", "facades.onnx", "--torch", "facades.pt2"])
    write(place / "labels.png", label_map())
    names: dict[str, object] = {}
    outputs = []
    for block in blocks(ROOT / "docs" / "export.md"):
        if block.language == "python":
            exec(compile(block.text, block.name, "exec"), names)
            outputs.append(np.asarray(names["target"].detach() if outputs else names["target"]))
    by_onnx, by_torch = outputs
    np.testing.assert_allclose(by_torch, by_onnx, atol=1e-4)
