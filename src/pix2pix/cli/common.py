"""What the commands share: groups of commands, progress on the console, failures named at the end."""

from __future__ import annotations

import gc
import json
import re
import signal
import sys
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Any

import typer

from pix2pix.errors import UserError, printable
from pix2pix.files import WRITTEN_SUFFIXES

if TYPE_CHECKING:
    from pix2pix.data.unpacked import Unpacked
    from pix2pix.progress import OnProgress, Progress

_LARGEST_PX = 16_384
_SPLITS = ("", "train", "val", "validation", "test")
_MODES = ("paper", "deterministic", "running")


def command_group(about: str, **kwargs: Any) -> typer.Typer:
    """Return a group of commands, whose help is plain text and whose defects keep Python's traceback."""
    return typer.Typer(
        help=about, no_args_is_help=True, rich_markup_mode=None, pretty_exceptions_enable=False, **kwargs
    )


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


def unpacked(*data: str) -> Unpacked:
    """Return DATA with a folder in place of each archive."""
    from pix2pix.data.unpacked import with_archives

    with counting("unpacking", "bytes") as on_progress:
        return with_archives(data, on_progress)


def choice(option: str, value: str | None, allowed: Sequence[str]) -> Any:
    """Return the value of an option; raise UserError where it is none of the allowed ones."""
    if value is not None and value not in allowed:
        raise UserError(f"{option} {value} is unknown: wanted {', '.join(allowed)}.")
    return value


def mode_choice(mode: str | None) -> Any:
    """Return the value of --mode; raise UserError for an unknown one."""
    return choice("--mode", mode, _MODES)


def layout_settings(layout: str | None, pair: tuple[str, str] | None) -> list[str]:
    """Return the settings that --layout and --pair stand for."""
    settings = {"data.layout": layout, "data.pair": pair}
    return [f"{key}={json.dumps(value)}" for key, value in settings.items() if value is not None]


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
    return side, mode_choice(mode), size if size in (None, "train") else parse_size(str(size))


def picture_suffix(name: str | None) -> str | None:
    """Return the ending that --format names: png, .png and PNG are ".png"."""
    if name is None:
        return None
    endings = sorted(suffix.lstrip(".") for suffix in WRITTEN_SUFFIXES)
    return f".{choice('--format', name.lower().lstrip('.'), endings)}"


def print_facts(facts: Iterable[tuple[str, str]], width: int = 16) -> None:
    """Print a line for each label, in a column of `width` characters, and its value."""
    for label, value in facts:
        print(f"{label:<{width}} {printable(value)}")


def counted_by_split(pairs: Mapping[str, int]) -> str:
    """Return "train 400, val 100", or "500" without splits."""
    return ", ".join(f"{split} {pairs[split]:,}".strip() for split in _SPLITS if split in pairs)


def report_failures(failures: Sequence[str], what: str, done: str) -> None:
    """Name what failed, at the end where it is seen; exit code 1."""
    if failures:
        count = f"{len(failures)} {what}s were" if len(failures) > 1 else f"1 {what} was"
        print(f"{count} {done}:", *failures, sep="\n  ", file=sys.stderr)
        raise typer.Exit(1)
