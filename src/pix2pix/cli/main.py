"""The command line: thin commands, each of which imports its stage when it is called.

Exit codes: 0 good, 1 done with failures reported, 2 refused, 130 stopped by the user. Results go to
standard output, progress and errors to standard error.
"""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from pix2pix.cli import share
from pix2pix.cli.data import data_app
from pix2pix.errors import UserError
from pix2pix.version import __version__

_HELP = """Learn to translate one kind of picture into another from paired examples.

\b
  pix2pix demo                                    see it work, in four minutes
  pix2pix train PAIRS --set data.source=right     learn from a folder of pairs
  pix2pix translate MODEL PICTURES -o OUT         use what was learned
"""


class _Commands(typer.core.TyperGroup):
    """The commands, with errors that are for the user printed as one sentence."""

    def invoke(self, ctx: Any) -> Any:
        try:
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
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)

app.add_typer(data_app, name="data")

Recipe = Annotated[
    str | None, typer.Option(metavar="NAME|FILE", help="Recipe of the package, or a TOML file.")
]
Settings = Annotated[
    list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Change a setting; repeatable.")
]
Device = Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:1, mps.")]
Precision = Annotated[str, typer.Option(help="auto, fp32, tf32, bf16: of products; the rest is float32.")]
Strict = Annotated[bool, typer.Option("--strict", help="Stop at the first bad file.")]


def _version(wanted: bool) -> None:
    if wanted:
        print(f"pix2pix {__version__}")
        raise typer.Exit


@app.callback()
def _main(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    # Threads that spin long for each other cost most of the time where there is other work: beside
    # three busy processes on two cores a step of the demo took 0.68 s by the library's default and
    # 0.33 s so; alone both took 0.08 s. Read when torch is loaded; a user's own setting stays.
    os.environ.setdefault("GOMP_SPINCOUNT", "10000")


@app.command()
def train(
    data: Annotated[
        list[str],
        typer.Argument(
            help="Folder of pairs; two folders (sources, targets); a manifest (.csv, .jsonl); "
            "hub:OWNER/NAME; with --make, a folder of photographs."
        ),
    ],
    recipe: Recipe = None,
    settings: Settings = None,
    run: Annotated[
        Path | None, typer.Option(help="Folder of the run.  [default: runs/<name of DATA>]")
    ] = None,
    init: Annotated[
        Path | None, typer.Option(metavar="MODEL", help="Start from this model's weights.")
    ] = None,
    make: Annotated[
        str | None,
        typer.Option(metavar="RECIPE", help="Make sources: gray, lab, edges, inpaint, downscale:4"),
    ] = None,
    seed: Annotated[int | None, typer.Option(help="Same as --set training.seed=N.")] = None,
    device: Device = "auto",
    engine: Annotated[
        str, typer.Option(help="auto, plain (the reference), graph (captured; NVIDIA's GPUs).")
    ] = "auto",
    precision: Precision = "auto",
    strict: Strict = False,
    dry_run: Annotated[
        bool,
        typer.Option("--dry-run", help="Print what it would take (memory, disk, time), and write nothing."),
    ] = False,
) -> None:
    """Train on pairs. The same command again continues a run that was stopped.

    \b
    pix2pix train facades --recipe facades
    pix2pix train photos/grey photos/colour --set training.images=20000
    pix2pix train photographs --make lab
    torchrun --nproc-per-node=8 -m -- pix2pix train facades --set training.batch=8
    """
    with _loading():
        from rich.console import Console

        from pix2pix.config import Config
        from pix2pix.device import keep_freed_memory
        from pix2pix.training import plan
        from pix2pix.training.train import train as train_model

    keep_freed_memory()

    flags = {"training.seed": seed, "data.make": make}
    given = [f"{key}={value}" for key, value in flags.items() if value is not None]
    config = Config.load(recipe, [*(settings or []), *given])
    folder = run or Path("runs") / Path(data[0]).resolve().stem
    if dry_run:
        planned = plan.make_plan(data, config, folder, device=device, engine=engine, precision=precision)
        _print_facts(plan.dry_run(planned).items())
        return
    console = Console(stderr=True)
    result = train_model(
        data,
        config,
        folder,
        device=device,
        engine=engine,
        precision=precision,
        init=init,
        strict=strict,
        console=console,
    )
    if not result.first:
        return
    scores = "  ".join(f"{name} {value:g}" for name, value in result.scores.items())
    if not result.finished:
        print(f"stopped at image {result.images_seen:,}; the same command goes on from there")
        raise typer.Exit(130)
    print(f"finished: {result.images_seen:,} images seen  {scores}".rstrip())
    print(f"model: {result.model}\npage:  {folder / 'index.html'}")
    _report(result.failures, "pair", "left out")


@app.command()
def translate(
    model: Annotated[Path, typer.Argument(help="A model.safetensors, or the folder of a run.")],
    inputs: Annotated[list[str], typer.Argument(metavar="INPUT...", help="Files, folders or globs.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder, or a file for a single input file.")],
    half: Annotated[
        str, typer.Option(help="left or right: translate that half of side-by-side pictures.")
    ] = "whole",
    suffix: Annotated[
        str | None, typer.Option("--format", help="png, jpg, webp...  [default: the input's]")
    ] = None,
    mode: Annotated[
        str | None, typer.Option(help="paper, deterministic or running.  [default: the model's]")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, max=2**32 - 1, help="Fixes the noise.")] = 0,
    samples: Annotated[
        int, typer.Option(min=1, help="Variants of each picture, with a map of their spread.")
    ] = 1,
    batch: Annotated[int, typer.Option(min=1, help="Pictures translated at a time.")] = 8,
    make: Annotated[
        bool, typer.Option("--make", help="Make the sources from photographs, as in training.")
    ] = False,
    device: Device = "auto",
    engine: Annotated[
        str, typer.Option(help="auto, torch, openvino (on a processor, where it is installed).")
    ] = "auto",
    precision: Precision = "auto",
    strict: Strict = False,
) -> None:
    """Translate pictures of any size; outputs keep names, sub-folders and sizes.

    \b
    pix2pix translate runs/facades/model.safetensors labels/ -o houses
    pix2pix translate model.safetensors sketch.png -o photo.png --samples 4
    """
    with _loading():
        from rich.console import Console

        from pix2pix.device import keep_freed_memory
        from pix2pix.inference.folder import Options, first_note, plan, run_jobs
        from pix2pix.inference.translator import Translator
        from pix2pix.progress import Progress

    options = Options(
        _choice("--half", half, ("whole", "left", "right")),
        _choice("--mode", mode, ("paper", "deterministic", "running")),
        seed,
        samples,
        batch,
        strict,
        make,
    )
    keep_freed_memory()
    translator = Translator.load(model, device, precision, engine)
    jobs = plan(inputs, out, translator, _suffix(suffix), samples)
    if note := first_note(translator, jobs, options.half):
        print(f"note: {note}", file=sys.stderr)
    progress, done = Progress(Console(stderr=True)), 0

    def tell(count: int, total: int) -> None:
        nonlocal done
        done = count
        progress.update("translating", done, total, "pictures", translator.how)

    try:
        failures = run_jobs(translator, jobs, options, tell)
    except KeyboardInterrupt:
        progress.log(f"stopped after {done} of {len(jobs)} pictures; those are in {out}")
        raise
    finally:
        progress.close()
    print(f"{len(jobs) - len(failures)} of {len(jobs)} pictures translated to {out}")
    _report(failures, "file", "skipped")


