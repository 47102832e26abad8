"""The fast engine: both turns as one body without a question to the host, captured and replayed.

A CUDA graph replays the same kernels on the same addresses, so all that changes lies in tensors
that stay in their place: the packet, the noise keys, the learning rate, weights, moments, sums of
losses. Nothing is drawn at random: noise is a hash of its keys. On the processor the same body runs
as it is, which is how it is tested against the plain engine.

B batch, C channels, H height, W width.
"""

from __future__ import annotations

import importlib.util
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import torch
from torch import Tensor

from pix2pix.data.feed import Packet
from pix2pix.device import is_out_of_memory, on_device, uncollected
from pix2pix.networks.blocks import Norm
from pix2pix.objective import discriminator_loss, generator_loss, right_share, see
from pix2pix.training.engine import EngineName, Setting
from pix2pix.training.step import Losses, learning_rate
from pix2pix.training.twin import Manner, Twin

_WARM_UPS = 3


def find_manner(setting: Setting) -> Manner:
    """The manner that is expected to be fastest on the setting's device."""
    cuda = setting.device.type == "cuda"
    bf16 = setting.precision == "bf16"
    return Manner(
        dtype=torch.bfloat16 if bf16 else None,
        padded=cuda and bf16,
        compiled=cuda and importlib.util.find_spec("triton") is not None,
    )


