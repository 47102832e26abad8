"""What streaming keeps on disk: maps row by row, and sums of each channel taken while they are written.

C channels, H height, W width.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from pix2pix.files import cannot_write


class MapFile:
    """A map (C, H, W) in a file: row after row, of each its channels. Rows are written and read anywhere.

    Plain reads and writes: pages of a mapped file would count as memory of the process.
    """

    def __init__(self, path: Path, shape: tuple[int, int, int], dtype: torch.dtype) -> None:
        self.path, self.shape, self.dtype = path, shape, dtype
        self._row_bytes = shape[0] * shape[2] * dtype.itemsize
        self._file: int | None = None

    def write(self, start: int, rows: Tensor) -> None:
        """Write (rows, C, W) of the file's type from the row `start` on; raises UserError where it cannot."""
        try:
            for offset, part in self._parts(start, rows):
                os.pwrite(self._opened(), part, offset)
        except OSError as error:
            raise cannot_write(self.path, error) from error

    def read(self, start: int, stop: int) -> Tensor:
        """Return (rows, C, W) from `start` to `stop`, of the file's type."""
        channels, _, width = self.shape
        rows = torch.empty(stop - start, channels, width, dtype=self.dtype)
        for offset, part in self._parts(start, rows):
            if os.preadv(self._opened(), [part], offset) != len(part):
                raise OSError(f"{self.path} is shorter than it was written")
        return rows

    def finish(self) -> None:
        """Wait until the disk has what was written: what is recorded after this survives a crash."""
        try:
            os.fsync(self._opened())
        except OSError as error:
            raise cannot_write(self.path, error) from error

    def close(self) -> None:
        """Close the file; it may be opened again."""
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def delete(self) -> None:
        """Delete the file."""
        self.close()
        self.path.unlink(missing_ok=True)

    def _opened(self) -> int:
        if self._file is None:
            self._file = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o666)
        return self._file

    def _parts(self, start: int, rows: Tensor) -> Any:
        """Yield (place in the file, memory) of each part; the system writes 2 GB at once, at most."""
        numbers: Any = rows.numpy().reshape(-1)
        memory = memoryview(numbers).cast("B")
        at, step = start * self._row_bytes, 2**30
        return [(at + i, memory[i : i + step]) for i in range(0, len(memory), step)]


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
