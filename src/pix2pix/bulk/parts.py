"""Translations in a Parquet data set: each block of rows is a file, written whole.

A worker that is killed may leave a file whose rows are written again into another; the manifest says
which is the right one.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

from pix2pix.bulk import tables
from pix2pix.bulk.manifest import Record
from pix2pix.bulk.places import Place
from pix2pix.bulk.tables import Row

_COLUMNS = ("name", "picture")


def write(place: Place, rows: list[tuple[str, bytes]]) -> str:
    """Write names and pictures' files; return the file, which is named after its content."""
    data = tables.to_file([dict(zip(_COLUMNS, row, strict=True)) for row in rows])
    path = f"part-{hashlib.sha256(data).hexdigest()[:24]}{tables.ENDING}"
    place.write(path, data)
    return path


def settle(place: Place, records: Mapping[str, Record]) -> None:
    """Remove every row that the records do not know in its file: each name has one row."""
    for path in _files(place):
        names = [row["name"] for row in tables.read_rows(place, path, ["name"])]
        right = [name in records and records[name].output == path for name in names]
        if all(right):
            continue
        if any(right):
            rows = tables.read_rows(place, path, _COLUMNS)
            pairs = zip(rows, right, strict=True)
            kept = [row | {"picture": bytes(row["picture"])} for row, is_right in pairs if is_right]
            place.write(path, tables.to_file(kept))
        else:
            place.delete(path)


def intact(place: Place, records: Mapping[str, Record]) -> set[str]:
    """Return the names of the records whose pictures are as they were written; reads all."""
    names = set()
    for path in _files(place):
        for row in tables.read_rows(place, path, _COLUMNS):
            record = records.get(row["name"])
            if record and record.output == path and record.output_digest == _digest(row):
                names.add(row["name"])
    return names


def _files(place: Place) -> list[str]:
    return [entry.path for entry in place.entries() if entry.path.endswith(tables.ENDING)]


def _digest(row: Row) -> str:
    return hashlib.sha256(row["picture"]).hexdigest()
