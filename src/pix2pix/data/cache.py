"""The folder of decoded pairs: what it holds, how large it may grow, what leaves it first.

An entry is an index, KEY.json, and its pixels, KEY.source and KEY.target; or a folder of pictures, of the
hub or of an archive. A process locks the pixels that it has open, and the folders of pictures that it
reads, so that no other one removes them. Deleting the folder loses nothing.
"""

import os
import shutil
import zlib
from collections import defaultdict
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from functools import cache
from io import BufferedReader
from pathlib import Path
from typing import Any

from pix2pix.files import cache_folder, limit_from_environment, require_space
from pix2pix.parsing import parse_json

SIZE_LIMIT = "PIX2PIX_CACHE_GB"
PIXELS = (".source", ".target")
HUB, UNPACKED = "hub", "unpacked"  # folders of folders of pictures
_LOCK = ".lock"
_DEFAULT_GB = 100.0


@dataclass(frozen=True)
class Index:
    """What decoded pairs are, written when their pixels are complete."""

    names: list[str]
    failures: list[str]  # one sentence for each pair that was left out
    bytes: list[int]  # of each file of pixels
    digest: str  # of names and pixels
    data: str = ""  # in words
    sums: Sequence[list[int]] = ()  # CRC-32 of each pair in each file; none in those of earlier versions


@dataclass(frozen=True)
class CacheEntry:
    """Decoded pairs of one set at one size, or the pictures of a hub data set."""

    name: str
    files: tuple[Path, ...]
    bytes: int
    used: float  # seconds since the epoch

    @property
    def of_pictures(self) -> bool:
        """Whether these are pictures from which pairs are decoded."""
        return self.files[0].suffix not in (".json", *PIXELS)

    def describe(self) -> str:
        """Return what data this is."""
        if self.of_pictures:
            is_hub = self._folder.parent.name == HUB
            what = "pictures of a hub data set" if is_hub else "files of an archive"
            return f"{len(self.files):,} {what}"
        index = read_index(self.files[0].with_suffix(".json"))
        return (index and index.data) or f"{len(index.names if index else ()):,} pairs of an earlier version"

    def damage(self, on_bytes: Callable[[int], None]) -> str | None:
        """Return what is not as it was written, or nothing; None where that cannot be known.

        `on_bytes` is called with the bytes of each pair that was compared with its checksum.
        """
        index = read_index(self.files[0].with_suffix(".json"))
        if self.of_pictures or (index and not index.sums):
            return None
        if index is None:
            return "there is no index of these pixels"
        for suffix, length, sums in zip(PIXELS, index.bytes, index.sums, strict=False):
            pair_bytes = length // len(sums) if sums else 0
            try:
                with self.files[0].with_suffix(suffix).open("rb") as opened:
                    with suppress(OSError):  # as in `open_pixels`
                        _lock(opened.fileno(), exclusive=False)
                    if os.fstat(opened.fileno()).st_size != length:
                        return f"{suffix} has another length"
                    for number, checksum in enumerate(sums, start=1):
                        if zlib.crc32(opened.read(pair_bytes)) != checksum:
                            return f"{suffix} has changed at pair {number:,}"
                        on_bytes(pair_bytes)
            except OSError as error:
                return f"{suffix} cannot be read: {error.strerror or error}"
        return ""

    @property
    def _folder(self) -> Path:
        """The folder of pictures."""
        return cache_folder().joinpath(*self.files[0].relative_to(cache_folder()).parts[:2])

    @property
    def in_use(self) -> bool:
        """Whether a process reads these files, or they cannot be removed."""
        return not self._remove(())

    def remove(self) -> bool:
        """Delete the files; return False where a process uses them."""
        return self._remove(self.files)

    def _remove(self, paths: Sequence[Path]) -> bool:
        """Delete some of the files under the lock of all; return False where that is not possible."""
        # The lock of a hub folder stays: another process may wait for it.
        locks = [path for path in self.files if path.suffix in PIXELS]
        locks = [self._folder / _LOCK] if self.of_pictures else locks
        with ExitStack() as opened, suppress(OSError):
            for path in locks:
                file = opened.enter_context(path.open("ab" if self.of_pictures else "rb"))
                _lock(file.fileno(), exclusive=True)
            for path in paths:
                path.unlink()
            return True
        return False


def entries() -> list[CacheEntry]:
    """Return what the cache holds, the least recently used first."""
    root, files = cache_folder(), defaultdict[str, list[Path]](list)
    for pattern in ("[!.]*.json", *(f"[!.]*{suffix}" for suffix in PIXELS)):
        for path in root.glob(pattern):
            files[path.stem].append(path)
    for kind in (HUB, UNPACKED):
        for path in root.glob(f"{kind}/[!.]*/**/[!.]*"):
            if path.is_file():
                files[path.relative_to(root).parts[1]].append(path)
    listed = []
    for name, paths in files.items():
        with suppress(FileNotFoundError):  # another process has removed it since
            stats = [path.stat() for path in paths]
            size, used = sum(s.st_size for s in stats), max(s.st_mtime for s in stats)
            listed.append(CacheEntry(name, tuple(paths), size, used))
    return sorted(listed, key=lambda entry: entry.used)


def limit_bytes() -> float:
    """Return how large all decoded pairs together may be."""
    return limit_from_environment(SIZE_LIMIT, _DEFAULT_GB, " of gigabytes") * 1e9


def make_room(needed: int) -> None:
    """Remove the least recently used pairs until `needed` more bytes are within the limit.

    Pairs that a process uses stay, and so do the pictures of hub data sets. Raises UserError where
    the disk has no room for them.
    """
    limit, decoded = limit_bytes(), [entry for entry in entries() if not entry.of_pictures]
    total = needed + sum(entry.bytes for entry in decoded)
    for entry in decoded:
        if total > limit and entry.remove():
            total -= entry.bytes
    require_space(cache_folder(), needed, "The decoded pairs")


def read_index(index: Path) -> Index | None:
    """Return what an index says; None where it is missing or damaged."""
    with suppress(OSError, ValueError, TypeError):
        read = Index(**parse_json(index.read_text("utf-8")))
        texts = read.names, read.failures, [read.digest, read.data]
        if all(_is_list(of, str) for of in texts) and all(
            _is_list(of, int) for of in (read.bytes, *read.sums)
        ):
            return read
    return None


def _is_list(items: Any, kind: type) -> bool:
    return isinstance(items, list) and all(isinstance(item, kind) for item in items)


def open_pixels(file: Path) -> BufferedReader:
    """Open the pixels of an entry; while they are open, no process removes the entry."""
    opened = file.open("rb")
    with suppress(OSError):  # of a disk that knows no locks, or cannot be written to
        _lock(opened.fileno(), exclusive=False)
        os.utime(file)
    return opened


def remove_folder(folder: Path) -> None:
    """Remove what is left of a folder of pictures."""
    shutil.rmtree(folder, ignore_errors=True)


@cache
def hold(folder: Path) -> None:
    """Keep other processes from removing the pictures in a hub folder until this one ends."""
    with suppress(OSError):  # as above; that pictures cannot be written is reported where they are
        folder.mkdir(parents=True, exist_ok=True)
        _lock(os.open(folder / _LOCK, os.O_CREAT | os.O_RDWR), exclusive=False)


def _lock(descriptor: int, *, exclusive: bool) -> None:
    """Lock an open file, alone or with others; raises OSError where another process has it."""
    with suppress(ImportError):  # Windows, which deletes no file that is open
        import fcntl

        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB if exclusive else fcntl.LOCK_SH)
