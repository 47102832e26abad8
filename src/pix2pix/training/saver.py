"""Saves beside training: on a GPU steps go on while a copy of the state is written.

One save at a time, in order; what goes wrong in one is raised where the next is asked for, or where
training ends. On the processor there is nothing to gain, and the save is made at once.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

import torch

from pix2pix.training.state import State


class Saver:
    """Runs saves, in a thread where `background`."""

    def __init__(self, background: bool) -> None:
        self._pool = ThreadPoolExecutor(1, "save") if background else None
        self._under_way: Future[None] | None = None
        self._stream: torch.cuda.Stream | None = None  # one for all: each keeps memory of its own

    def save(self, state: State, write: Callable[[State], None]) -> None:
        """Write the state as it is now."""
        self.wait()
        if self._pool is None:
            return write(state)
        frozen = copy.deepcopy(state)
        device = next(frozen.generator.parameters()).device
        if device.type == "cuda":
            self._stream = self._stream or torch.cuda.Stream(device)  # type: ignore[no-untyped-call]
            copied = torch.cuda.current_stream(device).record_event()
            self._under_way = self._pool.submit(_after_copy, self._stream, copied, frozen, write)
        else:
            self._under_way = self._pool.submit(write, frozen)
        return None

    def wait(self) -> None:
        """Until what was asked for is written; raises what went wrong."""
        if self._under_way is not None:
            under_way, self._under_way = self._under_way, None
            under_way.result()

    def close(self) -> None:
        """End the thread; a save under way is finished."""
        if self._pool is not None:
            self._pool.shutdown()


def _after_copy(
    stream: torch.cuda.Stream, copied: torch.cuda.Event, frozen: State, write: Callable[[State], None]
) -> None:
    """On a stream of its own, it waits for the copy and for no step after it."""
    with torch.cuda.device(stream.device), torch.cuda.stream(stream):
        stream.wait_event(copied)
        write(frozen)
        stream.synchronize()
