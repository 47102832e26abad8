"""Every layout of pairs with every kind of picture: trained for a moment, translated, checked.

The slow test makes all cells of the table in docs/data.md; a few of them run always.
"""

from __future__ import annotations

import csv
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pix2pix.config import Config
from pix2pix.inference.folder import translate_items
from pix2pix.inference.items import Options, plan
from pix2pix.inference.translator import Translator
from pix2pix.pictures import codec
from pix2pix.pictures.codec import Array
from pix2pix.training.train import train
from tests.helpers import SMALL, write

PAGE = Path(__file__).parents[1] / "docs" / "data.md"
SIZE, OTHER_SIZE = (36, 44), (40, 50)  # of the pairs, and of the picture that is translated
STEPS = ("training.images=20", "training.validate_images=20", "training.save_images=20")
COLOURS = np.array([(0, 0, 0), (200, 30, 30), (30, 200, 30), (30, 30, 200)], np.uint8)
PALETTE = "\n".join(
    f'[[class]]\nname = "c{n}"\ncolour = "#{bytes(colour).hex()}"' for n, colour in enumerate(COLOURS)
)


@dataclass(frozen=True)
class Kind:
    """Pictures of one depth, number of channels and ending."""

    depth: str
    channels: int
    suffix: str
    labels: bool = False

    def draw(self, seed: int, size: tuple[int, int] = SIZE) -> Array:
        rng = np.random.default_rng(seed)
        if self.labels:
            index = np.kron(rng.integers(0, 4, (2, 2)), np.ones(size, int))[::2, ::2]
            return COLOURS[index] if self.channels == 3 else index[:, :, None].astype(np.uint8)
        share = rng.random((*size, self.channels))
        if self.depth == "float32":
            return (273 + 40 * share).astype(np.float32)
        return (share * np.iinfo(self.depth).max).astype(self.depth)

    def write(self, path: Path, array: Array) -> Path:
        if self.suffix != ".gif":  # which the package reads, but does not write
            return write(path, array)
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(array).save(path)
        return path


PLAIN = Kind("uint8", 3, ".png")
KINDS = {
    "8 bits, RGB": PLAIN,
    "8 bits, grey": Kind("uint8", 1, ".jpg"),
    "16 bits, RGB": Kind("uint16", 3, ".tif"),
    "16 bits, grey": Kind("uint16", 1, ".png"),
    "float": Kind("float32", 1, ".tif"),
    "float, 3 channels": Kind("float32", 3, ".npy"),
    "8 bits, 5 channels": Kind("uint8", 5, ".npy"),
    "16 bits, 5 channels": Kind("uint16", 5, ".tif"),
    "label map": Kind("uint8", 3, ".png", labels=True),
    "label map, class indexes": Kind("uint8", 1, ".png", labels=True),
    "label map, GIF": Kind("uint8", 3, ".gif", labels=True),
}


@dataclass(frozen=True)
class Task:
    """What to train on, and the kind of its sources; with `make` they are made of the targets."""

    data: list[Path]
    source: Kind = PLAIN
    make: str = ""


def side_by_side(root: Path, kind: Kind) -> Task:
    for n in range(8):
        pair = np.concatenate([kind.draw(n), kind.draw(n + 100)], axis=1)
        kind.write(root / "train" / f"{n}{kind.suffix}", pair)
    return Task([root], kind)


def two_folders(root: Path, kind: Kind) -> Task:
    return Task([_halves(root / "from", PLAIN), _halves(root / "to", kind)])


def folders_of_splits(root: Path, kind: Kind) -> Task:
    for split in ("train", "val"):
        _halves(root / split / "source", PLAIN)
        _halves(root / split / "target", kind)
    return Task([root])


def suffixed_folders(root: Path, kind: Kind) -> Task:
    _halves(root / "trainA", PLAIN)
    _halves(root / "trainB", kind)
    return Task([root])


def parts(root: Path, kind: Kind) -> Task:
    for part in ("p1", "p2"):
        _halves(root / part / "images", PLAIN)
        _halves(root / part / "masks", kind)
    return Task([root])


def names_in_one_folder(root: Path, kind: Kind) -> Task:
    for n in range(8):
        write(root / f"{n}.png", PLAIN.draw(n))
        kind.write(root / f"{n}_mask{kind.suffix}", kind.draw(n))
    return Task([root])


def zipped_folders(root: Path, kind: Kind) -> Task:
    _halves(root / "images", PLAIN)
    _halves(root / "masks", kind)
    return Task([Path(shutil.make_archive(str(root), "zip", root))])


def manifest(root: Path, kind: Kind) -> Task:
    return _listed(root, kind, ["source"])


def two_sources(root: Path, kind: Kind) -> Task:
    return _listed(root, kind, ["source_1", "source_2"])


def photographs(root: Path, kind: Kind) -> Task:
    return Task([_halves(root, kind)], kind, "inpaint")


