"""`pix2pix compare`."""

from __future__ import annotations

import math
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from typer import Argument

from pix2pix.cli.common import console_progress, loading
from pix2pix.cli.options import Out

if TYPE_CHECKING:
    from pix2pix.evaluation.compare.compare import Comparison

Runs = Annotated[
    list[Path],
    Argument(metavar="RUN RUN...", help="Folders of evaluations, or runs with one; the first is the basis."),
]


def compare(runs: Runs, out: Out) -> None:
    """Put evaluated runs next to each other: which is better, how sure that is, where they differ.

    \b
    pix2pix evaluate runs/l1 facades -o runs/l1/scores
    pix2pix evaluate runs/cgan facades -o runs/cgan/scores
    pix2pix compare runs/l1 runs/cgan -o comparison
    """
    with loading():
        from pix2pix.evaluation.compare.compare import compare as compare_reports
        from pix2pix.evaluation.compare.page import refuse_other_folder, write_comparison
        from pix2pix.evaluation.compare.stored import read_reports
    refuse_other_folder(out)  # before the work
    with closing(console_progress()) as progress:
        comparison = compare_reports(read_reports(runs))
        page = write_comparison(comparison, out, progress)
    _print(comparison)
    print(f"page: {page}")


def _print(comparison: Comparison) -> None:
    first, *others = comparison.reports
    for number, report in enumerate(others):
        print(f"{report.label} against {first.label}, {len(comparison.names):,} pictures:")
        for score in comparison.scores:
            value, low, high = score.differences[number]
            interval = f" ({low:+.3g} to {high:+.3g})" if low is not None and high is not None else ""
            difference = f"{value:+.3g}{interval}" if math.isfinite(value) else ""
            numbers = f"{score.values[0]:.4g} -> {score.values[number + 1]:.4g}  {difference}"
            print(f"  {score.name:<18} {numbers}  {score.verdict(number)}".rstrip())
    print(*(f"note: {note}" for note in comparison.notes), sep="\n", end="\n" if comparison.notes else "")
