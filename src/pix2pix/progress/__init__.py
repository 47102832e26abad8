"""Long work: on all cores, with a live bar in a terminal or a notebook's cell, or plain lines in a log."""

import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from rich import progress as bars
from rich.console import Console

from pix2pix.errors import UserError, printable
from pix2pix.progress.cell import CellProgress

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
        # rich would add an output to the cell with each line.
        self._cell = CellProgress() if self.console.is_jupyter and not self.console.quiet else None
        self._bar: bars.Progress | None = None
        self._task = ""  # of the bar
        self._printed = 0.0
        self._began = ("", 0, 0.0)  # a task, how much of it was done at its first update, and when that was

    def log(self, text: str) -> None:
        """Print one line, above the bar if there is one."""
        if self._cell is not None:
            self._cell.log(printable(text))
            return
        self.console.print(printable(text), highlight=False, markup=False, emoji=False, soft_wrap=True)

    def update(self, task: str, done: int, total: int, unit: str, note: str = "") -> None:
        """Report how far the task is; the first call starts its bar, done = total ends it.

        Another task takes the bar's place.
        """
        self.done, left = done, self._left(task, done, total)
        parts = (f"{task}: {done:,} of {total:,} {unit}", left, note)
        line = "  ".join(part for part in parts if part)
        if self._cell is not None:
            self._cell.update(printable(line), done / total if total else 1.0)
        elif self.console.is_terminal:
            self._draw(task, done, total, unit, note)
        elif done >= total or time.monotonic() - self._printed >= _LINE_SECONDS:
            self._printed = time.monotonic()
            self.log(line)

    def counter(self, task: str, unit: str) -> OnProgress:
        """Return a callable that reports how far one task is."""
        return lambda done, total: self.update(task, done, total, unit)

    def close(self) -> None:
        """Remove the bar."""
        if self._cell is not None:
            self._cell.close()
        if self._bar is not None:
            self._bar.stop()
            self._bar = None

    def _left(self, task: str, done: int, total: int) -> str:
        """Return how long the task will take, by its mean speed since its first update."""
        began, before, start = self._began
        if began != task or done < before:
            self._began = (task, done, time.monotonic())
        elif before < done < total:
            return duration((time.monotonic() - start) / (done - before) * (total - done)) + " left"
        return ""

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


def duration(seconds: float) -> str:
    """Return a time as "2 h 5 min", "12 min" or "30 s"."""
    hours, minutes = divmod(round(seconds / 60), 60)
    return f"{hours:,} h {minutes} min" if hours else f"{minutes} min" if minutes else f"{seconds:.0f} s"


def describe_losses(speed: float, losses: Mapping[str, float]) -> str:
    """Return images a second and the losses, for one line of a terminal."""
    shown = (f"{_LABELS[k]} {v:.3f}" for k, v in losses.items() if k in _LABELS)
    return "  ".join([f"{speed:.1f} images/s", *shown])


def describe_scores(scores: Mapping[str, float]) -> str:
    """Return the scores of a validation for one line, without those of single classes."""
    shown = {name: value for name, value in scores.items() if "/" not in name}
    return "  ".join(f"{name} {value:g}" for name, value in shown.items())
