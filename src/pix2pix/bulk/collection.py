"""What is to be translated: the pictures of IN, each with its name in OUT."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from pix2pix.bulk import tables
from pix2pix.bulk.places import Entry, Place
from pix2pix.errors import UserError
from pix2pix.files import ENDINGS, is_picture
from pix2pix.inference.items import output_name
from pix2pix.model_file import Header


@dataclass(frozen=True)
class Item:
    """One picture: a file of IN, or a row of a Parquet file there (then `group` is not -1).

    `name` is unique in IN; `output` is the path or the name of its translation in OUT. `size` and
    `modified` are those of the file.
    """

    name: str
    output: str
    path: str
    size: int
    modified: int
    group: int = -1
    row: int = -1


@dataclass(frozen=True)
class Collection:
    """The pictures of IN, sorted; `column` holds them where IN is a Parquet data set, else it is ""."""

    items: list[Item]
    column: str

    @property
    def input_bytes(self) -> int:
        """Return the bytes of all files."""
        return sum({item.path: item.size for item in self.items}.values())


def find(place: Place, header: Header, suffix: str | None, column: str | None) -> Collection:
    """Return the pictures of a place; with `suffix` (".png") all translations are such files.

    Raises UserError where there are none, and where two translations would have one name.
    """
    entries = place.entries()
    if not entries and place.is_local and not place.local("").exists():
        raise UserError(f"There is no folder {place.name('')}.")
    parquet = [entry for entry in entries if entry.path.endswith(tables.ENDING)]
    pictures = [entry for entry in entries if is_picture(Path(entry.path))]
    if pictures and parquet:
        raise UserError(
            f"{place.name('')} holds {len(pictures)} pictures and {len(parquet)} Parquet files.",
            "Name a folder that holds one kind.",
        )
    if column is not None and not parquet:
        raise UserError(f"--column is for Parquet data sets, and {place.name('')} is none.")
    if parquet:
        column = tables.picture_column(place, parquet, column)
        named = list(_rows(place, parquet, column))
    else:
        named = [(entry.path, entry, -1, -1) for entry in pictures]
    if not named:
        raise UserError(f"{place.name('')} holds no pictures.", ENDINGS)
    items = [
        Item(name, _output(name, suffix, header), entry.path, entry.size, entry.modified, group, row)
        for name, entry, group, row in named
    ]
    _refuse_collisions(items)
    return Collection(items, column or "")


def _rows(place: Place, entries: list[Entry], column: str) -> Iterator[tuple[str, Entry, int, int]]:
    """Yield the name, file, row group and row in it of each picture.

    A row's name is the picture's own where all have one and no two the same, else file and number.
    """
    rows = [
        (own, entry, group, row)
        for entry in entries
        for group, names in enumerate(tables.row_groups(place, entry.path, column))
        for row, own in enumerate(names)
    ]
    owns = {own for own, *_ in rows}
    use_own = None not in owns and len(owns) == len(rows) and all(map(_is_plain, owns))
    number, current = 0, ""
    for own, entry, group, row in rows:
        number, current = (number + 1 if entry.path == current else 0), entry.path
        yield (
            (own if use_own and own else f"{entry.path[: -len(tables.ENDING)]}/{number:08}"),
            entry,
            group,
            row,
        )


def _is_plain(name: str | None) -> bool:
    """Return whether a name leads below a folder."""
    parts = PurePosixPath(name or "").parts
    return bool(parts) and not any(part in ("..", "/") or part.startswith(".") for part in parts)


def _output(name: str, suffix: str | None, header: Header) -> str:
    return str(output_name(PurePosixPath(name), suffix, header.image, header.image.output))


def _refuse_collisions(items: list[Item]) -> None:
    writers: dict[str, str] = {}
    for item in items:
        if (other := writers.setdefault(item.output, item.name)) != item.name:
            raise UserError(
                f"{other} and {item.name} would both become {item.output}.",
                "Rename one, or translate them into different places.",
            )
