"""Pairs decoded once: files of bytes that every later run of the same data opens.

Decoding costs more than cropping, so it is done once, on all cores, into two files, sources and
targets, of pairs x height x width x channels values (400 pairs of 8-bit RGB at 286 px: 196 MB in
all). They are read pair by pair: memory stays flat however many pairs there are. Their name is
the digest of what they were made from, so a changed picture makes new ones.
"""

import hashlib
import json
import os
import zlib
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import asdict, dataclass
from io import BufferedReader
from pathlib import Path

import numpy as np

from pix2pix.data import cache
from pix2pix.data.cache import Index
from pix2pix.data.pixels import Pixels
from pix2pix.data.reading import Reading
from pix2pix.derive import lab, recipe
from pix2pix.errors import UserError
from pix2pix.files import cache_folder, remove_stale, replacing, version
from pix2pix.pairs.find import Half, NoPairError, Pair
from pix2pix.pictures.codec import Array, OnNote, no_note
from pix2pix.pictures.formats.opening import LIMIT
from pix2pix.progress import OnProgress, in_parallel, no_progress

_FORMAT = 3  # raise when the same pictures would give other bytes
Versions = Mapping[Path, tuple[str, int, int]]  # see `files.version`


@dataclass(frozen=True)
class Store:
    """Decoded pairs: `sources` and `targets` are (pairs, H, W, C) in their contracts' depth.

    Of pairs that are split into Lab per batch both are the photographs.
    """

    sources: Pixels | Array
    targets: Pixels | Array
    reading: Reading
    names: Sequence[str]
    failures: Sequence[str]  # one sentence for each pair that was left out
    digest: str  # of names and pixels, the same wherever the files lie

    def __len__(self) -> int:
        return len(self.names)

    @property
    def halves(self) -> tuple[Pixels | Array, ...]:
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
    Raises NoPairError where no pair is left, and UserError where the cache cannot be written, or
    pictures go on changing.
    """
    try:
        return _open(pairs, size, reading, strict, progress, note)
    except _ChangedError as error:
        note(f"{error.message}: they are decoded anew")
    try:
        return _open(pairs, size, reading, strict, progress, note)
    except _ChangedError as error:
        raise UserError(
            f"{error.message}, twice.", "Run the same command again when nothing writes there any longer."
        ) from None


class _ChangedError(UserError):
    """A picture was replaced while the pairs were decoded: what was read is not what the key says."""


def _open(
    pairs: Sequence[Pair],
    size: tuple[int, int],
    reading: Reading,
    strict: bool,
    progress: OnProgress,
    note: OnNote,
) -> Store:
    versions = {half.path: version(half.path) for pair in pairs for half in _halves(pair)}
    index = cache_folder() / f"{_key(pairs, size, reading, versions)}.json"
    files = [index.with_suffix(suffix) for suffix in cache.PIXELS[: len(reading.stored)]]
    written: Index | None = None
    while True:  # as long as other processes remove what was just written
        # Locked before the index is read: what is listed stays until it is opened.
        with ExitStack() as opened, suppress(FileNotFoundError, NotADirectoryError):
            pixels = [opened.enter_context(cache.open_pixels(file)) for file in files]
            listed = written or cache.read_index(index)
            # Retry files that failed last time.
            if listed and _complete(listed, pixels, size, reading) and (written or not listed.failures):
                opened.pop_all()  # the halves close the files, and release the locks
                halves = [
                    Pixels(file, contract.depth, (len(sums), *size, contract.stored_channels), sums)
                    for file, contract, sums in zip(pixels, reading.stored, listed.sums, strict=True)
                ]
                return Store(halves[0], halves[-1], reading, listed.names, listed.failures, listed.digest)
        written = _write(pairs, versions, size, reading, files, strict, progress, note)


def _complete(
    listed: Index, pixels: Sequence[BufferedReader], size: tuple[int, int], reading: Reading
) -> bool:
    """Return whether the files have the lengths that an index of such pairs says."""
    count = len(listed.names)
    lengths = [count * size[0] * size[1] * value_bytes for value_bytes in _value_bytes(reading)]
    there = [os.fstat(file.fileno()).st_size for file in pixels]
    return listed.bytes == there == lengths and [len(sums) for sums in listed.sums] == [count] * len(there)


def _value_bytes(reading: Reading) -> list[int]:
    """Return the bytes of a pixel in each file."""
    return [contract.stored_channels * np.dtype(contract.depth).itemsize for contract in reading.stored]


def _write(
    pairs: Sequence[Pair],
    versions: Versions,
    size: tuple[int, int],
    reading: Reading,
    files: Sequence[Path],
    strict: bool,
    progress: OnProgress,
    note: OnNote,
) -> Index:
    """Decode the pairs into the files and return the index."""
    names: list[str] = []
    failures: list[str] = []
    content = hashlib.sha256()
    remove_stale(files[0].parent)
    cache.make_room(len(pairs) * size[0] * size[1] * sum(_value_bytes(reading)))
    sums: list[list[int]] = [[] for _ in files]
    with ExitStack() as stack:
        outs = [stack.enter_context(stack.enter_context(replacing(file)).open("wb")) for file in files]
        for pair, result in in_parallel(pairs, lambda p: reading.read(p, size, note), progress):
            if isinstance(result, UserError):
                if strict:
                    raise result
                failures.append(str(result))
            else:
                names.append(pair.name)
                for out, of_file, array in zip(outs, sums, result, strict=True):
                    pixels = np.ascontiguousarray(array).data
                    out.write(pixels)
                    of_file.append(zlib.crc32(pixels))
                content.update(os.fsencode(pair.name))
                for array in result if len(result) == 2 else lab.for_digest(*result):
                    content.update(np.ascontiguousarray(array).data)
        if not names:
            raise NoPairError(failures)
        _refuse_changed(versions)
        sizes = [out.tell() for out in outs]
    folder = os.path.commonpath([os.path.abspath(pair.target.path.parent) for pair in pairs])
    about = Index(
        names=names,
        failures=failures,
        bytes=sizes,
        digest=content.hexdigest()[:32],
        data=f"{len(names):,} pairs of {size[1]} x {size[0]} px from {folder}",
        sums=sums,
    )
    with replacing(files[0].with_suffix(".json")) as path:
        path.write_text(json.dumps(asdict(about)), "utf-8")
    return about


def _refuse_changed(versions: Versions) -> None:
    """Raise _ChangedError where a picture is not the one that it was."""
    if changed := [path for path, before in versions.items() if version(path) != before]:
        more = f" and {len(changed) - 1:,} more" * (len(changed) > 1)
        raise _ChangedError(f"{changed[0]}{more} changed while the pairs were decoded")


def _halves(pair: Pair) -> tuple[Half, ...]:
    """Return all files that a pair is made of."""
    return pair.source, *pair.more_sources, pair.target


def _key(pairs: Sequence[Pair], size: tuple[int, int], reading: Reading, versions: Versions) -> str:
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
        for half in _halves(pair):
            state.update(repr((pair.name, half.side, *versions[half.path])).encode())
    return state.hexdigest()[:32]
