"""What is measured of each picture, on disk as it comes: an evaluation that stops goes on where it was.

A column is a file of equal records, one a picture, in order. Memory does not grow with their number.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pix2pix.files import cannot_write, write_text

Array = NDArray[Any]
_ROWS_AT_ONCE = 2048


class Columns:
    """The columns in a folder, of one identity: what is measured of what, by what."""

    def __init__(self, folder: Path, identity: Mapping[str, Any]) -> None:
        """Open the folder; columns of another identity are removed."""
        self.folder, self._about = folder, folder / "identity.json"
        self._kinds: dict[str, tuple[str, list[int]]] = {}
        text = json.dumps(identity, sort_keys=True, indent=1)
        if not self._about.is_file() or json.loads(self._about.read_text("utf-8"))["identity"] != identity:
            for column in folder.glob("*.column"):
                column.unlink()
            self._identity: dict[str, Any] = json.loads(text)
            self._rows = 0
            return
        self._open()
        for name in self._kinds:  # what a stop has left unfinished
            os.truncate(self._path(name), self._rows * self._record_bytes(name))

    @classmethod
    def read(cls, folder: Path) -> Columns:
        """Open a folder as it is, whatever its identity; raises OSError where there are no columns."""
        columns = cls.__new__(cls)
        columns.folder, columns._about = folder, folder / "identity.json"
        columns._open()
        return columns

    @property
    def identity(self) -> Mapping[str, Any]:
        """What is measured of what, by what."""
        return self._identity

    def _open(self) -> None:
        about = json.loads(self._about.read_text("utf-8"))
        self._identity, self._kinds = about["identity"], {k: tuple(v) for k, v in about["kinds"].items()}
        self._rows = min((self._rows_of(name) for name in self._kinds), default=0)

    def __len__(self) -> int:
        return self._rows

    def append(self, records: Mapping[str, Array]) -> None:
        """Add the records of some pictures, (B, ...) for each column."""
        if not self._kinds:
            self._kinds = {name: (str(r.dtype), list(r.shape[1:])) for name, r in records.items()}
            write_text(self._about, json.dumps({"identity": self._identity, "kinds": self._kinds}))
        for name, record in records.items():
            path = self._path(name)
            try:
                with path.open("ab") as out:
                    out.write(np.ascontiguousarray(record).tobytes())
            except OSError as error:
                raise cannot_write(path, error) from error
        self._rows += len(next(iter(records.values())))

    def __contains__(self, name: str) -> bool:
        return name in self._kinds

    def __getitem__(self, name: str) -> Array:
        """Return a column, (N, ...), mapped from disk."""
        kind, shape = self._kinds[name]
        if not self._rows:
            return np.empty((0, *shape), kind)
        return np.memmap(self._path(name), kind, "r", shape=(self._rows, *shape))

    def record(self, row: int) -> dict[str, Array]:
        """Return what is measured of one picture."""
        return {name: np.asarray(self[name][row]) for name in self._kinds}

    def total(self, name: str, rows: Sequence[int]) -> Array:
        """Return the sum of some rows of a column, a block at a time."""
        column = self[name]
        blocks = (
            column[list(rows[i : i + _ROWS_AT_ONCE])].sum(0) for i in range(0, len(rows), _ROWS_AT_ONCE)
        )
        return np.asarray(sum(blocks))

    def _path(self, name: str) -> Path:
        return self.folder / f"{name}.column"

    def _record_bytes(self, name: str) -> int:
        kind, shape = self._kinds[name]
        return int(np.dtype(kind).itemsize * np.prod(shape, dtype=np.int64))

    def _rows_of(self, name: str) -> int:
        path = self._path(name)
        return path.stat().st_size // self._record_bytes(name) if path.is_file() else 0
