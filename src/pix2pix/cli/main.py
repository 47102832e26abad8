"""The command line: thin commands, each of which imports its stage when it is called.

Exit codes: 0 good, 1 done with failures reported, 2 refused, 130 stopped by the user. Results go to
standard output, progress and errors to standard error.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from typer import Option

from pix2pix import __version__
from pix2pix.cli.ablate import ablate
from pix2pix.cli.bulk import bulk
from pix2pix.cli.common import command_group, console_progress, loading, print_facts, stopped_by_sigterm
from pix2pix.cli.compare import compare
from pix2pix.cli.data import data_app
from pix2pix.cli.evaluate import evaluate
from pix2pix.cli.export import export, push
from pix2pix.cli.import_ import import_
from pix2pix.cli.options import Device, ModelFile, Recipe, Settings
from pix2pix.cli.peer_options import peer_options_explained
from pix2pix.cli.serve import serve
from pix2pix.cli.study import study_app
from pix2pix.cli.train import train
from pix2pix.cli.translate import translate
from pix2pix.errors import UserError
from pix2pix.page.shipped import HOUSES

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


app = command_group(_HELP, name="pix2pix", cls=_Commands)
app.add_typer(data_app, name="data")
app.add_typer(study_app, name="study")


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


def info(model: ModelFile = None) -> None:
    """Say what a model file is: networks, pictures, mode, where its weights come from.

    \b
    pix2pix info runs/facades/model.safetensors
    """
    from pix2pix.inference.describe import describe_model

    print_facts(describe_model(model or HOUSES))


def config(recipe: Recipe = None, settings: Settings = None) -> None:
    """Print the whole configuration as TOML, with what each setting means.

    \b
    pix2pix config --recipe facades --set training.batch=4 > mine.toml
    """
    from pix2pix.config import Config

    print(Config.load(recipe, settings or []).to_described_toml())


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


def doctor(device: Device = "auto") -> None:
    """Print versions, devices, extras, disk, cache, and try to train, translate and export.

    The text is for bug reports: paste it whole. Files go to a temporary folder; nothing is sent.

    \b
    pix2pix doctor
    pix2pix doctor --device cpu
    """
    from pix2pix.doctor import facts, self_test

    failed = []
    for part in (facts(), self_test(device)):
        for fact in part:
            print(f"{fact.label:<18} {fact.value}", flush=True)  # a crash must not take along what is known
            failed += [] if fact.good else [fact.label]
    if failed:
        print(f"does not work here: {', '.join(failed)}")
        raise typer.Exit(1)
    print("training, translating and exporting work here")


# In this order in the help.
_COMMANDS = (
    train,
    translate,
    info,
    config,
    demo,
    evaluate,
    compare,
    ablate,
    bulk,
    import_,
    push,
    export,
    serve,
    doctor,
)
for _command in _COMMANDS:
    app.command(_command.__name__.rstrip("_"))(_command)


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
