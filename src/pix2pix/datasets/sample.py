"""Procedural pairs for the demo: label maps of facades, and the facades drawn from them.

A building is a list of shapes laid one over the other on a grid of 32 x 32 cells. A cell is one
course of bricks, so that openings meet the mortar joints as a mason would have it. What is drawn at
random is only the layout; the look is a function of the layout (see `sample_render`).

    make_pair(seed=0, index=7, size_px=128)
    write_pairs(Path("facades"), {"train": 400, "val": 20}, size_px=128, seed=0)
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from math import floor
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from pix2pix.datasets.sample_materials import LABEL, PALETTE
from pix2pix.datasets.sample_render import render

__all__ = ["PALETTE", "make_pair", "write_pairs"]

CELLS = 32


@dataclass(frozen=True)
class _Shape:
    """One label over a rectangle in cells, y downwards; the topmost `rise` cells may be rounded."""

    label: str
    left: float
    top: float
    right: float
    bottom: float
    rise: float = 0.0
    pitched: bool = False  # the rise is a gable instead of an arch


@dataclass(frozen=True)
class _Outline:
    """Where the walls stand, in cells; storeys lie between `floors`, from top to bottom."""

    left: float
    right: float
    eaves: float
    floors: list[float]
    axes: list[float]  # the middle of each bay
    bay: float  # width of a bay
    pane: float  # width of a window

    @property
    def middle(self) -> float:
        return (self.left + self.right) / 2


@dataclass(frozen=True)
class _Style:
    """What the parts of one house have in common."""

    slender: float  # width of a window as a share of its bay
    arched: bool
    sills: bool
    heads: bool
    shutters: bool
    bands: bool
    columns: bool
    quoins: bool
    gable: bool
    balconies: str
    ground: str


def make_pair(seed: int, index: int, size_px: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """(source, target), each (size_px, size_px, 3) uint8: building number `index` of `seed`."""
    labels = _rasterise(_building(np.random.default_rng([seed, index])), size_px)
    return np.array(list(PALETTE.values()), np.uint8)[labels], render(labels)


def write_pairs(
    folder: Path,
    counts: Mapping[str, int],
    size_px: int,
    seed: int,
    progress: Callable[[int], None] | None = None,
) -> None:
    """Writes folder/SPLIT/0001.png ...: source left, target right, 2 size_px wide, size_px high.

    The splits take one building after the other in the order of `counts`, so none is in two.
    `progress` is called after each pair with the number written so far.
    """
    index = 0
    for split, count in counts.items():
        (folder / split).mkdir(parents=True, exist_ok=True)
        for number in range(1, count + 1):
            pair = np.concatenate(make_pair(seed, index, size_px), axis=1)
            Image.fromarray(pair).save(folder / split / f"{number:04d}.png")
            index += 1
            if progress is not None:
                progress(index)


def _rasterise(shapes: Iterator[_Shape], size_px: int) -> NDArray[np.uint8]:
    """(size_px, size_px) indexes into PALETTE, later shapes over earlier ones."""
    labels = np.full((size_px, size_px), LABEL["background"], np.uint8)
    scale = size_px / CELLS
    for shape in shapes:
        x0, x1 = _pixels(shape.left, shape.right, scale)
        y0, y1 = _pixels(shape.top, shape.bottom, scale)
        covered = _inside(shape, y1 - y0, x1 - x0, scale)
        # What lies outside the picture is cut from both, so that an arch keeps its middle.
        covered = covered[max(-y0, 0) : size_px - y0, max(-x0, 0) : size_px - x0]
        labels[max(y0, 0) : y1, max(x0, 0) : x1][covered] = LABEL[shape.label]
    return labels


def _pixels(low: float, high: float, scale: float) -> tuple[int, int]:
    """From cells to pixels, never less than one."""
    first = floor(low * scale + 0.5)
    return first, max(floor(high * scale + 0.5), first + 1)


def _inside(shape: _Shape, height: int, width: int, scale: float) -> NDArray[np.bool_]:
    """Which pixels of its rectangle a shape covers: all, or those under its arch or gable."""
    y = (np.arange(height)[:, None] + 0.5) / scale
    x = np.abs((np.arange(width) + 0.5) / width * 2 - 1)
    if not shape.rise:
        return np.ones((height, width), bool)
    depth = np.clip(1 - y / shape.rise, 0, 1)  # 1 at the crown, 0 where the sides stand upright
    inside: NDArray[np.bool_] = x <= 1 - depth if shape.pitched else x * x + depth * depth <= 1
    return inside


def _snap(cells: float, step: float = 0.25) -> float:
    """To a multiple of `step`: a quarter of a cell is a pixel at 128 px."""
    return floor(cells / step + 0.5) * step


def _building(rng: np.random.Generator) -> Iterator[_Shape]:
    style = _style(rng)
    house = _outline(rng, style)
    yield from _walls(house, style)
    yield from _upper_storeys(house, style)
    yield from _ground_floor(house, style, rng)


def _style(rng: np.random.Generator) -> _Style:
    def chance(share: float) -> bool:
        return bool(rng.random() < share)

    shutters = chance(0.35)
    columns = not shutters and chance(0.3)
    return _Style(
        shutters=shutters,
        arched=not shutters and chance(0.35),
        sills=chance(0.85),
        heads=chance(0.7),
        bands=chance(0.5),
        columns=columns,
        quoins=not columns and chance(0.4),
        gable=chance(0.25),
        slender=float(rng.uniform(0.36, 0.42 if shutters else 0.5)),
        balconies=str(rng.choice(["none", "none", "middle", "long", "alternate"])),
        ground=str(rng.choice(["house", "house", "portal", "shops", "shops"])),
    )


def _outline(rng: np.random.Generator, style: _Style) -> _Outline:
    left, right = rng.integers(-6, 17, 2).clip(0) / 4  # a third of the sides touch the frame
    if rng.random() < 0.6:
        right = left
    # Bays keep clear of the quoins, and of a corner that stands free against the sky.
    inset = 1.75 if style.quoins else 0.75 if left else 0
    width = CELLS - left - right - 2 * inset
    bays = max(2, round(width / rng.uniform(4.5, 9)))
    ground = CELLS - int(rng.integers(6, 10))
    eaves = int(rng.integers(6, 9)) if style.gable else int(rng.integers(1, 7))
    room = ground - eaves - 2
    storeys = int(rng.integers(-(-room // 9), room // 5 + 1))
    height = room // storeys
    return _Outline(
        left=float(left),
        right=float(CELLS - right),
        eaves=float(ground - storeys * height - 2),
        floors=[float(ground - (storeys - n) * height) for n in range(storeys + 1)],
        axes=[_snap(left + inset + (bay + 0.5) * width / bays) for bay in range(bays)],
        bay=width / bays,
        pane=_snap(width / bays * style.slender, 0.5),
    )


def _walls(house: _Outline, style: _Style) -> Iterator[_Shape]:
    left, right, eaves = house.left, house.right, house.eaves
    if style.gable:
        yield from _gable(house)
    yield _Shape("wall", left, eaves, right, CELLS)
    if style.quoins:
        for course in range(int(eaves) + 2, CELLS, 2):
            length = 1.0 if course // 2 % 2 else 1.75
            yield _Shape("trim", left, course, left + length, course + 1.5)
            yield _Shape("trim", right - length, course, right, course + 1.5)
    if style.bands:
        for floor_line in house.floors[1:]:
            yield _Shape("trim", left, floor_line - 0.25, right, floor_line + 0.25)
    yield _Shape("trim", left, eaves + 1.25, right, eaves + 1.75)
    yield _Shape("cornice", left - 0.5, eaves, right + 0.5, eaves + 1.25)


def _gable(house: _Outline) -> Iterator[_Shape]:
    """A gable over the whole front: a raked cornice, the wall in it, a round window."""
    rise = min(house.eaves - 1, 6.0)
    top, eaves, middle = house.eaves - rise, house.eaves, house.middle
    yield _Shape("cornice", house.left, top, house.right, eaves, rise, pitched=True)
    inset = 1.2 * (house.right - house.left) / 2 / rise
    yield _Shape("wall", house.left + inset, top + 1.2, house.right - inset, eaves, rise - 1.2, True)
    if rise >= 5:
        yield _Shape("window head", middle - 1.25, eaves - 2.75, middle + 1.25, eaves, 1.25)
        yield _Shape("window", middle - 0.75, eaves - 2.25, middle + 0.75, eaves, 0.75)


def _upper_storeys(house: _Outline, style: _Style) -> Iterator[_Shape]:
    if style.columns and house.bay - house.pane >= 2.5:
        yield from _pilasters(house)
    for top, bottom in pairwise(house.floors):
        lintel = 1.0 if bottom - top >= 6 else 0.5
        for axis in house.axes:
            yield from _window(axis, top + lintel + 0.5, bottom - 1, house.pane, lintel, style)
    for left, right, bottom in _balconies(house, style):
        yield _Shape("balcony", left, bottom - 2, right, bottom)


def _balconies(house: _Outline, style: _Style) -> Iterator[tuple[float, float, float]]:
    """(left, right, bottom) of each balcony: below one window, below all, or below every other."""
    reach = house.pane / 2 + 0.75
    bottom = house.floors[-1]
    middle = house.axes[len(house.axes) // 2]
    if style.balconies == "long":
        yield house.axes[0] - reach, house.axes[-1] + reach, bottom
    elif style.balconies == "middle" and len(house.axes) % 2:
        yield from ((middle - reach, middle + reach, bottom) for bottom in house.floors[1:])
    elif style.balconies == "alternate":
        yield from ((axis - reach, axis + reach, bottom) for axis in house.axes[::2])


def _pilasters(house: _Outline) -> Iterator[_Shape]:
    top, bottom = house.eaves + 1.75, house.floors[-1]
    for number in range(len(house.axes) + 1):
        middle = house.axes[0] + (number - 0.5) * house.bay
        middle = min(max(middle, house.left + 0.5), house.right - 0.5)
        yield _Shape("column", _snap(middle - 0.5), top, _snap(middle - 0.5) + 1, bottom)


def _window(
    axis: float, top: float, bottom: float, pane: float, lintel: float, style: _Style
) -> Iterator[_Shape]:
    """A window with what its style puts around it; `pane` wide, with `lintel` high stones above."""
    left, right = axis - pane / 2, axis + pane / 2
    rise = pane / 2 if style.arched else 0.0
    if style.shutters:
        yield _Shape("shutter", left - pane / 2, top, right + pane / 2, bottom)
    if style.heads:
        ring = rise + lintel if rise else 0.0
        yield _Shape("window head", left - 0.5, top - lintel, right + 0.5, top + rise, ring)
    if style.sills:
        yield _Shape("window sill", left - 0.5, bottom, right + 0.5, bottom + 0.5)
    yield _Shape("window", left, top, right, bottom, rise)


def _ground_floor(house: _Outline, style: _Style, rng: np.random.Generator) -> Iterator[_Shape]:
    top = house.floors[-1]
    yield _Shape("trim", house.left, CELLS - 1, house.right, CELLS)
    if style.ground == "portal":
        yield from _portal(house, style)
        return
    entry = int(rng.integers(len(house.axes)))
    for bay, axis in enumerate(house.axes):
        if bay == entry:
            yield from _door(axis, top + 1.5, style)
        elif style.ground == "shops":
            half = _snap(house.bay / 2 - 0.75)
            yield _Shape("entrance", axis - half, top + 1.25, axis + half, CELLS)
        else:
            yield from _window(axis, top + 1.5, CELLS - 2.5, house.pane, 0.75, style)


def _door(axis: float, top: float, style: _Style) -> Iterator[_Shape]:
    half, rise = 1.25, 1.25 if style.arched else 0.0
    ring = rise + 0.75 if rise else 0.0
    yield _Shape("window head", axis - half - 0.5, top - 0.75, axis + half + 0.5, top + rise, ring)
    yield _Shape("door", axis - half, top, axis + half, CELLS, rise)


def _portal(house: _Outline, style: _Style) -> Iterator[_Shape]:
    """A wide arched door between two columns under a pediment, and windows beside it."""
    top, middle = house.floors[-1], _snap(house.middle)
    for axis in house.axes:
        if abs(axis - middle) - house.pane >= 3.5:
            yield from _window(axis, top + 1.5, CELLS - 2.5, house.pane, 0.75, style)
    yield _Shape("trim", middle - 3.5, top + 1.5, middle + 3.5, CELLS)
    yield _Shape("cornice", middle - 4, top - 0.25, middle + 4, top + 1.5, 1.75, pitched=True)
    yield _Shape("column", middle - 3.25, top + 2, middle - 2, CELLS)
    yield _Shape("column", middle + 2, top + 2, middle + 3.25, CELLS)
    yield _Shape("door", middle - 1.75, top + 2.25, middle + 1.75, CELLS, 1.75)
