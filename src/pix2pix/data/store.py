"""Pairs decoded once: memory-mapped files of bytes that every later run of the same data opens.

Decoding costs more than cropping, so it is done once, on all cores, into two files, sources and
targets, of pairs x height x width x channels values (400 pairs of 8-bit RGB at 286 px: 196 MB in
all). The files are mapped, not read: memory stays flat however many pairs there are. Their name is
the digest of what they were made from, so a changed picture makes new ones.
"""

import hashlib
import json
import os
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pix2pix.data import cache
from pix2pix.data.pairs import NoPairError, Pair
from pix2pix.data.reading import Reading
from pix2pix.derive import lab, recipe
from pix2pix.errors import UserError
from pix2pix.files import cache_folder, remove_stale, replacing, version
from pix2pix.pictures.codec import Array, OnNote, no_note
from pix2pix.pictures.opening import LIMIT
from pix2pix.progress import OnProgress, in_parallel, no_progress

_FORMAT = 3  # raise when the same pictures would give other bytes


@dataclass(frozen=True)
class Store:
    """Decoded pairs: `sources` and `targets` are (pairs, H, W, C) in their contracts' depth.

    Of pairs that are split into Lab per batch both are the photographs.
    """

    sources: Array
    targets: Array
    reading: Reading
    names: Sequence[str]
    failures: Sequence[str]  # one sentence for each pair that was left out
    digest: str  # of names and pixels, the same wherever the files lie

    def __len__(self) -> int:
        return len(self.names)

    @property
    def halves(self) -> tuple[Array, ...]:
        """What is stored, by the contracts of `reading.stored`."""
        return (self.sources, self.targets)[: len(self.reading.stored)]


def open_store(
    pairs: Sequence[Pair],
    size: tuple[int, int],
    reading: Reading,
    *,
    strict: bool = False,
    progress: OnProgress = no_progress,
    note: OnNote = no_note,
) -> Store:
    """Return the pairs at (height, width), from the cache or decoded now.

    A pair that cannot be read is left out and named in `failures`; with `strict` it raises. `note`
    receives a sentence about what is left out of a file, when it is decoded.
    Raises NoPairError where no pair is left, and UserError where the cache cannot be written.
    """
    index = cache_folder() / f"{_key(pairs, size, reading)}.json"
    files = [index.with_suffix(suffix) for suffix in cache.PIXELS[: len(reading.stored)]]
    written: dict[str, Any] = {}
    while True:  # as long as other processes remove what was just written
        # Locked before the index is read: what is listed stays until it is mapped.
        with ExitStack() as opened, suppress(FileNotFoundError, NotADirectoryError):
            pixels = [opened.enter_context(cache.open_pixels(file)) for file in files]
            listed = written or cache.read_index(index)
            complete = listed.get("bytes") == [os.fstat(file.fileno()).st_size for file in pixels]
            # Retry files that failed last time.
            if complete and (written or not listed["failures"]):
                names, failures, digest = (listed[key] for key in ("names", "failures", "digest"))
                mapped = [
                    # The mapping keeps a copy of the open file's descriptor, and with it the lock.
                    np.memmap(file, contract.depth, "r", shape=(len(names), *size, contract.stored_channels))
                    for file, contract in zip(pixels, reading.stored, strict=True)
                ]
                return Store(mapped[0], mapped[-1], reading, names, failures, digest)
        written = _write(pairs, size, reading, files, index, strict, progress, note)


def _write(
    pairs: Sequence[Pair],
    size: tuple[int, int],
    reading: Reading,
    files: Sequence[Path],
    index: Path,
    strict: bool,
    progress: OnProgress,
    note: OnNote,
) -> dict[str, Any]:
    """Decode the pairs into the files and return the index."""
    names: list[str] = []
    failures: list[str] = []
    content = hashlib.sha256()
    remove_stale(index.parent)
    values = sum(c.stored_channels * np.dtype(c.depth).itemsize for c in reading.stored)
    cache.make_room(len(pairs) * size[0] * size[1] * values)
    with ExitStack() as stack:
        outs = [stack.enter_context(stack.enter_context(replacing(file)).open("wb")) for file in files]
        for pair, result in in_parallel(pairs, lambda p: reading.read(p, size, note), progress):
            if isinstance(result, UserError):
                if strict:
                    raise result
                failures.append(str(result))
            else:
                names.append(pair.name)
                for out, array in zip(outs, result, strict=True):
                    out.write(np.ascontiguousarray(array).data)
                content.update(os.fsencode(pair.name))
                for array in result if len(result) == 2 else lab.for_digest(*result):
                    content.update(np.ascontiguousarray(array).data)
        if not names:
            raise NoPairError(failures)
        sizes = [out.tell() for out in outs]
    folder = os.path.commonpath([os.path.abspath(pair.target.path.parent) for pair in pairs])
    about = {
        "names": names,
        "failures": failures,
        "bytes": sizes,
        "digest": content.hexdigest()[:32],
        "data": f"{len(names):,} pairs of {size[1]} x {size[0]} px from {folder}",
    }
    with replacing(index) as path:
        path.write_text(json.dumps(about), "utf-8")
    return about


def _key(pairs: Sequence[Pair], size: tuple[int, int], reading: Reading) -> str:
    """Return the digest of all that decides what is stored."""
    config = reading.config
    about: object = (
        reading.source,
        reading.target,
        reading.photograph,
        config.make and (config.make, recipe.digest(recipe.parse(config.make))),
        config.fit,
        config.snap_labels,
        *[contract.fill for contract in reading.stored if contract.fill is not None],
        os.environ.get(LIMIT),  # what was too large may be read now
    )
    state = hashlib.sha256(repr((_FORMAT, size, about)).encode())
    for pair in pairs:
        for half in (pair.source, *pair.more_sources, pair.target):
            state.update(repr((pair.name, half.side, *version(half.path))).encode())
    return state.hexdigest()[:32]
