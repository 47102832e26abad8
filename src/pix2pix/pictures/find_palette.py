"""The palette that label maps share, found in the pictures themselves; photographs have none.

A label map has few colours, most of them in flat areas. JPEG and resizing leave these areas nearly
their colour and blur the borders, so that blurred maps are recognised by their flat places alone. Strong
compression leaves little of small areas flat: its maps are recognised from several pictures together.
"""

import colorsys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from itertools import compress, islice
from typing import NamedTuple

import numpy as np

from pix2pix.errors import UserError
from pix2pix.pictures.codec import Array
from pix2pix.pictures.contract import IGNORED, Ignored
from pix2pix.pictures.palette import MAX_CLASSES, Colour, Palette, as_levels, as_rgb, codes, split, to_index
from pix2pix.pictures.palette_file import describe, load_palette, palette_names


class _Flatness(NamedTuple):
    """What counts as flat, and how far JPEG takes the colours of flat places from that of their class."""

    levels: int  # a 3 x 3 patch is flat where no channel differs by more
    close: int  # distance from a colour within which most that belongs to it lies
    around: int  # distance within which all that belongs to it lies


class _Cluster(NamedTuple):
    """A frequent colour, and the pixels around it and close to it."""

    colour: Colour
    around: int
    close: int


# Compression of quality 75 blurs small areas at 128 px so far; classes within 24 levels become one.
_PLAIN, _COMPRESSED = _Flatness(4, 6, 12), _Flatness(8, 12, 24)
_SEVERAL = 4  # pictures, at least, in which strong compression is considered
_FLAT_SHARE = 0.05  # of the pixels outside the largest area, at least: 0.37 in the facades' maps
_MAX_FLAT_COLOURS = 2**15  # more are a photograph's: 1.7 k in 200 label maps, 200 k in 160 flowers
_CLOSE_SHARE = 0.8  # of what is around a class's colour, at least: shades of a photograph spread
_STRAY_SHARE = 0.02  # of the flat pixels outside the largest class, at most, are around no class
_CLASS_SHARE = 1e-4  # of the flat pixels, at least, to be a class
_MOST_STRAYS = 16
_MOST_INDEXES = 64  # classes, in maps in which 255 marks pixels of no class and not the lightest level
_SAME_CLASS = 48  # distance to the colour of a shipped palette that gives the name


