"""`pix2pix train`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer import Option

from pix2pix.cli.common import console_progress, layout_settings, loading, print_facts, report_failures
from pix2pix.cli.options import Data, Device, Layout, PairNames, Precision, Recipe, Settings, Strict
from pix2pix.errors import UserError

if TYPE_CHECKING:
    from pix2pix.config import Config
    from pix2pix.training.train import Result

Run = Annotated[Path | None, Option(help="Folder of the run.  [default: runs/<name of DATA>]")]
Init = Annotated[Path | None, Option(metavar="MODEL", help="Start from this model's weights.")]
MakeRecipe = Annotated[
    str | None, Option(metavar="RECIPE", help="Make sources: gray, lab, edges, inpaint, downscale:4")
]
Epochs = Annotated[float | None, Option(metavar="N", help="Length of training: N x pairs images.")]
Labels = Annotated[str | None, Option(metavar="auto", help="Take halves that are label maps as classes.")]
Seed = Annotated[int | None, Option(help="Same as --set training.seed=N.")]
Engine = Annotated[str, Option(help="auto, plain, graph (captured; NVIDIA GPUs).")]
Logs = Annotated[
    list[str] | None,
    Option(metavar="NAME", help="Log to tensorboard or wandb, too; repeatable.  [default: metrics.jsonl]"),
]
DryRun = Annotated[
    bool, Option("--dry-run", help="Print memory, disk and time that it would take; write nothing.")
]

_OTHER_RECIPE = (
    "note: this is the paper's method, right where figures are compared with published ones; "
    "--recipe modern makes clearly better pictures of label maps and edges"
)


def train(
    data: Data,
    recipe: Recipe = None,
    settings: Settings = None,
    run: Run = None,
    init: Init = None,
    make: MakeRecipe = None,
    epochs: Epochs = None,
    layout: Layout = None,
    pair: PairNames = None,
    labels: Labels = None,
    seed: Seed = None,
    device: Device = "auto",
    engine: Engine = "auto",
    precision: Precision = "auto",
    strict: Strict = False,
    log: Logs = None,
    dry_run: DryRun = False,
) -> None:
    """Train on pairs. The same command again continues a run that was stopped.

    \b
    pix2pix train facades --recipe facades
    pix2pix train photos/grey photos/colour --set training.images=20000
    pix2pix train photographs --make lab
    torchrun --nproc-per-node=8 -m -- pix2pix train facades --set training.batch=8
    """
    with loading():
        from pix2pix.config import Config
        from pix2pix.data.archives import run_name
        from pix2pix.device import keep_freed_memory
        from pix2pix.training.idle import refuse_switched_off
        from pix2pix.training.train import train as train_model

    keep_freed_memory()
    flags = {"training.seed": seed, "data.make": make, "data.labels": labels}
    changes = [f"{key}={value}" for key, value in flags.items() if value is not None]
    length = _whole_epochs(epochs, settings or ())
    how: Any = {"device": device, "engine": engine, "precision": precision, "epochs": length}
    config = Config.load(recipe, [*(settings or []), *changes, *layout_settings(layout, pair)])
    folder = run or Path("runs") / run_name(data[0])
    refuse_switched_off(config, settings or (), folder / "config.toml")
    if dry_run:
        _print_plan(data, config, folder, log or (), how)
        return
    new = recipe is None and not (folder / "config.toml").is_file()
    how |= {"console": console_progress().console, "logs": log or (), "note": _OTHER_RECIPE if new else ""}
    _finish(train_model(data, config, folder, init=init, strict=strict, **how), folder)


def _whole_epochs(epochs: float | None, settings: Sequence[str]) -> int | None:
    """Return --epochs as a whole number; raises UserError for a fraction, or for two lengths."""
    if epochs is None:
        return None
    if epochs < 1 or epochs % 1:
        raise UserError(
            f"--epochs {epochs:g}: wanted a whole number from 1 on.",
            "Less than once all pairs is --set training.images=N.",
        )
    if any(setting.startswith("training.images") for setting in settings):
        raise UserError("--epochs and --set training.images both say how long to train.", "Leave one out.")
    return int(epochs)


def _print_plan(data: Sequence[str], config: Config, folder: Path, logs: Sequence[str], how: Any) -> None:
    from pix2pix.training.logs import check_logs
    from pix2pix.training.plan import describe_plan, make_plan

    check_logs(logs)
    print_facts(describe_plan(make_plan(data, config, folder, **how)).items())


def _finish(result: Result, folder: Path) -> None:
    """Print the result of a run; exit code 130 where it was stopped, 1 where pairs were left out.

    Of several processes the first one prints.
    """
    if not result.finished:
        if result.first:
            print(f"stopped at image {result.images_seen:,}; the same command goes on from there")
        raise typer.Exit(130)
    if not result.first:
        return
    from pix2pix.progress import describe_scores

    print(f"finished: {result.images_seen:,} images seen  {describe_scores(result.scores)}".rstrip())
    print(f"model: {result.model}", *([f"best:  {result.best}"] if result.best else []), sep="\n")
    print(f"page:  {folder / 'index.html'}")
    report_failures(result.failures, "pair", "left out")
