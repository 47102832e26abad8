"""The palette that label maps share, found in the pictures themselves; photographs have none.

A label map has few colours, most of them in flat areas. JPEG and resizing leave these areas nearly
their colour and blur the borders, so that blurred maps are recognised by their flat places alone.
"""

import colorsys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import compress, islice

import numpy as np

from pix2pix.errors import UserError
from pix2pix.pictures.codec import Array
from pix2pix.pictures.palette import (
    Colour,
    Palette,
    as_rgb,
    codes,
    describe,
    load_palette,
    palette_names,
    split,
    to_index,
)

_FLAT_LEVELS = 4  # a 3 x 3 patch is flat where no channel differs by more
_FLAT_SHARE = 0.05  # of the pixels outside the largest area, at least: 0.37 in the facades' maps
_MAX_FLAT_COLOURS = 2**15  # more are a photograph's: 1.7 k in 200 label maps, 200 k in 160 flowers
_TIGHT_DISTANCE, _NEAR_DISTANCE = 6, 12  # of JPEG's error around a colour; of all that belongs to it
_TIGHT_SHARE = 0.8  # of what is near a class's colour, at least: shades of a photograph spread
_STRAY_SHARE = 0.02  # of the flat pixels outside the largest class, at most, are near no class
_CLASS_SHARE = 1e-4  # of the flat pixels, at least, to be a class
_MOST_STRAYS = 16
_SAME_CLASS = 48  # distance to the colour of a shipped palette that gives the name


def find_palette(arrays: Iterable[Array], limit: int = 64) -> Palette | None:
    """Return the palette that (H, W, C) label maps share, or None: photographs, drawings of lines.

    Lossless pictures of at most `limit` colours in all give exactly these. Of others the colours
    of flat places count, as JPEG and resizing blur borders alone. Pictures of one channel and
    small numbers are class indexes, and get colours that tell them apart. Classes are called
    class_0, ... from the most frequent on; where half of a shipped palette is found, they have
    its names. Pass ten pictures or more: a single photograph can look like a label map.
    """
    anywhere, flat, solid = Counter[int](), Counter[int](), set[int]()
    pixels, one_channel = 0, True
    for array in arrays:
        rgb = as_rgb(array)
        if rgb is None:
            return None
        colours, ranges = codes(rgb), _ranges(rgb)
        one_channel &= array.shape[2] == 1
        pixels += colours.size
        if len(anywhere) <= limit:
            anywhere.update(_count(colours))
        flat.update(_count(colours[ranges <= _FLAT_LEVELS]))
        solid.update(_count(colours[ranges == 0]))
        if len(flat) > _MAX_FLAT_COLOURS:
            return None
    # Lines on paper (edges) are hardly anywhere flat but on the paper.
    paper = max(flat.values(), default=0)
    if flat.total() - paper < max(1, _FLAT_SHARE * (pixels - paper)):
        return None
    if len(anywhere) <= limit and 2 * len(solid) > len(anywhere):  # nothing has blurred the colours
        highest = max(anywhere) & 255
        if one_channel and highest < limit:
            return _of_indexes(highest + 1)
        return _named([colour for colour, *_ in _clusters(anywhere, 0)], 0)
    peaks = _peaks(flat)
    return _named(peaks, _TIGHT_DISTANCE) if 2 <= len(peaks) <= limit else None


def palette_report(load: Callable[[], Iterable[Array]], where: str, limit: int = 64) -> list[str]:
    """Return the palette of label maps as lines of TOML, each class with its share of the pixels.

    `load` gives the (H, W, C) pictures; it is called twice, so that none is kept in memory.
    Raises UserError, in which `where` is the place, for pictures that share no palette.
    """
    palette = find_palette(load(), limit)
    if palette is None:
        raise UserError(
            f"The pictures of {where} share no palette of {limit} colours or fewer: they are no label maps.",
            "Of pictures side by side, name the half that has the labels: --half left or right.",
        )
    counts = np.zeros(len(palette.names))
    for array in load():
        index = to_index(array, palette, snap=True, name=where)
        counts += np.bincount(index.ravel(), minlength=len(counts))
    return describe(palette, (counts / counts.sum()).tolist())