class GraphEngine:
    """The step of `step.plain_step`, in another order of work."""

    name: EngineName = "graph"

    def __init__(self, setting: Setting, manner: Manner | None = None) -> None:
        self.setting, state = setting, setting.state
        manner = manner or find_manner(setting)
        cuda = setting.device.type == "cuda"
        # As torch's fused Adam wants it: on GPUs in float32.
        kind = torch.float64 if setting.device.type == "cpu" else torch.float32
        self._rate = torch.zeros((), dtype=kind, device=setting.device)
        self._set_rate = -1.0
        for _, network, optimiser in state.parts():
            if cuda:
                _channels_last(network, optimiser)
            optimiser.param_groups[0].update(lr=self._rate, capturable=True)
        self.G = Twin(state.generator, state.generator_optimiser, manner)
        self.D: Twin | None = None
        self._merged = False
        if state.discriminator is not None and state.discriminator_optimiser is not None:
            self.D = Twin(state.discriminator, state.discriminator_optimiser, manner)
            self._merged = manner.merged and self._alone()
            if self._merged:
                self.D.per_picture()
        # Plain values, which a compiler takes for constants.
        objective = setting.config.objective
        self._conditional, self._kind = objective.conditional, str(objective.adversarial)
        self._l1, self._gan = objective.l1, objective.gan
        self._classes = setting.config.data.target_one_hot
        # A network and what follows from it in one piece each: losses become few kernels too.
        self._take(manner.compiled)
        self._keys: Tensor | None = None
        self._inputs: tuple[Tensor, ...] = ()
        self._graph: torch.cuda.CUDAGraph | None = None
        self._steps_made = 0
        self.refresh()

    def prepare(self, packet: Packet, say: Callable[[str], None]) -> None:
        """Warm up on a side stream, put everything back as it was, capture."""
        self.refresh()  # a state may have been taken up since the copies were made
        if self.setting.device.type != "cuda":
            return
        began = time.monotonic()
        say("capturing the step; the first time on a machine its kernels are compiled")
        graph = torch.cuda.CUDAGraph()
        with on_device(self.setting.device), _timed_algorithms():
            self._load(packet)
            stream = torch.cuda.Stream()  # type: ignore[no-untyped-call]
            self._warm_up(stream, say)
            # Other threads go on allocating: the feed's, and those that write files.
            mode = "thread_local"
            with uncollected(), torch.cuda.graph(graph, stream=stream, capture_error_mode=mode):
                self._body()
        self._graph = graph
        say(f"captured in {time.monotonic() - began:.1f} s")

    def _warm_up(self, stream: torch.cuda.Stream, say: Callable[[str], None]) -> None:
        """What is compiled and chosen in the first passes; the state stays as it was."""
        meter = self.setting.meter
        packed = meter.pack()
        kept = [t.detach().to("cpu", copy=True) for t in self.setting.state.tensors()]
        try:
            self._rehearse(stream)
        except Exception as error:
            if not self._compiled or is_out_of_memory(error):
                raise
            why = (str(error).strip().splitlines() or [type(error).__name__])[0]
            say(f"torch.compile failed, so the step is captured without it and is slower: {why}")
            self._take(compiled=False)
            self._rehearse(stream)
        with torch.no_grad():
            for tensor, before in zip(self.setting.state.tensors(), kept, strict=True):
                tensor.copy_(before)
        self.refresh()
        meter.unpack(packed, self.setting.device)

    def _rehearse(self, stream: torch.cuda.Stream) -> None:
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream), warnings.catch_warnings():
            # torch's Adam is made for the capture to come.
            warnings.filterwarnings("ignore", "This instance was constructed with capturable=True")
            for _ in range(_WARM_UPS):
                self._body()
        torch.cuda.current_stream().wait_stream(stream)

    def step(self, packet: Packet) -> None:
        """One turn of D and one of G."""
        its = self.setting
        with on_device(its.device):
            self._load(packet)
            if self._graph is None:
                self._body()
            else:
                self._graph.replay()
        self._steps_made += 1
        its.meter.count += 1
        its.state.images_seen += len(packet.positions) * its.processes.world

    def close(self) -> None:
        """Let go of the graph: what it holds of NCCL must be free before the processes part."""
        if self._graph is not None:
            self._graph.reset()
            self._graph = None

    def refresh(self) -> None:
        """Take up a state that something else than a step has written."""
        for twin in self._twins():
            twin.refresh()
        optimiser = self.setting.state.generator_optimiser
        self._steps_made = int(next(iter(optimiser.state.values()))["step"])

    def _take(self, compiled: bool) -> None:
        """The passes of the step, by torch.compile or as they are."""
        self._compiled = compiled
        taken = partial(torch.compile, dynamic=False, fullgraph=True) if compiled else _as_it_is
        self._generate = taken(self.G.forward)
        self._find_fault = taken(self._discriminator_loss)
        self._please = taken(self._generator_loss)

    def _twins(self) -> list[Twin]:
        return [self.G] if self.D is None else [self.G, self.D]

    def _load(self, packet: Packet) -> None:
        """Put what this step works on where the body finds it."""
        its = self.setting
        if self._keys is None:
            self._keys, self._inputs = packet.keys.clone(), tuple(t.clone() for t in packet.tensors)
        self._keys.copy_(packet.keys, non_blocking=True)
        for place, tensor in zip(self._inputs, packet.tensors, strict=True):
            place.copy_(tensor, non_blocking=True)
        rate = learning_rate(its.config.training, its.state.images_seen)
        if rate != self._set_rate:
            self._rate.fill_(rate)
            self._set_rate = rate
        for twin in self._twins():
            twin.set_rate(rate, self._steps_made)

    def _body(self) -> None:
        """D's turn, then G's, on what lies in the inputs."""
        its = self.setting
        assert self._keys is not None
        x, y = its.feed.pictures(*self._inputs)
        g = self._generate(x, self._keys)

        losses: Losses = {}
        if self.D is not None:
            self.D.requires_grad_(True)
            loss, right = self._find_fault(x, y, g.detach())
            losses = {"loss_d": loss.detach(), "d_right": right}
            self.D.descend(loss, its.processes.average)
            self.D.requires_grad_(False)

        loss, terms = self._please(x, y, g)
        self.G.descend(loss, its.processes.average)
        its.meter.gather(losses | {name: term.detach() for name, term in terms.items()})

    def _discriminator_loss(self, x: Tensor, y: Tensor, g: Tensor) -> tuple[Tensor, Tensor]:
        assert self.D is not None
        real, fake = self._judge(self.D, see(x, y, self._conditional), see(x, g, self._conditional))
        right = right_share(real.detach(), fake.detach(), self._kind)
        return discriminator_loss(real, fake, self._kind), right

    def _generator_loss(self, x: Tensor, y: Tensor, g: Tensor) -> tuple[Tensor, Losses]:
        return generator_loss(
            self.D, x, y, g, l1=self._l1, gan=self._gan, conditional=self._conditional,
            kind=self._kind, classes=self._classes,
        )  # fmt: skip

    def _judge(self, D: Twin, real: Tensor, fake: Tensor) -> tuple[Tensor, Tensor]:
        """Logits of real and fake: one pass of both where it gives the same."""
        if not self._merged:
            return D(real), D(fake)
        logits = D(torch.cat([real, fake]))
        return logits[: len(real)], logits[len(real) :]

    def _alone(self) -> bool:
        """Whether no picture's statistics in D depend on another's."""
        one = self.setting.config.training.batch == self.setting.processes.world
        assert self.D is not None
        norms = [m for m in self.D.network.modules() if isinstance(m, Norm)]
        return one or all(norm.training_statistics == "picture" for norm in norms)


def _as_it_is(function: Callable[..., Any]) -> Callable[..., Any]:
    return function


@contextmanager
def _timed_algorithms() -> Iterator[None]:
    """A block in which cuDNN times its algorithms and takes the fastest."""
    before = torch.backends.cudnn.benchmark
    torch.backends.cudnn.benchmark = True
    try:
        yield
    finally:
        torch.backends.cudnn.benchmark = before


@torch.no_grad()
def _channels_last(network: torch.nn.Module, optimiser: torch.optim.Adam) -> None:
    """Weights and moments with channels beside each other, as tensor cores want them."""
    for weight in network.parameters():
        if weight.ndim == 4:
            weight.data = weight.contiguous(memory_format=torch.channels_last)
            moments = optimiser.state[weight]
            for name in ("exp_avg", "exp_avg_sq"):
                moments[name] = moments[name].contiguous(memory_format=torch.channels_last)