@app.command()
def info(model: Annotated[Path, typer.Argument(help="A model.safetensors, or the folder of a run.")]) -> None:
    """Say what a model file is: networks, pictures, mode, where its weights come from.

    \b
    pix2pix info runs/facades/model.safetensors
    """
    from pix2pix.inference.describe import describe_model

    _print_facts(describe_model(model))


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
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder to write to.")] = Path("runs/demo"),
    device: Device = "auto",
) -> None:
    """Make pairs of label maps and buildings, learn from them, and show what was learned.

    \b
    pix2pix demo && open runs/demo/index.html
    """
    with _loading():
        from rich.console import Console

        from pix2pix.demo import run_demo
        from pix2pix.device import keep_freed_memory

    keep_freed_memory()
    page = run_demo(out, device, Console(stderr=True))
    print(f"page: {page}")


app.command()(share.export)
app.command()(share.serve)


@contextmanager
def _loading() -> Iterator[None]:
    """A block of imports, whose objects Python's collector neither looks through nor frees.

    Torch's are 300,000: looking through them took 0.1 s of the start and 0.3 s of the end.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


def _print_facts(facts: Iterable[tuple[str, str]]) -> None:
    for label, value in facts:
        print(f"{label:<16} {value}")


def _choice(option: str, value: str | None, allowed: Sequence[str]) -> Any:
    if value is not None and value not in allowed:
        raise UserError(f"{option} {value} is unknown: wanted {', '.join(allowed)}.")
    return value


def _suffix(name: str | None) -> str | None:
    from pix2pix.files import PICTURE_SUFFIXES

    if name is None:
        return None
    known = sorted(suffix.lstrip(".") for suffix in PICTURE_SUFFIXES)
    return "." + str(_choice("--format", name.lower().lstrip("."), known))


def _report(failures: Sequence[str], what: str, done: str) -> None:
    """Name what failed, at the end where it is seen; exit code 1."""
    if not failures:
        return
    counted = f"{len(failures)} {what}s were" if len(failures) > 1 else f"1 {what} was"
    print(f"{counted} {done}:", file=sys.stderr)
    for failure in failures:
        print(f"  {failure}", file=sys.stderr)
    raise typer.Exit(1)


if __name__ == "__main__":
    app()
