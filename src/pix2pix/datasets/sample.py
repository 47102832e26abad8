"""Procedural pairs for the demo: label maps of facades, and the facades drawn from them.

A building is a list of shapes laid one over the other on a grid of 32 x 32 cells. A cell is one
course of bricks, so that openings meet the mortar joints as a mason would have it. What is drawn at
random is only the layout; the painting is a function of the layout (see `sample_render`).

    make_pair(seed=0, index=7, size_px=128)
    make_drawing(seed=0, index=7, size_px=128)
    draw(Path("facades"), {"train": 400, "val": 20}, size_px=128, seed=0)
"""

from collections.abc import Mapping
from itertools import pairwise
from math import floor
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from pix2pix.data.archives import new_folder
from pix2pix.datasets.sample_render import LABEL, PALETTE, render
from pix2pix.errors import UserError
from pix2pix.progress import OnProgress, no_progress

CELLS = 32
# Parts that houses may have, and the share that has them.
_PARTS = {
    "shutters": 0.35,
    "columns": 0.2,
    "arches": 0.35,
    "sills": 0.85,
    "heads": 0.7,
    "bands": 0.5,
    "quoins": 0.4,
    "gable": 0.25,
}
_BALCONIES = ("no balcony", "no balcony", "middle balcony", "long balcony", "every other balcony")
_GROUND_FLOORS = ("windows", "windows", "portal", "shops", "shops")
_MOST_SHAPES = 12  # by hand in a drawing
_LONGEST_STROKE = 60  # squares that a brush leaves
# The part that a house must have ("" for all houses), a label, and left, top, right, bottom of a
# rectangle in cells, y downwards. The topmost `rise` cells are an arch; those of a roof are a triangle.
_Shape = tuple[str, str, float, float, float, float, float]


class _House(NamedTuple):
    """Where things stand, in cells."""

    parts: set[str]
    left: float
    right: float
    floors: list[float]  # what the storeys stand on, from the top down; the eaves are 2 above the first
    axes: list[float]  # the middle of each bay
    pane: float  # width of a window
    entry: int  # the bay of the door


