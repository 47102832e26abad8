"""Signals that end a run after the step under way."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any


@dataclass
class Stop:
    """Whether somebody asked."""

    asked: bool = False


@contextmanager
def stopping() -> Iterator[Stop]:
    """Ctrl-C and SIGTERM ask the loop to end after the step under way; a second one insists."""
    stop = Stop()

    def ask(number: int, frame: object) -> None:
        stop.asked = True
        restore()

    def restore() -> None:
        for number, handler in before.items():
            signal.signal(number, handler)

    before: dict[int, Any] = {}
    try:
        for number in (signal.SIGINT, signal.SIGTERM):
            before[number] = signal.signal(number, ask)
    except ValueError:
        pass  # not the main thread of the program: whoever owns that decides
    try:
        yield stop
    finally:
        restore()
