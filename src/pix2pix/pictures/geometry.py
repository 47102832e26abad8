"""Sizes of pictures: halves, resizing, mirrored borders, and grids of several."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Literal, TypeVar

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from pix2pix.errors import UserError
from pix2pix.pictures.codec import Array, to_pillow
from pix2pix.pictures.contract import LARGEST, Fill, Side
from pix2pix.pictures.missing import resampled

if TYPE_CHECKING:
    from torch import Tensor

Fit = Literal["stretch", "crop", "pad"]
T = TypeVar("T", "Tensor", Array)

_PREVIEW_PX = 192  # smaller pictures are enlarged in a grid


def half(array: Array, side: Side, name: str) -> Array:
    """Return one half of a side-by-side picture, or the whole; raise UserError for an odd width.

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


def resize(array: Array, size: tuple[int, int], labels: bool = False, fill: Fill | None = None) -> Array:
    """Return the picture at (height, width): antialiased bicubic, or the nearest pixel for labels.

    Pixels without data, NaN or `fill`, have no part in others.
    """
    if array.shape[:2] == size:
        return array
    return resampled(array, fill, lambda part: _resize(part, size, labels))


def _resize(array: Array, size: tuple[int, int], labels: bool) -> Array:
    method = Image.Resampling.NEAREST if labels else Image.Resampling.BICUBIC
    if array.dtype == np.uint8 and array.shape[2] in (1, 3):
        resized = np.asarray(to_pillow(array).resize(size[::-1], method))
        return resized.reshape(*size, array.shape[2])
    return by_channel(array, lambda plane: plane.resize(size[::-1], method))


def by_channel(array: Array, change: Callable[[Image.Image], Image.Image]) -> Array:
    """Return (H, W, C) of any depth with a Pillow operation done on each channel.

    Bicubic curves overshoot: floats are clipped to their channel's range, levels to their depth's.
    """
    # In float32, which holds 16 bits exactly.
    planes = np.moveaxis(array, -1, 0).astype(np.float32, order="C")
    changed = np.stack([np.asarray(change(Image.fromarray(plane))) for plane in planes], axis=2)
    if array.dtype.kind == "f":
        return changed.clip(array.min((0, 1)), array.max((0, 1)))
    return changed.round().clip(0, LARGEST[str(array.dtype)]).astype(array.dtype)


def fit(
    array: Array, size: tuple[int, int], how: Fit, labels: bool = False, fill: Fill | None = None
) -> Array:
    """Return the picture at (height, width): stretched, cut to the centre or mirrored at its borders."""
    if how == "stretch":
        return resize(array, size, labels, fill)
    height, width = array.shape[:2]
    pick = max if how == "crop" else min
    scale = pick(size[0] / height, size[1] / width)
    inner = resize(array, (max(1, round(height * scale)), max(1, round(width * scale))), labels, fill)
    for axis, (length, count) in enumerate(zip(inner.shape[:2], size, strict=True)):
        inner = inner.take(mirrored(length, count, (length - count) // 2), axis)
    return inner


def mirrored(length: int, count: int, start: int = 0) -> Array:
    """Return `count` indexes from `start` on of 0 ... n-1, n-1 ... 0, 0 ...: a mirrored picture."""
    place = np.arange(start, start + count) % (2 * length)
    return np.minimum(place, 2 * length - 1 - place)


def pad(source: T, multiple: int, axes: tuple[int, int] = (1, 2)) -> T:
    """Return (C, H, W) as (C, H', W'), the next multiples, mirrored at the bottom and on the right.

    Mirrored as often as needed: a single pixel fills the whole. `axes` are those of height and
    width. What needs no padding is not copied.
    """
    height, width = (source.shape[axis] for axis in axes)
    for axis, count in zip(axes, padded_size(height, width, multiple), strict=True):
        if count != source.shape[axis]:
            source = source[(slice(None),) * axis + (mirrored(source.shape[axis], count),)]
    return source


def padded_size(height: int, width: int, multiple: int) -> tuple[int, int]:
    """Return the next multiples: the size of a padded picture."""
    return -(-height // multiple) * multiple, -(-width // multiple) * multiple


def grid(rows: Sequence[Sequence[Array]], titles: Sequence[str]) -> Image.Image:
    """Return (H, W, 3) pictures in rows under column titles; small ones are enlarged."""
    times = max(1, -(-_PREVIEW_PX // rows[0][0].shape[1]))
    height, width = (n * times for n in rows[0][0].shape[:2])
    gap, head = 6, 22
    size = (len(titles) * (width + gap) + gap, head + len(rows) * (height + gap))
    sheet = Image.new("RGB", size, "white")
    pen, font = ImageDraw.Draw(sheet), ImageFont.load_default(13)
    for column, title in enumerate(titles):
        left = gap + column * (width + gap)
        pen.text((left + width / 2, head / 2), title, "black", font, anchor="mm")
        for row, pictures in enumerate(rows):
            shown = to_pillow(pictures[column]).resize((width, height), Image.Resampling.NEAREST)
            sheet.paste(shown, (left, head + row * (height + gap)))
    return sheet
