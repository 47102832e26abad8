"""Rows that kill the process that works on them become failures; a model that does so ends the job.

Ray starts a process that died again, with the same rows: without a count it would do so endlessly.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Protocol

from pix2pix.bulk.tables import Row
from pix2pix.errors import UserError

Action = Callable[[list[Row]], Iterable[list[Row]]]
_TOGETHER = 2  # deaths after which rows are tried one by one
# Deaths of a row alone after which it fails. The first may be another's fault: where memory is short,
# the system ends any process of the machine.
_ALONE = 2
_LOADING = 3  # deaths of one worker while it loads the model, after which it is not loaded again


class Ledger(Protocol):
    """Knows what was begun and not ended; it outlives the processes that work."""

    def begin(self, key: str) -> int:
        """Return how often the work was begun before and did not end."""

    def end(self, key: str) -> None:
        """Forget the work."""


class Counts:
    """A ledger in memory."""

    def __init__(self) -> None:
        self._begun = Counter[str]()

    def begin(self, key: str) -> int:
        """Return how often the work was begun before and did not end."""
        self._begun[key] += 1
        return self._begun[key] - 1

    def end(self, key: str) -> None:
        """Forget the work."""
        self._begun.pop(key, None)


class Turns:
    """Lets several threads work at a time, or one alone, so that a death has one cause."""

    def __init__(self) -> None:
        self._changed, self._inside = threading.Condition(), 0

    @contextmanager
    def together(self) -> Iterator[None]:
        """Wait for one that is alone, then work next to others."""
        with self._changed:
            self._inside += 1
        try:
            yield
        finally:
            with self._changed:
                self._inside -= 1
                self._changed.notify_all()

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Wait until nobody works, and let nobody in."""
        with self._changed:
            self._changed.wait_for(lambda: not self._inside)
            yield


@contextmanager
def loading(ledger: Ledger, worker: str) -> Iterator[None]:
    """Count a worker's attempts at the block; raises UserError where it died in it several times."""
    key = f"loading {worker}"
    if ledger.begin(key) >= _LOADING:
        raise UserError(
            f"A worker died {_LOADING} times while it loaded the model: that takes more memory than is free, "
            "or a library has a fault.",
            "Lower --workers, or name another --engine.",
        )
    yield
    ledger.end(key)


def guarded(ledger: Ledger, stage: str, rows: list[Row], action: Action, turns: Turns) -> Iterator[list[Row]]:
    """Yield what the action makes of rows, one by one where two processes died of them.

    A row of which two processes died that worked on it alone carries that as its error; such rows the
    action passes through.
    """
    key = f"{stage} {rows[0]['name']} {len(rows)}"
    if ledger.begin(key) < _TOGETHER:
        with turns.together():
            yield from action(rows)
    else:
        for row in rows:
            with turns.alone():
                blocks = list(_alone(ledger, stage, row, action))
            yield from blocks
    ledger.end(key)


def _alone(ledger: Ledger, stage: str, row: Row, action: Action) -> Iterator[list[Row]]:
    key = f"{stage} {row['name']}"
    if ledger.begin(key) >= _ALONE:
        # The key stays: whatever else dies, this row is not tried again.
        why = "It takes more memory than is free, or a library has a fault."
        reason = f"{row['name']} killed the process that was {stage} it. {why}"
        yield from action([row | {"error": reason, "pixels": None}])
    else:
        yield from action([row])
        ledger.end(key)