def make_pair(seed: int, index: int, size_px: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Return (source, target), each (size_px, size_px, 3) uint8: building number `index` of `seed`."""
    house = _plan(np.random.default_rng([seed, index]))
    return _painted(house.parts, [*_walls(house), *_storeys(house), *_ground_floor(house)], size_px)


def make_drawing(seed: int, index: int, size_px: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Return (source, target) as `make_pair` does, of what a visitor draws before a house is whole.

    Parts of a house on its walls or on a wall that fills the sheet; shapes and strokes by hand.
    """
    rng = np.random.default_rng([seed, index, 1])
    house, kept = _plan(rng), rng.random()
    walls = _walls(house) if rng.random() < 0.5 else [("", "wall", 0.0, 0.0, CELLS, CELLS, 0.0)]
    parts = [shape for shape in (*_storeys(house), *_ground_floor(house)) if rng.random() < kept]
    return _painted(house.parts, [*walls, *parts, *_by_hand(rng)], size_px)


def draw(
    out: Path,
    counts: Mapping[str, int],
    size_px: int,
    seed: int,
    on_progress: OnProgress = no_progress,
    drawings: float = 0.0,
) -> None:
    """Write out/SPLIT/0001.png ...: source left, target right, 2 size_px wide, size_px high.

    The splits take one building after the other in the order of `counts`, so none is in two. Of those
    in `train` the share `drawings` are unfinished, evenly spread. Raises UserError where `out` exists,
    or all counts are 0.
    """
    names = [f"{split}/{n:04d}.png" for split, count in counts.items() for n in range(1, count + 1)]
    if not names:
        raise UserError("No pairs are wanted.", "Give --count.")
    with new_folder(out) as folder:
        for index, name in enumerate(names):
            (folder / name).parent.mkdir(exist_ok=True)
            unfinished = name.startswith("train/") and int((index + 1) * drawings) > int(index * drawings)
            pair = np.concatenate((make_drawing if unfinished else make_pair)(seed, index, size_px), axis=1)
            Image.fromarray(pair).save(folder / name)
            on_progress(index + 1, len(names))


def _painted(
    parts: set[str], shapes: list[_Shape], size_px: int
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    labels = _rasterise(parts, shapes, size_px)
    return np.array(list(PALETTE.values()), np.uint8)[labels], render(labels)


def _rasterise(parts: set[str], shapes: list[_Shape], size_px: int) -> NDArray[np.uint8]:
    """Return (size_px, size_px) indexes into PALETTE, later shapes over earlier ones."""
    image = Image.new("L", (size_px, size_px), LABEL["background"])
    draw = ImageDraw.Draw(image)
    for part, label, left, top, right, bottom, rise in shapes:
        if part and part not in parts:
            continue
        edges = (left, top, right, bottom, top + rise)
        x0, y0, x1, y1, spring = (floor(edge * size_px / CELLS + 0.5) for edge in edges)
        x1, y1 = max(x1 - 1, x0), max(y1 - 1, y0)  # at least a pixel
        if rise and label in ("cornice", "wall"):  # a roof
            draw.polygon([(x0, spring - 1), ((x0 + x1) / 2, y0), (x1, spring - 1)], LABEL[label])
        elif rise and spring > y0:  # what is less than a pixel high has no arch
            draw.pieslice((x0, y0, x1, 2 * spring - y0 - 1), 180, 360, LABEL[label])
        if spring <= y1:
            draw.rectangle((x0, spring, x1, y1), LABEL[label])
    return np.array(image)


def _snap(cells: float, step: float = 0.25) -> float:
    """Round to a multiple of `step`: a quarter of a cell is a pixel at 128 px."""
    return floor(cells / step + 0.5) * step


def _plan(rng: np.random.Generator) -> _House:
    parts = {part for part, share in _PARTS.items() if rng.random() < share}
    parts -= {"columns", "arches"} if "shutters" in parts else {"quoins"} if "columns" in parts else set()
    parts |= {str(rng.choice(_BALCONIES)), str(rng.choice(_GROUND_FLOORS))}
    left, right = rng.integers(-6, 17, 2).clip(0) / 4  # a third of the sides touch the frame
    right = left if rng.random() < 0.6 else right
    # Bays keep clear of the quoins, and of a corner that stands free against the sky.
    inset = 1.75 if "quoins" in parts else 0.75 if left else 0
    width = CELLS - left - right - 2 * inset
    bays = max(2, round(width / rng.uniform(4.5, 9)))
    ground = CELLS - int(rng.integers(6, 10))
    room = ground - int(rng.integers(8, 11) if "gable" in parts else rng.integers(3, 9))
    storeys = int(rng.integers(-(-room // 9), room // 5 + 1))
    floors = [float(ground - n * (room // storeys)) for n in range(storeys, -1, -1)]
    axes = [_snap(left + inset + (bay + 0.5) * width / bays) for bay in range(bays)]
    pane = _snap(width / bays * rng.uniform(0.36, 0.42 if "shutters" in parts else 0.5), 0.5)
    return _House(parts, float(left), float(CELLS - right), floors, axes, pane, int(rng.integers(bays)))


def _walls(house: _House) -> list[_Shape]:
    left, right, eaves = house.left, house.right, house.floors[0] - 2
    middle, rise = (left + right) / 2, min(eaves - 1, 6.0)
    inset = 0.6 * (right - left) / rise if rise else 0
    quoins = [(y, 1.0 if y // 2 % 2 else 1.75) for y in range(int(eaves) + 2, CELLS, 2)]
    return [
        # Over the whole front: a raked cornice, the wall in it, a round window.
        ("gable", "cornice", left, eaves - rise, right, eaves, rise),
        ("gable", "wall", left + inset, eaves - rise + 1.2, right - inset, eaves, rise - 1.2),
        ("gable", "window head", middle - 1.25, eaves - 2.75, middle + 1.25, eaves, 1.25),
        ("gable", "window", middle - 0.75, eaves - 2.25, middle + 0.75, eaves, 0.75),
        ("", "wall", left, eaves, right, CELLS, 0),
        *(("quoins", "trim", left, y, left + length, y + 1.5, 0) for y, length in quoins),
        *(("quoins", "trim", right - length, y, right, y + 1.5, 0) for y, length in quoins),
        *(("bands", "trim", left, y - 0.25, right, y + 0.25, 0) for y in house.floors[1:]),
        ("", "trim", left, eaves + 1.25, right, eaves + 1.75, 0),
        ("", "cornice", left - 0.5, eaves, right + 0.5, eaves + 1.25, 0),
    ]


def _storeys(house: _House) -> list[_Shape]:
    _, left, right, floors, axes, pane, _ = house
    bay, ground, reach = axes[1] - axes[0], floors[-1], pane / 2 + 0.75
    middle, landings = axes[len(axes) // 2], floors[1:] if len(axes) % 2 else []
    between = (axes[0] - bay / 2, *(axis + bay / 2 for axis in axes)) if bay - pane >= 2.5 else ()
    shafts = [_snap(min(max(axis, left + 0.5), right - 0.5) - 0.5) for axis in between]
    rows = [(top, bottom, 1.0 if bottom - top >= 6 else 0.5) for top, bottom in pairwise(floors)]
    return [
        *(("columns", "column", x, floors[0] - 0.25, x + 1, ground, 0) for x in shafts),
        *(
            shape
            for top, bottom, lintel in rows
            for axis in axes
            for shape in _window(house, axis, top + lintel + 0.5, bottom - 1, lintel)
        ),
        ("long balcony", "balcony", axes[0] - reach, ground - 2, axes[-1] + reach, ground, 0),
        *(("every other balcony", "balcony", x - reach, ground - 2, x + reach, ground, 0) for x in axes[::2]),
        *(("middle balcony", "balcony", middle - reach, y - 2, middle + reach, y, 0) for y in landings),
    ]


def _window(house: _House, axis: float, top: float, bottom: float, lintel: float) -> list[_Shape]:
    """Return a window with what its house puts around it: shutters, a sill, `lintel` high stones above."""
    pane, rise = house.pane, house.pane / 2 if "arches" in house.parts else 0
    left, right = axis - pane / 2, axis + pane / 2
    return [
        ("shutters", "shutter", axis - pane, top, axis + pane, bottom, 0),
        ("heads", "window head", left - 0.5, top - lintel, right + 0.5, top + rise, rise and rise + lintel),
        ("sills", "window sill", left - 0.5, bottom, right + 0.5, bottom + 0.5, 0),
        ("", "window", left, top, right, bottom, rise),
    ]


def _ground_floor(house: _House) -> list[_Shape]:
    """Return a plinth; a portal or a door; windows or shops in the other bays."""
    parts, left, right, floors, axes, pane, entry = house
    top, middle, half = floors[-1], _snap((left + right) / 2), _snap((axes[1] - axes[0]) / 2 - 0.75)
    portal, door, rise = "portal" in parts, axes[entry], 1.25 if "arches" in parts else 0
    free = [axis for axis in axes if (abs(axis - middle) >= pane + 3.5 if portal else axis != door)]
    shapes: list[_Shape] = [("", "trim", left, CELLS - 1, right, CELLS, 0)]
    for axis in free if "shops" not in parts else []:
        shapes += _window(house, axis, top + 1.5, CELLS - 2.5, 0.75)
    if not portal:
        head, foot = top + 0.75, top + 1.5 + rise
        shapes.append(("", "window head", door - 1.75, head, door + 1.75, foot, rise and rise + 0.75))
        shapes.append(("", "door", door - 1.25, top + 1.5, door + 1.25, CELLS, rise))
    return [
        *shapes,
        *(("shops", "entrance", axis - half, top + 1.25, axis + half, CELLS, 0) for axis in free),
        # A wide arched door between two columns under a pediment.
        ("portal", "trim", middle - 3.5, top + 1.5, middle + 3.5, CELLS, 0),
        ("portal", "cornice", middle - 4, top - 0.25, middle + 4, top + 1.5, 1.75),
        ("portal", "column", middle - 3.25, top + 2, middle - 2, CELLS, 0),
        ("portal", "column", middle + 2, top + 2, middle + 3.25, CELLS, 0),
        ("portal", "door", middle - 1.75, top + 2.25, middle + 1.75, CELLS, 1.75),
    ]


def _by_hand(rng: np.random.Generator) -> list[_Shape]:
    """Return rectangles, arches and brush strokes of any label, anywhere."""
    shapes: list[_Shape] = []
    for label in rng.choice(list(LABEL), rng.integers(_MOST_SHAPES + 1)):
        left, top = rng.uniform(-2, CELLS, 2)
        width, height = np.exp(rng.uniform(-1, 2.5, 2))  # a third of a cell to a third of the sheet
        if rng.random() < 0.25:
            shapes += _stroke(rng, str(label), left, top, min(width, 2.0))
        else:
            rise = width / 2 if rng.random() < 0.25 and width < 2 * height else 0.0
            shapes.append(("", str(label), left, top, left + width, top + height, rise))
    return shapes


def _stroke(rng: np.random.Generator, label: str, x: float, y: float, width: float) -> list[_Shape]:
    """Return the squares that a brush leaves which turns little from one to the next."""
    count = rng.integers(2, _LONGEST_STROKE)
    angles = rng.uniform(0, 2 * np.pi) + np.cumsum(rng.normal(0, 0.15, count))
    xs, ys = x + np.cumsum(np.cos(angles)) * width / 2, y + np.cumsum(np.sin(angles)) * width / 2
    return [("", label, left, top, left + width, top + width, 0.0) for left, top in zip(xs, ys, strict=True)]
