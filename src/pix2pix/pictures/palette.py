"""Label maps: pictures in which every pixel is of a class, and every class has a name and a colour.

Arrays are (H, W, C) as files have them; an index is (H, W, 1) uint8, the class of each pixel, IGNORED where
it is of none. JPEG
and resizing leave the inside of an area its colour and blur the borders: `to_index` brings such
pixels back to classes. What finds the classes of a data set without a list: `find_palette`.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from pix2pix.errors import UserError
from pix2pix.pictures.codec import Array
from pix2pix.pictures.contract import IGNORED, Ignored, LabelClass, PictureContract

Colour = tuple[int, int, int]

MAX_CLASSES = 256  # an index has 8 bits
# JPEG keeps colour at half the size of brightness, and smooths it over two pixels.
_BLUR_PX = 2
# A pixel is sure of its class within this distance of the colour, and half that to the next one.
# Of ratios from 0.3 to 0.5 and distances from 16 to 60 these err least on blurred maps.
_SURE_DISTANCE = 32
# Along borders brightness is the sharper, so it counts fourfold: columns are 4 Y, Cb, Cr.
_BORDER_WEIGHTS = np.array([[1.196, -0.169, 0.5], [2.348, -0.331, -0.419], [0.456, 0.5, -0.081]], np.float32)
_PIXELS_AT_ONCE = 2**14  # whose 25 neighbours are compared
_FAR = (2048, 2048, 2048)  # a colour that no pixel is near


@dataclass(frozen=True)
class Palette:
    """The classes of label maps: class i is called names[i] and drawn in colours[i] (RGB, 0-255).

    Pixels that are `ignored` are of no class. Raises UserError unless there are 1 to 256 classes (255 next
    to ignored pixels) of which each has its own name and colour.
    """

    names: tuple[str, ...]
    colours: tuple[Colour, ...]
    ignored: Ignored | None = None

    def __post_init__(self) -> None:
        most = MAX_CLASSES - bool(self.ignored)
        if not 1 <= len(self.names) <= most or len(self.names) != len(self.colours):
            raise UserError(f"A palette has 1 to {most} classes, not {len(self.names)}.")
        if not all(name.strip() for name in self.names):
            raise UserError("A class of the palette has no name.")
        for values, what in ((self.names, "name"), (map(hex_code, self.colours), "colour")):
            value, count = Counter(values).most_common(1)[0]
            if count > 1:
                raise UserError(f"The palette has {count} classes of the {what} '{value}'.")
        if self.ignored and self.ignored.colour in self.colours:
            name = self.names[self.colours.index(self.ignored.colour)]
            raise UserError(
                f"The palette ignores the colour {hex_code(self.ignored.colour)}, which is that of '{name}'.",
                "Name another one under [ignore]: colour; maps of class indexes have none of their own.",
            )

    @property
    def is_grey(self) -> bool:
        """Return whether all colours are grey: pictures of one channel then hold levels, not classes."""
        return all(r == g == b for r, g, b in self.colours)

    @property
    def drawn(self) -> tuple[Colour, ...]:
        """Return the colours of the classes, and after them that of ignored pixels."""
        return (*self.colours, self.ignored.colour) if self.ignored else self.colours


def to_index(array: Array, palette: Palette, *, snap: bool, name: str) -> Array:
    """Return the class of each pixel: (H, W, 1) uint8, IGNORED where the palette ignores it.

    array: (H, W, 3) uint8 of the palette's colours (a fourth channel, alpha, is ignored), or
    (H, W, 1) of class indexes; of grey levels where the palette has nothing but greys.
    snap: take the nearest colour's class (squared RGB distance), and along blurred borders the
    nearest of the classes on either side. Without, only exact colours are classes.
    Raises UserError, in which `name` is the picture, for colours and indexes of no class.
    """
    array, channels = as_levels(array), array.shape[2]
    if channels == 1 and array.dtype.kind in "iu" and not palette.is_grey:
        return _checked_index(array, palette, name)
    rgb = as_rgb(array)
    if rgb is None:
        raise UserError(
            f"{name} has {channels} channels of {array.dtype}, which is no label map: wanted RGB "
            "of 8 bits, or one channel of class indexes."
        )
    present = codes(rgb)
    values, place = np.unique(present, return_inverse=True)
    distances = _distances(split(values), np.array([*palette.drawn, _FAR]))
    strays = (distances.min(1) > 0)[place].reshape(present.shape)
    if strays.any() and not snap:
        raise _stray(present[strays], strays.size, name)
    index: Array = distances.argmin(1)[place].reshape(present.shape).astype(np.uint8)
    if strays.any():
        first, second = np.partition(distances, 1, axis=1)[:, :2].T
        is_sure = first <= np.minimum(second / 4, _SURE_DISTANCE**2)  # squared: a quarter is half as far
        _snap_borders(index, is_sure[place].reshape(present.shape), rgb, palette.drawn)
    if palette.ignored:
        index[index == len(palette.names)] = IGNORED
    return index[:, :, None]


def stray_share(array: Array, palette: Palette) -> float:
    """Return the share of the pixels (H, W, C) that are far from all colours of a palette, or no index."""
    array = as_levels(array)
    if array.shape[2] == 1 and array.dtype.kind in "iu" and not palette.is_grey:
        known = {palette.ignored.index} if palette.ignored else set[int]()
        inside = (array < len(palette.names) + len(known)) | np.isin(array, [*known])
        return float(1 - inside.mean())
    rgb = as_rgb(array)
    if rgb is None:
        return 1.0
    values, counts = np.unique(codes(rgb), return_counts=True)
    far = _distances(split(values), np.array(palette.drawn)).min(1) > _SURE_DISTANCE**2
    return float(counts[far].sum() / counts.sum())


def to_colours(index: Array, palette: Palette) -> Array:
    """Return (H, W, 3) uint8 RGB of (H, W, 1) class indexes, or a batch of a batch."""
    colours = np.zeros((MAX_CLASSES, 3), np.uint8)
    colours[: len(palette.colours)] = palette.colours
    if palette.ignored:
        colours[IGNORED] = palette.ignored.colour
    return colours[index[..., 0]]


def of_contract(contract: PictureContract) -> Palette:
    """Return the palette of a label map's contract."""
    names, colours = (tuple(getattr(c, key) for c in contract.classes) for key in ("name", "colour"))
    return Palette(names, colours, contract.ignored)


