"""From the scores of every row and seed to tables: mean and spread of each, next to the paper's numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from statistics import fmean, stdev
from typing import Any

from pix2pix.evaluation.ablate.rows import Table
from pix2pix.evaluation.labels import BY_CLASS
from pix2pix.evaluation.score import Score, kind_of

COLUMNS = (
    *BY_CLASS,
    *("kid", "st_lpips", "l1", "psnr_db", "ssim"),
    *("histogram_L", "histogram_a", "histogram_b"),
)


@dataclass(frozen=True)
class ScoredRun:
    """The scores of one row with one seed; `real` are those of the real pictures, by class."""

    row: str
    seed: int
    scores: Sequence[Score]
    real: Mapping[str, float]
    pictures: int
    about: Mapping[str, Any]  # what was scored by what, for JSON


@dataclass(frozen=True)
class Cell:
    """A score over seeds; `spread` is the standard deviation, None of a single seed."""

    mean: float
    spread: float | None = None

    def __str__(self) -> str:
        """Return the mean in three decimals or three digits, and the spread with as many."""
        digits = 3 if abs(self.mean) < 1 else 2 if abs(self.mean) < 100 else 0
        spread = "" if self.spread is None else f" ± {self.spread:.{digits}f}"
        return f"{self.mean:.{digits}f}{spread}"


@dataclass(frozen=True)
class Line:
    """One line of a table; `runs` are the names of its run folders, none where nothing is trained yet."""

    label: str
    row: str
    runs: tuple[str, ...]
    cells: Mapping[str, Cell]
    paper: Mapping[str, float]


def lines_of(table: Table, scored: Mapping[str, ScoredRun]) -> list[Line]:
    """Return the lines of a table, at the end that of the real pictures where they were scored."""
    lines = []
    for row in table.rows:
        own = {name: run for name, run in scored.items() if run.row == row.name}
        ordered = tuple(sorted(own, key=lambda name: own[name].seed))
        lines.append(Line(row.label, row.name, ordered, _cells([*own.values()]), row.paper))
    real = next((run.real for run in scored.values() if run.real), {})
    if real:
        cells = {name: Cell(real[name]) for name in BY_CLASS}
        lines.append(Line("real pictures", "real", (), cells, table.paper_real))
    return lines


def columns_of(lines: Sequence[Line]) -> dict[str, str]:
    """Return the columns that any line fills: name -> title."""
    return {name: kind_of(name).title for name in COLUMNS if any(name in line.cells for line in lines)}


def as_text(lines: Sequence[Line]) -> list[str]:
    """Return a table for a terminal: scores by class next to the paper's, KID, ST-LPIPS and L1."""
    shown = [name for name in (*BY_CLASS, "kid", "st_lpips", "l1") if name in columns_of(lines)]
    by_class = any(name in BY_CLASS for name in shown)
    table = [["", *(kind_of(name).title for name in shown), *["paper (first three)"] * by_class]]
    for line in lines:
        paper = " / ".join(f"{line.paper[name]:.2f}" for name in BY_CLASS if name in line.paper)
        cells = [str(line.cells[name]) if name in line.cells else "-" for name in shown]
        table.append([line.label, *cells, *[paper] * by_class])
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    return [
        "  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip()
        for row in table
    ]


def _cells(runs: Sequence[ScoredRun]) -> dict[str, Cell]:
    values: dict[str, list[float]] = {}
    for run in runs:
        for score in run.scores:
            values.setdefault(score.name, []).append(score.value)
    return {name: Cell(fmean(seeds), _spread(seeds)) for name, seeds in values.items()}


def _spread(values: Sequence[float]) -> float | None:
    # PSNR of equal pictures is infinite.
    return stdev(values) if len(values) > 1 and all(map(isfinite, values)) else None
