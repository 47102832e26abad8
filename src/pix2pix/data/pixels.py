"""One half of all decoded pairs, read from its file pair by pair: never mapped, never trusted blindly.

A mapped file that another program cuts short, or whose disk fails, ends the process without a word.
A read that comes back short, or with other bytes than were written, is a sentence.
"""

import os
import zlib
from collections.abc import Sequence
from contextlib import suppress
from io import BufferedReader
from pathlib import Path
from threading import Lock
from weakref import finalize

import numpy as np

from pix2pix.errors import UserError
from pix2pix.pictures.codec import Array


class Pixels:
    """(pairs, H, W, C) values of a file; indexing copies pairs out of it.

    While it exists the file stays open, and with it locked. Each pair is compared with its checksum the
    first time that it is read; a damaged file's index is removed, so that the pairs are decoded anew.
    """

    def __init__(
        self, opened: BufferedReader, depth: str, shape: tuple[int, int, int, int], sums: Sequence[int]
    ) -> None:
        # For systems that read only at a file's position, which threads share.
        self._opened, self._turn = opened, Lock()
        self.shape, self.dtype = shape, np.dtype(depth)
        self._sums, self._checked = sums, np.zeros(len(sums), bool)
        finalize(self, opened.close)

    def __len__(self) -> int:
        return self.shape[0]

    @property
    def nbytes(self) -> int:
        """How many bytes all pairs have."""
        return len(self) * self._pair_bytes

    @property
    def _pair_bytes(self) -> int:
        return int(np.prod(self.shape[1:])) * self.dtype.itemsize

    def __getitem__(self, index: int | slice | Sequence[int]) -> Array:
        """Return one pair, (H, W, C), or several, (B, H, W, C).

        Raises UserError where the file cannot be read, was cut short, or has changed.
        """
        if isinstance(index, (int, np.integer)):
            if not -len(self) <= index < len(self):
                raise IndexError(index)
            pair = np.empty(self.shape[1:], self.dtype)
            self._read(int(index) % len(self), pair)
            return pair
        numbers = range(*index.indices(len(self))) if isinstance(index, slice) else index
        pairs = np.empty((len(numbers), *self.shape[1:]), self.dtype)
        for pair, number in zip(pairs, numbers, strict=True):
            self._read(number, pair)
        return pairs

    def _read(self, number: int, pair: Array) -> None:
        into = pair.data.cast("B")
        try:
            count = self._read_at(number * self._pair_bytes, into)
        except OSError as error:
            raise self._damaged(f"cannot be read: {error.strerror or error}") from None
        if count < len(into):
            raise self._damaged("was cut short while it was in use")
        if not self._checked[number]:
            if zlib.crc32(into) != self._sums[number]:
                raise self._damaged(f"has changed since it was written, at pair {number + 1:,}")
            self._checked[number] = True

    def _read_at(self, start: int, into: memoryview) -> int:
        """Read bytes from a position of the file; return how many there were, up to the length of `into`."""
        if not hasattr(os, "preadv"):
            with self._turn:
                self._opened.seek(start)
                return self._opened.readinto(into)
        count = 0
        # One call may return less than there is: Linux ends it after 2 GiB.
        while count < len(into) and (more := os.preadv(self._opened.fileno(), [into[count:]], start + count)):
            count += more
        return count

    def _damaged(self, what: str) -> UserError:
        file = Path(self._opened.name)
        with suppress(OSError):
            file.with_suffix(".json").unlink()
        return UserError(
            f"{file}, of decoded pairs, {what}.",
            "Run the same command again: it decodes the pairs anew and goes on from what was saved.",
        )
