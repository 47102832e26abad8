"""A picture's rows on their way to the network and back, as `sources` and `translator` treat it whole."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
from torch import Tensor

from pix2pix.errors import UserError
from pix2pix.inference.sources import conformed, joined
from pix2pix.model_file import Header
from pix2pix.pictures import geometry, tensors
from pix2pix.pictures.codec import Array
from pix2pix.pictures.contract import IGNORED, LARGEST, PictureContract, Side
from pix2pix.pictures.missing import as_written
from pix2pix.pictures.windows import Mask, Rows


class UnreadableError(UserError):
    """The source cannot be read, or is not what the model takes."""


@contextmanager
def unreadable() -> Iterator[None]:
    """Turn errors inside into those of a source that cannot be read."""
    try:
        yield
    except UserError as error:
        raise UnreadableError(error.message, error.hint) from None


class Strips:
    """The source of one picture, and its translation, by rows.

    Pixels without data are the middle of the range for the network, and `fill` in the translation: what
    the training targets had there, else the picture's nodata. `key` is None unless the source is made
    of a photograph, which is then done whole.
    """

    def __init__(self, rows: Rows, header: Header, side: Side, multiple: int, key: str | None = None) -> None:
        self._rows, self._header, self._side = rows, header, side
        with unreadable():
            rows.load()
        self.height, self.width = rows.height, rows.width // (1 if side == "whole" else 2)
        self.padded = geometry.padded_size(self.height, self.width, multiple)
        # Where the picture begins in its file.
        self.left = self.width if side == "right" else 0
        image = header.image
        # What targets had in place of pixels without data, if they had any.
        self._learned = None if image.lab_photograph else image.target.fill
        self.fill = _nodata(rows.nodata, header) if self._learned is None else float(self._learned)
        self._made = self._read(0, self.height, key)[0] if key is not None else None

    def source(self, start: int, stop: int) -> Tensor:
        """Return rows of the padded source, (C, rows, W) in [-1, 1].

        Raises UnreadableError where the picture is not what the model takes.
        """
        contract = self._header.image.source
        places = geometry.mirrored(self.height, stop - start, start)
        first, last = int(places.min()), int(places.max()) + 1
        array, mask = self._source_rows(first, last)
        if mask is not None:
            array = np.where(mask[:, :, None], _middle(contract, array), array)
        columns = geometry.mirrored(self.width, self.padded[1])
        return tensors.network_input(tensors.to_tensor(array[places - first][:, columns], contract), contract)

    def picture(self, strip: Tensor, start: int, reread: bool) -> Array:
        """Return the rows of the translation from `start` on, of (C, rows, W) in [-1, 1].

        With `reread` the source is read again, for its pixels without data.
        """
        image = self._header.image
        stop = min(start + strip.shape[1], self.height)
        array = tensors.to_array(strip[:, : stop - start, : self.width], image.target)
        if image.lab_photograph is None and self._learned is None and not reread:
            return array
        source, mask = self._source_rows(start, stop)
        array = joined(image, source, array)
        if self._rows.nodata is not None:
            array = _other_than(array, self.fill)
        array = as_written(array, self._learned)
        return array if mask is None else np.where(mask[:, :, None], array.dtype.type(self.fill), array)

    @property
    def nodata(self) -> float | None:
        """Return the number that stands for no data in the translation's file; None where none does."""
        return None if self._learned is None and self._rows.nodata is None else self.fill

    def _source_rows(self, start: int, stop: int) -> tuple[Array, Mask | None]:
        array, mask = self._read(start, stop, None)
        return (array if self._made is None else self._made[start:stop]), mask

    def _read(self, start: int, stop: int, key: str | None) -> tuple[Array, Mask | None]:
        """Return rows as the network was fed in training, and which pixels have no data."""
        name, side = str(self._rows.path), self._side
        with unreadable():
            raw, mask = self._rows.read(start, stop)
            raw = geometry.half(raw, side, name)
            if mask is not None:
                mask = geometry.half(mask[:, :, None], side, name)[:, :, 0]
                # Any pixel that is right, so that nothing is wrong with the picture.
                right = raw[~mask][:1] if not mask.all() else raw[:1, 0]
                raw = np.where(mask[:, :, None], right, raw)
            return conformed(self._header, raw, name, key is not None, key), mask


def _middle(contract: PictureContract, array: Array) -> Array:
    """Return what is 0 in a tensor, or of no class."""
    middle = IGNORED if contract.one_hot else (contract.low + contract.high) / 2
    return np.array(middle, array.dtype)


def _nodata(stated: float | None, header: Header) -> float:
    """Return the number that marks pixels without data in a translation: the source's, if it fits."""
    image = header.image
    depth = (image.lab_photograph or image.target).depth
    if stated is None:
        return 0.0
    if depth == "float32":
        return stated
    return stated if float(stated).is_integer() and 0 <= stated <= LARGEST[depth] else 0.0


def _other_than(array: Array, nodata: float) -> Array:
    """Return the picture without the number that marks pixels without data: its neighbour in its place."""
    if np.isnan(nodata):
        return array
    if array.dtype == np.float32:
        neighbour = np.nextafter(np.float32(nodata), np.float32(np.inf))
    else:
        neighbour = array.dtype.type(nodata + 1 if nodata < LARGEST[str(array.dtype)] else nodata - 1)
    return np.where((array == array.dtype.type(nodata)).all(2, keepdims=True), neighbour, array)
