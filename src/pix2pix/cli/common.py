"""What the commands share: options, progress on the console, failures named at the end."""

from __future__ import annotations

import gc
import json
import re
import signal
import sys
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer import Argument, Option

from pix2pix.errors import UserError, printable

if TYPE_CHECKING:
    from pix2pix.progress import OnProgress, Progress

Data = Annotated[
    list[str],
    Argument(
        help="Folder of pairs; two folders (sources, targets); a manifest (.csv, .jsonl); "
        "hub:OWNER/NAME; with --make, a folder of photographs."
    ),
]
Device = Annotated[str, Option(help="auto, cpu, cuda, cuda:1, mps.")]
Layout = Annotated[
    str | None,
    Option(help="How DATA is laid out: side-by-side, or its folders SOURCES:TARGETS (images:masks)."),
]
PairNames = Annotated[
    tuple[str, str] | None,
    Option("--pair", metavar="SOURCE TARGET", help="Names that belong together: '{}.jpg' '{}_mask.png'."),
]
# How pictures are translated, alone or as a collection.
Format = Annotated[
    str | None, Option("--format", help="png, jpg...  [default: the input's; label maps: the targets']")
]
Half = Annotated[str, Option(help="left or right half of side-by-side pictures.")]
Make = Annotated[bool, Option("--make", help="Make sources from photographs, as in training.")]
NoiseSeed = Annotated[int, Option(min=0, max=2**32 - 1, help="Fixes the noise.")]
Scale = Annotated[
    str | None,
    Option(metavar="train|PX|HxW", help="Scale pictures to training's or this size, and results back."),
]

Mode = Annotated[str | None, Option(help="paper, deterministic or running.  [default: the model's]")]
ModelFile = Annotated[
    Path | None,
    Argument(
        show_default=False,
        help="A model.safetensors, or the folder of a run.  [default: the package's houses]",
    ),
]
Out = Annotated[Path, Option("--out", "-o", help="Folder to write to.")]
Precision = Annotated[str, Option(help="auto, fp32, tf32, bf16: of products; the rest is float32.")]
Recipe = Annotated[str | None, Option(metavar="NAME|FILE", help="Recipe of the package, or a TOML file.")]
Settings = Annotated[
    list[str] | None, Option("--set", metavar="KEY=VALUE", help="Change a setting; repeatable.")
]
Strict = Annotated[bool, Option("--strict", help="Stop at the first bad file.")]

_LARGEST_PX = 16_384


@contextmanager
def loading() -> Iterator[None]:
    """Keep the objects of a block of imports away from Python's collector.

    Torch's are 300,000: collecting among them took 0.1 s of the start and 0.3 s of the end.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


@contextmanager
def stopped_by_sigterm() -> Iterator[None]:
    """End a command on SIGTERM as on Ctrl-C: a process that just dies leaves unfinished files."""
    before = signal.getsignal(signal.SIGTERM)
    if before is not signal.SIG_DFL or threading.current_thread() is not threading.main_thread():
        yield
        return
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


@contextmanager
def extra(name: str, what: str) -> Iterator[None]:
    """Turn the lack of a package that an extra brings into a sentence that names the extra."""
    try:
        yield
    except ModuleNotFoundError as error:
        if str(error.name).startswith("pix2pix"):
            raise
        raise UserError(
            f"{what} needs the package {error.name}.", f"Install it with pip install 'pix2pix[{name}]'."
        ) from None


def console_progress() -> Progress:
    """Return a progress that reports on standard error."""
    from rich.console import Console

    from pix2pix.progress import Progress

    return Progress(Console(stderr=True))


@contextmanager
def counting(task: str, unit: str) -> Iterator[OnProgress]:
    """Yield a callable that reports how far one task is; its bar goes when the block ends."""
    with closing(console_progress()) as progress:
        yield progress.counter(task, unit)


def choice(option: str, value: str | None, allowed: Sequence[str]) -> Any:
    """Return the value of an option; raise UserError where it is none of the allowed ones."""
    if value is not None and value not in allowed:
        raise UserError(f"{option} {value} is unknown: wanted {', '.join(allowed)}.")
    return value


def layout_settings(layout: str | None, pair: tuple[str, str] | None) -> list[str]:
    """Return the settings that --layout and --pair stand for."""
    settings = [] if layout is None else [f"data.layout={json.dumps(layout)}"]
    return settings + ([] if pair is None else [f"data.pair={json.dumps(pair)}"])


def parse_size(text: str) -> tuple[int, int]:
    """Return (height, width) in pixels from "256" or "256x512"; raises UserError for other texts."""
    numbers = re.fullmatch(r"(\d{1,5})(?:x(\d{1,5}))?", text)
    size = (int(numbers[1]), int(numbers[2] or numbers[1])) if numbers else (0, 0)
    if not 0 < min(size) <= max(size) <= _LARGEST_PX:
        raise UserError(f"--size {text} is no size: wanted 256, or HEIGHTxWIDTH such as 256x512.")
    return size


def translation_choices(half: str, mode: str | None, size: str | None) -> tuple[Any, Any, Any]:
    """Return the values of --half, --mode and --size; raises UserError for unknown ones."""
    side = choice("--half", half, ("whole", "left", "right"))
    known_mode = choice("--mode", mode, ("paper", "deterministic", "running"))
    return side, known_mode, size if size in (None, "train") else parse_size(str(size))


def picture_suffix(name: str | None) -> str | None:
    """Return the ending that --format names: png, .png and PNG are ".png"."""
    from pix2pix.files import WRITTEN_SUFFIXES

    if name is None:
        return None
    return "." + str(
        choice("--format", name.lower().lstrip("."), sorted(suffix[1:] for suffix in WRITTEN_SUFFIXES))
    )


def print_facts(facts: Iterable[tuple[str, str]]) -> None:
    """Print a line for each label and its value."""
    for label, value in facts:
        print(f"{label:<16} {printable(value)}")


def report_failures(failures: Sequence[str], what: str, done: str) -> None:
    """Name what failed, at the end where it is seen; exit code 1."""
    if failures:
        count = f"{len(failures)} {what}s were" if len(failures) > 1 else f"1 {what} was"
        print(f"{count} {done}:", *failures, sep="\n  ", file=sys.stderr)
        raise typer.Exit(1)
