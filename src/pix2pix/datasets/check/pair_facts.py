"""Inspect one pair: each file is read once, and little is kept of it.

Axes: H rows, W columns, C channels.
"""

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

from pix2pix.datasets.check.alignment import Shift, find_shift
from pix2pix.datasets.check.findings import Finding, UnusableError
from pix2pix.datasets.check.label_maps import Classes, LabelFacts, inspect_labels
from pix2pix.errors import UserError
from pix2pix.files import is_lossy
from pix2pix.pairs.find import Half, Pair
from pix2pix.pictures import codec, geometry
from pix2pix.pictures.codec import Array
from pix2pix.pictures.spread import Spread, spread_of

_VIEW_PX = 128  # longest side of what thumbnails and edges are taken from
# What decoders say of files that end too early.
_CUT_SHORT = ("truncated", "premature", "too small", "no data left", "greater than file size")
_DEPTHS = {"uint8": "8 bit", "uint16": "16 bit", "float32": "float"}
_CHANNELS = {1: "grey", 3: "RGB", 4: "RGBA"}


class Format(NamedTuple):
    """Size, channels and depth of a picture."""

    width: int
    height: int
    channels: str  # `grey`, `RGB`, `RGBA` or `5 channels`
    depth: str  # `8 bit`, `16 bit` or `float`

    @property
    def size(self) -> str:
        """Return `256 x 256 px`."""
        return f"{self.width} x {self.height} px"

    @property
    def kind(self) -> str:
        """Return `RGB, 8 bit`: pictures of one kind share a histogram."""
        return f"{self.channels}, {self.depth}"


class HalfFacts(NamedTuple):
    """One half of a pair; `spread` is None of label maps, `labels` of other pictures."""

    format: Format
    constant: bool
    digest: int
    thumbnail: Array  # (8, 8, 3) uint8
    labels: LabelFacts | None
    spread: Spread | None


class PairFacts(NamedTuple):
    """A pair that can be used: its source and target, and the shift between them."""

    halves: tuple[HalfFacts, HalfFacts]
    equal: bool
    shift: Shift


def read_halves(pair: Pair, name: Callable[[Path], str] = str) -> tuple[Array, Array]:
    """Read source and target (H, W, C) of equal size; raise UnusableError where they cannot be used.

    `name` is what a path is called in sentences.
    """
    files: dict[Path, Array] = {}
    broken = []
    for path in dict.fromkeys((pair.source.path, pair.target.path)):
        try:
            files[path] = codec.read(path)
        except UserError as error:
            cut_short = any(words in error.message.lower() for words in _CUT_SHORT)
            kind = "truncated" if cut_short else "unreadable"
            broken.append(Finding(kind, (path,), error.message.replace(str(path), name(path)), (pair,)))
    if broken:
        raise UnusableError(*broken)
    path, other = pair.source.path, pair.target.path
    height, width = files[path].shape[:2]
    size = f"{name(path)} is {width} x {height} px"
    if pair.source.side != "whole" and width % 2:
        raise UnusableError(Finding("odd width", (path,), f"{size}.", (pair,)))
    source, target = (
        geometry.half(files[half.path], half.side, str(half.path)) for half in (pair.source, pair.target)
    )
    if source.shape[:2] != target.shape[:2]:
        sentence = f"{size}, {name(other)} {target.shape[1]} x {target.shape[0]} px."
        raise UnusableError(Finding("different sizes", (path, other), sentence, (pair,)))
    return source, target


def inspect(
    pair: Pair,
    classes: Sequence[Classes | None],
    name: Callable[[Path], str],
    fills: Sequence[float | None] = (None, None),
) -> PairFacts:
    """Return the facts of a pair; `classes`, and `fills` in pixels without data, are those of both halves.

    Raises UnusableError where it cannot be used.
    """
    arrays = read_halves(pair, name)
    pictures = [codec.to_pillow(visible(array)) for array in arrays]
    size = (min(pictures[0].width, _VIEW_PX), min(pictures[0].height, _VIEW_PX))
    views = [picture.resize(size, Image.Resampling.BOX) for picture in pictures]
    source, target = (
        _half_facts(*half)
        for half in zip(arrays, views, (pair.source, pair.target), classes, fills, strict=True)
    )
    equal = _is_equal(*arrays)
    is_plain = equal or source.constant or target.constant
    shift = Shift() if is_plain else find_shift(*(np.atleast_3d(np.asarray(view)) for view in views))
    return PairFacts((source, target), equal, shift)


def visible(array: Array) -> Array:
    """Return (H, W, C) of any depth for the screen: its first channel or first three, as uint8.

    16 bits and float are stretched over their own range.
    """
    shown = array[:, :, : 3 if array.shape[2] >= 3 else 1]
    if shown.dtype == np.uint8:
        return np.ascontiguousarray(shown)
    known = shown[~np.isnan(shown)] if shown.dtype.kind == "f" else shown
    low, high = (float(known.min()), float(known.max())) if known.size else (0.0, 1.0)
    shown = np.nan_to_num(shown, nan=low) if shown.dtype.kind == "f" else shown
    return ((shown.astype(np.float64) - low) * (255 / max(high - low, 1e-30))).astype(np.uint8)


def format_of(array: Array) -> Format:
    """Return the format of (H, W, C)."""
    height, width, channels = array.shape
    return Format(width, height, _CHANNELS.get(channels, f"{channels} channels"), _DEPTHS[str(array.dtype)])


def _half_facts(
    array: Array, view: Image.Image, half: Half, classes: Classes | None, fill: float | None
) -> HalfFacts:
    digest, lossy = hashlib.sha256(np.ascontiguousarray(array).data), is_lossy(half.path)
    digest.update(f"{array.shape} {array.dtype}".encode())
    return HalfFacts(
        format_of(array),
        _is_constant(array, lossy=lossy),
        int.from_bytes(digest.digest()[:8], "big"),
        np.asarray(view.convert("RGB").resize((8, 8), Image.Resampling.BOX)),
        inspect_labels(array, classes, lossy=lossy) if classes and array.dtype == np.uint8 else None,
        None if classes else spread_of(array, fill),
    )


def _is_constant(array: Array, *, lossy: bool) -> bool:
    """Return whether all pixels are equal.

    JPEG changes levels by up to two, and smears the colours of one half into the other.
    """
    margin = array.shape[1] // 16 if lossy else 0
    inner = array[:, margin : array.shape[1] - margin]
    few = inner[::16, ::16]  # nearly always enough to tell that they are not
    return all(bool((np.ptp(part, axis=(0, 1)) <= 2 * lossy).all()) for part in (few, inner))


def _is_equal(source: Array, target: Array) -> bool:
    """Return whether two halves show the same, but for what JPEG does at the seam between them."""
    if source.shape != target.shape or source.dtype != target.dtype:
        return False
    levels, share = (2, 0.02) if source.dtype == np.uint8 else (0, 0)
    # One pixel in 64 is nearly always enough to tell that they do not.
    parts = ((source[::8, ::8], target[::8, ::8], 0.05), (source, target, share))
    return all(
        bool((np.abs(one.astype(np.float32) - other) > levels).mean() <= most) for one, other, most in parts
    )
