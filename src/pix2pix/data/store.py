"""Pairs decoded once: memory-mapped files of bytes that every later run of the same data opens.

Decoding costs more than cropping, so it is done once, on all cores, into two files, sources and
targets, of pairs x height x width x channels values (400 pairs of 8-bit RGB at 286 px: 196 MB in
all). The files are mapped, not read: memory stays flat however many pairs there are. Their name is
the digest of what they were made from, so a changed picture makes new ones.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pix2pix.data.pairs import Pair
from pix2pix.data.reading import Reading
from pix2pix.errors import UserError
from pix2pix.files import cache_folder, list_pictures, remove_stale, replacing
from pix2pix.pictures.codec import LIMIT, Array
from pix2pix.pictures.contract import PictureContract

_FORMAT = 2  # raise when the same pictures would give other bytes
_AHEAD = 256  # pairs decoded ahead of the writer, at most
_HALVES = ("source", "target")

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Store:
    """Decoded pairs: `sources` and `targets` are (pairs, H, W, C) in their contracts' depth."""

    sources: Array
    targets: Array
    reading: Reading
    names: Sequence[str]
    failures: Sequence[str]  # one sentence for each pair that was left out
    digest: str  # of names and pixels, the same wherever the files lie

    def __len__(self) -> int:
        return len(self.names)


class NoPairError(UserError):
    """Of all the pairs none could be used; `failures` has a sentence for each."""

    def __init__(self, failures: Sequence[str]) -> None:
        failed = len(failures)
        super().__init__(failures[0], f"None of the {failed} pairs could be used." if failed > 1 else "")
        self.failures = failures


def open_store(
    pairs: Sequence[Pair],
    size: tuple[int, int],
    reading: Reading,
    *,
    strict: bool = False,
    progress: Progress = lambda done, total: None,
) -> Store:
    """The pairs at (height, width), from the cache or decoded now.

    A pair that cannot be read is left out and named in `failures`; with `strict` it raises.
    `progress` is told pairs done and in all. Raises NoPairError where no pair is left, and
    UserError where the cache cannot be written.
    """
    key = _key(pairs, size, reading)
    index = cache_folder() / f"{key}.json"
    files = [index.with_name(f"{key}.{half}") for half in _HALVES]
    listed = _listed(index)
    # A file that could not be read may be readable now: a store with failures is made anew.
    if not listed or listed["failures"] or not _whole(files, listed["bytes"]):
        _write(pairs, size, reading, files, index, strict, progress)
        listed = _listed(index)
    names = listed["names"]
    sources, targets = (
        np.memmap(file, contract.depth, "r", shape=(len(names), *size, _stored(contract)))
        for file, contract in zip(files, (reading.source, reading.target), strict=True)
    )
    return Store(sources, targets, reading, names, listed["failures"], listed["digest"])


def _listed(index: Path) -> dict[str, Any]:
    """What a store's index says; nothing where there is none, or a damaged one."""
    try:
        listed: dict[str, Any] = json.loads(index.read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return listed


def _whole(files: Sequence[Path], sizes: Sequence[int]) -> bool:
    return all(f.is_file() and f.stat().st_size == n for f, n in zip(files, sizes, strict=True))


def _stored(contract: PictureContract) -> int:
    """Channels as stored: a one-hot label map is one channel of class indexes."""
    return 1 if contract.one_hot else contract.channels


def _write(
    pairs: Sequence[Pair],
    size: tuple[int, int],
    reading: Reading,
    files: Sequence[Path],
    index: Path,
    strict: bool,
    progress: Progress,
) -> None:
    names: list[str] = []
    failures: list[str] = []
    content = hashlib.sha256()
    remove_stale(index.parent)
    with ExitStack() as stack:
        temporary = [stack.enter_context(replacing(file)) for file in files]
        outs = [stack.enter_context(path.open("wb")) for path in temporary]
        for done, (pair, result) in enumerate(_decoded(pairs, size, reading), 1):
            if isinstance(result, UserError):
                if strict:
                    raise result
                failures.append(str(result))
            else:
                content.update(os.fsencode(pair.name))
                for out, array in zip(outs, result, strict=True):
                    values = np.ascontiguousarray(array).data
                    content.update(values)
                    out.write(values)
                names.append(pair.name)
            progress(done, len(pairs))
        if not names:
            raise NoPairError(failures)
        sizes = [out.tell() for out in outs]
    with replacing(index) as path:
        about = {"names": names, "failures": failures, "bytes": sizes}
        path.write_text(json.dumps(about | {"digest": content.hexdigest()[:32]}), "utf-8")


def _decoded(
    pairs: Sequence[Pair], size: tuple[int, int], reading: Reading
) -> Iterator[tuple[Pair, tuple[Array, Array] | UserError]]:
    """Each pair with its pixels or its error, in order, decoded by threads on all cores."""

    def read(pair: Pair) -> tuple[Array, Array] | UserError:
        try:
            return reading.read(pair, size)
        except UserError as error:
            return error

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for start in range(0, len(pairs), _AHEAD):
            some = pairs[start : start + _AHEAD]
            yield from zip(some, pool.map(read, some), strict=True)


def _key(pairs: Sequence[Pair], size: tuple[int, int], reading: Reading) -> str:
    config = reading.config
    about: object = (
        reading.source,
        reading.target,
        reading.photograph,
        config.make,
        config.fit,
        config.snap_labels,
        os.environ.get(LIMIT),  # what was too large may be read now
    )
    state = hashlib.sha256(repr((_FORMAT, size, about)).encode())
    for pair in pairs:
        for half in (pair.source, *pair.more_sources, pair.target):
            state.update(repr((pair.name, half.side, *_version(half.path))).encode())
    if config.make.startswith("mask:"):
        for mask in list_pictures(Path(config.make.removeprefix("mask:"))):
            state.update(repr(_version(mask)).encode())
    return state.hexdigest()[:32]


def _version(path: Path) -> tuple[str, int, int]:
    """What changes when a file does; of one that is gone only its name."""
    try:
        stat = path.stat()
    except OSError:
        return os.path.realpath(path), 0, 0
    return os.path.realpath(path), stat.st_size, stat.st_mtime_ns
