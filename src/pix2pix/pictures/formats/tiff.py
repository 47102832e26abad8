"""TIFF <-> arrays (H, W, C), however the file keeps them; and the orientation mark of cameras."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import tifffile

from pix2pix.pictures.contract import MAX_CHANNELS, Fill
from pix2pix.pictures.formats.numbers import Array
from pix2pix.pictures.formats.opening import TIFF_HEADS, Head, PictureError
from pix2pix.pictures.formats.tiff_colours import is_scaled, plain
from pix2pix.pictures.formats.tiff_pages import check_blocks, open_pages, picture_parts

ORIENTATION = 0x0112  # a tag of TIFF, and so of EXIF
NO_DATA = 42113  # a tag of GDAL, in digits
# What brings (H, W, ...) of each orientation upright.
_TURNS: dict[int, Callable[[Array], Array]] = {
    2: lambda array: array[:, ::-1],
    3: lambda array: array[::-1, ::-1],
    4: lambda array: array[::-1],
    5: lambda array: array.swapaxes(0, 1),
    6: lambda array: np.rot90(array, -1),
    7: lambda array: array[::-1, ::-1].swapaxes(0, 1),
    8: np.rot90,
}


def is_tiff(file: BinaryIO) -> bool:
    """Return whether a file is a TIFF."""
    file.seek(0)
    return file.read(4) in TIFF_HEADS


def read(file: BinaryIO, accept: Callable[[Head], None]) -> tuple[Array, float | None]:
    """Return (H, W, C) in the type that the file has, and the value that stands for no data, if any.

    Pages and samples are channels, wherever the file keeps them; smaller copies are left out. `accept` is
    called before anything is unpacked, and refuses by raising.
    """
    with open_pages(file) as opened:
        parts = picture_parts(opened)
        first, page = parts[0], parts[0].keyframe
        if not {"Y", "X"} <= set(first.axes):
            raise PictureError(f"its axes are {first.axes}, wanted rows and columns")
        places = [first.axes.index(axis) for axis in "YX"]
        height, width = (first.shape[place] for place in places)
        channels = len(parts) * first.size // max(1, height * width)
        accept(Head("TIFF", height, width, 1, channels, channels * np.dtype(first.dtype).itemsize))
        if channels > MAX_CHANNELS:  # before they fill the memory
            raise PictureError(f"it has {channels} pages and channels, wanted up to {MAX_CHANNELS}")
        for part in parts:
            check_blocks(file, part)
        arrays = [np.moveaxis(part.asarray(), places, (0, 1)).reshape(height, width, -1) for part in parts]
        array = upright(plain(np.concatenate(arrays, axis=2), page), page.tags.valueof(ORIENTATION, 1))
        return array, fill_of(page)


def size(file: BinaryIO) -> tuple[int, int]:
    """Return height and width as they are kept, before the picture is upright; nothing is unpacked."""
    with open_pages(file) as opened:
        part = picture_parts(opened)[0]
        height, width = (part.shape[part.axes.index(axis)] for axis in "YX")
        return height, width


def no_data(path: Path) -> float | None:
    """Return the value for pixels without data that a TIFF names; None where it names none, or is broken."""
    try:
        with path.open("rb") as file, open_pages(file) as opened:
            return fill_of(picture_parts(opened)[0].keyframe)
    except Exception:  # of every type; `read` puts it into words
        return None


def write(array: Array, path: Path, fill: Fill | None = None) -> None:
    """Write (H, W, C) in one page, packed without loss; `fill` is named as the value without data."""
    channels = array.shape[2]
    flat = array[:, :, 0] if channels == 1 else array
    tifffile.imwrite(path, flat, **layout(channels, str(array.dtype), fill))


def layout(channels: int, depth: str, fill: Fill | None = None) -> dict[str, Any]:
    """Return how tifffile lays out one page of these channels, packed without loss; see `write`."""
    digits = fill if isinstance(fill, str) else f"{fill:.17g}" if fill is not None else ""
    return {
        "extratags": [(NO_DATA, "s", 0, digits, True)] if digits else [],
        "photometric": "rgb" if channels in (3, 4) and depth != "float32" else "minisblack",
        "planarconfig": "contig" if channels > 1 else None,
        "compression": "zlib",
        "metadata": None,
    }


def upright(array: Array, orientation: int) -> Array:
    """Return (H, W, ...) as it was seen, by EXIF's orientation."""
    return _TURNS[orientation](array) if orientation in _TURNS else array


def fill_of(page: Any) -> float | None:
    """Return the number of GDAL's tag for pixels without data; None where reading scales the numbers."""
    if is_scaled(page):
        return None
    try:
        return float(str(page.tags.valueof(NO_DATA, "")).strip("\0 "))
    except ValueError:
        return None
