"""Pairs decoded once: a memory-mapped file of bytes that every later run of the same data opens.

Decoding costs more than cropping, so it is done once, on all cores, into one file of
pairs x size x size x channels bytes (400 pairs at 286 px: 196 MB). The file is mapped, not read:
memory stays flat however many pairs there are. Its name is the digest of what it was made from, so
a changed picture makes a new file.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from pix2pix import images
from pix2pix.data.pairs import Half, Pair
from pix2pix.errors import UserError
from pix2pix.files import replacing

_FORMAT = 1  # raise when the same pictures would give other bytes
_AHEAD = 256  # pairs decoded ahead of the writer, at most


@dataclass(frozen=True)
class Store:
    """Decoded pairs: `pixels` is (pairs, H, W, source + target channels) uint8, mapped."""

    pixels: images.Array
    names: Sequence[str]
    source_channels: int
    failures: Sequence[str]  # one sentence for each pair that was left out
    digest: str

    def __len__(self) -> int:
        return len(self.names)

    def source(self, index: int) -> images.Array:
        """(H, W, C) uint8 of one source."""
        return self.pixels[index, :, :, : self.source_channels]

    def target(self, index: int) -> images.Array:
        """(H, W, C) uint8 of one target."""
        return self.pixels[index, :, :, self.source_channels :]


def cache_folder() -> Path:
    """Where decoded pairs are kept: $PIX2PIX_CACHE, or pix2pix in the user's cache folder."""
    if chosen := os.environ.get("PIX2PIX_CACHE"):
        return Path(chosen)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "pix2pix"


def open_store(
    pairs: Sequence[Pair],
    size_px: int,
    channels: tuple[int, int],
    *,
    strict: bool = False,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Store:
    """The pairs at size_px x size_px, from the cache or decoded now.

    `channels` are those of source and target. A pair that cannot be read is left out and named in
    `failures`; with `strict` it raises. `progress` is told pairs done and in all. Raises UserError
    where no pair is left or the cache cannot be written.
    """
    digest = _digest(pairs, size_px, channels)
    path = cache_folder() / f"{digest}.u8"
    index = path.with_suffix(".json")
    if not (path.is_file() and index.is_file()):
        _write(pairs, size_px, channels, path, index, strict, progress)
    listed = json.loads(index.read_text("utf-8"))
    names, failures = listed["names"], listed["failures"]
    if failures and (strict or not names):
        raise UserError(failures[0], _none_left(len(failures)) if not names else "")
    shape = (len(names), size_px, size_px, sum(channels))
    return Store(np.memmap(path, np.uint8, "r", shape=shape), names, channels[0], failures, digest)


def read_pair(pair: Pair, size_px: int, channels: tuple[int, int]) -> images.Array:
    """(size_px, size_px, source + target channels) uint8; raises UserError that names the file."""
    source, target = _read_half(pair.source), _read_half(pair.target)
    if source.size != target.size:
        raise UserError(
            f"{pair.source.path} is {source.width} x {source.height} px but {pair.target.path} is "
            f"{target.width} x {target.height} px: wanted equal sizes."
        )
    halves = (
        images.to_array(images.resize(images.to_channels(half, n), size_px))
        for half, n in zip((source, target), channels, strict=True)
    )
    return np.concatenate(list(halves), axis=2)


def _read_half(half: Half) -> Image.Image:
    return images.half(images.open_image(half.path), half.side, str(half.path))


def _write(
    pairs: Sequence[Pair], size_px: int, channels: tuple[int, int], path: Path, index: Path,
    strict: bool, progress: Callable[[int, int], None],
) -> None:  # fmt: skip
    names: list[str] = []
    failures: list[str] = []
    with replacing(path) as temporary, temporary.open("wb") as out:
        for done, (pair, result) in enumerate(_decoded(pairs, size_px, channels), 1):
            if isinstance(result, UserError):
                if strict:
                    raise result
                failures.append(str(result))
            else:
                out.write(result.tobytes())
                names.append(pair.name)
            progress(done, len(pairs))
        if not names:
            raise UserError(failures[0], _none_left(len(failures)))
    with replacing(index) as temporary:
        temporary.write_text(json.dumps({"names": names, "failures": failures}), "utf-8")


def _decoded(
    pairs: Sequence[Pair], size_px: int, channels: tuple[int, int]
) -> Iterator[tuple[Pair, images.Array | UserError]]:
    """Each pair with its pixels or its error, in order, decoded by threads on all cores."""

    def read(pair: Pair) -> images.Array | UserError:
        try:
            return read_pair(pair, size_px, channels)
        except UserError as error:
            return error

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for start in range(0, len(pairs), _AHEAD):
            some = pairs[start : start + _AHEAD]
            yield from zip(some, pool.map(read, some), strict=True)


def _none_left(failed: int) -> str:
    return f"None of the {failed} pairs could be used." if failed > 1 else ""


def _digest(pairs: Sequence[Pair], size_px: int, channels: tuple[int, int]) -> str:
    state = hashlib.sha256(repr((_FORMAT, size_px, channels)).encode())
    for pair in pairs:
        for half in (pair.source, pair.target):
            stat = half.path.stat()
            about = (pair.name, str(half.path.resolve()), half.side, stat.st_size, stat.st_mtime_ns)
            state.update(repr(about).encode())
    return state.hexdigest()[:32]
