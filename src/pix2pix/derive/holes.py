"""Holes in photographs that a model fills: the middle half, boxes, or the white of masks.

A hole is (H, W) bool, true where the photograph is blanked. Arrays are (H, W, C): H rows, W columns,
C channels.
"""

import hashlib
import math
import os
from pathlib import Path

import numpy as np

from pix2pix.errors import UserError
from pix2pix.files import PICTURE_SUFFIXES
from pix2pix.pictures.codec import Array, read
from pix2pix.pictures.conform import to_channels, without_alpha
from pix2pix.pictures.geometry import resize

Shape = tuple[int, ...]  # height, width


def blank(photograph: Array, hole: Array, grey: float | None) -> Array:
    """Return the photograph (H, W, C) with mid-grey in the hole, which is near 0 for the network.

    Without a stated grey, floats take the middle of the remaining range: the hole must not reveal anything.
    """
    if grey is None and photograph.dtype.kind == "u":
        grey = np.iinfo(photograph.dtype).max // 2
    elif grey is None:
        rest = photograph[~hole]
        grey = rest.min() / 2 + rest.max() / 2 if rest.size else 0
    return np.where(hole[:, :, None], photograph.dtype.type(grey), photograph)


def centre(shape: Shape) -> Array:
    """Return the middle half of height and width, at least a pixel."""
    hole = np.zeros(shape, np.bool_)
    parts = [(size, max(1, size // 2)) for size in shape]
    hole[tuple(slice((size - part) // 2, (size + part) // 2) for size, part in parts)] = True
    return hole


def boxes(shape: Shape, count: int, name: str) -> Array:
    """Return `count` boxes of an eighth to three eighths of each side, anywhere; they may overlap.

    Places are shares of the picture, so that resizing does not move them. They come from a digest of
    the name, because another version might change the numbers of a random generator.
    """
    hole = np.zeros(shape, np.bool_)
    for number in range(count):
        digest = hashlib.sha256(f"{number}:{name}".encode("utf-8", "surrogatepass")).digest()
        high, wide, down, right = np.frombuffer(digest, "<u4", 4) / 2.0**32
        rows = math.ceil(shape[0] * (1 + 2 * high) / 8)
        columns = math.ceil(shape[1] * (1 + 2 * wide) / 8)
        top, left = int(down * (shape[0] - rows + 1)), int(right * (shape[1] - columns + 1))
        hole[top : top + rows, left : left + columns] = True
    return hole


def mask(shape: Shape, folder: Path, name: str) -> Array:
    """Return where FOLDER/NAME, with the ending of a picture, is white: above half of its depth.

    `name` is the photograph's relative path without ending, sub-folders included. Raises UserError
    where there is no such file.
    """
    endings = (form(suffix) for suffix in sorted(PICTURE_SUFFIXES) for form in (str, str.upper, str.title))
    # Each name is tried, as a folder may hold a million. `isfile` is False for a name that is too long.
    path = next(filter(os.path.isfile, (folder / f"{name}{ending}" for ending in endings)), None)
    if path is None:
        raise UserError(
            f"There is no mask {folder / name} with the ending of a picture.",
            "Each photograph needs a mask of the same name, white where it is to be blank.",
        )
    values = to_channels(without_alpha(read(path)), 1, str(path))
    binary = values.dtype.kind == "f" or values.max() <= 1  # 0 and 1 are common in masks
    white = (values > (0.5 if binary else np.iinfo(values.dtype).max / 2)).astype(np.uint8)
    return resize(white, (shape[0], shape[1]), labels=True)[:, :, 0] > 0
