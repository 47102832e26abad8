"""The folder of decoded pairs: what it holds, how large it may grow, what leaves it first.

An entry is an index, KEY.json, and its pixels, KEY.source and KEY.target. A process locks the pixels
that it has mapped, so that no other one removes them. Deleting the folder loses nothing.
"""

from __future__ import annotations

import json
import os
from collections import defaultdict
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np

from pix2pix.errors import UserError
from pix2pix.files import cache_folder
from pix2pix.pictures.codec import Array

SIZE_LIMIT = "PIX2PIX_CACHE_GB"
PIXELS = (".source", ".target")
_DEFAULT_GB = "100"


@dataclass(frozen=True)
class CacheEntry:
    """Decoded pairs of one set at one size, or the pictures of a hub data set."""

    name: str
    files: tuple[Path, ...]
    bytes: int
    used: float  # seconds since the epoch

    @property
    def of_hub(self) -> bool:
        """Whether these are pictures from which pairs are decoded."""
        return self.files[0].parent != cache_folder()

    def describe(self) -> str:
        """Return what data this is."""
        if self.of_hub:
            return f"{len(self.files):,} pictures of a hub data set"
        index = read_index(self.files[0].with_suffix(".json"))
        return str(index.get("data") or f"{len(index.get('names', ())):,} pairs of an earlier version")

    def in_use(self) -> bool:
        """Whether a process has its pixels mapped."""
        with ExitStack() as opened:
            return not self._lock(opened)

    def remove(self) -> bool:
        """Delete the files; return False where a process uses them or the disk refuses."""
        with ExitStack() as opened:
            if not self._lock(opened):
                return False
            try:
                for path in self.files:
                    path.unlink(missing_ok=True)
            except OSError:
                return False
        return True

    def _lock(self, opened: ExitStack) -> bool:
        pixels = [path for path in self.files if path.suffix in PIXELS and path.exists()]
        return all(_locked(opened.enter_context(path.open("rb")), alone=True) for path in pixels)


def entries() -> list[CacheEntry]:
    """Return what the cache holds, the least recently used first."""
    files = defaultdict[str, list[Path]](list)
    for path in (*cache_folder().glob("*"), *cache_folder().glob("hub/*/*")):
        if path.parent != cache_folder():
            files[path.parent.name].append(path)
        elif path.suffix in (".json", *PIXELS) and not path.name.startswith("."):
            files[path.stem].append(path)
    listed = []
    for name, paths in files.items():
        with suppress(FileNotFoundError):  # another process has removed it since
            stats = [path.stat() for path in paths]
            size, used = sum(s.st_size for s in stats), max(s.st_mtime for s in stats)
            listed.append(CacheEntry(name, tuple(sorted(paths)), size, used))
    return sorted(listed, key=lambda entry: entry.used)


def limit_bytes() -> float:
    """Return how large all decoded pairs together may be."""
    text = os.environ.get(SIZE_LIMIT, _DEFAULT_GB)
    try:
        return float(text) * 1e9
    except ValueError:
        raise UserError(f"{SIZE_LIMIT} is '{text}': wanted a number of gigabytes.") from None


def make_room(needed: int) -> None:
    """Remove the least recently used pairs until `needed` more bytes are within the limit.

    Pairs that a process uses stay, and so do the pictures of hub data sets.
    """
    limit, decoded = limit_bytes(), [entry for entry in entries() if not entry.of_hub]
    total = needed + sum(entry.bytes for entry in decoded)
    for entry in decoded:
        if total > limit and entry.remove():
            total -= entry.bytes


def read_index(index: Path) -> dict[str, Any]:
    """Return what an index says; nothing where it is missing or damaged."""
    try:
        listed: dict[str, Any] = json.loads(index.read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return listed


def map_pixels(file: Path, depth: str, shape: tuple[int, ...]) -> Array:
    """Return the pixels of an entry, mapped; while they are, no process removes the entry."""
    with suppress(OSError):  # a folder that cannot be written to can still be read
        os.utime(file)
    with file.open("rb") as opened:
        _locked(opened, alone=False)
        # The mapping keeps a copy of the open file's descriptor, and with it the lock.
        return np.memmap(opened, depth, "r", shape=shape)


def _locked(file: IO[bytes], *, alone: bool) -> bool:
    """Lock an open file, alone or with others; return False where that is not possible."""
    try:
        import fcntl

        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB if alone else fcntl.LOCK_SH)
    except ImportError:  # Windows deletes no file that is open
        return True
    except OSError:
        return False
    return True
