"""TIFF <-> arrays (H, W, C), however the file keeps them; and the orientation mark of cameras."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray
from PIL import Image

from pix2pix.pictures.contract import MAX_CHANNELS

ORIENTATION = 0x0112  # a tag of TIFF, and so of EXIF
# What brings (H, W, ...) of each orientation upright.
_TURNS: dict[int, Callable[[NDArray[Any]], NDArray[Any]]] = {
    2: lambda array: array[:, ::-1],
    3: lambda array: array[::-1, ::-1],
    4: lambda array: array[::-1],
    5: lambda array: array.swapaxes(0, 1),
    6: lambda array: np.rot90(array, -1),
    7: lambda array: array[::-1, ::-1].swapaxes(0, 1),
    8: np.rot90,
}


def read(path: Path, accept: Callable[[int, int], None]) -> NDArray[Any]:
    """Return pages and samples as channels, wherever the file keeps them; leave out smaller copies.

    `accept` gets height and width before anything is unpacked, and refuses by raising.
    """
    with tifffile.TiffFile(path) as opened:
        first = opened.series[0]
        alike = [s for s in opened.series if (s.axes, s.shape) == (first.axes, first.shape)]
        if not {"Y", "X"} <= set(first.axes):
            raise ValueError(f"its axes are {first.axes}, wanted rows and columns")
        places = [first.axes.index(axis) for axis in "YX"]
        height, width = (first.shape[place] for place in places)
        accept(height, width)
        channels = len(alike) * first.size // max(1, height * width)
        if channels > MAX_CHANNELS:  # before they fill the memory
            raise ValueError(f"it has {channels} pages and channels, wanted up to {MAX_CHANNELS}")
        parts = [np.moveaxis(s.asarray(), places, (0, 1)).reshape(height, width, -1) for s in alike]
        page = first.keyframe
        return upright(_plain(np.concatenate(parts, axis=2), page), page.tags.valueof(ORIENTATION, 1))


def write(array: NDArray[Any], path: Path) -> None:
    """Write (H, W, C) in one page, packed without loss."""
    colour = array.shape[2] in (3, 4) and array.dtype != np.float32
    tifffile.imwrite(
        path,
        array[:, :, 0] if array.shape[2] == 1 else array,
        photometric="rgb" if colour else "minisblack",
        planarconfig="contig" if array.shape[2] > 1 else None,
        compression="zlib",
        metadata=None,
    )


def upright(array: NDArray[Any], orientation: int) -> NDArray[Any]:
    """Return (H, W, ...) as it was seen, by EXIF's orientation."""
    return _TURNS[orientation](array) if orientation in _TURNS else array


def _plain(array: NDArray[Any], page: Any) -> NDArray[Any]:
    """Return a TIFF's numbers as everyone means them: colours looked up, white highest, no CMYK."""
    kind = page.photometric.name
    if kind == "PALETTE" and page.colormap is not None:  # (3, colours) of 16 bits
        return np.asarray(page.colormap.T[array[:, :, 0]] >> 8, np.uint8)
    if kind == "MINISWHITE" and array.dtype.kind in "bu":
        return ~array
    if kind == "SEPARATED" and array.dtype == np.uint8 and array.shape[2] == 4:
        return np.asarray(Image.fromarray(array, "CMYK").convert("RGB"))
    return array
