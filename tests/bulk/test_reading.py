"""Reading rows: which files are opened, and what becomes of rows that have failed already."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pix2pix.bulk import collection, places, reading, tables
from pix2pix.bulk.places import Place
from pix2pix.bulk.tables import Row
from pix2pix.bulk.work import Options, Work
from pix2pix.model_file import read_header
from tests.helpers import files_below, noise, write

REASON = "b.png killed the process that was reading it."


@pytest.fixture
def work(photos: Path, tmp_path: Path, model: Path) -> Work:
    """The work on `photos`, with nothing done yet."""
    source, target = places.open_place(str(photos)), places.open_place(str(tmp_path / "out"))
    return Work(model, "", read_header(model), source, target, Options(), "cpu", "torch", "auto", threads=1)


def rows_of(work: Work, failed: Sequence[str] = ()) -> list[Row]:
    items = collection.find(work.source, work.header, None, None).items
    unknown = dict.fromkeys(("known_digest", "known_output", "known_output_size", "known_output_digest"))
    errors = {name: {"error": REASON} for name in failed}
    return [item.__dict__ | unknown | errors.get(item.name, {}) for item in items]


def read(work: Work, rows: Sequence[Row]) -> dict[str, Row]:
    return {row["name"]: row for block in reading.read(work, rows) for row in block}


def opened(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The paths of files, as they are read or fetched from now on."""
    names: list[str] = []
    fetch, path_of = Place.read, Place.local

    def record(function: Any) -> Any:
        def recorded(self: Place, path: str) -> Any:
            names.append(path)
            return function(self, path)

        return recorded

    monkeypatch.setattr(Place, "read", record(fetch))
    monkeypatch.setattr(Place, "local", record(path_of))
    return names


def test_rows_get_sources_and_the_digests_of_their_files(work: Work, photos: Path) -> None:
    rows = read(work, rows_of(work))
    assert set(rows) == files_below(photos)
    for name, row in rows.items():
        assert (row["error"], row["unchanged"], row["shape"]) == (None, False, (32, 32, 3))
        assert row["digest"] == hashlib.sha256((photos / name).read_bytes()).hexdigest()


def test_a_failed_row_of_a_folder_is_passed_through_unread(
    work: Work, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows, names = rows_of(work, failed=["b.png"]), opened(monkeypatch)
    done = read(work, rows)
    assert (done["b.png"]["error"], done["b.png"]["pixels"]) == (REASON, None)
    assert [name for name, row in done.items() if row["error"] is None] == sorted({*done} - {"b.png"})
    assert sorted(names) == sorted({*done} - {"b.png"})


def test_a_failed_row_of_a_store_is_not_even_fetched(
    work: Work, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = places.open_place("memory://photos")
    for name in files_below(photos):
        store.write(name, (photos / name).read_bytes())
    work = replace(work, source=store)
    rows, names = rows_of(work, failed=["b.png"]), opened(monkeypatch)
    done = read(work, rows)
    assert done["b.png"]["error"] == REASON
    assert sorted(names) == sorted({*done} - {"b.png"})


def test_a_failed_row_of_a_parquet_data_set_is_not_read(
    work: Work, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*about: Any) -> Any:
        raise AssertionError

    write(tmp_path / "a.png", noise(32, 32))
    source = places.open_place(str(tmp_path / "set"))
    source.write("a.parquet", tables.to_file([{"pixels": (tmp_path / "a.png").read_bytes()}]))
    work = replace(work, source=source, column="pixels")
    (row,) = rows_of(work)
    assert read(work, [row])[row["name"]]["shape"] == (32, 32, 3)
    monkeypatch.setattr(tables, "pictures_of", fail)
    assert read(work, [row | {"error": REASON}])[row["name"]]["error"] == REASON
