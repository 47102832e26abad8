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
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import torch
from torch import Tensor

from pix2pix.data.feed import Packet
from pix2pix.device import is_out_of_memory, on_device
from pix2pix.networks.blocks import Norm
from pix2pix.objective import discriminator_loss, generator_loss, right_share, see
from pix2pix.training.capture import (
    APART,
    Before,
    apart,
    capture,
    has_room,
    in_short,
    run_on,
    seconds_a_replay,
    set_for_capture,
)
from pix2pix.training.engine import EngineName, Setting
from pix2pix.training.step import Losses, learning_rate
from pix2pix.training.twin import Manner, Twin

_WARM_UPS = 3

# What a lane reads may not be written over by what the main stream does meanwhile. And gradients of
# activations are reckoned again rather than written down: a twelfth fewer kernels and bytes.
_OPTIONS = (
    ("allow_buffer_reuse", False), ("inplace_buffers", False), ("realize_reads_threshold", 16)
)  # fmt: skip


def find_manner(setting: Setting) -> Manner:
    """The manner that is expected to be fastest on the setting's device."""
    cuda = setting.device.type == "cuda"
    bf16 = setting.precision == "bf16"
    return Manner(
        dtype=torch.bfloat16 if bf16 else None,
        padded=cuda and bf16,
        compiled=cuda and importlib.util.find_spec("triton") is not None,
    )


_Captured = tuple[float, Manner, torch.cuda.CUDAGraph]  # and how many seconds a replay takes


