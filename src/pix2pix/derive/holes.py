"""Holes in photographs that a network learns to fill: where they are, and what stands in them.

A hole is (H, W) bool, true where the photograph is blanked.
"""

import hashlib
import math
import os
from pathlib import Path

import numpy as np

from pix2pix.errors import UserError
from pix2pix.files import PICTURE_SUFFIXES
from pix2pix.pictures import codec, geometry
from pix2pix.pictures.codec import Array
from pix2pix.pictures.conform import to_channels, without_alpha


def blank(photograph: Array, hole: Array) -> Array:
    """Return the photograph (H, W, C) with mid-grey in the hole, which is near 0 for the network.

    A float's grey is the middle of what remains: the hole must not show anything of what it hides.
    """
    rest = photograph[~hole]
    if photograph.dtype.kind == "u":
        grey = np.iinfo(photograph.dtype).max // 2
    else:
        grey = rest.min() / 2 + rest.max() / 2 if rest.size else 0
    return np.where(hole[:, :, None], photograph.dtype.type(grey), photograph)


def centre(shape: tuple[int, ...]) -> Array:
    """Return the middle half of height and width, at least a pixel."""
    hole = np.zeros(shape, np.bool_)
    parts = [(size, max(1, size // 2)) for size in shape]
    hole[tuple(slice((size - part) // 2, (size + part) // 2) for size, part in parts)] = True
    return hole


def boxes(shape: tuple[int, ...], count: int, name: str) -> Array:
    """Return `count` boxes of an eighth to three eighths of each side, anywhere; they may overlap.

    Places are parts of the picture, so that they stay the same when it is resized. They come from
    a digest of the name and no generator, whose numbers another version might change.
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


def from_mask(shape: tuple[int, ...], folder: Path, name: str) -> Array:
    """Return what is white, above half of its depth, in FOLDER/NAME with the ending of a picture.

    `name` is the photograph's relative path without ending, sub-folders included. Raises UserError
    where there is no such file.
    """
    endings = (form(suffix) for suffix in sorted(PICTURE_SUFFIXES) for form in (str, str.upper, str.title))
    # Tried one by one, as a folder may hold a million. isfile is False for a name that is too long.
    path = next(filter(os.path.isfile, (folder / f"{name}{ending}" for ending in endings)), None)
    if path is None:
        raise UserError(
            f"There is no mask {folder / name} with the ending of a picture.",
            "Each photograph needs a mask of the same name, white where it is to be blank.",
        )
    mask = codec.read(path)
    values = to_channels(without_alpha(mask), 1, str(path))
    binary = mask.dtype.kind == "f" or values.max() <= 1  # 0 and 1 are common in masks
    white = (values > (0.5 if binary else np.iinfo(mask.dtype).max / 2)).astype(np.uint8)
    return geometry.resize(white, (shape[0], shape[1]), labels=True)[:, :, 0] > 0
