"""Folders of files with names of pictures, and the pairs that are found in these."""

from pathlib import Path

import pytest

from pix2pix.errors import UserError
from pix2pix.pairs.find import PairSet, find_pairs
from tests.helpers import write_text


def make(root: Path, *names: str) -> Path:
    """Files with names of pictures: nothing here opens them."""
    for name in names:
        write_text(root / name)
    return root


def numbered(pattern: str, count: int = 40) -> list[str]:
    return [pattern.format(n) for n in range(count)]


def find(*folders: Path, source: str = "left") -> PairSet:
    return find_pairs(list(folders), source)


def refused(*folders: Path) -> str:
    with pytest.raises(UserError) as caught:
        find(*folders)
    return str(caught.value)


def names(pair_set: PairSet) -> dict[str, list[str]]:
    return {split: [pair.name for pair in pairs] for split, pairs in pair_set.splits.items()}


def all_names(pair_set: PairSet) -> list[str]:
    return sorted(name for split in names(pair_set).values() for name in split)


def halves(part: str, source: str = "images", target: str = "masks", count: int = 4) -> list[str]:
    """Names of pictures in two folders of a part of the data."""
    return [f"{part}/{half}/{n}.png" for half in (source, target) for n in range(count)]
