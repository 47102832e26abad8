"""Pixels without data: NaN in floats, in whole numbers the contract's fill value in every channel."""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from pix2pix.pictures.contract import LARGEST, Fill
from pix2pix.pictures.formats import tiff
from pix2pix.pictures.formats.numbers import Array


def missing(array: Array, fill: Fill | None) -> Array:
    """Return where (H, W, C) has no data: (H, W, C) bool."""
    if array.dtype.kind == "f":
        return np.asarray(np.isnan(array))
    if not isinstance(fill, float):
        return np.zeros(array.shape, np.bool_)
    return np.broadcast_to((array == fill).all(axis=2, keepdims=True), array.shape)


def without_data(array: Array, at: Array, fill: Fill | None) -> Array:
    """Return the array with no data where `at` (H, W, C) is true."""
    value = np.nan if array.dtype.kind == "f" else fill
    return np.where(at, array.dtype.type(value), array) if at.any() else array


def as_missing(array: Array, fill: Fill | None) -> Array:
    """Return floats with NaN in place of the fill value, as files may have it; whole numbers as they are."""
    if array.dtype.kind != "f" or not isinstance(fill, float):
        return array
    return np.where(array == np.float32(fill), np.float32(np.nan), array)


def as_written(array: Array, fill: Fill | None) -> Array:
    """Return floats with the fill value in place of NaN, as the files of the training targets had it."""
    if array.dtype.kind != "f" or not isinstance(fill, float):
        return array
    return np.where(np.isnan(array), np.float32(fill), array)


def resampled(array: Array, fill: Fill | None, change: Callable[[Array], Array]) -> Array:
    """Return what a linear change makes of a picture, from its pixels with data alone.

    A pixel that is made of others without data by more than half has none.
    """
    gone = missing(array, fill)
    if not gone.any():
        return change(array)
    known = array[~gone]
    low, high = (known.min(), known.max()) if known.size else (0, 0)
    weights = change((~gone).astype(np.float32))
    sums = change(np.where(gone, 0, array).astype(np.float32))
    values = (sums / np.maximum(weights, 0.5)).clip(low, high)
    if array.dtype.kind == "u":
        values = with_data(np.asarray(values.round(), array.dtype), fill)
    return without_data(np.asarray(values, array.dtype), weights < 0.5, fill)


def with_data(array: Array, fill: Fill | None) -> Array:
    """Return (H, W, C) in which computed pixels of whole numbers are never the fill value.

    Those that come to it take the next level: what has data is not to look as if it had none.
    """
    if array.dtype.kind == "f" or not isinstance(fill, float):
        return array
    following = fill + 1 if fill < LARGEST[str(array.dtype)] else fill - 1
    return np.where((array == fill).all(axis=-1, keepdims=True), array.dtype.type(following), array)


def tag_of(path: Path) -> float | None:
    """Return the value that GDAL's tag of a TIFF names for pixels without data; None of other files."""
    if path.suffix.lower() not in (".tif", ".tiff"):
        return None
    return tiff.no_data(path)
