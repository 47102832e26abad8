"""Where pairs come from. An origin is a function of DATA that returns its pairs, or None.

To add one, write `find(data, config)` in a new file, as `hub`, and put it into ORIGINS, ahead of
those that would take the same DATA.

A .csv or .jsonl file lists pairs: a row a pair, paths relative to the file. Columns: source (or
source_1, source_2, ..., joined as channels), target and, optionally, split.
"""

import csv
import io
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from pix2pix.config import DataConfig
from pix2pix.data import hub, plausible
from pix2pix.data.unpacked import with_archives
from pix2pix.errors import UserError
from pix2pix.pairs.find import find_pairs
from pix2pix.pairs.layouts import SPLITS, split_of
from pix2pix.pairs.pair_set import Half, NoTrainingPairsError, Pair, PairSet, split_up
from pix2pix.pairs.photographs import find_photographs
from pix2pix.parsing import parse_json, refuse_pipe
from pix2pix.progress import OnProgress, no_progress

_MANIFESTS = (".csv", ".jsonl")

Origin = Callable[[Sequence[str], DataConfig], PairSet | None]


def find_data(
    data: Sequence[str | Path],
    config: DataConfig,
    on_progress: OnProgress = no_progress,
    *,
    to_learn: bool = True,
    command: str = "train",
) -> PairSet:
    """Return the pairs that the arguments DATA of a command stand for.

    A folder of pairs or two folders, or archives or globs in their place; a .csv or .jsonl manifest;
    `hub:OWNER/NAME`; with `make`, a folder of photographs. `on_progress` counts bytes of archives.
    Raises UserError, whose calls are of `command`, where pictures are missing or names do not match, and,
    unless `to_learn` is False, where there are no pairs to learn from.
    """
    unpacked = with_archives(data, on_progress)
    with unpacked.naming(command):
        pairs = _find(unpacked.words, config, to_learn, [*map(str, data)])
    return replace(pairs, notes=tuple(map(unpacked.named, pairs.notes)))


def _find(words: Sequence[str], config: DataConfig, to_learn: bool, data: Sequence[str]) -> PairSet:
    """Return the pairs of DATA, `words` being the same with a folder in place of each archive."""
    answers = (find(words, config) for find in ORIGINS)
    try:
        pairs = next(pairs for pairs in answers if pairs is not None)
    except NoTrainingPairsError as error:
        if to_learn:
            raise
        pairs = error.pairs
    if config.source == "right" and pairs.layout != "side by side":
        note = "data.source=right has no effect: the pairs are not side by side"
        pairs = replace(pairs, notes=(*pairs.notes, note))
    layout = "side-by-side" if pairs.layout == "photographs" else config.layout
    flags = [*(["--layout", layout] if layout else []), *(["--pair", *config.pair] if config.pair else [])]
    return plausible.checked(pairs, words, stated=bool(config.layout), words=[*data, *flags])


def refuse_listed(place: str | Path) -> None:
    """Raise UserError where DATA of a command that takes folders lists its pairs elsewhere."""
    if str(place).startswith("hub:"):
        raise UserError(
            f"{place} is a hub data set: wanted a folder, an archive or a glob of pictures.",
            "Training takes it as it is, with the splits that it has.",
        )
    if Path(place).suffix.lower() in _MANIFESTS:
        raise UserError(
            f"{place} is a manifest: wanted a folder, an archive or a glob of the pictures that it lists.",
            "Its column split says which pairs are held out.",
        )


def _listed(data: Sequence[str], config: DataConfig) -> PairSet | None:
    """Return the pairs of a manifest; None where DATA is none.

    Raises UserError for a row that names no pair, for files that do not exist, and where a picture
    to learn from is also one to score on.
    """
    path = Path(data[0])
    if len(data) > 1 or path.suffix.lower() not in _MANIFESTS:
        return None
    rows = [_pair_of(row, path.parent, f"{path}, row {number}") for number, row in enumerate(_rows(path), 1)]
    if not rows:
        raise UserError(f"{path} has no rows.")
    names = dict.fromkeys(split for split, _ in rows)
    splits = {name: [pair for split, pair in rows if split == name] for name in names}
    if "" in splits and len(splits) > 1:
        number = 1 + next(n for n, (split, _) in enumerate(rows) if not split)
        raise UserError(
            f"{path}, row {number} has no split, but others have.", "Give each row a split, or none."
        )
    _refuse_leaks(path, rows)
    return split_up(splits, "manifest")


def _refuse_leaks(path: Path, rows: Sequence[tuple[str, Pair]]) -> None:
    """Raise UserError where one target is in train and in another split: it would be scored as new."""
    first: dict[tuple[str, bool], int] = {}
    for number, (split, pair) in enumerate(rows, 1):
        file, learned = os.path.realpath(pair.target.path), split == "train"
        first.setdefault((file, learned), number)
        if other := first.get((file, not learned)):
            raise UserError(
                f"{path}, row {other} ({rows[other - 1][0]}) and row {number} ({split}) have the same "
                f"target, {pair.target.path}.",
                "A score on a picture that was learned means nothing: keep it in one split.",
            )


def _rows(path: Path) -> list[dict[str, Any]]:
    try:
        refuse_pipe(path)
        text = path.read_text("utf-8-sig")
        if path.suffix.lower() == ".csv":
            return list(csv.DictReader(io.StringIO(text, newline="")))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UserError(f"Cannot read the manifest {path}: {error}.") from None
    lines = (line for line in text.split("\n") if line.strip())
    return [_parsed(line, f"{path}, row {number}") for number, line in enumerate(lines, 1)]


def _parsed(line: str, where: str) -> dict[str, Any]:
    try:
        row = parse_json(line)
    except ValueError as error:
        raise UserError(f"{where} is not JSON: {error}.") from None
    if not isinstance(row, dict):
        raise UserError(f'{where} is no object: wanted {{"source": ..., "target": ...}}.')
    return row


def _pair_of(row: Mapping[str, Any], root: Path, where: str) -> tuple[str, Pair]:
    columns = sorted((k for k in row if k and k.startswith("source_")), key=_number) or ["source"]
    columns.append("target")
    if missing := [column for column in columns if not row.get(column)]:
        if ";" in (header := str(next(iter(row), ""))):
            raise UserError(
                f"{where}: its columns are separated by ';' ({header}).", "Save it with commas instead."
            )
        raise UserError(
            f"{where} has no {' and no '.join(missing)} (it has {', '.join(map(str, row))}).",
            "Wanted the columns source (or source_1, source_2), target, and, if any, split.",
        )
    split = str(row.get("split") or "")
    if split and not split_of(split):
        raise UserError(f"{where} has split '{split}': wanted {', '.join(SPLITS)}.")
    source, *more_sources, target = (Half(root / str(row[column]), "whole") for column in columns)
    for half in (source, *more_sources, target):
        if not os.path.isfile(half.path):  # Path raises for a name that is too long
            raise UserError(f"{where} names {half.path}, which does not exist.")
    name = Path(str(row["target"])).with_suffix("").as_posix()
    return split_of(split), Pair(name, source, target, tuple(more_sources))


def _number(column: str) -> tuple[int, str]:
    tail = column.removeprefix("source_")
    return (int(tail), "") if tail.isdecimal() and len(tail) < 10 else (1 << 30, tail)


# The first that knows DATA finds its pairs; folders are the last, as they take anything.
ORIGINS: list[Origin] = [
    hub.find,
    _listed,
    lambda data, config: find_photographs(data) if config.make else None,
    lambda data, config: find_pairs(data, config.source, config.layout, config.pair),
]