def label_contract(palette: Palette, *, one_hot: bool) -> PictureContract:
    """Return the contract of a palette's label maps."""
    named = zip(palette.names, palette.colours, strict=True)
    classes = tuple(LabelClass(name=name, colour=colour) for name, colour in named)
    return PictureContract(classes=classes, one_hot=one_hot, ignored=palette.ignored, suffix=".png")


def codes(colours: Array) -> Array:
    """Return (...) numbers 0xrrggbb of colours (..., 3)."""
    return np.asarray(colours.astype(np.int32) @ np.array([1 << 16, 1 << 8, 1], np.int32))


def split(numbers: Array) -> Array:
    """Return the colours (..., 3) of numbers 0xrrggbb."""
    return np.stack([numbers >> 16, numbers >> 8 & 255, numbers & 255], axis=-1)


def as_levels(array: Array) -> Array:
    """Return whole numbers of 0 to 255 in one channel, (H, W, 1), as uint8: indexes are kept in any type."""
    if array.shape[2] > 1 or array.dtype == np.uint8:
        return array
    with np.errstate(invalid="ignore"):  # NaN is no index
        levels = array.astype(np.uint8)
    return levels if np.array_equal(levels, array) else array


def as_rgb(array: Array) -> Array | None:
    """Return (H, W, 3) of (H, W, 1, 3 or 4) uint8, alpha left out; None of other pictures."""
    channels = array.shape[2]
    if array.dtype != np.uint8 or channels not in (1, 3, 4):
        return None
    return np.repeat(array, 3, axis=2) if channels == 1 else array[:, :, :3]


def hex_code(colour: Iterable[int]) -> str:
    """Return a colour as #rrggbb."""
    return f"#{bytes(colour).hex()}"


def _checked_index(array: Array, palette: Palette, name: str) -> Array:
    """Return the classes of a map of indexes, which count the classes and leave out the ignored index."""
    classes, ignored = len(palette.names), palette.ignored.index if palette.ignored else -1
    counted = array[array != ignored] if palette.ignored else array
    last = classes if 0 <= ignored < classes else classes - 1
    highest = int(counted.max(initial=0))
    if highest > last or int(counted.min(initial=0)) < 0:
        raise UserError(
            f"{name} has the class index {highest}, but the palette has {classes} classes (0 to {last}).",
            "Name the palette of these pictures, or add the class to its file. If it marks pixels of no "
            f"class, write there: [ignore] index = {highest}.",
        )
    if not palette.ignored:
        return array.astype(np.uint8)
    return np.where(array == ignored, IGNORED, array - (array > ignored)).astype(np.uint8)


def _stray(present: Array, pixels: int, name: str) -> UserError:
    """Return the sentence for colours of no class."""
    values, counts = np.unique(present, return_counts=True)
    if len(values) > MAX_CLASSES and 2 * len(present) > pixels:
        return UserError(
            f"{name} is no label map: it has {len(values):,} colours that the palette has not.",
            "Is the direction swapped, or is it a pair side by side of which one half is meant (--half)?",
        )
    return UserError(
        f"{name} has {len(present)} pixels of {len(values)} colours that the palette has not; "
        f"{counts.max()} of them are #{values[counts.argmax()]:06x}.",
        "If JPEG or resizing has blurred the labels, set data.snap_labels=true: each pixel gets "
        "the class of the nearest colour.",
    )


def _snap_borders(index: Array, is_sure: Array, rgb: Array, colours: Sequence[Colour]) -> None:
    """Give pixels that are not sure of their class (H, W) one that is sure within _BLUR_PX.

    A blur of two classes often has the colour of a third. Of the sure classes it is the nearest;
    where there is none, the pixel keeps its own.
    """
    no_class, weighted = len(colours), np.array([*colours, _FAR]) @ _BORDER_WEIGHTS
    padded = np.pad(np.where(is_sure, index, no_class), _BLUR_PX, constant_values=no_class).astype(np.int16)
    windows = sliding_window_view(padded, (2 * _BLUR_PX + 1,) * 2)
    rows, columns = np.nonzero(~is_sure)
    for start in range(0, len(rows), _PIXELS_AT_ONCE):
        block = rows[start : start + _PIXELS_AT_ONCE], columns[start : start + _PIXELS_AT_ONCE]
        neighbours = np.sort(windows[block].reshape(len(block[0]), -1))  # of equals the first class
        costs = np.take_along_axis(_distances(rgb[block] @ _BORDER_WEIGHTS, weighted), neighbours, 1)
        chosen = neighbours[np.arange(len(neighbours)), costs.argmin(1)]
        index[block] = np.where(chosen == no_class, index[block], chosen)


def _distances(points: Array, colours: Array) -> Array:
    """Return squared distances (N, K); exact for whole numbers, which float32 holds to 2^24."""
    points, colours = points.astype(np.float32), colours.astype(np.float32)
    distances: Array = -2 * points @ colours.T
    distances += (points**2).sum(1, keepdims=True)
    distances += (colours**2).sum(1)
    return distances
