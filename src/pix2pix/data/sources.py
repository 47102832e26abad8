"""Where pairs come from besides folders of pairs: manifests, hub data sets, photographs alone."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pix2pix.config import DataConfig
from pix2pix.data.pairs import SPLITS, Half, Pair, PairSet, find_pairs, split_up, with_unused
from pix2pix.errors import UserError
from pix2pix.files import cache_folder, cannot_write, list_pictures

HUB = "hub:"


def find_data(data: Sequence[str | Path], config: DataConfig) -> PairSet:
    """The pairs that an argument stands for.

    A folder of pairs or two folders; a .csv or .jsonl manifest; `hub:OWNER/NAME`; with `make`, a
    folder of photographs. Raises UserError where nothing is found or names do not match.
    """
    first = str(data[0])
    if len(data) == 1 and first.startswith(HUB):
        return _from_hub(first.removeprefix(HUB), config)
    paths = [Path(d) for d in data]
    if len(data) == 1 and paths[0].suffix.lower() in (".csv", ".jsonl"):
        return _from_manifest(paths[0])
    if config.make:
        return _photographs(paths)
    return find_pairs(paths, config.source)


def _photographs(folders: Sequence[Path]) -> PairSet:
    """Every picture is a target; its source is made. Folders train, val and test are splits."""
    found: dict[str, list[Pair]] = {}
    for folder in folders:
        if not folder.is_dir():
            raise UserError(f"{folder} is no folder: wanted a folder of photographs.")
        for path in list_pictures(folder):
            name = path.relative_to(folder).with_suffix("").as_posix()
            split = SPLITS.get(name.split("/")[0], "") if "/" in name else ""
            found.setdefault(split, []).append(Pair(name, Half(path, "whole"), Half(path, "whole")))
    if not found:
        raise UserError(f"{folders[0]} holds no pictures.")
    if len(found) > 1:
        found.pop("", None)  # loose ones beside folders of splits are counted in the note
    pairs = split_up(found, "photographs")
    for folder in folders:
        pairs = with_unused(pairs, folder)
    return pairs


def _from_manifest(path: Path) -> PairSet:
    """Rows of source (or source_1, source_2, ...), target and, where given, split.

    Paths are relative to the manifest.
    """
    found: dict[str, list[Pair]] = {}
    without = 0
    for number, row in enumerate(_rows(path), 1):
        split, pair = _pair_of(row, path.parent, f"{path}, row {number}")
        found.setdefault(split, []).append(pair)
        without = without or number * (split == "")
    if not found:
        raise UserError(f"{path} has no rows.")
    if without and len(found) > 1:
        raise UserError(
            f"{path}, row {without} has no split, but others have.", "Give each row a split, or none."
        )
    return split_up(found, "two folders")


def _rows(path: Path) -> list[dict[str, Any]]:
    try:
        text = path.read_text("utf-8-sig")
        if path.suffix.lower() == ".csv":
            return list(csv.DictReader(io.StringIO(text, newline="")))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UserError(f"Cannot read the manifest {path}: {error}.") from None
    lines = (line for line in text.split("\n") if line.strip())
    return [_parsed(line, f"{path}, row {number}") for number, line in enumerate(lines, 1)]


def _parsed(line: str, where: str) -> dict[str, Any]:
    try:
        row = json.loads(line)
    except (json.JSONDecodeError, RecursionError) as error:
        raise UserError(f"{where} is not JSON: {error}.") from None
    if not isinstance(row, dict):
        raise UserError(f'{where} is no object: wanted {{"source": ..., "target": ...}}.')
    return row


def _pair_of(row: dict[str, Any], root: Path, where: str) -> tuple[str, Pair]:
    names = sorted((k for k in row if k and k.startswith("source_")), key=_number) or ["source"]
    missing = [k for k in (*names, "target") if not row.get(k)]
    if missing:
        raise UserError(
            f"{where} has no {' and no '.join(missing)} (it has {', '.join(map(str, row))}).",
            "Wanted the columns source (or source_1, source_2), target, and, if any, split.",
        )
    split = str(row.get("split") or "")
    if split and split not in SPLITS:
        raise UserError(f"{where} has split '{split}': wanted {', '.join(SPLITS)}.")
    halves = tuple(Half(root / str(row[k]), "whole") for k in names)
    for half in (*halves, target := Half(root / str(row["target"]), "whole")):
        if not os.path.isfile(half.path):  # Path raises for a name that is too long
            raise UserError(f"{where} names {half.path}, which does not exist.")
    name = Path(str(row["target"])).with_suffix("").as_posix()
    return SPLITS.get(split, ""), Pair(name, halves[0], target, halves[1:])


def _number(column: str) -> tuple[int, str]:
    tail = column.removeprefix("source_")
    return (int(tail), "") if tail.isdigit() else (1 << 30, tail)


def _from_hub(name: str, config: DataConfig) -> PairSet:
    """The pictures of a hub data set (or of a local copy), written once into the cache as files."""
    try:
        import datasets
    except ImportError:
        raise UserError(
            f"{HUB}{name} needs the package datasets.", "Install it with pip install 'pix2pix[hub]'."
        ) from None
    try:
        loaded = datasets.load_dataset(name)
    except Exception as error:  # the library raises its own and those of all that it uses
        told = (str(error).splitlines() or [type(error).__name__])[0]
        raise UserError(f"Cannot load the data set {name}: {told}.") from None
    found = {
        SPLITS.get(split, ""): _written(part, name, split, config)
        for split, part in loaded.items()
        if split in SPLITS
    }
    if not found:
        raise UserError(f"{name} has the splits {', '.join(loaded)}: wanted one named train.")
    return split_up(found if "train" in found else {"": next(iter(found.values()))}, "two folders")


def _written(part: Any, name: str, split: str, config: DataConfig) -> list[Pair]:
    import datasets

    source, target = _columns(part.features, name, config)
    digest = hashlib.sha256(f"{name}/{split}/{part._fingerprint}".encode()).hexdigest()[:16]
    folder = cache_folder() / "hub" / digest
    pairs = []
    for column in (source, target):
        part = part.cast_column(column, datasets.Image(decode=False))
    for number, row in enumerate(part):
        for column in (source, target):
            if not row[column]:
                raise UserError(f"{name}, row {number} of {split} has no picture in {column}.")
        halves = [
            Half(_file(row[column], folder / f"{half}-{number:08d}"), "whole")
            for half, column in (("source", source), ("target", target))
        ]
        pairs.append(Pair(f"{number:08d}", halves[0], halves[1]))
    return pairs


def _file(cell: dict[str, Any], stem: Path) -> Path:
    """The file of one picture: its bytes, written, or else the file that it names."""
    data = cell["bytes"]
    if data is None:
        return Path(cell["path"])
    suffix = ".jpg" if data.startswith(b"\xff\xd8") else ".png"
    path = stem.with_suffix(suffix)
    try:
        if not path.is_file() or path.stat().st_size != len(data):  # another, or half of one
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
    except OSError as error:
        raise cannot_write(path, error) from None
    return path


def _columns(features: Any, name: str, config: DataConfig) -> tuple[str, str]:
    """The columns of source and target: the named ones, or the only two that hold pictures."""
    if config.source_column and config.target_column:
        chosen = (config.source_column, config.target_column)
        missing = [c for c in chosen if c not in features]
        if not missing:
            return chosen
        raise UserError(f"{name} has no column {missing[0]} (it has {', '.join(features)}).")
    pictures = [c for c, kind in features.items() if type(kind).__name__ == "Image"]
    if len(pictures) != 2:
        raise UserError(
            f"{name} has {len(pictures)} columns of pictures ({', '.join(pictures)}): wanted 2.",
            "Name them with --set data.source_column=NAME --set data.target_column=NAME.",
        )
    return pictures[0], pictures[1]