LAYOUTS: dict[str, Callable[[Path, Kind], Task]] = {
    "side by side": side_by_side,
    "two folders": two_folders,
    "`train/source`, `train/target`": folders_of_splits,
    "`trainA`, `trainB`": suffixed_folders,
    "`p1/images`, `p1/masks`, ...": parts,
    "one folder, `1`, `1_mask`": names_in_one_folder,
    "a zip of `images`, `masks`": zipped_folders,
    "manifest": manifest,
    "manifest, two sources": two_sources,
    "photographs, `--make inpaint`": photographs,
}
# Label maps are no photographs.
CELLS = [
    (layout, kind)
    for layout, lay in LAYOUTS.items()
    for kind in KINDS
    if not (KINDS[kind].labels and lay is photographs)
]
# Every kind once, and nearly every layout.
SAMPLE = [
    (list(LAYOUTS)[number % (len(LAYOUTS) - 1 * KINDS[kind].labels)], kind)
    for number, kind in enumerate(KINDS)
]


def _halves(folder: Path, kind: Kind) -> Path:
    for n in range(8):
        kind.write(folder / f"{n}{kind.suffix}", kind.draw(n))
    return folder


def _listed(root: Path, kind: Kind, columns: list[str]) -> Task:
    for column in columns:
        _halves(root / column, PLAIN)
    _halves(root / "target", kind)
    with (root / "pairs.csv").open("w", newline="") as out:
        rows = csv.writer(out)
        rows.writerow([*columns, "target"])
        for n in range(8):
            rows.writerow([*(f"{c}/{n}.png" for c in columns), f"target/{n}{kind.suffix}"])
    source = Kind("uint8", 3 * len(columns), ".png" if len(columns) == 1 else ".npy")
    return Task([root / "pairs.csv"], source)


def settings_for(task: Task, kind: Kind, palette: Path) -> list[str]:
    """The smallest run; label maps are fed and learned as classes."""
    halves = {"source": task.source, "target": kind}
    labels = [
        setting
        for half, drawn in halves.items()
        if drawn.labels
        for setting in (f"data.{half}_labels='{palette}'", f"data.{half}_one_hot=true")
    ]
    return [*SMALL, *STEPS, *labels, *([f"data.make={task.make}"] if task.make else [])]


def check(root: Path, layout: str, name: str) -> str:
    """Train one cell and translate by it; what came out, in words for the table."""
    kind, palette = KINDS[name], root / "palette.toml"
    palette.write_text(PALETTE)
    task = LAYOUTS[layout](root / "data", kind)
    config = Config.load(None, settings_for(task, kind, palette))
    result = train(task.data, config, root / "run", device="cpu")
    assert result.finished
    assert result.failures == []

    picture = task.source.write(root / f"new{task.source.suffix}", task.source.draw(1000, OTHER_SIZE))
    translator = Translator.load(result.model, "cpu")
    jobs = plan([str(picture)], root / "out", translator)
    assert translate_items(translator, jobs, Options(make=bool(task.make))) == []
    output = codec.read(jobs[0].output)
    assert (str(output.dtype), output.shape) == (kind.depth, (*OTHER_SIZE, kind.channels))
    if kind.labels:
        classes = {tuple(c) for c in COLOURS} if kind.channels == 3 else {(n,) for n in range(4)}
        assert {tuple(c) for c in output.reshape(-1, kind.channels)} <= classes
    if kind.depth == "float32":
        assert 272.9 < output.min() < output.max() < 313.1
    return f"{output.dtype} x {output.shape[2]}, {jobs[0].output.suffix}"


def table(outcomes: Mapping[tuple[str, str], str]) -> str:
    """The Markdown table of docs/data.md: what came out by layout and kind of the targets."""
    lines = [["targets", *LAYOUTS], ["---"] * (1 + len(LAYOUTS))]
    lines += [[kind, *(outcomes.get((layout, kind), "-") for layout in LAYOUTS)] for kind in KINDS]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


@pytest.mark.parametrize(("layout", "kind"), SAMPLE)
def test_a_layout_with_a_kind_of_picture(tmp_path: Path, layout: str, kind: str) -> None:
    came_out = check(tmp_path, layout, kind)
    row = next(line for line in PAGE.read_text("utf-8").splitlines() if line.startswith(f"| {kind} |"))
    assert row.split(" | ")[1 + list(LAYOUTS).index(layout)].removesuffix(" |") == came_out


@pytest.mark.slow
def test_every_layout_with_every_kind_of_picture(tmp_path: Path) -> None:
    outcomes = {}
    for number, (layout, kind) in enumerate(CELLS):
        (tmp_path / str(number)).mkdir()
        outcomes[layout, kind] = check(tmp_path / str(number), layout, kind)
    (tmp_path / "table.md").write_text(table(outcomes))
    assert table(outcomes) in PAGE.read_text("utf-8"), f"put this into docs/data.md:\n{table(outcomes)}"
