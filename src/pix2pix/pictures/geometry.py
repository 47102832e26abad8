"""Sizes of pictures: halves, resizing, mirrored borders. One copy of each."""

from __future__ import annotations

from typing import Any, Literal, TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from pix2pix.errors import UserError
from pix2pix.pictures.codec import Array, to_pillow
from pix2pix.pictures.contract import LARGEST

Side = Literal["left", "right", "whole"]
Fit = Literal["stretch", "crop", "pad"]
T = TypeVar("T", Tensor, Array)


def half(array: Array, side: Side, name: str) -> Array:
    """One half of a side-by-side picture, or the whole; raises UserError for an odd width.

    `name` is what an error calls the picture.
    """
    height, width = array.shape[:2]
    if side == "whole":
        return array
    if width % 2:
        raise UserError(
            f"{name} is {width} x {height} px, so its halves differ in width: "
            "wanted source and target side by side, equally wide."
        )
    return array[:, : width // 2] if side == "left" else array[:, width // 2 :]


def resize(array: Array, size: tuple[int, int], labels: bool = False) -> Array:
    """The picture at (height, width): antialiased bicubic, or the nearest pixel for labels."""
    if array.shape[:2] == size:
        return array
    method = Image.Resampling.NEAREST if labels else Image.Resampling.BICUBIC
    if array.dtype == np.uint8 and array.shape[2] in (1, 3):
        resized = np.asarray(to_pillow(array).resize(size[::-1], method))
        return resized.reshape(*size, array.shape[2])
    # Pillow resizes other depths one channel at a time, in float32, which holds 16 bits exactly.
    channels = (
        Image.fromarray(array[:, :, c].astype(np.float32)).resize(size[::-1], method)
        for c in range(array.shape[2])
    )
    stacked = np.stack([np.asarray(c) for c in channels], axis=2)
    if array.dtype == np.float32:
        return stacked
    return stacked.round().clip(0, LARGEST[str(array.dtype)]).astype(array.dtype)


def fit(array: Array, size: tuple[int, int], how: Fit, labels: bool = False) -> Array:
    """The picture at (height, width): stretched, or its shape kept by a centre crop or a mirror."""
    if how == "stretch":
        return resize(array, size, labels)
    height, width = array.shape[:2]
    pick = max if how == "crop" else min
    scale = pick(size[0] / height, size[1] / width)
    inner = resize(array, (max(1, round(height * scale)), max(1, round(width * scale))), labels)
    rows, columns = (_centred(n, wanted) for n, wanted in zip(inner.shape[:2], size, strict=True))
    return inner[rows][:, columns]


def mirrored(length: int, wanted: int, start: int = 0) -> NDArray[np.int64]:
    """Indexes start ... of 0 ... n-1, n-1 ... 0, 0 ...: a picture mirrored at its borders."""
    place = np.arange(start, start + wanted) % (2 * length)
    return np.minimum(place, 2 * length - 1 - place)


def _centred(length: int, wanted: int) -> NDArray[np.int64]:
    return mirrored(length, wanted, (length - wanted) // 2 % (2 * length))


def pad(source: T, multiple: int, axes: tuple[int, int] = (1, 2)) -> T:
    """(C, H, W) -> (C, H', W'), the next multiples, mirrored at the bottom and on the right.

    Mirrored as often as needed: a single pixel fills the whole. `axes` are those of height and
    width. What needs no padding is not copied.
    """
    rows, columns = axes
    return _mirrored(_mirrored(source, rows, multiple), columns, multiple)


def _mirrored(source: T, axis: int, multiple: int) -> T:
    length = source.shape[axis]
    wanted = -(-length // multiple) * multiple
    if wanted == length:
        return source
    place: Any = (*[slice(None)] * axis, mirrored(length, wanted))
    extended: T = source[place]
    return extended
