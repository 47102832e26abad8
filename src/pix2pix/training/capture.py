"""Capturing a step, and finding out how fast a capture is and whether it is right."""

from __future__ import annotations

import hashlib
import math
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import torch
from torch import Tensor
from torch._functorch import config as functorch
from torch.compiler import config as compiler

from pix2pix.device import uncollected
from pix2pix.training import layers
from pix2pix.training.meter import Meter
from pix2pix.training.state import State

_REPLAYS = 20
_LARGE = 1024  # elements: of fewer, the rounding of one decides how far they moved
# Of the way that a step goes: rounding makes a few hundredths, a race more than 1.
APART = 0.5


class Before:
    """What a step changes, as it was; on the processor, where it takes no memory of the GPU."""

    def __init__(self, state: State, meter: Meter) -> None:
        self._state, self._meter = state, meter
        self._kept = [t.detach().to("cpu", copy=True) for t in state.tensors()]
        self._sums = meter.pack()
        # Bytes of the GPU: with the state, and with the pictures where they are kept there.
        device = next(state.generator.parameters()).device
        self.reserved = torch.cuda.memory_reserved(device) if device.type == "cuda" else 0

    @torch.no_grad()
    def put_back(self) -> None:
        """Everything as it was, in its place."""
        tensors = self._state.tensors()
        for tensor, kept in zip(tensors, self._kept, strict=True):
            tensor.copy_(kept)
        self._meter.unpack(self._sums, tensors[0].device)


def run_on(stream: torch.cuda.Stream, body: Callable[[], None], times: int = 1) -> None:
    """Run the body uncaptured, on the stream that it will be captured on."""
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream), warnings.catch_warnings():
        # torch's Adam is made for the capture to come.
        warnings.filterwarnings("ignore", "This instance was constructed with capturable=True")
        for _ in range(times):
            body()
    torch.cuda.current_stream().wait_stream(stream)


def capture(stream: torch.cuda.Stream, body: Callable[[], None]) -> torch.cuda.CUDAGraph:
    """What the body does on a GPU, to be replayed. It is recorded, not done."""
    graph, pool = torch.cuda.CUDAGraph(), torch.cuda.graph_pool_handle()
    outer = torch.cuda.current_stream(stream.device)
    # Other threads go on allocating: the feed's, and those that write files.
    mode = "thread_local"
    try:
        with uncollected(), torch.cuda.graph(graph, pool=pool, stream=stream, capture_error_mode=mode):
            body()
    except Exception:
        _leave_capture(outer, pool)
        raise
    return graph


def _leave_capture(outer: torch.cuda.Stream, pool: tuple[int, int]) -> None:
    """What torch leaves undone where a capture cannot be ended, as one with streams not joined.

    Its allocator would keep what is freed for that capture for ever.
    """
    torch.cuda.set_stream(outer)
    with suppress(RuntimeError):  # where it was done
        torch._C._cuda_endAllocateToPool(outer.device.index, pool)
        torch._C._cuda_releasePool(outer.device.index, pool)


def has_room(device: torch.device, before: int) -> bool:
    """Whether a GPU can hold a second capture, which may need more than the first one.

    `before` is how many bytes were reserved before the first.
    """
    free, _ = torch.cuda.mem_get_info(device)
    return free > 2 * (torch.cuda.memory_reserved(device) - before)


def seconds_a_replay(graph: torch.cuda.CUDAGraph, device: torch.device) -> float:
    """Of one replay, in a row of them."""
    torch.cuda.synchronize(device)
    start = time.perf_counter()
    for _ in range(_REPLAYS):
        graph.replay()
    torch.cuda.synchronize(device)
    return (time.perf_counter() - start) / _REPLAYS


def apart(before: Sequence[Tensor], wanted: Sequence[Tensor], found: Sequence[Tensor]) -> float:
    """How far beside its goal a step ended, as a share of its way; of the worst large weight.

    What is read before it is written leads anywhere; rounding does not.
    """
    worst = 0.0
    for start, there, here in zip(before, wanted, found, strict=True):
        way, off = (float(torch.linalg.vector_norm(there - one)) for one in (start, here))
        if start.numel() >= _LARGE and off != 0:
            worst = max(worst, off / way if way > 0 and off < math.inf else math.inf)
    return worst


def in_short(error: Exception) -> str:
    """The first line of what an error says."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


@contextmanager
def set_for_capture() -> Iterator[None]:
    """A block in which cuDNN takes its fastest algorithms, and compiled passes are kept on disk."""
    before = torch.backends.cudnn.benchmark
    torch.backends.cudnn.benchmark = True
    try:
        # By their content: a function's own backward pass is part of what the cache compares; that
        # of an operator of our own is not.
        written = hashlib.sha256(Path(layers.__file__).read_bytes()).hexdigest()
        with (
            functorch.patch(autograd_cache_allow_custom_autograd_functions=True),
            compiler.patch(cache_key_tag=compiler.cache_key_tag + written),  # type: ignore[attr-defined]
        ):
            yield
    finally:
        torch.backends.cudnn.benchmark = before
