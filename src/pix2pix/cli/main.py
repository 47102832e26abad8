"""The command line: thin commands, each of which imports its stage when it is called.

Exit codes: 0 good, 1 done with failures reported, 2 refused, 130 stopped by the user. Results go to
standard output, progress and errors to standard error.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer import Option

from pix2pix import __version__
from pix2pix.cli import ablate, bulk, compare, doctor, evaluate, import_, push, share, translate
from pix2pix.cli.common import (
    Data,
    Device,
    Layout,
    ModelFile,
    PairNames,
    Precision,
    Recipe,
    Settings,
    Strict,
    console_progress,
    layout_settings,
    loading,
    print_facts,
    report_failures,
    stopped_by_sigterm,
)
from pix2pix.cli.data import data_app
from pix2pix.cli.peer_options import peer_options_explained
from pix2pix.cli.study import study_app
from pix2pix.errors import UserError
from pix2pix.page.shipped import HOUSES

if TYPE_CHECKING:
    from pix2pix.training.train import Result

DryRun = Annotated[
    bool, Option("--dry-run", help="Print memory, disk and time that it would take; write nothing.")
]
Logs = Annotated[
    list[str] | None,
    Option(metavar="NAME", help="Log to tensorboard or wandb, too; repeatable.  [default: metrics.jsonl]"),
]
Labels = Annotated[str | None, Option(metavar="auto", help="Take halves that are label maps as classes.")]
MakeRecipe = Annotated[
    str | None, Option(metavar="RECIPE", help="Make sources: gray, lab, edges, inpaint, downscale:4")
]

_HELP = """Learn to translate one kind of picture into another from paired examples.

\b
  pix2pix demo                                    see it work, in two minutes
  pix2pix train PAIRS --set data.source=right     learn from a folder of pairs
  pix2pix translate MODEL PICTURES -o OUT         use what was learned
"""


class _Commands(typer.core.TyperGroup):
    """The commands, with errors that are for the user printed as one sentence."""

    def invoke(self, ctx: Any) -> Any:
        try:
            with stopped_by_sigterm(), peer_options_explained(list(ctx.args)):
                return super().invoke(ctx)
        except UserError as error:
            print(f"pix2pix: {error}", file=sys.stderr)
            raise typer.Exit(2) from None
        except BrokenPipeError:
            raise typer.Exit(1) from None


app = typer.Typer(
    name="pix2pix",
    cls=_Commands,
    help=_HELP,
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)

app.add_typer(data_app, name="data")
app.add_typer(study_app, name="study")


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


def _finish_training(result: Result, folder: Path) -> None:
    """Print what a run came to; exit code 130 where it was stopped, 1 where pairs were left out.

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


_OTHER_RECIPE = (
    "note: this is the paper's method, right where figures are compared with published ones; "
    "--recipe modern makes clearly better pictures of label maps and edges"
)


def _advice(recipe: str | None, folder: Path) -> str:
    """Return what a new run without a recipe should know."""
    return _OTHER_RECIPE if recipe is None and not (folder / "config.toml").is_file() else ""


def _version(requested: bool) -> None:
    if requested:
        print(f"pix2pix {__version__}")
        raise typer.Exit


@app.callback()
def _main(
    version: Annotated[
        bool, Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    # Threads that spin while they wait for each other waste processors that other programs need: next
    # to three busy processes on two cores a step of the demo took 0.68 s by default and 0.33 s so; alone
    # both took 0.08 s. The variable is read when torch is loaded; a user's own setting stays.
    os.environ.setdefault("GOMP_SPINCOUNT", "10000")


@app.command()
def train(
    data: Data,
    recipe: Recipe = None,
    settings: Settings = None,
    run: Annotated[Path | None, Option(help="Folder of the run.  [default: runs/<name of DATA>]")] = None,
    init: Annotated[Path | None, Option(metavar="MODEL", help="Start from this model's weights.")] = None,
    make: MakeRecipe = None,
    epochs: Annotated[float | None, Option(metavar="N", help="Length of training: N x pairs images.")] = None,
    layout: Layout = None,
    pair: PairNames = None,
    labels: Labels = None,
    seed: Annotated[int | None, Option(help="Same as --set training.seed=N.")] = None,
    device: Device = "auto",
    engine: Annotated[str, Option(help="auto, plain, graph (captured; NVIDIA GPUs).")] = "auto",
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
        from pix2pix.training.logs import check_logs
        from pix2pix.training.plan import describe_plan, make_plan
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
        check_logs(log or ())
        print_facts(describe_plan(make_plan(data, config, folder, **how)).items())
        return
    how |= {"console": console_progress().console, "logs": log or (), "note": _advice(recipe, folder)}
    _finish_training(train_model(data, config, folder, init=init, strict=strict, **how), folder)


app.command()(translate.translate)


@app.command()
def info(model: ModelFile = None) -> None:
    """Say what a model file is: networks, pictures, mode, where its weights come from.

    \b
    pix2pix info runs/facades/model.safetensors
    """
    from pix2pix.inference.describe import describe_model

    print_facts(describe_model(model or HOUSES))


@app.command()
def config(recipe: Recipe = None, settings: Settings = None) -> None:
    """Print the whole configuration as TOML, with what each setting means.

    \b
    pix2pix config --recipe facades --set training.batch=4 > mine.toml
    """
    from pix2pix.config import Config

    print(Config.load(recipe, settings or []).to_described_toml())


@app.command()
def demo(
    out: Annotated[Path, Option("--out", "-o", help="Folder to write to.")] = Path("runs/demo"),
    device: Device = "auto",
) -> None:
    """Make pairs of label maps and buildings, learn from them, and show what was learned.

    \b
    pix2pix demo && open runs/demo/index.html
    """
    with loading():
        from pix2pix.demo import run_demo
        from pix2pix.device import keep_freed_memory

    keep_freed_memory()
    print(f"page: {run_demo(out, device, console_progress().console)}")


app.command()(evaluate.evaluate)
app.command()(compare.compare)
app.command()(ablate.ablate)
app.command()(bulk.bulk)
app.command("import")(import_.import_)
app.command()(push.push)
app.command()(share.export)
app.command()(share.serve)
app.command()(doctor.doctor)


def run() -> None:
    """Run the command line as a program."""
    try:
        app()
    except SystemExit as end:
        if end.code == 130:
            # Threads of libraries may still compute, and abort when Python ends before they do.
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(130)
        raise


if __name__ == "__main__":
    run()
