"""Pictures some rows at a time: TIFFs by their tiles or strips, everything else whole.

Arrays are those of `codec`, (rows, W, C) uint8, uint16 or float32.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import tifffile
from numpy.typing import NDArray

from pix2pix.errors import first_line
from pix2pix.files import cannot_write
from pix2pix.pictures import codec
from pix2pix.pictures.codec import Array
from pix2pix.pictures.contract import Fill
from pix2pix.pictures.formats import tiff
from pix2pix.pictures.formats.jpeg import check_block
from pix2pix.pictures.formats.numbers import checked
from pix2pix.pictures.formats.opening import open_file
from pix2pix.pictures.formats.tiff_colours import plain
from pix2pix.pictures.formats.tiff_pages import block_size, is_jpeg, open_pages, picture_parts

Mask = NDArray[np.bool_]
_TILE_PX = 512
_BUFFER_BYTES = 2**25  # that are packed at once
_LARGEST_CLASSIC = 2**32 - 2**25  # bytes that a TIFF of 32-bit places may have


class Rows:
    """A picture that is read by rows; nothing is unpacked before `load`.

    `nodata` is the value by which the file marks pixels without data, `is_geographic` whether it says
    where on earth they are. `in_parts` is whether less than the whole is in memory at a time.
    `damaged` gets a sentence on each block that cannot be read, by its place.
    """

    in_parts = False

    def __init__(self, path: Path, height: int, width: int) -> None:
        self.path, self.height, self.width = path, height, width
        self.nodata: float | None = None
        self.is_geographic = False
        self.damaged: dict[tuple[int, int], str] = {}
        self._whole: Array | None = None

    def load(self) -> None:
        """Read the picture, unless it is read in parts; its height and width are certain from now on.

        Raises UserError that names the file where it cannot be read.
        """
        self._whole, self.nodata = codec.read_picture(self.path)
        self.height, self.width = self._whole.shape[:2]

    def read(self, start: int, stop: int) -> tuple[Array, Mask | None]:
        """Return the rows from `start` to `stop`, and a mask (rows, W) of those without data.

        Raises UserError that names the file where it cannot be read.
        """
        if self._whole is None:
            self.load()
        assert self._whole is not None
        return _without_nodata(self._whole[start:stop], self.nodata, None)

    def close(self) -> None:
        """Close the file."""


class _Blocks(Rows):
    """A TIFF of one page, read by its tiles or strips."""

    in_parts = True

    def __init__(self, path: Path) -> None:
        self._file = tifffile.TiffFile(path)
        self._page = page = self._file.pages.first
        super().__init__(path, page.imagelength, page.imagewidth)
        self.is_geographic = page.is_geotiff
        self.nodata = tiff.fill_of(page)
        self._block_rows, self._block_width = block_size(page)
        # Strips of a convolution overlap by the rows of its halo.
        self._blocks = lru_cache(2)(self._read_blocks)

    def read(self, start: int, stop: int) -> tuple[Array, Mask | None]:
        """Return rows as `Rows.read` does; pixels without data are zeros."""
        parts, masks = [], []
        for number in range(start // self._block_rows, -(-stop // self._block_rows)):
            top = number * self._block_rows
            array, mask = self._blocks(number)
            inside = slice(max(start - top, 0), stop - top)
            parts.append(array[inside])
            masks.append(mask[inside])
        array, mask = np.concatenate(parts), np.concatenate(masks)
        array, missing = _without_nodata(array, self.nodata, mask)
        return checked(array, str(self.path)), missing

    def load(self) -> None:
        """Do nothing: it is read in parts."""

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _read_blocks(self, number: int) -> tuple[Array, Mask]:
        """Return the rows of one row of tiles, or of one strip, and where it is damaged."""
        page, top = self._page, number * self._block_rows
        rows, samples = min(self._block_rows, self.height - top), page.samplesperpixel
        planes = samples if page.planarconfig == tifffile.PLANARCONFIG.SEPARATE else 1
        out = np.zeros((planes, rows, self.width, samples // planes), page.dtype)
        mask = np.zeros((rows, self.width), bool)
        across, down = -(-self.width // self._block_width), -(-self.height // self._block_rows)
        for plane in range(planes):
            for column in range(across):
                left = column * self._block_width
                place = np.s_[:, left : left + self._block_width]
                try:
                    block = self._block((plane * down + number) * across + column)
                    if block is None:  # a sparse file leaves it out
                        mask[place] = self.nodata is not None
                    else:
                        out[plane][place] = block[0, :rows, : self.width - left]
                except Exception as error:  # decoders report by errors of every type
                    mask[place] = True
                    self._report(top, rows, left, error)
        array = out[0] if planes == 1 else np.concatenate(list(out), axis=2)
        return plain(array, page), mask

    def _block(self, index: int) -> Any:
        """Return (1, rows, W, C) of a block; None where the file leaves it out."""
        page, file = self._page, self._file.filehandle
        if not page.databytecounts[index]:
            return None
        file.seek(page.dataoffsets[index])
        data = file.read(page.databytecounts[index])
        if len(data) != page.databytecounts[index]:
            raise ValueError("the file ends before it")
        if is_jpeg(page):
            check_block(data, self._block_rows, self._block_width)
        return page.decode(data, index, jpegtables=page.jpegtables, jpegheader=page.jpegheader)[0]

    def _report(self, top: int, rows: int, left: int, error: Exception) -> None:
        right = min(left + self._block_width, self.width) - 1
        self.damaged[top, left] = (
            f"{self.path}: the block of rows {top} to {top + rows - 1} and columns {left} to {right} "
            f"cannot be read ({first_line(error)})"
        )


def _without_nodata(array: Array, nodata: float | None, mask: Mask | None) -> tuple[Array, Mask | None]:
    """Return the array with zeros where pixels have no data, and where that is: also in `mask`."""
    missing = np.zeros(array.shape[:2], np.bool_) if mask is None else mask
    if array.dtype.kind == "f":
        missing = missing | np.isnan(array).any(2)
    if nodata is not None and not np.isnan(nodata):
        missing = missing | (array == nodata).all(2)
    if not missing.any():
        return array, None
    return np.where(missing[:, :, None], array.dtype.type(0), array), missing


def open_rows(path: Path) -> Rows:
    """Return a picture that is read by rows; raises UserError where the file is no picture."""
    with suppress(Exception):  # put into words where the file is read whole
        with open_file(path) as file:
            has_blocks = tiff.is_tiff(file) and _has_blocks(file)
        if has_blocks:
            return _Blocks(path)
    return Rows(path, *codec.size(path))


def _has_blocks(file: BinaryIO) -> bool:
    """Return whether a TIFF is one upright page, in more than one block."""
    with open_pages(file) as opened:
        part, *others = picture_parts(opened)
        page = part.keyframe
        upright = page.tags.valueof(tiff.ORIENTATION, 1) == 1
        plane = part.axes in ("YX", "YXS", "SYX") and page.dtype is not None and page.index == 0
        return upright and plane and not others and len(part.pages) == 1 and len(page.dataoffsets) > 1


def write_rows(
    path: Path, shape: tuple[int, int, int], dtype: str, strips: Iterable[Array], fill: Fill | None = None
) -> None:
    """Write (H, W, C) that comes in strips of rows; a TIFF in tiles, everything else whole.

    A TIFF names `fill` as the value of pixels without data.

    The file is not whole before this returns. Raises UserError where it cannot be written.
    """
    if path.suffix.lower() in (".tif", ".tiff"):
        height, width, channels = shape
        size = height * width * channels * np.dtype(dtype).itemsize
        try:
            with tifffile.TiffWriter(path, bigtiff=size > _LARGEST_CLASSIC) as writer:
                writer.write(
                    _tiles(strips, shape),
                    shape=(height, width, *([channels] if channels > 1 else [])),
                    dtype=dtype,
                    tile=(_TILE_PX, _TILE_PX),
                    buffersize=_BUFFER_BYTES,
                    **tiff.layout(channels, dtype, fill),
                )
        except OSError as error:
            raise cannot_write(path, error) from error
        return
    codec.write(collected(shape, dtype, strips), path, fill)


def collected(shape: tuple[int, int, int], dtype: str, strips: Iterable[Array]) -> Array:
    """Return the picture that comes in strips."""
    array, start = np.empty(shape, dtype), 0
    for strip in strips:
        array[start : start + len(strip)] = strip
        start += len(strip)
    return array


def in_bands(strips: Iterable[Array], rows: int) -> Iterator[Array]:
    """Yield the same rows in bands of `rows`; the last may have fewer."""
    waiting: list[Array] = []
    for strip in strips:
        waiting.append(strip)
        while sum(map(len, waiting)) >= rows:
            joined = np.concatenate(waiting)
            yield joined[:rows]
            waiting = [joined[rows:]] if len(joined) > rows else []
    if waiting:
        yield np.concatenate(waiting)


def _tiles(strips: Iterable[Array], shape: tuple[int, int, int]) -> Iterator[Array]:
    for band in in_bands(strips, _TILE_PX):
        for left in range(0, shape[1], _TILE_PX):
            tile = np.zeros((_TILE_PX, _TILE_PX, shape[2]), band.dtype)
            part = band[:, left : left + _TILE_PX]
            tile[: part.shape[0], : part.shape[1]] = part
            yield tile if shape[2] > 1 else tile[:, :, 0]
