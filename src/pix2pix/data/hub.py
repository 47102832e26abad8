"""Pairs of a hub data set, `hub:OWNER/NAME`, or of a local copy, `hub:FOLDER`.

Its pictures are written once into the cache as files. The package `datasets` is needed only here.
"""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pix2pix.config import DataConfig
from pix2pix.data import cache
from pix2pix.errors import UserError, first_line
from pix2pix.files import cache_folder, remove_stale, replacing
from pix2pix.pairs.layouts import split_of
from pix2pix.pairs.pair_set import Half, Pair, PairSet, split_up

PREFIX = "hub:"


def find(data: Sequence[str], config: DataConfig) -> PairSet | None:
    """Return the pairs of a hub data set; None where DATA is none."""
    if len(data) > 1 or not data[0].startswith(PREFIX):
        return None
    name = data[0].removeprefix(PREFIX)
    try:
        import datasets
    except ImportError:
        raise UserError(
            f"{PREFIX}{name} needs the package datasets.", "Install it with pip install 'pix2pix[hub]'."
        ) from None
    try:
        loaded = datasets.load_dataset(name)
    except Exception as error:  # the library lets those of every package pass that it uses
        raise UserError(f"Cannot load the data set {name}: {first_line(error)}.") from None
    known = {of: _write(loaded[split], name, split, config) for split in loaded if (of := split_of(split))}
    if not known:
        raise UserError(f"{name} has the splits {', '.join(loaded)}: wanted one named train.")
    return split_up(known if "train" in known else {"": next(iter(known.values()))}, "hub data set")


def _write(part: Any, name: str, split: str, config: DataConfig) -> list[Pair]:
    """Return the pairs of one split, its pictures written to the cache."""
    import datasets

    columns = dict(zip(("source", "target"), _columns(part.features, name, config), strict=True))
    digest = hashlib.sha256(f"{name}/{split}/{part._fingerprint}".encode()).hexdigest()[:16]
    folder = cache_folder() / cache.HUB / digest
    cache.hold(folder)
    remove_stale(folder)
    for column in columns.values():
        part = part.cast_column(column, datasets.Image(decode=False))
    pairs = []
    for number, row in enumerate(part):
        if missing := [column for column in columns.values() if not row[column]]:
            raise UserError(f"{name}, row {number} of {split} has no picture in {missing[0]}.")
        source, target = (
            Half(_file(row[column], folder / f"{half}-{number:08d}"), "whole")
            for half, column in columns.items()
        )
        pairs.append(Pair(f"{number:08d}", source, target))
    return pairs


def _file(cell: dict[str, Any], stem: Path) -> Path:
    """Return the file of one picture: its bytes, written, or else the file that it names."""
    data = cell["bytes"]
    if data is None:
        return Path(cell["path"])
    path = stem.with_suffix(".jpg" if data.startswith(b"\xff\xd8") else ".png")
    if not path.is_file():
        with replacing(path) as temporary:
            temporary.write_bytes(data)
    return path


def _columns(features: Any, name: str, config: DataConfig) -> tuple[str, str]:
    """Return the columns of source and target: the named ones, or the only two that hold pictures."""
    columns = config.source_column, config.target_column
    if all(columns):
        if missing := [column for column in columns if column not in features]:
            raise UserError(f"{name} has no column {missing[0]} (it has {', '.join(features)}).")
        return columns
    pictures = [column for column, kind in features.items() if type(kind).__name__ == "Image"]
    if len(pictures) != 2:
        raise UserError(
            f"{name} has {len(pictures)} columns of pictures ({', '.join(pictures)}): wanted 2.",
            "Name them with --set data.source_column=NAME --set data.target_column=NAME.",
        )
    return pictures[0], pictures[1]
