"""Translations in a Parquet data set: each name has one row in the end."""

from pathlib import Path

import pytest

from pix2pix.bulk import parts, tables
from pix2pix.bulk.manifest import Record
from pix2pix.bulk.places import Place, open_place


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return open_place(str(tmp_path))


def record(name: str, output: str, digest: str = "") -> Record:
    return Record(name, 1, 2, "", output, 3, digest, "")


def rows(place: Place) -> list[tuple[str, bytes]]:
    return sorted(
        (row["name"], row["picture"])
        for entry in place.entries()
        for row in tables.read_rows(place, entry.path)
    )


def test_the_same_rows_are_the_same_file(place: Place) -> None:
    assert parts.write(place, [("a", b"1")]) == parts.write(place, [("a", b"1")])
    assert len(place.entries()) == 1


def test_rows_that_were_written_twice_stay_once(place: Place) -> None:
    old = parts.write(place, [("a", b"old"), ("b", b"2")])
    new = parts.write(place, [("a", b"new")])
    parts.write(place, [("c", b"of a worker that died")])
    parts.settle(place, {"a": record("a", new), "b": record("b", old)})
    assert rows(place) == [("a", b"new"), ("b", b"2")]


def test_damaged_pictures_are_found(place: Place) -> None:
    path = parts.write(place, [("a", b"1"), ("b", b"2")])
    good = "6b86b273ff34fce19d6b804eff5a3f5747ada4eaa22f1d49c01e52ddb7875b4b"  # sha256 of "1"
    assert parts.intact(place, {"a": record("a", path, good), "b": record("b", path, good)}) == {"a"}
