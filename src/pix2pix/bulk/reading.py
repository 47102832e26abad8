"""Reading: the files of rows become sources, as the network takes them; on any processor."""

from __future__ import annotations

import hashlib
import tempfile
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any

from pix2pix.bulk import tables
from pix2pix.bulk.places import CONNECTIONS
from pix2pix.bulk.tables import Row
from pix2pix.bulk.work import Work, attempt, columns
from pix2pix.errors import UserError
from pix2pix.files import file_digest
from pix2pix.inference.sources import conformed
from pix2pix.pictures import codec, geometry
from pix2pix.pictures.codec import Array

_BLOCK_BYTES = 2**25  # of decoded pictures that are passed on together
_NOTHING_READ = {
    **dict.fromkeys(("pixels", "shape", "dtype", "picture", "picture_shape", "picture_dtype")),
    **dict.fromkeys(("digest", "output_size", "output_digest", "error")),
    "unchanged": False,
    "fatal": False,
}


def read(work: Work, rows: Iterable[Row]) -> Iterator[list[Row]]:
    """Yield the rows with sources as the network takes them, a limited number of bytes at a time."""
    block, size = list[Row](), 0
    for row, load in _loaders(work, rows):
        changes = attempt(row, partial(_read, work, row, load)) if load else {}
        block.append(_NOTHING_READ | row | changes)
        size += len(block[-1]["pixels"] or b"") + len(block[-1]["picture"] or b"")
        if size > _BLOCK_BYTES:
            yield block
            block, size = [], 0
    if block:
        yield block


def _loaders(work: Work, rows: Iterable[Row]) -> Iterator[tuple[Row, Callable[[], bytes | Path] | None]]:
    """Yield each row with a function that returns the file of its picture, or its bytes.

    It is None for a row that has failed already: its file may be what kills processes.
    """
    if not work.column and not work.source.is_local:
        yield from _from_store(work, rows)
        return
    group: tuple[str, int] = "", -1
    pictures: list[bytes | None] | UserError = []
    for row in rows:
        if row.get("error"):
            yield row, None
            continue
        if not work.column:
            yield row, partial(work.source.local, row["path"])
            continue
        if group != (row["path"], row["group"]):
            group = row["path"], row["group"]
            try:
                pictures = tables.pictures_of(work.source, *group, work.column)
            except UserError as error:
                pictures = error
        yield row, partial(_of_group, row, pictures)


def _from_store(work: Work, rows: Iterable[Row]) -> Iterator[tuple[Row, Callable[[], bytes] | None]]:
    """Yield what `_loaders` does of a store's files, which are fetched ahead: answers take long."""
    ahead = deque[tuple[Row, Callable[[], bytes] | None]]()
    with ThreadPoolExecutor(CONNECTIONS) as pool:
        for row in rows:
            failed = bool(row.get("error"))
            ahead.append((row, None if failed else pool.submit(work.source.read, row["path"]).result))
            if len(ahead) > CONNECTIONS:
                yield ahead.popleft()
        yield from ahead


def _of_group(row: Row, pictures: list[bytes | None] | UserError) -> bytes:
    if isinstance(pictures, UserError):
        raise pictures
    if not (data := pictures[row["row"]]):
        raise UserError(f"{row['name']} is empty.")
    return data


def _read(work: Work, row: Row, load: Callable[[], bytes | Path]) -> dict[str, Any]:
    """Return the source of a row's picture, or that it is the same as before."""
    file, options, header = load(), work.options, work.header
    digest = file_digest(file) if isinstance(file, Path) else hashlib.sha256(file).hexdigest()
    if row["known_digest"] == digest and (written := _as_before(work, row)):
        return {"digest": digest, "unchanged": True, **written}
    array = geometry.half(_decoded(file, row["name"]), options.half, row["name"])
    key = str(PurePosixPath(row["name"]).with_suffix(""))
    source = conformed(header, array, row["name"], options.make, key, options.size)
    changes = {"digest": digest, **columns(source, "pixels", "shape", "dtype")}
    if options.size is not None:
        changes |= columns(array, "picture", "picture_shape", "picture_dtype")
    return changes


def _as_before(work: Work, row: Row) -> dict[str, Any]:
    """Return the columns of an output that is still as it was written, or nothing; `verify` reads it."""
    # Those in a Parquet data set are read before the job, each file once.
    if work.verify and not work.into_parquet:
        try:
            data = work.target.read(row["known_output"])
        except UserError:
            return {}
        if hashlib.sha256(data).hexdigest() != row["known_output_digest"]:
            return {}
    return {name: row[f"known_{name}"] for name in ("output", "output_size", "output_digest")}


def _decoded(file: bytes | Path, name: str) -> Array:
    """Return the picture of a file, or of its bytes, which messages call by its name."""
    if isinstance(file, Path):
        return codec.read(file)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, f"picture{PurePosixPath(name).suffix}")
        path.write_bytes(file)
        try:
            return codec.read(path)
        except UserError as error:
            raise UserError(error.message.replace(str(path), name), error.hint) from None
