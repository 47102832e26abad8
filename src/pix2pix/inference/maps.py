"""What streaming keeps on disk: maps row by row, and sums of each channel taken while they are written.

C channels, H height, W width.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO

import torch
from torch import Tensor

from pix2pix.errors import UserError
from pix2pix.files import cannot_write


class MapFile:
    """A map (C, H, W) in a file: row after row, of each its channels. Rows are written and read anywhere.

    Plain reads and writes: pages of a mapped file would count as memory of the process.
    """

    def __init__(self, path: Path, shape: tuple[int, int, int], dtype: torch.dtype) -> None:
        self.path, self.shape, self.dtype = path, shape, dtype
        self._row_bytes = shape[0] * shape[2] * dtype.itemsize
        self._file: BinaryIO | None = None

    def write(self, start: int, rows: Tensor) -> None:
        """Write (rows, C, W) of the file's type from the row `start` on; raises UserError where it cannot."""
        try:
            self._at(start).write(_memory(rows))
        except OSError as error:
            raise cannot_write(self.path, error) from error

    def read(self, start: int, stop: int) -> Tensor:
        """Return (rows, C, W) from `start` to `stop`, of the file's type."""
        channels, _, width = self.shape
        rows = torch.empty(stop - start, channels, width, dtype=self.dtype)
        if self._at(start).readinto(_memory(rows)) != rows.nbytes:
            raise UserError(
                f"{self.path} is shorter than it was written: another program changed it.",
                f"Delete the folder {self.path.parent} and run the same command again.",
            )
        return rows

    def finish(self) -> None:
        """Wait until the disk has what was written: what is recorded after this survives a crash."""
        try:
            file = self._at(0)
            file.flush()
            os.fsync(file.fileno())
        except OSError as error:
            raise cannot_write(self.path, error) from error

    def close(self) -> None:
        """Close the file; it may be opened again."""
        file, self._file = self._file, None
        if file is not None:
            with suppress(OSError):  # of what was not written, which has been reported
                file.close()

    def delete(self) -> None:
        """Delete the file."""
        self.close()
        self.path.unlink(missing_ok=True)

    def _at(self, row: int) -> Any:
        """Return the open file at the beginning of a row."""
        if self._file is None:
            self._file = self.path.open("r+b" if self.path.exists() else "w+b")
        self._file.seek(row * self._row_bytes)
        return self._file


def _memory(rows: Tensor) -> memoryview:
    numbers: Any = rows.numpy().reshape(-1)
    return memoryview(numbers).cast("B")


class Moments:
    """Mean and variance of each channel, of rows that come one strip at a time.

    Each strip is centred by its own mean, and strips are combined in float64 (Chan et al.): no
    squares of large means are subtracted from each other.
    """

    def __init__(self, channels: int) -> None:
        self.count = 0
        self._mean = torch.zeros(channels, dtype=torch.float64)
        self._squares = torch.zeros(channels, dtype=torch.float64)  # of distances from the mean

    def add(self, x: Tensor) -> None:
        """Take in (1, C, rows, W) float32."""
        count = x.shape[2] * x.shape[3]
        mean = x[0].sum(2).double().sum(1) / count
        centred = x[0] - mean.to(x.dtype)[:, None, None]
        squares = torch.linalg.vector_norm(centred, dim=2).double().square().sum(1)
        mean, squares = mean.cpu(), squares.cpu()
        apart, total = mean - self._mean, self.count + count
        self._squares += squares + apart.square() * (self.count * count / total)
        self._mean += apart * (count / total)
        self.count = total

    def statistics(self) -> tuple[Tensor, Tensor]:
        """Return mean and variance, (C,) float64 each."""
        return self._mean, self._squares / max(self.count, 1)
