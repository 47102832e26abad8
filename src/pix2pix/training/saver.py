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

    def save(self, state: State, write: Callable[[State], None]) -> None:
        """Write the state as it is now."""
        self.wait()
        if self._pool is None:
            return write(state)
        frozen = copy.deepcopy(state)
        device = next(frozen.generator.parameters()).device
        self._under_way = self._pool.submit(_after_copy, device, _event(device), frozen, write)
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


def _event(device: torch.device) -> torch.cuda.Event | None:
    """When the device has made the copy."""
    return torch.cuda.current_stream(device).record_event() if device.type == "cuda" else None


def _after_copy(
    device: torch.device, copied: torch.cuda.Event | None, frozen: State,
    write: Callable[[State], None],
) -> None:  # fmt: skip
    if copied is None:
        return write(frozen)
    # On a stream of its own, it waits for the copy and for no step after it.
    torch.cuda.set_device(device)
    with torch.cuda.stream(torch.cuda.Stream(device)):  # type: ignore[no-untyped-call]
        torch.cuda.current_stream(device).wait_event(copied)
        write(frozen)
        torch.cuda.current_stream(device).synchronize()
    return None