def stray_colours(array: Array, palette: Palette, *, blurred: bool) -> list[tuple[Colour, float]]:
    """Return the colours of a label map (H, W, C) that the palette lacks, with their shares of it.

    The most frequent come first, 16 at most. Of `blurred` maps (JPEG, resized ones) only flat
    places count, and what is near a class's colour belongs to it; a single pixel says little there.
    A picture of other channels or depth has none.
    """
    rgb = as_rgb(array)
    if rgb is None:
        return []
    radius = _NEAR_DISTANCE if blurred else 0
    colours = codes(rgb)
    counts = _count(colours[_ranges(rgb) <= _FLAT_LEVELS] if blurred else colours)
    offsets = split(np.array(list(counts), np.int64))[:, None] - np.array(palette.colours)
    far = ((offsets**2).sum(2).min(1) > radius**2).tolist()
    clusters = _clusters(dict(compress(counts.items(), far)), radius)
    return [(colour, mass / colours.size) for colour, mass, _ in islice(clusters, _MOST_STRAYS)]


def _count(colours: Array) -> dict[int, int]:
    values, counts = np.unique(colours, return_counts=True)
    return dict(zip(values.tolist(), counts.tolist(), strict=True))


def _ranges(rgb: Array) -> Array:
    """Return by how many levels a channel of (H, W, 3) differs in the 3 x 3 patch around: (H, W).

    At the border, where the patch leaves the picture, it is 255.
    """
    from scipy.ndimage import maximum_filter, minimum_filter

    lightest = maximum_filter(rgb, (3, 3, 1), mode="constant", cval=255)
    darkest = minimum_filter(rgb, (3, 3, 1), mode="constant", cval=0)
    return np.asarray((lightest - darkest).max(2))


def _peaks(flat: Counter[int]) -> list[Colour]:
    """Return the colours around which nearly all flat pixels are closely gathered, or none."""
    peaks, masses, stray = list[Colour](), [0], 0
    for colour, mass, tight in _clusters(flat, _NEAR_DISTANCE):
        if mass >= _CLASS_SHARE * flat.total() and tight >= _TIGHT_SHARE * mass:
            peaks.append(colour)
            masses.append(mass)
        else:
            stray += mass
    # The white behind things may fill most of a photograph: it alone makes no label map.
    return peaks if stray <= _STRAY_SHARE * (sum(masses) - max(masses)) else []


def _clusters(pixels: Mapping[int, int], radius: float) -> Iterator[tuple[Colour, int, int]]:
    """Yield colours, the most frequent first, with the pixels within the radius and tightly around.

    pixels: colour 0xrrggbb -> how many pixels have it. Each pixel counts once.
    """
    colours, counts = np.array(list(pixels.items()), np.int64).reshape(-1, 2).T
    points = split(colours)
    while counts.any():
        peak = points[counts.argmax()]
        squared = ((points - peak) ** 2).sum(1)
        near = squared <= radius**2
        red, green, blue = peak.tolist()
        yield (red, green, blue), int(counts[near].sum()), int(counts[squared <= _TIGHT_DISTANCE**2].sum())
        counts[near] = 0


def _of_indexes(classes: int) -> Palette:
    """Return names and colours for class indexes: 0 is black, the others are hues far from each other."""
    turns = ((number * 0.618034) % 1 for number in range(classes))
    hues = (colorsys.hsv_to_rgb(turn, 0.6 + turn % 0.4, 1) for turn in turns)
    colours = [(round(255 * r), round(255 * g), round(255 * b)) for r, g, b in hues]
    return Palette(_numbered(classes), ((0, 0, 0), *colours[1:]))


def _named(colours: list[Colour], error: float) -> Palette:
    """Return colours under the names of a shipped palette of which they are the most.

    Colours within `error` of the shipped ones become these; others stay what the pictures have.
    Classes that no picture has are kept, colours that are none of its classes come last.
    """
    for shipped in map(load_palette, palette_names()):
        distances = np.sqrt(((np.array(colours)[:, None] - shipped.colours) ** 2).sum(2))
        # Class of the shipped palette -> colour, each the nearest of the other.
        same = {
            int(n): i
            for i, n in enumerate(distances.argmin(1))
            if distances[:, n].argmin() == i and distances[i, n] <= _SAME_CLASS
        }
        if 2 * len(same) < len(shipped.names):
            continue
        kept = tuple(
            colours[same[n]] if n in same and distances[same[n], n] > error else colour
            for n, colour in enumerate(shipped.colours)
        )
        rest = tuple(colour for i, colour in enumerate(colours) if i not in same.values())
        return Palette(shipped.names + _numbered(len(rest)), kept + rest)
    return Palette(_numbered(len(colours)), tuple(colours))


def _numbered(classes: int) -> tuple[str, ...]:
    return tuple(f"class_{number}" for number in range(classes))
