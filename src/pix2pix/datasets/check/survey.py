"""What is kept of all pairs while they are read: a fixed row for each, and sums.

Memory grows by some 500 bytes a pair, whatever the size of the pictures.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pix2pix.data.pairs import Pair
from pix2pix.datasets.check.alignment import Shift
from pix2pix.datasets.check.findings import Finding, finding
from pix2pix.datasets.check.histogram import Histogram
from pix2pix.datasets.check.look import Format, HalfLook, Look, Unusable
from pix2pix.datasets.check.map_colours import Gathered

Array = NDArray[Any]

# Two values in a row are those of source and target.
_ROW = np.dtype(
    [
        ("usable", "?"),
        ("equal", "?"),
        ("constant", "?", 2),
        ("format", "i4", 2),
        ("digest", "u8", 2),
        ("hash", "u8", 2),
        ("thumbnail", "u1", (2, 8, 8, 3)),
        ("shift", "f4", 5),
    ]
)


class Survey:
    """All pairs, in a fixed order, and what was seen of them so far."""

    def __init__(self, pairs: Sequence[Pair], splits: Sequence[str], name: Callable[[Path], str]) -> None:
        self.pairs, self.splits, self.name = pairs, splits, name
        self.rows = np.zeros(len(pairs), _ROW)
        self.formats: list[Format] = []
        self.histograms: tuple[dict[str, Histogram], dict[str, Histogram]] = ({}, {})
        self.colours = (Gathered(len(pairs)), Gathered(len(pairs)))
        self.unusable: list[Finding] = []
        self._places: dict[Format, int] = {}

    def add(self, index: int, seen: Look | list[Unusable]) -> None:
        """Keep what one look at one pair has shown."""
        if isinstance(seen, list):
            self.unusable += [self._named(one, self.pairs[index]) for one in seen]
            return
        row = self.rows[index]
        row["usable"], row["equal"], row["shift"] = True, seen.equal, tuple(seen.shift)
        for side, half in enumerate((seen.source, seen.target)):
            self._add_half(row, side, half)
            self.colours[side].add(index, half.colours)

    def side_by_side(self) -> bool:
        """Whether both halves of a pair are of one file, so that what is told of both is one."""
        return all(pair.source.path == pair.target.path for pair in self.pairs)

    def files(self, index: int) -> list[Path]:
        """The file of a pair, or both."""
        return list(dict.fromkeys((self.pairs[index].source.path, self.pairs[index].target.path)))

    def label(self, index: int) -> str:
        """What a pair is called: its file, or the source's."""
        return self.name(self.pairs[index].source.path)

    def shifts(self) -> list[Shift]:
        """That of each pair; unknown where it is not usable."""
        return [Shift(*map(float, row)) for row in self.rows["shift"]]

    def format(self, index: int, side: int) -> Format:
        """What one half of one usable pair is made of."""
        return self.formats[int(self.rows["format"][index, side])]

    def _add_half(self, row: Any, side: int, half: HalfLook) -> None:
        row["constant"][side], row["format"][side] = half.constant, self._place(half.format)
        row["digest"][side], row["hash"][side] = half.digest, half.hash
        row["thumbnail"][side] = half.thumbnail
        kind, sums = kind_of(half.format), self.histograms[side]
        sums[kind] = sums[kind] + half.histogram if kind in sums else half.histogram

    def _place(self, found: Format) -> int:
        if found not in self._places:
            self._places[found] = len(self.formats)
            self.formats.append(found)
        return self._places[found]

    def _named(self, one: Unusable, pair: Pair) -> Finding:
        sentence = one.sentence
        for path in one.files:
            sentence = sentence.replace(str(path), self.name(path))
        return finding(one.kind, one.files, sentence, [pair])


def channels_of(found: Format) -> str:
    """`grey`, `RGB`, `RGBA` or `5 channels`."""
    return {1: "grey", 3: "RGB", 4: "RGBA"}.get(found.channels, f"{found.channels} channels")


def kind_of(found: Format) -> str:
    """`RGB, 8 bit`: pictures of one kind can share a histogram."""
    return f"{channels_of(found)}, {found.depth}"
