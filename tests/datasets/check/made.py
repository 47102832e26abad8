"""Buildings as pairs, and the findings on them."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pix2pix.datasets.check import Report, check
from pix2pix.datasets.sample import make_pair
from pix2pix.pairs.find import find_pairs
from tests.helpers import write

Array = NDArray[np.uint8]
PX = 64


@lru_cache(maxsize=32)
def building(index: int) -> Array:
    """(64, 128, 3): the labels of a building and its picture."""
    return np.concatenate(make_pair(0, index, PX), axis=1)


def write_buildings(folder: Path) -> Path:
    """Twelve buildings in train/, four in val/, side by side as PNG."""
    for index in range(16):
        write(folder / ("train" if index < 12 else "val") / f"{index}.png", building(index))
    return folder


def report_on(*folders: Path) -> Report:
    return check(find_pairs(folders, "left"))


def findings(folder: Path) -> dict[str, list[list[str]]]:
    """Kind -> the names of the files of each finding."""
    kinds: dict[str, list[list[str]]] = {}
    for one in report_on(folder).findings:
        names = [path.relative_to(folder).as_posix() for path in one.files]
        kinds.setdefault(one.kind, []).append(names)
        assert all(name in one.sentence for name in names[:1]), one.sentence
    return kinds
