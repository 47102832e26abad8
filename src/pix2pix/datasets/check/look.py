"""One look at one pair: each file is read once, and only numbers are kept of it.

Axes: H rows, W columns, C channels.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from pix2pix.data.pairs import Half, Pair
from pix2pix.datasets.check.alignment import Shift, shift
from pix2pix.datasets.check.duplicates import difference_hash, thumbnail
from pix2pix.datasets.check.histogram import Histogram, histogram
from pix2pix.datasets.check.map_colours import Colours, colours
from pix2pix.errors import UserError
from pix2pix.pictures import codec

Array = NDArray[Any]

_VIEW_PX = 128  # longest side of what hashes and edges are taken from
_LOSSY = (".jpg", ".jpeg", ".webp")
# What decoders say of files that end too early.
_CUT_SHORT = ("truncated", "premature", "too small", "no data left", "greater than file size")
DEPTHS = {"uint8": "8 bit", "uint16": "16 bit", "float32": "float"}


class Format(NamedTuple):
    """What a picture is made of; `depth` is a value of DEPTHS."""

    width: int
    height: int
    channels: int
    depth: str


@dataclass(frozen=True)
class HalfLook:
    """One half: the digest of its pixels, its perceptual hash and what else is told of it."""

    format: Format
    histogram: Histogram
    constant: bool
    digest: int
    hash: int
    thumbnail: Array  # (8, 8, 3) uint8
    colours: Colours | None


@dataclass(frozen=True)
class Look:
    """A pair that can be used."""

    source: HalfLook
    target: HalfLook
    equal: bool
    shift: Shift


@dataclass(frozen=True)
class Unusable:
    """A pair that cannot: kind and sentence of the finding, and the files that are to blame."""

    kind: str
    files: tuple[Path, ...]
    sentence: str


def look(pair: Pair) -> Look | list[Unusable]:
    """What a pair looks like, or why it cannot be used."""
    files = dict.fromkeys((pair.source.path, pair.target.path))
    read = {path: _read(path) for path in files}
    broken = [picture for picture in read.values() if isinstance(picture, Unusable)]
    if broken:
        return broken
    whole = {path: picture for path, picture in read.items() if isinstance(picture, np.ndarray)}
    source, target = (half(whole[one.path], one) for one in (pair.source, pair.target))
    if source is None or target is None:
        path = pair.source.path
        height, width = whole[path].shape[:2]
        return [Unusable("odd width", (path,), f"{path} is {width} x {height} px.")]
    if source.shape[:2] != target.shape[:2]:
        return [_different(pair, source, target)]
    return _look(pair, source, target)


def visible(array: Array) -> Array:
    """What is seen of (H, W, C) of any depth: (H, W, 1 or 3) uint8.

    16 bits and float are stretched over their own range; of more than four channels the first three
    are shown, of two the first, and transparency is not.
    """
    shown = array[:, :, : 3 if array.shape[2] >= 3 else 1]
    if shown.dtype == np.uint8:
        return np.ascontiguousarray(shown)
    low, high = float(shown.min()), float(shown.max())
    return ((shown.astype(np.float64) - low) * (255 / max(high - low, 1e-30))).astype(np.uint8)


def half(array: Array, which: Half) -> Array | None:
    """The half of (H, W, C) that a pair means; None where the width is odd."""
    middle, odd = divmod(array.shape[1], 2)
    if which.side == "whole":
        return array
    if odd:
        return None
    return array[:, :middle] if which.side == "left" else array[:, middle:]


def _read(path: Path) -> Array | Unusable:
    """The picture, or what is wrong: that a file was cut short is said in different words."""
    try:
        return codec.read(path)
    except UserError as error:
        cut = any(word in error.message.lower() for word in _CUT_SHORT)
        return Unusable("truncated" if cut else "unreadable", (path,), error.message)


def _different(pair: Pair, source: Array, target: Array) -> Unusable:
    (high, wide), (rows, columns) = source.shape[:2], target.shape[:2]
    return Unusable(
        "different sizes",
        (pair.source.path, pair.target.path),
        f"{pair.source.path} is {wide} x {high} px, {pair.target.path} {columns} x {rows} px.",
    )


def _look(pair: Pair, source: Array, target: Array) -> Look:
    pictures = [codec.to_pillow(visible(array)) for array in (source, target)]
    views = [_small(picture) for picture in pictures]
    halves = [
        _half_look(array, picture, view, lossy=which.path.suffix.lower() in _LOSSY)
        for array, picture, view, which in zip(
            (source, target), pictures, views, (pair.source, pair.target), strict=True
        )
    ]
    equal = _equal(source, target)
    flat = equal or any(one.constant for one in halves)
    arrays = [np.atleast_3d(np.asarray(view)) for view in views]
    return Look(halves[0], halves[1], equal, Shift() if flat else shift(arrays[0], arrays[1]))


def _half_look(array: Array, picture: Image.Image, view: Image.Image, *, lossy: bool) -> HalfLook:
    height, width, channels = array.shape
    digest = hashlib.sha256(np.ascontiguousarray(array).data)
    digest.update(f"{array.shape} {array.dtype}".encode())
    return HalfLook(
        Format(width, height, channels, DEPTHS[str(array.dtype)]),
        histogram(array, picture),
        _is_constant(array, lossy=lossy),
        int.from_bytes(digest.digest()[:8], "big"),
        difference_hash(view),
        thumbnail(view),
        colours(picture, lossy=lossy) if array.dtype == np.uint8 else None,
    )


def _is_constant(array: Array, *, lossy: bool) -> bool:
    """Whether all pixels are equal.

    Lossy files may waver by two levels, and smear the colours of one half into the other.
    """
    margin = array.shape[1] // 16 if lossy else 0
    inner = array[:, margin : array.shape[1] - margin]
    most = 2 if lossy else 0
    few = inner[::16, ::16]  # nearly always enough to tell that they are not
    return all(bool((np.ptp(some, axis=(0, 1)) <= most).all()) for some in (few, inner))


def _equal(source: Array, target: Array) -> bool:
    """Whether two halves show the same, but for what JPEG does at the seam between them."""
    if source.shape != target.shape or source.dtype != target.dtype:
        return False
    if source.dtype != np.uint8:
        return bool(np.array_equal(source, target))
    few = np.abs(source[::8, ::8].astype(np.int16) - target[::8, ::8])
    if (few > 2).mean() > 0.05:
        return False
    return bool((np.abs(source.astype(np.int16) - target) > 2).mean() < 0.02)


def _small(picture: Image.Image) -> Image.Image:
    """The picture with at most _VIEW_PX across and down."""
    size = (min(picture.width, _VIEW_PX), min(picture.height, _VIEW_PX))
    return picture if size == picture.size else picture.resize(size, Image.Resampling.BOX)