class GraphEngine:
    """The step of `step.plain_step`, in another order of work."""

    name: EngineName = "graph"

    def __init__(self, setting: Setting, manner: Manner | None = None) -> None:
        self.setting, state = setting, setting.state
        self._given = manner is not None
        self._manner = manner = manner or find_manner(setting)
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
        self._lay_out(manner)
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
        self.refresh()

    def prepare(self, packet: Packet, say: Callable[[str], None]) -> None:
        """Warm up on a side stream, capture, put everything back as it was."""
        self.refresh()  # a state may have been taken up since the copies were made
        if self.setting.device.type != "cuda":
            return
        began = time.monotonic()
        say("capturing the step; the first time on a machine its kernels are compiled")
        with on_device(self.setting.device), set_for_capture():
            self._load(packet)
            # Before what is done in lanes, where both are ready.
            stream = torch.cuda.Stream(priority=-1)  # type: ignore[no-untyped-call]
            before = Before(self.setting.state, self.setting.meter)
            self._warm_up(stream, say)
            self._put_back(before)
            found = self._capture_fastest(stream, before, say)
            torch.cuda.empty_cache()  # of what was tried and is not kept
        if found is None:
            say("the step is not captured and is slower")
            return
        seconds, manner, self._graph = found
        say(
            f"captured in {time.monotonic() - began:.1f} s: {seconds * 1000:.2f} ms a step"
            f"{manner.in_words()}"
        )

    def _warm_up(self, stream: torch.cuda.Stream, say: Callable[[str], None]) -> None:
        """What is compiled and chosen in the first passes."""
        try:
            run_on(stream, self._body, _WARM_UPS)
        except Exception as error:
            if not self._compiled or is_out_of_memory(error):
                raise
            why = in_short(error)
            say(f"torch.compile failed, so the step is captured without it and is slower: {why}")
            self._take(compiled=False)
            run_on(stream, self._body, _WARM_UPS)

    def _capture_fastest(
        self, stream: torch.cuda.Stream, before: Before, say: Callable[[str], None]
    ) -> _Captured | None:
        """Capture in each manner; the fastest, of those that step as the step does uncaptured."""
        start = self._weights()
        run_on(stream, self._body)
        wanted = self._weights()
        best: _Captured | None = None
        for manner in self._manners():
            if best is not None and not has_room(self.setting.device, before.reserved):
                say("note: there is no memory to try whether another manner is faster")
                break
            try:
                graph = self._captured(manner, stream, before)
                graph.replay()
                if (off := apart(start, wanted, self._weights())) > APART:
                    graph.reset()
                    raise RuntimeError(
                        f"the captured step{manner.in_words()} ends {off:.2f} steps away from "
                        "the uncaptured one, so it is not used"
                    )
                found = seconds_a_replay(graph, self.setting.device), manner, graph
            except Exception as error:
                if best is None and is_out_of_memory(error):
                    raise
                say(f"note: {in_short(error)}")
                continue
            best, other = (found, best) if best is None or found[0] < best[0] else (best, found)
            if other is not None:
                other[2].reset()  # its memory
        self._lay_out(best[1] if best else self._manner)
        self._put_back(before)
        return best

    def _captured(
        self, manner: Manner, stream: torch.cuda.Stream, before: Before
    ) -> torch.cuda.CUDAGraph:
        self._lay_out(manner)
        run_on(stream, self._body)  # it may have kernels of its own
        self._put_back(before)
        return capture(stream, lambda: self._body())

    def _lay_out(self, manner: Manner) -> None:
        """Compute what comes after the passes in this manner from now on."""
        self.G.lay_out(manner)
        if self.D is not None:
            # Of two passes the gradients are added on the main stream: it would not wait for lanes.
            self.D.lay_out(replace(manner, beside=manner.beside and self._merged))

    def _manners(self) -> list[Manner]:
        """In which the step is captured to see which is fastest; the first one needs least."""
        first, several = self._manner, self.setting.processes.world > 1
        # Several processes have to choose alike, and average what lanes would go on with.
        if self._given or several or not self._compiled:
            return [first]
        own = replace(first, own_adam=self.setting.precision == "bf16")
        return list(dict.fromkeys([first, own, replace(own, beside=True)]))

    def _put_back(self, before: Before) -> None:
        torch.cuda.synchronize(self.setting.device)  # lanes of a step that failed were not joined
        before.put_back()
        self.refresh()

    def _weights(self) -> list[Tensor]:
        return [w.detach().to("cpu", copy=True) for twin in self._twins() for w in twin.masters]

    def step(self, packet: Packet) -> None:
        """One turn of D and one of G."""
        its = self.setting
        with on_device(its.device):
            self._load(packet)
            if self._graph is None:
                self._body()
            else:
                self._graph.replay()
        its.meter.count += 1
        its.state.images_seen += len(packet.positions) * its.processes.world

    def close(self) -> None:
        """Let go of the graph: what it holds of NCCL must be free before the processes part."""
        if self._graph is not None:
            self._graph.reset()
            self._graph = None
        for twin in self._twins():
            twin.leave()
        if self._compiled:  # torch compiles a function only so many times in a process
            torch.compiler.reset()

    def refresh(self) -> None:
        """Take up a state that something else than a step has written."""
        for twin in self._twins():
            twin.refresh()

    def _take(self, compiled: bool) -> None:
        """The passes of the step, by torch.compile or as they are."""
        self._compiled = compiled
        options = dict(_OPTIONS + self._manner.options)
        compiler = partial(torch.compile, dynamic=False, fullgraph=True, options=options)
        taken = compiler if compiled else _as_it_is
        self._scale = taken(self._scales)
        self._crop = taken(self.setting.feed.pictures)
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

    def _body(self) -> None:
        """D's turn, then G's, on what lies in the inputs."""
        its = self.setting
        assert self._keys is not None
        scales = self._scale()
        x, y = self._crop(*self._inputs)
        g = self._generate(x, self._keys)

        losses: Losses = {}
        if self.D is not None:
            self.D.requires_grad_(True)
            loss, right = self._find_fault(x, y, g.detach())
            losses = {"loss_d": loss.detach(), "d_right": right}
            self.D.descend(loss, its.processes.average, scales[1])
            self.D.requires_grad_(False)

        loss, terms = self._please(x, y, g)
        self.G.descend(loss, its.processes.average, scales[0])
        its.meter.gather(losses | {name: term.detach() for name, term in terms.items()})

    def _scales(self) -> list[tuple[Tensor, Tensor]]:
        return [twin.scales() for twin in self._twins()]

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


@torch.no_grad()
def _channels_last(network: torch.nn.Module, optimiser: torch.optim.Adam) -> None:
    """Weights and moments with channels beside each other, as tensor cores want them."""
    for weight in network.parameters():
        if weight.ndim == 4:
            weight.data = weight.contiguous(memory_format=torch.channels_last)
            moments = optimiser.state[weight]
            for name in ("exp_avg", "exp_avg_sq"):
                moments[name] = moments[name].contiguous(memory_format=torch.channels_last)
