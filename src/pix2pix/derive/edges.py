"""Thin line drawings of photographs, like the sources of edges2shoes: black on white.

The paper draws its edges with HED, a trained network, and thins them (section 4, edges -> photo).
This is Canny's detector (1986) in numpy, without weights: blur, Sobel gradients, crests of the
gradient, and hysteresis between two thresholds. It knows contrast and no objects: texture that HED
would leave out is drawn where it is strong.

Axes: C channels, H rows, W columns.
"""

from __future__ import annotations

from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Floats = NDArray[np.float32]
Indices = NDArray[np.intp]

# Chosen by eye on flowers, and near the best agreement with the lines of edges2shoes.
LOW, HIGH, SIGMA_PX = 0.1, 0.25, 1.8
SHORTEST_PX = 10  # shorter lines are specks: the data set's own edges were cleaned of them too
FAINTEST = 1 / 10  # of the depth's range: the noise of a nearly empty picture is no drawing


def draw(photograph: Array, low: float, high: float, sigma_px: float) -> NDArray[np.uint8]:
    """The edges of (H, W, C) uint8, uint16 or float32: (H, W, 1) uint8, lines 0 on 255.

    A line begins where a step is at least `high` and goes on while it is at least `low`, both as
    parts of the picture's contrast (1 is the step from its darkest to its lightest). Neither the
    largest gradient nor a fixed number of levels is the measure: one glint would hide all other
    edges, and a dim or a float picture would have none. `sigma_px` is the blur before.
    """
    picture = np.moveaxis(photograph, -1, 0).astype(np.float32, order="C")
    picture -= picture.min()  # far from 0, floats are coarse
    kernel = _gaussian(sigma_px)
    blurred = _filter(_filter(picture, kernel, 1), kernel, 2)
    contrast = np.ptp(blurred, axis=(1, 2)).max()
    if photograph.dtype.kind == "u":
        contrast = max(contrast, FAINTEST * np.iinfo(photograph.dtype).max)
    # What Sobel answers to a step of the whole contrast, so that sigma changes no threshold.
    middle = len(kernel) // 2
    step = contrast * kernel[middle : middle + 2].mean()
    lines = np.full(photograph.shape[:2], 255, np.uint8)
    if step > 0:
        lines[_lines(blurred / step, low, high)] = 0
    return lines[:, :, None]


def thin(probability: Floats, threshold: float) -> NDArray[np.uint8]:
    """Lines along the crests of an edge probability (H, W) in [0, 1]: (H, W, 1), lines 0 on 255.

    A pixel is on a crest where it exceeds its two neighbours on the side on which the map falls
    more steeply: in its row, or in its column.
    """
    p = np.pad(probability, 1, "edge")
    here, left, right, above, below = (p[1:-1, 1:-1], p[1:-1, :-2], p[1:-1, 2:], p[:-2, 1:-1], p[2:, 1:-1])
    steep = left + right < above + below
    crest = np.where(steep, (here >= left) & (here > right), (here >= above) & (here > below))
    rows, columns = np.nonzero(crest & (here >= threshold))
    line = _connect(rows, columns, here.shape)
    kept = (np.bincount(line, minlength=len(rows)) >= SHORTEST_PX)[line]
    lines = np.full(here.shape, 255, np.uint8)
    lines[rows[kept], columns[kept]] = 0
    return lines[:, :, None]


def _lines(blurred: Floats, low: float, high: float) -> tuple[Indices, Indices]:
    """Rows and columns of the lines of a blurred picture (C, H, W)."""
    down, right, strength = _gradient(blurred)
    rows, columns = _crests(down, right, strength, low)
    line = _connect(rows, columns, strength.shape)
    count = len(rows)
    strongest, length = np.zeros(count, np.float32), np.bincount(line, minlength=count)
    np.maximum.at(strongest, line, strength[rows, columns])
    kept = ((strongest >= high) & (length >= SHORTEST_PX))[line]
    return rows[kept], columns[kept]


def _gaussian(sigma_px: float) -> Floats:
    """Weights of a blur, cut where it has faded."""
    radius = max(1, round(3 * sigma_px))
    weights = np.exp(-0.5 * (np.arange(-radius, radius + 1) / sigma_px) ** 2)
    return cast(Floats, (weights / weights.sum()).astype(np.float32))


def _filter(picture: Floats, kernel: Floats, axis: int) -> Floats:
    """(C, H, W) filtered along an axis; beyond the border the last pixel repeats."""
    size, radius = picture.shape[axis], len(kernel) // 2
    margin = [(radius, radius) if a == axis else (0, 0) for a in range(3)]
    padded = np.moveaxis(np.pad(picture, margin, "edge"), axis, 0)
    total = kernel[0] * padded[:size]
    for shift, weight in enumerate(kernel[1:], 1):
        if weight:
            total += weight * padded[shift : shift + size]
    return np.moveaxis(total, 0, axis)


def _gradient(picture: Floats) -> tuple[Floats, Floats, Floats]:
    """Sobel's derivative down and to the right, and its length, all (H, W).

    Each pixel answers with its strongest channel: a red petal on a leaf of equal grey is an edge.
    """
    across, along = np.array([[-0.5, 0, 0.5], [0.25, 0.5, 0.25]], np.float32)
    down = _filter(_filter(picture, across, 1), along, 2)
    right = _filter(_filter(picture, along, 1), across, 2)
    strength = np.hypot(down, right)
    best = strength.argmax(0)[None]
    down, right, strength = (np.take_along_axis(a, best, 0)[0] for a in (down, right, strength))
    return down, right, strength


def _crests(down: Floats, right: Floats, strength: Floats, low: float) -> tuple[Indices, Indices]:
    """Rows and columns of pixels of at least `low` that no neighbour across the edge exceeds."""
    rows, columns = np.nonzero(strength >= low)
    padded = np.pad(strength, 1)
    dy, dx, here = (a[rows, columns] for a in (down, right, strength))
    steep = np.abs(dy) > np.abs(dx)
    # The gradient points between a straight and a diagonal neighbour: Canny's interpolation.
    share = np.minimum(np.abs(dy), np.abs(dx)) / np.maximum(np.abs(dy), np.abs(dx))
    dy, dx = np.sign(dy).astype(int), np.sign(dx).astype(int)

    def ahead(sign: int) -> Floats:
        y, x = rows + 1, columns + 1
        straight = padded[y + sign * dy * steep, x + sign * dx * ~steep]
        diagonal = padded[y + sign * dy, x + sign * dx]
        return cast(Floats, (1 - share) * straight + share * diagonal)

    # Of two equal neighbours one is kept.
    crest = (here > ahead(1)) & (here >= ahead(-1))
    return rows[crest], columns[crest]


def _connect(rows: Indices, columns: Indices, shape: tuple[int, ...]) -> Indices:
    """For each pixel the number of its line; pixels that touch, corners included, share one."""
    count = len(rows)
    number = np.full((shape[0] + 1, shape[1] + 2), -1)
    number[rows, columns + 1] = np.arange(count)
    near = [number[rows + y, columns + 1 + x] for y, x in ((0, 1), (1, -1), (1, 0), (1, 1))]
    one, other = np.tile(np.arange(count), 4), np.concatenate(near)
    one, other = one[other >= 0], other[other >= 0]
    line = np.arange(count)
    while (line[one] != line[other]).any():
        a, b = line[one], line[other]
        # Every line joins its lowest neighbour, then all look up where that one went.
        np.minimum.at(line, np.maximum(a, b), np.minimum(a, b))
        while (line[line] != line).any():
            line = line[line]
    return line
