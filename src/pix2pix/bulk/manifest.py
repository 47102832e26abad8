"""What is done already: a hidden folder in OUT says which input became which output, and how.

`job.json` holds what all outputs have in common, the engine and its threads among it. Rows lie in
Parquet files that are only ever added while the job runs, and joined into one at its end: whatever
is killed when, each file is whole.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterable
from typing import Any, NamedTuple

from pix2pix.bulk import tables
from pix2pix.bulk.places import Entry, Place
from pix2pix.errors import UserError
from pix2pix.parsing import parse_json

FOLDER = ".bulk"
_JOB = f"{FOLDER}/job.json"
_SECONDS = 5.0  # between two files of rows


class Record(NamedTuple):
    """What is known of an input that was translated; `how` is a checksum of the model and the options."""

    name: str
    size: int
    modified: int
    digest: str
    output: str
    output_size: int
    output_digest: str
    how: str


class Manifest:
    """The records of a place that is written to, by the inputs' names."""

    def __init__(self, place: Place) -> None:
        self._place, self._new = place, list[Record]()
        self._files = [entry.path for entry in _own_files(place)]
        self._saved = time.monotonic()
        self.records: dict[str, Record] = {}
        for path in self._files:
            rows = tables.read_rows(place, path, Record._fields)
            self.records |= {row["name"]: Record(**row) for row in rows}

    @staticmethod
    def job(place: Place) -> dict[str, Any]:
        """Return what the outputs that are there have in common; nothing where there is no job."""
        if not place.has(_JOB):
            return {}
        try:
            return dict(parse_json(place.read(_JOB)))
        except (ValueError, TypeError):
            raise UserError(
                f"{place.name(_JOB)} is damaged.",
                f"Delete the folder {place.name(FOLDER)}; all is done again.",
            ) from None

    def begin(self, job: dict[str, Any]) -> None:
        """Write what the outputs will have in common."""
        self._place.write(_JOB, json.dumps(job, indent=1).encode())

    def add(self, records: Iterable[Record]) -> None:
        """Keep records; every few seconds they are written."""
        for record in records:
            self.records[record.name] = record
            self._new.append(record)
        if time.monotonic() - self._saved > _SECONDS:
            self.save()

    def save(self) -> None:
        """Write the records that are not yet written."""
        if self._new:
            number = 1 + max(
                (int(path.rpartition("-")[2].partition(".")[0]) for path in self._files), default=0
            )
            self._write(f"{FOLDER}/done-{number:08}{tables.ENDING}", self._new)
        self._new, self._saved = [], time.monotonic()

    def join(self) -> None:
        """Write all records into one file, in place of the others."""
        others = [path for path in self._files if not path.endswith(f"-{0:08}{tables.ENDING}")]
        if not others and not self._new:
            return
        self._write(f"{FOLDER}/done-{0:08}{tables.ENDING}", list(self.records.values()))
        for path in others:
            self._place.delete(path)
        self._new = []

    def _write(self, path: str, records: list[Record]) -> None:
        self._place.write(path, tables.to_file([record._asdict() for record in records]))
        if path not in self._files:
            self._files.append(path)


def _own_files(place: Place) -> list[Entry]:
    inside = Place(place.text, f"{place.root}/{FOLDER}", place.system)
    return [
        entry._replace(path=f"{FOLDER}/{entry.path}")
        for entry in inside.entries()
        if entry.path.endswith(tables.ENDING)
    ]
