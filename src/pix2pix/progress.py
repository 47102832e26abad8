"""Long work: on all cores, with a live bar in a terminal or plain lines in a log."""

import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from rich import progress as bars
from rich.console import Console

from pix2pix.errors import UserError

T = TypeVar("T")
R = TypeVar("R")
OnProgress = Callable[[int, int], None]  # called with what is done so far, and the total

_AHEAD = 256  # items submitted ahead of their use, at most
_LINE_SECONDS = 10.0  # between two lines where there is no terminal
_LABELS = {"loss_d": "D", "loss_gan": "G", "loss_l1": "L1", "loss_class": "class", "d_right": "D right"}


def no_progress(done: int, total: int) -> None:
    """Report nothing."""


def in_parallel(
    items: Sequence[T], work: Callable[[T], R], on_progress: OnProgress = no_progress
) -> Iterator[tuple[T, R | UserError]]:
    """Yield each item with what `work` makes of it or its UserError, in order, on all cores.

    `on_progress` is called after each item. Where the caller stops, what is queued is dropped.
    """

    def attempt(item: T) -> R | UserError:
        try:
            return work(item)
        except UserError as error:
            return error

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        try:
            for start in range(0, len(items), _AHEAD):
                chunk = items[start : start + _AHEAD]
                for done, result in enumerate(zip(chunk, pool.map(attempt, chunk), strict=True), start + 1):
                    yield result
                    on_progress(done, len(items))
        finally:
            pool.shutdown(cancel_futures=True)


class Progress:
    """Reports on a console how a long task goes; without a console it prints nothing."""

    def __init__(self, console: Console | None = None) -> None:
        self.console = console or Console(quiet=True)
        self.done = 0  # as the last update said
        self._bar: bars.Progress | None = None
        self._task = ""  # of the bar
        self._printed = 0.0

    def log(self, text: str) -> None:
        """Print one line, above the bar if there is one."""
        self.console.print(text, highlight=False, markup=False, emoji=False, soft_wrap=True)

    def update(self, task: str, done: int, total: int, unit: str, note: str = "") -> None:
        """Report how far the task is; the first call starts its bar, done = total ends it.

        Another task takes the bar's place.
        """
        self.done = done
        if self.console.is_terminal:
            self._draw(task, done, total, unit, note)
        elif done >= total or time.monotonic() - self._printed >= _LINE_SECONDS:
            self._printed = time.monotonic()
            self.log(f"{task}: {done:,} of {total:,} {unit}  {note}".rstrip())

    def counter(self, task: str, unit: str) -> OnProgress:
        """Return a callable that reports how far one task is."""
        return lambda done, total: self.update(task, done, total, unit)

    def close(self) -> None:
        """Remove the bar."""
        if self._bar is not None:
            self._bar.stop()
            self._bar = None

    def _draw(self, task: str, done: int, total: int, unit: str, note: str) -> None:
        if task != self._task:
            self.close()
        if self._bar is None:
            self._task = task
            self._bar = bars.Progress(
                bars.TextColumn("{task.description}"),
                bars.BarColumn(),
                bars.MofNCompleteColumn(),
                bars.TextColumn("{task.fields[unit]}"),
                bars.TimeRemainingColumn(compact=True),
                bars.TextColumn("{task.fields[note]}"),
                console=self.console,
                transient=True,
                speed_estimate_period=60,
            )
            self._bar.add_task(task, total=total, completed=done, unit=unit, note=note)
            self._bar.start()
        self._bar.update(self._bar.task_ids[0], completed=done, note=note)
        if done >= total:
            self.close()


def describe_losses(speed: float, losses: Mapping[str, float]) -> str:
    """Return images a second and the losses, for one line of a terminal."""
    shown = (f"{_LABELS[k]} {v:.3f}" for k, v in losses.items() if k in _LABELS)
    return "  ".join([f"{speed:.1f} images/s", *shown])


def in_words(count: float) -> str:
    """Return a number of bytes in MB or GB."""
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{count / 1e6:.1f} MB"


def duration(seconds: float) -> str:
    """Return a time in hours and minutes."""
    hours, minutes = divmod(round(seconds / 60), 60)
    return f"{hours:,} h {minutes} min" if hours else f"{minutes} min" if minutes else f"{seconds:.0f} s"
