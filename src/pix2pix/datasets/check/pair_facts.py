"""Inspect one pair: each file is read once, and little is kept of it.

Axes: H rows, W columns, C channels.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

from pix2pix.data.pairs import Half, Pair
from pix2pix.datasets.check.alignment import Shift, find_shift
from pix2pix.datasets.check.duplicates import thumbnail
from pix2pix.datasets.check.label_maps import Classes, LabelFacts, inspect_labels
from pix2pix.errors import UserError
from pix2pix.pictures import codec
from pix2pix.pictures.codec import Array

_VIEW_PX = 128  # longest side of what thumbnails and edges are taken from
_VALUES_PX = 64  # across and down, of the values that histograms count
_LOSSY = (".jpg", ".jpeg", ".webp")
# What decoders say of files that end too early.
_CUT_SHORT = ("truncated", "premature", "too small", "no data left", "greater than file size")
_DEPTHS = {"uint8": "8 bit", "uint16": "16 bit", "float32": "float"}
_CHANNELS = {1: "grey", 3: "RGB", 4: "RGBA"}


class Format(NamedTuple):
    """What a picture is made of."""

    width: int
    height: int
    channels: str  # `grey`, `RGB`, `RGBA` or `5 channels`
    depth: str  # `8 bit`, `16 bit` or `float`

    @property
    def kind(self) -> str:
        """`RGB, 8 bit`: pictures of one kind can share a histogram."""
        return f"{self.channels}, {self.depth}"


@dataclass(frozen=True, slots=True)
class HalfFacts:
    """One half: digest of its pixels, thumbnail (8, 8, 3), some values (N, C) where they are wanted."""

    format: Format
    constant: bool
    digest: int
    thumbnail: Array
    labels: LabelFacts | None
    values: Array | None


@dataclass(frozen=True, slots=True)
class PairFacts:
    """A pair that can be used."""

    source: HalfFacts
    target: HalfFacts
    equal: bool
    shift: Shift


@dataclass(frozen=True)
class Unusable:
    """Why a pair cannot be used: kind and sentence of the finding, and the files that are to blame."""

    kind: str
    files: tuple[Path, ...]
    sentence: str


def read_halves(pair: Pair) -> tuple[Array, Array] | list[Unusable]:
    """Read source and target (H, W, C) of equal size, or return why they cannot be used."""
    files: dict[Path, Array] = {}
    broken = []
    for path in dict.fromkeys((pair.source.path, pair.target.path)):
        try:
            files[path] = codec.read(path)
        except UserError as error:
            cut = any(word in error.message.lower() for word in _CUT_SHORT)
            broken.append(Unusable("truncated" if cut else "unreadable", (path,), error.message))
    if broken:
        return broken
    (height, width), path = files[pair.source.path].shape[:2], pair.source.path
    if pair.source.side != "whole" and width % 2:
        return [Unusable("odd width", (path,), f"{path} is {width} x {height} px.")]
    source, target = (_cut(files[half.path], half) for half in (pair.source, pair.target))
    if source.shape[:2] != target.shape[:2]:
        (rows, columns), paths = target.shape[:2], (path, pair.target.path)
        sentence = f"{path} is {width} x {height} px, {pair.target.path} {columns} x {rows} px."
        return [Unusable("different sizes", paths, sentence)]
    return source, target


def inspect(
    pair: Pair, classes: Sequence[Classes | None], *, with_values: bool
) -> PairFacts | list[Unusable]:
    """Return what a pair is, or why it cannot be used; `classes` are those of sources and targets."""
    arrays = read_halves(pair)
    if isinstance(arrays, list):
        return arrays
    pictures = [codec.to_pillow(visible(array)) for array in arrays]
    size = tuple(min(n, _VIEW_PX) for n in pictures[0].size)
    views = [picture.resize(size, Image.Resampling.BOX) for picture in pictures]
    source, target = (
        _half_facts(array, view, half, labels, with_values)
        for array, view, half, labels in zip(arrays, views, (pair.source, pair.target), classes, strict=True)
    )
    equal = _is_equal(*arrays)
    if equal or source.constant or target.constant:
        return PairFacts(source, target, equal, Shift())
    one, other = (np.atleast_3d(np.asarray(view)) for view in views)
    return PairFacts(source, target, equal, find_shift(one, other))


def is_lossy(half: Half) -> bool:
    """Return whether a file's format changes pixels."""
    return half.path.suffix.lower() in _LOSSY


def visible(array: Array) -> Array:
    """Return what a screen shows of (H, W, C) of any depth: (H, W, 1 or 3) uint8.

    16 bits and float are stretched over their own range; of more than four channels the first three
    are shown, of two the first, and transparency is not.
    """
    shown = array[:, :, : 3 if array.shape[2] >= 3 else 1]
    if shown.dtype == np.uint8:
        return np.ascontiguousarray(shown)
    low, high = float(shown.min()), float(shown.max())
    return ((shown.astype(np.float64) - low) * (255 / max(high - low, 1e-30))).astype(np.uint8)


def _cut(array: Array, half: Half) -> Array:
    middle = array.shape[1] // 2
    return {"whole": array, "left": array[:, :middle], "right": array[:, middle:]}[half.side]


def _half_facts(
    array: Array, view: Image.Image, half: Half, classes: Classes | None, with_values: bool
) -> HalfFacts:
    height, width, channels = array.shape
    digest = hashlib.sha256(np.ascontiguousarray(array).data)
    digest.update(f"{array.shape} {array.dtype}".encode())
    rows, columns = -(-height // _VALUES_PX), -(-width // _VALUES_PX)
    return HalfFacts(
        Format(width, height, _CHANNELS.get(channels, f"{channels} channels"), _DEPTHS[str(array.dtype)]),
        _is_constant(array, lossy=is_lossy(half)),
        int.from_bytes(digest.digest()[:8], "big"),
        thumbnail(view),
        inspect_labels(array, classes, lossy=is_lossy(half)) if classes and array.dtype == np.uint8 else None,
        array[::rows, ::columns].reshape(-1, channels).copy() if with_values else None,
    )


def _is_constant(array: Array, *, lossy: bool) -> bool:
    """Return whether all pixels are equal.

    Lossy files may waver by two levels, and smear the colours of one half into the other.
    """
    margin = array.shape[1] // 16 if lossy else 0
    inner = array[:, margin : array.shape[1] - margin]
    few = inner[::16, ::16]  # nearly always enough to tell that they are not
    return all(bool((np.ptp(part, axis=(0, 1)) <= 2 * lossy).all()) for part in (few, inner))


def _is_equal(source: Array, target: Array) -> bool:
    """Return whether two halves show the same, except for what JPEG does at the seam between them."""
    if source.shape != target.shape or source.dtype != target.dtype:
        return False
    if source.dtype != np.uint8:
        return bool(np.array_equal(source, target))
    few = np.abs(source[::8, ::8].astype(np.int16) - target[::8, ::8])
    if (few > 2).mean() > 0.05:
        return False
    return bool((np.abs(source.astype(np.int16) - target) > 2).mean() < 0.02)
