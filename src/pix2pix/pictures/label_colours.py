"""The colours of label maps as numbers: nearest classes, and the colours that pictures share.

Pictures are (H, W, 3) uint8; colours are (K, 3), class k in row k. JPEG and resizing leave the
inside of an area its colour and blur the borders, so that both ways begin in the sure places.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Mask = NDArray[np.bool_]
Index = NDArray[np.uint8]

# JPEG keeps colour at half the size of brightness, and smooths it over two pixels.
BLUR_PX = 2
# A pixel is sure of its class within this distance of the colour, and half that to the next one.
# Of ratios from 0.3 to 0.5 and distances from 16 to 60 these err least on blurred maps.
SURE_DISTANCE = 32
# Along borders brightness is the sharper, so it counts fourfold: rows are 4 Y, Cb, Cr.
BORDER_WEIGHTS = np.array([[1.196, 2.348, 0.456], [-0.169, -0.331, 0.5], [0.5, -0.419, -0.081]], np.float32)
BLOCK_PIXELS = 2**15  # rows are treated in blocks whose distances fit into the cache

FLAT_LEVELS = 4  # a 3 x 3 patch is flat where no channel differs by more
FLAT_SHARE = 0.05  # of the pixels outside the largest area, at least: 0.37 in the facades' maps
MAX_FLAT_COLOURS = 2**15  # more are a photograph's: 1.7 k in 200 label maps, 200 k in 160 flowers
TIGHT_DISTANCE, NEAR_DISTANCE = 6, 12  # of JPEG's error around a colour; of all that belongs to it
TIGHT_SHARE = 0.8  # of what is near a class's colour, at least: shades of a photograph spread
STRAY_SHARE = 0.02  # of the flat pixels outside the largest class, at most, are near no class
CLASS_SHARE = 1e-4  # of the flat pixels, at least, to be a class


def codes(array: Array) -> NDArray[np.int32]:
    """(..., 3) uint8 -> (...) int32: 0xrrggbb."""
    red, green, blue = (array[..., channel].astype(np.int32) for channel in range(3))
    return red << 16 | green << 8 | blue


def split(code: int) -> tuple[int, int, int]:
    """0xrrggbb -> red, green, blue."""
    return code >> 16, code >> 8 & 255, code & 255


def as_rgb(array: Array) -> Array | None:
    """(H, W, 3) of (H, W, 1, 3 or 4) uint8: greys in three channels, alpha ignored; else None."""
    channels = array.shape[2]
    if array.dtype != np.uint8 or channels not in (1, 3, 4):
        return None
    return np.repeat(array, 3, axis=2) if channels == 1 else array[:, :, :3]


# Colours -> classes.


def exact_classes(array: Array, colours: Array) -> tuple[Index, Mask]:
    """(H, W) class of each pixel, and (H, W) where its colour is one; class 0 elsewhere."""
    index, known = np.zeros(array.shape[:2], np.uint8), np.zeros(array.shape[:2], bool)
    for rows in _blocks(array):
        found = codes(array[rows])
        for number, code in enumerate(codes(colours)):
            same = found == code
            index[rows][same] = number
            known[rows] |= same
    return index, known


def snapped_classes(array: Array, colours: Array) -> Index:
    """(H, W) class of the nearest colour; along blurred borders of those on either side.

    A blur of two classes often has the colour of a third. A pixel that is not sure of its class
    gets one that is sure within BLUR_PX; where there is none, the nearest colour's.
    """
    index = np.empty(array.shape[:2], np.uint8)
    for rows in _blocks(array):
        first = max(0, rows.start - BLUR_PX)
        block = _snap_block(array[first : rows.stop + BLUR_PX], colours.astype(np.float32))
        index[rows] = block[rows.start - first :][: rows.stop - rows.start]
    return index


def _blocks(array: Array) -> list[slice]:
    height, width = array.shape[:2]
    rows = max(16, BLOCK_PIXELS // max(1, width))
    return [slice(top, top + rows) for top in range(0, height, rows)]


def _snap_block(array: Array, colours: Array) -> Index:
    index, sure = _nearest(array, colours)
    unsure = np.flatnonzero(~sure)
    blurred = array.reshape(-1, 3)[unsure]
    costs = _distances(blurred @ BORDER_WEIGHTS.T, colours @ BORDER_WEIGHTS.T)
    chosen, lowest = index.ravel()[unsure], np.full(len(unsure), np.inf, np.float32)
    for start in range(0, len(colours), 64):
        nearby = _nearby(index, sure, start).ravel()[unsure]
        for bit, cost in enumerate(costs[start : start + 64]):
            closer = (nearby & np.uint64(1 << bit) != 0) & (cost < lowest)
            chosen[closer] = start + bit
            np.copyto(lowest, cost, where=closer)
    index.ravel()[unsure] = chosen
    return index


def _nearby(index: Index, sure: Mask, start: int) -> NDArray[np.uint64]:
    """(H, W) bit k: class start + k is sure within BLUR_PX; for the 64 classes from `start` on."""
    table = np.zeros(256, np.uint64)
    table[start : start + 64] = 2 ** np.arange(64, dtype=np.uint64)
    bits = np.where(sure, table[index], np.uint64(0))
    for _ in range(2):
        wider = bits.copy()
        for px in range(1, BLUR_PX + 1):
            wider[px:] |= bits[:-px]
            wider[:-px] |= bits[px:]
        bits = wider.T
    return bits


def _nearest(array: Array, colours: Array) -> tuple[Index, Mask]:
    """(H, W) class of the nearest colour (the first of equals), and where it is beyond doubt."""
    shape = array.shape[:2]
    index = np.zeros(shape[0] * shape[1], np.uint8)
    first, second = np.full((2, len(index)), np.inf, np.float32)
    for number, distances in enumerate(_distances(array.reshape(-1, 3), colours)):
        index[distances < first] = number
        np.minimum(second, np.maximum(first, distances), out=second)
        np.minimum(first, distances, out=first)
    sure = first <= np.minimum(second / 4, SURE_DISTANCE**2)  # squared: a quarter is half as far
    return index.reshape(shape), sure.reshape(shape)


def _distances(pixels: Array, colours: Array) -> NDArray[np.float32]:
    """(K, N) squared distances; exact for whole numbers, which float32 holds to 2^24."""
    pixels = pixels.astype(np.float32)
    distances: NDArray[np.float32] = (-2 * colours) @ pixels.T
    distances += np.einsum("nc,nc->n", pixels, pixels)
    distances += (colours**2).sum(1, keepdims=True)
    return distances


# Pictures -> colours.


@dataclass
class Seen:
    """How often each colour code stood anywhere (counted to the limit), and in flat places.

    `solid` are the codes that filled a 3 x 3 patch alone.
    """

    limit: int
    anywhere: Counter[int] = field(default_factory=Counter)
    flat: Counter[int] = field(default_factory=Counter)
    solid: set[int] = field(default_factory=set)
    pixels: int = 0
    one_channel: bool = True

    @property
    def is_exact(self) -> bool:
        """Whether nothing has blurred the colours: they are few, and most fill areas."""
        few = len(self.anywhere) <= self.limit
        return few and 2 * len(self.solid) > len(self.anywhere)


def look(arrays: Iterable[Array], limit: int) -> Seen | None:
    """Count the colours of (H, W, C) pictures; None as soon as they can be no label maps."""
    seen = Seen(limit)
    for array in arrays:
        rgb = as_rgb(array)
        if rgb is None:
            return None
        found = codes(rgb)
        seen.one_channel &= array.shape[2] == 1
        seen.pixels += found.size
        if len(seen.anywhere) <= limit:
            _count(found, seen.anywhere)
        if min(found.shape) > 2:
            inner, ranges = found[1:-1, 1:-1], _ranges(rgb)
            _count(inner[ranges <= FLAT_LEVELS], seen.flat)
            seen.solid.update(np.unique(inner[ranges == 0]).tolist())
        if len(seen.flat) > MAX_FLAT_COLOURS:
            return None
    return seen


def class_colours(seen: Seen) -> list[int]:
    """The codes of 2 to `limit` classes, the most frequent first; empty for photographs."""
    # Lines on paper (edges) are hardly anywhere flat but on the paper.
    paper = max(seen.flat.values(), default=0)
    if seen.flat.total() - paper < max(1, FLAT_SHARE * (seen.pixels - paper)):
        return []
    if seen.is_exact:
        return [code for code, _ in seen.anywhere.most_common()]
    peaks = _peaks(seen.flat)
    return peaks if 2 <= len(peaks) <= seen.limit else []


def _peaks(flat: Counter[int]) -> list[int]:
    """The colours around which nearly all flat pixels are closely gathered, or none."""
    colours, counts = np.array(list(flat.items()), np.int64).T
    points = np.stack(split(colours), axis=1)
    stray, found, masses = 0, [], [0]
    while counts.max() > 0:
        peak = counts.argmax()
        squared = ((points - points[peak]) ** 2).sum(1)
        near = squared <= NEAR_DISTANCE**2
        mass, tight = counts[near].sum(), counts[squared <= TIGHT_DISTANCE**2].sum()
        if mass >= CLASS_SHARE * flat.total() and tight >= TIGHT_SHARE * mass:
            found.append(int(colours[peak]))
            masses.append(mass)
        else:
            stray += mass
        counts[near] = 0
    # The white behind things may fill most of a photograph: it alone makes no label map.
    return found if stray <= STRAY_SHARE * (sum(masses) - max(masses)) else []


def _count(found: Array, into: Counter[int]) -> None:
    values, counts = np.unique(found, return_counts=True)
    into.update(dict(zip(values.tolist(), counts.tolist(), strict=True)))


def _ranges(array: Array) -> Index:
    """(H - 2, W - 2): how far a channel of (H, W, 3) uint8 differs in the 3 x 3 patch around."""
    high, low = _of_patches(array, np.maximum), _of_patches(array, np.minimum)
    return np.asarray((high - low).max(axis=2))


def _of_patches(array: Array, extreme: np.ufunc) -> Array:
    rows = extreme(extreme(array[:-2], array[1:-1]), array[2:])
    return np.asarray(extreme(extreme(rows[:, :-2], rows[:, 1:-1]), rows[:, 2:]))
