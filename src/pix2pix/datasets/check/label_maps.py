"""Which halves are label maps, and which colours of a picture are none of the classes that they share.

`find_palette` alone recognises label maps. It sees a few pictures of each half before all are read; each
picture is then compared with the palette.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from pix2pix.pictures.codec import Array, to_pillow
from pix2pix.pictures.find_palette import find_palette, stray_colours
from pix2pix.pictures.palette import Colour, Palette

_LEAST_MAPS = 4
_MAPS_SHARE = 0.8  # of the pictures, at least, are label maps
_FEW = 25  # of fewer pictures none can say that a colour is rare: there each counts as a class
_EXACT_COLOURS = 256
_ENOUGH_PX = 128
_NEAR = 24  # levels between a class's colour and what JPEG makes of it
_STRAYS = 16  # more colours than these of no class: the picture as a whole is in question
_CELL = 32  # levels: stray colours of blurred maps within a cell are one
_BLURRED_SHARE = (
    0.0015  # of a blurred map, at least, is flat in a colour that is reported: its borders are not
)
LabelKind = Literal["exact", "blurred", "no label map"]


@dataclass(frozen=True)
class Classes:
    """The classes that label maps share, their share of the pixels, and whether colours are exact."""

    palette: Palette
    shares: tuple[float, ...]
    exact: bool


@dataclass(frozen=True)
class LabelFacts:
    """What one picture is, and its colours of no class with their shares of it."""

    kind: LabelKind
    strays: dict[Colour, float]


def find_classes(pictures: Sequence[tuple[Array, bool]]) -> Classes | None:
    """Return the classes of pictures (H, W, C), each with whether its file is lossy; None for others.

    Colours that nearly no picture has are left out, so that they are reported as strays.
    """
    textured = [(array, lossy) for array, lossy in pictures if np.ptp(array, axis=(0, 1)).any()]
    maps = [(array, lossy) for array, lossy in textured if find_palette([array])]
    if len(maps) < max(_LEAST_MAPS, _MAPS_SHARE * len(textured)):
        return None
    sharp = [array for array, lossy in maps if _count_colours(array, lossy)]
    exact = 2 * len(sharp) >= len(maps)
    chosen = sharp if exact else [array for array, _ in maps]
    palette = find_palette(chosen, _EXACT_COLOURS)
    if palette is None:
        return None
    counts = np.array([_class_counts(array, palette, 0 if exact else _NEAR) for array in chosen])
    least = 0.0 if exact else _BLURRED_SHARE
    pictures_of = (counts > least * counts.sum(axis=1, keepdims=True)).sum(axis=0)
    kept = [n for n, count in enumerate(pictures_of) if count > rare(len(chosen))]
    if len(kept) < 2:
        return None
    shares = counts.sum(axis=0)[kept] / counts[:, kept].sum()
    order = np.argsort(-shares, kind="stable")
    names = tuple(palette.names[kept[n]] for n in order)
    colours = tuple(palette.colours[kept[n]] for n in order)
    return Classes(Palette(names, colours), tuple(shares[order].tolist()), exact)


def inspect_labels(array: Array, classes: Classes, *, lossy: bool) -> LabelFacts:
    """Compare a picture (H, W, C) with the classes of the others."""
    few, palette = _count_colours(array, lossy), classes.palette
    kind: LabelKind = "exact" if few and classes.exact else "blurred"
    if few and classes.exact:
        known, size = _colours_in(array, palette), array.shape[0] * array.shape[1]
        strays = {colour: count / size for colour, count in few.items() if colour not in known}
    else:
        shares, first = dict[Colour, float](), dict[Colour, Colour]()
        for colour, share in stray_colours(thinned(array), palette):
            key = first.setdefault(cell(colour, exact=False), colour)
            shares[key] = shares.get(key, 0) + share
        strays = {colour: share for colour, share in shares.items() if share >= _BLURRED_SHARE}
    odd = len(strays) > _STRAYS or sum(strays.values()) > 0.5 or (kind == "blurred" and classes.exact)
    if odd and not find_palette([thinned(array)]):
        return LabelFacts("no label map", {})
    return LabelFacts(kind, strays)


def thinned(array: Array) -> Array:
    """Return every second or so of the pixels where there are many: enough for areas, and faster."""
    step = max(1, min(array.shape[:2]) // _ENOUGH_PX)
    return array[::step, ::step]


def cell(colour: Colour, *, exact: bool) -> Colour:
    """Return what a stray colour is counted as: itself, or the cell of colours around it."""
    red, green, blue = colour
    return colour if exact else (red // _CELL, green // _CELL, blue // _CELL)


def rare(pictures: int) -> int:
    """Return in how many pictures, at most, a colour is a stray rather than a rare class."""
    return max(1, pictures // 500) if pictures >= _FEW else 0


def _count_colours(array: Array, lossy: bool) -> dict[Colour, int] | None:
    """Return the colours of a picture and how often each occurs; None of many, and of lossy files."""
    if lossy or array.shape[2] not in (1, 3, 4):
        return None
    counts = to_pillow(array[:, :, : min(3, array.shape[2])]).getcolors(_EXACT_COLOURS)
    triples = ((np.broadcast_to(colour, 3).tolist(), count) for count, colour in counts or [])
    return {(red, green, blue): count for (red, green, blue), count in triples} if counts else None


def _colours_in(array: Array, palette: Palette) -> Sequence[Colour]:
    """Return the classes' colours as they stand in a picture: one channel holds class indexes."""
    by_index = array.shape[2] == 1 and not palette.is_grey
    return [(n, n, n) for n in range(len(palette.names))] if by_index else palette.colours


def _class_counts(array: Array, palette: Palette, levels: int) -> list[int]:
    """Return how many of a picture's pixels are within some levels of each class's colour."""
    pixels = array[::2, ::2, :3].astype(np.int16)
    colours = _colours_in(array, palette)
    return [int((np.abs(pixels - colour) <= levels).all(axis=2).sum()) for colour in np.array(colours)]
