"""Streams beside the main one, for work that the next layer does not wait for.

Backwards through a network, the gradient of a layer's input is wanted at once by the layer before,
that of its weight by nobody but the optimiser. At batch 1 neither fills a GPU. So each weight has a
lane: its gradient is computed there, Adam follows there as soon as it can, and the main stream goes
on. Captured, a lane becomes a branch of the CUDA graph. Closed, all is done on the main stream.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from weakref import WeakValueDictionary

import torch
from torch import Tensor

# By number, as an operator that a compiler sees takes no objects. The smallest that is free: the
# number is part of what is compiled, and the next engine's kernels are looked for on disk.
_LANES: WeakValueDictionary[int, Lane] = WeakValueDictionary()


class Lane:
    """Where the gradient of one weight is computed."""

    def __init__(self) -> None:
        self.number = next(n for n in itertools.count() if n not in _LANES)
        self._open: torch.cuda.Stream | None = None
        # Kept when the lane is closed: torch has 32 streams and then gives the first one again.
        self._stream: torch.cuda.Stream | None = None
        _LANES[self.number] = self

    @property
    def is_open(self) -> bool:
        """Whether there is a stream beside the current one."""
        return self._open is not None

    def open(self, device: torch.device) -> None:
        """Compute beside the current stream from now on."""
        self._stream = self._stream or torch.cuda.Stream(device)  # type: ignore[no-untyped-call]
        self._open = self._stream

    def close(self) -> None:
        """Compute on the current stream from now on."""
        self._open = None

    def leave(self) -> None:
        """Free the number; nothing is computed with it any more."""
        _LANES.pop(self.number, None)

    def inside(self) -> AbstractContextManager[object]:
        """A block in the lane, after what was done there so far."""
        return nullcontext() if self._open is None else torch.cuda.stream(self._open)

    @contextmanager
    def beside(self, *read: Tensor) -> Iterator[None]:
        """A block in the lane, after what the current stream has done so far.

        `read` are the current stream's tensors that the block reads: their memory is not given to
        others before the lane is done with it.
        """
        self.follow()
        with self.inside():
            yield
        if self._open is not None:
            for tensor in read:
                tensor.record_stream(self._open)

    def follow(self) -> None:
        """Have what comes in the lane wait for what the current stream has done so far."""
        if self._open is not None:
            self._open.wait_stream(torch.cuda.current_stream(self._open.device))

    def join(self) -> None:
        """Have the current stream wait for what was done in the lane."""
        if self._open is not None:
            torch.cuda.current_stream(self._open.device).wait_stream(self._open)


def find_lane(number: int) -> Lane:
    """The lane of that number."""
    return _LANES[number]


def join(lanes: Iterable[Lane]) -> None:
    """Have the current stream wait for what was done in the lanes."""
    for lane in lanes:
        lane.join()
