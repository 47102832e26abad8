"""Rows <-> tables: pictures in columns of Parquet data sets, and what travels between workers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from pix2pix.bulk.places import Entry, Place
from pix2pix.errors import UserError, first_line
from pix2pix.pictures import codec

Row = dict[str, Any]

ENDING = ".parquet"
_BYTES, _NAME = "bytes", "path"  # fields of a picture, as the Hugging Face hub writes it
# Of the columns that are not text. Bytes of pictures may exceed two gigabytes in one table.
_TYPES = {
    "group": pa.int64(),
    "row": pa.int64(),
    "size": pa.int64(),
    "modified": pa.int64(),
    "output_size": pa.int64(),
    "known_output_size": pa.int64(),
    "unchanged": pa.bool_(),
    "fatal": pa.bool_(),
    "shape": pa.list_(pa.int64()),
    "picture_shape": pa.list_(pa.int64()),
    "pixels": pa.large_binary(),
    "picture": pa.large_binary(),
}


def to_table(rows: Sequence[Mapping[str, Any]]) -> pa.Table:
    """Return the table of rows, of which the first says the columns."""
    return pa.table(
        {name: pa.array([row[name] for row in rows], _TYPES.get(name, pa.string())) for name in rows[0]}
    )


def to_rows(table: pa.Table) -> list[Row]:
    """Return the rows of a table; the bytes of pictures are views of it."""
    columns = [_values(column) for column in table.columns]
    return [dict(zip(table.column_names, row, strict=True)) for row in zip(*columns, strict=True)]


def to_file(rows: Sequence[Mapping[str, Any]]) -> bytes:
    """Return a Parquet file of rows, of which the first says the columns."""
    out = pa.BufferOutputStream()
    pq.write_table(to_table(rows), out)
    return bytes(out.getvalue())


def read_rows(place: Place, path: str, columns: Sequence[str] | None = None) -> list[Row]:
    """Return the rows of a Parquet file; raises UserError where it cannot be read."""
    with _opened(place, path) as file:
        return to_rows(file.read(columns))


def picture_column(place: Place, entries: Sequence[Entry], column: str | None) -> str:
    """Return the column of a Parquet data set that holds pictures.

    Raises UserError where there is none, or several and none is named.
    """
    with _opened(place, entries[0].path) as file:
        schema = file.schema_arrow
        columns = f"its columns are {', '.join(schema.names)}" if schema.names else "it has no columns"
        candidates: list[str] = [field.name for field in schema if _holds_bytes(field.type)]
        if column is not None:
            if column not in candidates:
                raise UserError(f"{place.text} has no column '{column}' of pictures: {columns}.")
            return column
        names = [name for name in candidates if _is_of_pictures(file, name)]
    if not names:
        raise UserError(
            f"{place.text} holds no pictures: {columns}.",
            "Wanted a column of bytes, each a whole PNG, JPEG, WebP, BMP, GIF or TIFF.",
        )
    if len(names) > 1:
        raise UserError(f"{place.text} has pictures in {', '.join(names)}.", "Choose one with --column.")
    return names[0]


def row_groups(place: Place, path: str, column: str) -> Iterator[list[str | None]]:
    """Yield the pictures' own names of each row group of a file, None where they have none."""
    with _opened(place, path) as file:
        index = file.schema_arrow.get_field_index(column)
        if index < 0:
            raise UserError(
                f"{place.name(path)} has no column '{column}', as other files of its data set do."
            )
        kind = file.schema_arrow.field(index).type
        is_named = pa.types.is_struct(kind) and kind.get_field_index(_NAME) >= 0
        for group in range(file.num_row_groups):
            if is_named:
                values = file.read_row_group(group, [f"{column}.{_NAME}"])[column].to_pylist()
                yield [value and value[_NAME] for value in values]
            else:
                yield [None] * file.metadata.row_group(group).num_rows


def pictures_of(place: Place, path: str, group: int, column: str) -> list[bytes | None]:
    """Return the pictures' files of a row group, None where there is none; raises UserError."""
    with _opened(place, path) as file:
        values = file.read_row_group(group, [column])[column].to_pylist()
        return [_data(value) for value in values]


@contextmanager
def _opened(place: Place, path: str) -> Iterator[Any]:
    try:
        with place.open(path) as stream:
            yield pq.ParquetFile(stream)
    except (OSError, pa.ArrowException) as error:
        raise UserError(f"Cannot read {place.name(path)} as Parquet: {first_line(error)}.") from None


def _data(value: Any) -> bytes | None:
    data: bytes | None = value[_BYTES] if isinstance(value, dict) else value
    return data


def _values(column: Any) -> list[Any]:
    if pa.types.is_large_binary(column.type):
        return [value.as_buffer() for value in column]
    values: list[Any] = column.to_pylist()
    return values


def _holds_bytes(kind: Any) -> bool:
    if pa.types.is_struct(kind):
        place = kind.get_field_index(_BYTES)
        return place >= 0 and _holds_bytes(kind.field(place).type)
    return bool(pa.types.is_binary(kind) or pa.types.is_large_binary(kind))


def _is_of_pictures(file: Any, column: str) -> bool:
    """Return whether the first value of a column is a picture."""
    for batch in file.iter_batches(8, columns=[column]):
        if data := next(filter(None, map(_data, batch[column].to_pylist())), None):
            return codec.is_picture(data)
    return False