def thinned(array: Array, enough_px: int) -> Array:
    """Return every n-th row and column of a picture (H, W, C) whose sides are longer: areas stay areas."""
    step = max(1, min(array.shape[:2]) // enough_px)
    return array[::step, ::step]


def find_palette(arrays: Iterable[Array], limit: int = 64) -> Palette | None:
    """Return the palette that (H, W, C) label maps share, or None: photographs, drawings of lines.

    Lossless pictures of at most `limit` colours in all give exactly these. Of others the colours
    of flat places count, as JPEG and resizing blur borders alone. Pictures of one channel and
    small numbers are class indexes, and get colours that tell them apart; 255 next to them marks
    pixels of no class. Classes are called
    class_0, ... from the most frequent on; where half of a shipped palette is found, they have
    its names. Pass ten pictures or more: a single photograph can look like a label map.
    """
    every, unblurred = Counter[int](), set[int]()  # colours, with the pixels of each
    flat = {flatness: Counter[int]() for flatness in (_PLAIN, _COMPRESSED)}
    pictures, pixels, one_channel = 0, 0, True
    for array in arrays:
        rgb = as_rgb(as_levels(array))
        if rgb is None:
            return None
        colours, ranges = codes(rgb), _ranges(rgb)
        one_channel &= array.shape[2] == 1
        pictures, pixels = pictures + 1, pixels + colours.size
        if len(every) <= limit:
            every.update(_count(colours))
        for flatness, counts in flat.items():
            counts.update(_count(colours[ranges <= flatness.levels]))
        unblurred.update(_count(colours[ranges == 0]))
        if len(flat[_PLAIN]) > _MAX_FLAT_COLOURS:
            return None
    considered = [f for f in flat if f is _PLAIN or pictures >= _SEVERAL]
    largely_flat = [f for f in considered if _is_largely_flat(flat[f], pixels)]
    if len(every) <= limit and 2 * len(unblurred) > len(every):  # nothing has blurred the colours
        if _PLAIN not in largely_flat:
            return None
        if one_channel and (palette := _of_levels({colour & 255 for colour in every}, limit)):
            return palette
        return _named([cluster.colour for cluster in _clusters(every, 0)], 0)
    candidates = (_peaks(flat[flatness], flatness) for flatness in largely_flat)
    peaks = next((colours for colours in candidates if 2 <= len(colours) <= limit), None)
    return _named(peaks, _PLAIN.close) if peaks else None


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
        counts += np.bincount(index.ravel(), minlength=MAX_CLASSES)[: len(counts)]  # without ignored pixels
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
    radius = _PLAIN.around if blurred else 0
    colours = codes(rgb)
    counts = _count(colours[_ranges(rgb) <= _PLAIN.levels] if blurred else colours)
    offsets = split(np.array(list(counts), np.int64))[:, None] - np.array(palette.colours)
    far = ((offsets**2).sum(2).min(1) > radius**2).tolist()
    clusters = _clusters(dict(compress(counts.items(), far)), radius)
    return [(cluster.colour, cluster.around / colours.size) for cluster in islice(clusters, _MOST_STRAYS)]


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


def _is_largely_flat(flat: Counter[int], pixels: int) -> bool:
    """Return whether enough of the pixels are flat; lines on paper (edges) hardly are but on the paper."""
    paper = max(flat.values(), default=0)
    return flat.total() - paper >= max(1, _FLAT_SHARE * (pixels - paper))


def _peaks(flat: Counter[int], flatness: _Flatness) -> list[Colour]:
    """Return the colours around which nearly all flat pixels are closely gathered, or none."""
    least = _CLASS_SHARE * flat.total()
    clusters = list(_clusters(flat, flatness.around, flatness.close))
    classes = [c for c in clusters if c.around >= least and c.close >= _CLOSE_SHARE * c.around]
    sizes = [c.around for c in classes]
    strays = flat.total() - sum(sizes)
    # The white behind things may fill most of a photograph: it alone makes no label map.
    gathered = strays <= _STRAY_SHARE * (sum(sizes) - max(sizes, default=0))
    return [c.colour for c in classes] if gathered else []


def _clusters(pixels: Mapping[int, int], around: float, close: float = 0) -> Iterator[_Cluster]:
    """Yield colours, the most frequent first, with the pixels within the two distances.

    pixels: colour 0xrrggbb -> how many pixels have it. Each pixel counts once.
    """
    colours, counts = np.array(list(pixels.items()), np.int64).reshape(-1, 2).T
    points = split(colours)
    while counts.any():
        peak = points[counts.argmax()]
        squared = ((points - peak) ** 2).sum(1)
        inside = squared <= around**2
        red, green, blue = peak.tolist()
        yield _Cluster((red, green, blue), int(counts[inside].sum()), int(counts[squared <= close**2].sum()))
        counts[inside] = 0


def _of_levels(levels: set[int], limit: int) -> Palette | None:
    """Return the palette of maps of class indexes, or None where the levels of grey are no small numbers."""
    others = levels - {IGNORED}
    if others < levels and len(others) > 1 and max(others) < _MOST_INDEXES:
        return replace(_of_indexes(max(others) + 1), ignored=Ignored(index=IGNORED, colour=(255, 255, 255)))
    return _of_indexes(max(levels) + 1) if max(levels) < limit else None


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
        matches = {
            int(n): i
            for i, n in enumerate(distances.argmin(1))
            if distances[:, n].argmin() == i and distances[i, n] <= _SAME_CLASS
        }
        if 2 * len(matches) < len(shipped.names):
            continue
        kept = tuple(
            colours[matches[n]] if n in matches and distances[matches[n], n] > error else colour
            for n, colour in enumerate(shipped.colours)
        )
        others = tuple(colour for i, colour in enumerate(colours) if i not in matches.values())
        return Palette(shipped.names + _numbered(len(others)), kept + others)
    return Palette(_numbered(len(colours)), tuple(colours))


def _numbered(classes: int) -> tuple[str, ...]:
    return tuple(f"class_{number}" for number in range(classes))
