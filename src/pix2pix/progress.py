"""What a person sees of long work: a live bar in a terminal, plain lines in a log."""

from __future__ import annotations

import time
from collections.abc import Mapping

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

_LINE_SECONDS = 10.0  # between two lines where there is no terminal
_LABELS = {
    "loss_d": "D", "loss_gan": "G", "loss_l1": "L1", "loss_class": "class", "d_right": "D right",
}  # fmt: skip


class Watch:
    """Tells a console how a long task goes. A quiet console is told nothing."""

    def __init__(self, console: Console | None = None) -> None:
        self.console = console or Console(quiet=True)
        self._bar: Progress | None = None
        self._printed = 0.0

    def say(self, text: str) -> None:
        """One line, above the bar where there is one."""
        self.console.print(text, highlight=False, markup=False, emoji=False, soft_wrap=True)

    def update(self, task: str, done: int, total: int, unit: str, note: str = "") -> None:
        """How far the task is; the first call begins it, the call with done = total ends it."""
        if self.console.is_terminal:
            self._draw(task, done, total, unit, note)
        elif done >= total or time.monotonic() - self._printed >= _LINE_SECONDS:
            self._printed = time.monotonic()
            self.say(f"{task}: {done:,} of {total:,} {unit}  {note}".rstrip())

    def close(self) -> None:
        """End the bar, where it stands."""
        if self._bar is not None:
            self._bar.stop()
            self._bar = None

    def _draw(self, task: str, done: int, total: int, unit: str, note: str) -> None:
        if self._bar is None:
            self._bar = Progress(
                TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(),
                TextColumn("{task.fields[unit]}"), TimeRemainingColumn(compact=True),
                TextColumn("{task.fields[note]}"),
                console=self.console, transient=True, speed_estimate_period=60,
            )  # fmt: skip
            self._bar.add_task(task, total=total, completed=done, unit=unit, note=note)
            self._bar.start()
        self._bar.update(self._bar.task_ids[0], completed=done, note=note)
        if done >= total:
            self.close()


def in_words(speed: float, losses: Mapping[str, float]) -> str:
    """Images a second and the losses, for one line of a terminal."""
    shown = (f"{_LABELS[k]} {v:.3f}" for k, v in losses.items() if k in _LABELS)
    return "  ".join([f"{speed:.1f} images/s", *shown])
