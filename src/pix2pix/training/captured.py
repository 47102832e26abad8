"""The fast engine for NVIDIA's GPUs: both turns of `step.py` recorded once as a CUDA graph.

Networks go through torch.compile, products are in autocast's bf16, and Adam is torch's fused one.
Whatever changes from step to step lies in tensors that keep their addresses: inputs, learning rate,
state, sums of losses. On the processor the same step runs unrecorded, for tests. Not yet run on a GPU.
"""

import importlib.util
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import cast

import torch

from pix2pix.data.feed import Packet
from pix2pix.device import on_device, uncollected
from pix2pix.errors import first_line
from pix2pix.training.step import (
    Engine,
    EngineContext,
    Log,
    both_turns,
    learning_rate,
    networks_of,
    packet_step,
)
from pix2pix.training.turn import Discriminator

_LARGE = 1024  # elements: in smaller tensors the rounding of one decides
# Largest distance from the plain step, relative to the length of its update. A tensor that did not
# move is 1 away.
# Adam's first steps follow the signs of gradients, so that rounding in bf16 comes to a few tenths.
_APART = {"fp32": 0.1, "tf32": 0.5, "bf16": 0.9}


@contextmanager
def captured_engine(context: EngineContext, packet: Packet, log: Log) -> Iterator[Engine]:
    """Record the step and yield its replay, or the plain step where that fails."""
    step = CapturedStep(context)
    with on_device(context.device), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "This instance was constructed with capturable=True")
        replay = step.run if context.device.type == "cpu" else _recorded(step, packet, log)
    try:
        yield partial(step.make, replay) if replay else partial(packet_step, context)
    finally:
        if context.device.type == "cuda":
            torch.compiler.reset()  # torch compiles a function only so many times in a process


class CapturedStep:
    """One step on the packet that was loaded last, without synchronising with the host."""

    def __init__(self, context: EngineContext) -> None:
        self.context, state = context, context.state
        device = next(state.generator.parameters()).device
        # As torch's fused Adam wants it: float32 on GPUs.
        kind = torch.float64 if device.type == "cpu" else torch.float32
        self.rate = torch.zeros((), dtype=kind, device=device)
        for _, _, optimiser in state.parts():
            optimiser.param_groups[0].update(lr=self.rate, capturable=True)
        G, D = networks_of(state)
        if context.device.type == "cuda" and importlib.util.find_spec("triton") is not None:
            G = torch.compile(G, dynamic=False)
            D = D and cast(Discriminator, torch.compile(D, dynamic=False))
        self.networks = G, D
        self.inputs: tuple[torch.Tensor, ...] = ()

    def load(self, packet: Packet) -> None:
        """Copy what changes from step to step to where the step reads it."""
        tensors = (packet.keys, *packet.tensors)
        self.inputs = self.inputs or tuple(tensor.clone() for tensor in tensors)
        for place, tensor in zip(self.inputs, tensors, strict=True):
            place.copy_(tensor, non_blocking=True)
        state = self.context.state
        self.rate.fill_(learning_rate(self.context.config.training, state.images_seen, state.decay_from))

    def make(self, replay: Callable[[], None], packet: Packet) -> None:
        """Load a packet and replay what `run` does with it."""
        with on_device(self.context.device):
            self.load(packet)
            replay()
        self.context.meter.count += 1
        self.context.state.images_seen += len(packet.positions)

    def run(self) -> None:
        """Make D's turn, then G's."""
        context, (keys, *pictures) = self.context, self.inputs
        x, y = context.feed.pictures(*pictures)
        state, config, precision = context.state, context.config, context.precision
        losses = both_turns(state, x, y, keys, config, precision, networks=self.networks, fills=context.fills)
        context.meter.gather(losses)


def _recorded(step: CapturedStep, packet: Packet, log: Log) -> Callable[[], None] | None:
    """Return the replay of a recorded step once it was compared with a plain one, else None."""
    log("capturing the step; the first time on a machine its kernels are compiled")
    began, context = time.monotonic(), step.context
    state, meter = context.state, context.meter
    start = [tensor.detach().to("cpu", copy=True) for tensor in state.tensors()]
    sums, images_seen = meter.pack(), state.images_seen

    @torch.no_grad()
    def put_back() -> list[torch.Tensor]:
        """Restore the state and return copies of what it was just before."""
        ended = [tensor.detach().to("cpu", copy=True) for tensor in state.tensors()]
        for tensor, kept in zip(state.tensors(), start, strict=True):
            tensor.copy_(kept)
        meter.unpack(sums)
        state.images_seen = images_seen
        return ended

    try:
        step.load(packet)
        graph = _capture(step)
        put_back()
        graph.replay()
        captured = put_back()
        packet_step(context, packet)
        off = apart(start, put_back(), captured)
        if off <= _APART[context.precision]:
            log(f"captured in {time.monotonic() - began:.1f} s")
            return graph.replay
        reason = f"it ends {off:.2f} steps away from the plain one"
    except Exception as error:
        put_back()
        reason = first_line(error)
    log(f"the captured step is not used, and steps are slower: {reason}")
    return None


def _capture(step: CapturedStep) -> torch.cuda.CUDAGraph:
    """Warm up on another stream, as CUDA asks for, then record one step there."""
    graph, stream = torch.cuda.CUDAGraph(), torch.cuda.Stream()  # type: ignore[no-untyped-call]
    cudnn = torch.backends.cudnn
    fastest = cudnn.flags(enabled=True, benchmark=True, allow_tf32=cudnn.allow_tf32)
    stream.wait_stream(torch.cuda.current_stream())
    with fastest, torch.cuda.stream(stream):
        for _ in range(3):
            step.run()
        # Other threads go on allocating: those that feed, for one.
        with uncollected(), torch.cuda.graph(graph, stream=stream, capture_error_mode="thread_local"):
            step.run()
    torch.cuda.current_stream().wait_stream(stream)
    return graph


def apart(
    start: Sequence[torch.Tensor], expected: Sequence[torch.Tensor], ended: Sequence[torch.Tensor]
) -> float:
    """Return how far a step ended from the expected end, relative to the plain step's update.

    The distance is that of the worst tensor.
    """
    norm = torch.linalg.vector_norm
    shares = [
        float(norm(there - here) / norm(there - before).clamp_min(1e-30))
        for before, there, here in zip(start, expected, ended, strict=True)
        if before.numel() >= _LARGE
    ]
    return float(torch.tensor([0.0, *shares]).max())  # NaN if one is
