"""Which halves are label maps, and which colours of a picture are none of the classes that they share.

`find_palette` alone recognises label maps. It sees a few pictures of each half before all are read; each
picture is then compared with the palette.
"""

from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np
from PIL import Image

from pix2pix.pictures.codec import Array
from pix2pix.pictures.find_palette import find_palette, stray_colours, thinned
from pix2pix.pictures.palette import Colour, Palette, as_rgb

_LEAST_MAPS = 4
_MAPS_SHARE = 0.8  # of the pictures, at least, are label maps
_FEW = 25  # of fewer pictures none can say that a colour is rare: there each counts as a class
_EXACT_COLOURS = 256
ENOUGH_PX = 128  # sides of larger pictures are thinned, which is enough for areas, and faster
_NEAR = 24  # levels between a class's colour and what JPEG makes of it
_STRAYS = 16  # so many colours of no class: the picture as a whole is in question
_CELL = 32  # levels: stray colours of blurred maps within a cell are one
_BLURRED_SHARE = 0.0015  # of a blurred map is at least flat in a reported colour: its borders are not


class Classes(NamedTuple):
    """The classes that label maps share, their share of the pixels, and whether colours are exact."""

    palette: Palette
    shares: tuple[float, ...]
    exact: bool


class LabelFacts(NamedTuple):
    """What one picture is, and its colours of no class with their shares of it."""

    kind: Literal["exact", "blurred", "no label map"]
    strays: dict[Colour, float]


def find_classes(pictures: Sequence[tuple[Array, bool]]) -> Classes | None:
    """Return the classes of pictures (H, W, C), each with whether its file is lossy; None for others.

    Colours that nearly no picture has are left out, so that they are reported as strays.
    """
    textured = [(array, lossy) for array, lossy in pictures if np.ptp(array, axis=(0, 1)).any()]
    maps = [(array, lossy) for array, lossy in textured if find_palette([array])]
    if len(maps) < max(_LEAST_MAPS, _MAPS_SHARE * len(textured)):
        maps = textured  # strongly compressed ones are recognised together
        if len(maps) < _LEAST_MAPS or not find_palette(array for array, _ in maps):
            return None
    sharp = [array for array, lossy in maps if _few_colours(array, lossy)]
    exact = 2 * len(sharp) >= len(maps)
    chosen = sharp if exact else [array for array, _ in maps]
    palette = find_palette(chosen, _EXACT_COLOURS)
    if palette is None:
        return None
    names, colours = palette.names, palette.colours
    levels, least = (0, 0.0) if exact else (_NEAR, _BLURRED_SHARE)
    if chosen[0].shape[2] == 1 and not palette.is_grey:  # class indexes: colours as they stand in the files
        colours = tuple((index, index, index) for index in range(len(colours)))
    if palette.ignored:
        names, colours = (*names, "ignored"), (*colours, palette.ignored.colour)
    shares = np.array([[_share(array, colour, levels) for colour in colours] for array in chosen])
    kept = np.flatnonzero((shares > least).sum(axis=0) > rare(len(chosen))).tolist()
    if len(kept) < 2:
        return None
    named = Palette(tuple(names[n] for n in kept), tuple(colours[n] for n in kept))
    return Classes(named, tuple((shares.mean(axis=0)[kept] / shares.mean(axis=0).sum()).tolist()), exact)


def inspect_labels(array: Array, classes: Classes, *, lossy: bool) -> LabelFacts:
    """Compare a picture (H, W, C) with the classes of the others."""
    few, palette = _few_colours(array, lossy), classes.palette
    if few and classes.exact:
        strays = [] if few <= {*palette.colours} else stray_colours(array, palette, blurred=False)
    else:
        flat = stray_colours(thinned(array, ENOUGH_PX), palette, blurred=True)
        strays = [(colour, share) for colour, share in flat if share >= _BLURRED_SHARE]
    odd = len(strays) >= _STRAYS or sum(share for _, share in strays) > 0.5
    if (odd or (classes.exact and not few)) and not find_palette([thinned(array, ENOUGH_PX)]):
        return LabelFacts("no label map", {})
    return LabelFacts("exact" if few and classes.exact else "blurred", dict(strays))


def cell(colour: Colour, *, exact: bool) -> Colour:
    """Return what a stray colour is counted as: itself, or the cell of colours around it."""
    red, green, blue = colour
    return colour if exact else (red // _CELL, green // _CELL, blue // _CELL)


def rare(pictures: int) -> int:
    """Return in how many pictures, at most, a colour is a stray rather than a rare class."""
    return max(1, pictures // 500) if pictures >= _FEW else 0


def _few_colours(array: Array, lossy: bool) -> set[object] | None:
    """Return the colours of a picture; None of many, and of lossy files."""
    rgb = as_rgb(array)
    if lossy or rgb is None:
        return None
    counts = Image.fromarray(rgb).getcolors(_EXACT_COLOURS)
    return {colour for _, colour in counts} if counts else None


def _share(array: Array, colour: Colour, levels: int) -> float:
    """Return how much of a picture is within some levels of a colour."""
    pixels = array[::2, ::2, :3].astype(np.int16)
    return float((np.abs(pixels - np.array(colour, np.int16)) <= levels).all(axis=2).mean())
