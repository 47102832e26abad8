"""Rows as tables, and pictures in the columns of Parquet data sets."""

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pix2pix.bulk import tables
from pix2pix.bulk.places import Entry, Place, open_place
from pix2pix.errors import UserError
from tests.helpers import noise, write


@pytest.fixture
def picture(tmp_path: Path) -> bytes:
    write(tmp_path / "a.png", noise(4, 4))
    return (tmp_path / "a.png").read_bytes()


def data_set(folder: Path, columns: dict[str, Any], **how: Any) -> tuple[Place, list[Entry]]:
    folder.mkdir(exist_ok=True)
    pq.write_table(pa.table(columns), folder / "data.parquet", **how)
    place = open_place(str(folder))
    return place, place.entries()


def test_rows_come_back_from_a_table() -> None:
    rows = [
        {"name": "a", "size": 2**40, "unchanged": True, "error": None, "shape": [2, 3], "pixels": b"abc"},
        {"name": "b", "size": None, "unchanged": False, "error": "no", "shape": None, "pixels": None},
    ]
    back = tables.to_rows(tables.to_table(rows))
    assert [row | {"pixels": row["pixels"] and bytes(row["pixels"])} for row in back] == rows


def test_rows_without_one_value_keep_their_types() -> None:
    """Ray joins tables of several workers, which must be alike."""
    empty, full = ({"name": "a", "error": e, "size": s} for e, s in ((None, None), ("no", 1)))
    assert tables.to_table([empty]).schema == tables.to_table([full]).schema


def test_the_column_of_pictures_is_found(tmp_path: Path, picture: bytes) -> None:
    columns = {"id": [1], "blob": [b"no picture"], "photo": [picture]}
    assert tables.picture_column(*data_set(tmp_path / "set", columns), None) == "photo"


@pytest.mark.parametrize(
    ("columns", "column", "message"),
    [
        ({"id": [1], "text": ["a"]}, None, "holds no pictures: its columns are id, text.*Wanted a column"),
        ({"blob": [b"no picture"]}, None, "holds no pictures: its columns are blob"),
        ({}, None, "it has no columns"),
        ({"id": [1]}, "id", "has no column 'id' of pictures"),
    ],
)
def test_a_data_set_without_pictures_has_a_sentence(
    tmp_path: Path, columns: dict[str, Any], column: str | None, message: str
) -> None:
    with pytest.raises(UserError, match=message):
        tables.picture_column(*data_set(tmp_path / "set", columns), column)


def test_of_several_columns_one_must_be_named(tmp_path: Path, picture: bytes) -> None:
    place, entries = data_set(tmp_path / "set", {"before": [picture], "after": [picture]})
    with pytest.raises(UserError, match=r"has pictures in before, after\. Choose one with --column"):
        tables.picture_column(place, entries, None)
    assert tables.picture_column(place, entries, "after") == "after"


def test_pictures_are_read_by_row_groups(tmp_path: Path, picture: bytes) -> None:
    values = [{"bytes": picture, "path": "a.png"}, {"bytes": None, "path": "b.png"}, None]
    place, _ = data_set(tmp_path / "set", {"image": values}, row_group_size=2)
    assert list(tables.row_groups(place, "data.parquet", "image")) == [["a.png", "b.png"], [None]]
    assert tables.pictures_of(place, "data.parquet", 0, "image") == [picture, None]
    assert tables.pictures_of(place, "data.parquet", 1, "image") == [None]


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "data.parquet").write_bytes(b"PAR1 cut")
    with pytest.raises(UserError, match=r"Cannot read .*data\.parquet as Parquet"):
        tables.read_rows(open_place(str(tmp_path)), "data.parquet")
