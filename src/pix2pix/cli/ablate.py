"""`pix2pix ablate`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from typer import Option

from pix2pix.cli.common import choice, console_progress, loading, print_facts, report_failures
from pix2pix.cli.evaluate import Features, Ignore, Labels, Scorer
from pix2pix.cli.options import Data, Device, Out, Recipe, Settings

if TYPE_CHECKING:
    from pix2pix.evaluation.ablate.run import Outcome


def ablate(
    data: Data,
    out: Out,
    over: Annotated[str, Option(help="Table: losses, generators or patches.")],
    recipe: Recipe = None,
    settings: Settings = None,
    seeds: Annotated[int, Option(min=1, help="Trainings of each row, from training.seed on.")] = 1,
    features: Features = None,
    scorer: Scorer = None,
    labels: Labels = None,
    ignore: Ignore = None,
    device: Device = "auto",
    dry_run: Annotated[
        bool, Option("--dry-run", help="List the rows and about how long they take; write nothing.")
    ] = False,
) -> None:
    """Train the variants of the paper's tables, score each, and compare with the paper's numbers.

    The same command again goes on where one was stopped. Tables that share rows share them in one folder.

    \b
    pix2pix ablate facades --over losses --recipe facades -o ablation
    pix2pix ablate facades --over patches --recipe facades -o ablation --scorer scorer --labels facades
    """
    with loading():
        from pix2pix.config import Config
        from pix2pix.device import keep_freed_memory
        from pix2pix.evaluation.ablate.layout import Request
        from pix2pix.evaluation.ablate.rows import OVER
        from pix2pix.evaluation.ablate.run import ablate as train_rows
        from pix2pix.evaluation.ablate.run import describe_ablation

    choice("--over", over, OVER)
    keep_freed_memory()
    config = Config.load(recipe, settings or [])
    request = Request(data, config, out, over, seeds, features, scorer, labels, ignore or [], device)
    if dry_run:
        print_facts(describe_ablation(request).items(), width=18)
        return
    _finish(train_rows(request, console_progress().console), over, out)


def _finish(outcome: Outcome, over: str, out: Path) -> None:
    """Print the result of an ablation; exit code 130 where it was stopped, 1 where something was left out."""
    from pix2pix.evaluation.ablate.tables import as_text, lines_of

    if outcome.scored:
        notes = [f"note: {note}" for note in outcome.notes]
        lines = lines_of(outcome.tables[over], outcome.scored)
        print(*as_text(lines), *notes, f"page: {out / 'index.html'}", sep="\n")
    if outcome.stopped:
        print(f"stopped in {outcome.stopped}; the same command goes on from there")
        raise typer.Exit(130)
    report_failures(outcome.failed, "row", "not trained")
    report_failures(outcome.left_out, "picture", "left out")
