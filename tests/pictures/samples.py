"""Pictures that the tests of this folder share."""

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

from pix2pix.errors import UserError
from pix2pix.pictures.codec import Array, read

DEPTHS = ("uint8", "uint16", "float32")
ORIENTATION = 0x0112  # EXIF
# What undoes each EXIF orientation, on (H, W, C).
UPRIGHT: dict[int, Callable[[Array], Array]] = {
    1: lambda a: a,
    2: lambda a: a[:, ::-1],
    3: lambda a: a[::-1, ::-1],
    4: lambda a: a[::-1],
    5: lambda a: a.swapaxes(0, 1),
    6: lambda a: np.rot90(a, -1),
    7: lambda a: a[::-1, ::-1].swapaxes(0, 1),
    8: np.rot90,
}


def deep(height: int, width: int, channels: int = 3, depth: str = "uint16") -> Array:
    """(H, W, C) of noise in any depth; floats lie around 0."""
    values = np.random.default_rng(0).random((height, width, channels))
    if depth == "float32":
        return (values * 8 - 4).astype(np.float32)
    return (values * (np.iinfo(depth).max + 1)).astype(depth)


def refused(path: Path) -> str | None:
    """Why a picture cannot be read, or None where it can."""
    try:
        array = read(path)
    except UserError as error:
        return str(error)
    assert array.ndim == 3
    assert str(array.dtype) in DEPTHS
    return None


def refusal(path: Path) -> str:
    message = refused(path)
    assert message is not None
    assert str(path) in message
    assert "\n" not in message
    return message


def areas(classes: int, seed: int = 0, size_px: int = 128) -> Array:
    """(H, W, 1) rectangles and ellipses at random, thin ones among them."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:size_px, :size_px]
    index = np.zeros((size_px, size_px, 1), np.uint8)
    for _ in range(40):
        top, left, height, width = *rng.integers(0, size_px, 2), *rng.integers(1, 25, 2)
        down, right = (y - top) / height, (x - left) / width
        box = np.maximum(abs(down), abs(right)) < 1
        index[box if rng.random() < 0.5 else down**2 + right**2 < 1] = rng.integers(classes)
    return index


def jpeg(array: Array, quality: int = 90) -> Array:
    """What JPEG with halved colour makes of a picture."""
    file = io.BytesIO()
    grey = array.shape[2] == 1
    picture = Image.fromarray(array[:, :, 0] if grey else array)
    picture.save(file, "JPEG", quality=quality, **({} if grey else {"subsampling": 2}))
    return np.atleast_3d(np.asarray(Image.open(file)))
