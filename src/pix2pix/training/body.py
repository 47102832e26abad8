"""Both turns of a step as one body without a question to the host: what `graph.py` captures.

All that changes from step to step lies in tensors that stay in their place: the packet, the noise
keys, the learning rate, weights, moments, sums of losses. Nothing is drawn at random: noise is a
hash of its keys. On the processor the body runs as it is, which is how it is tested against
`step.plain_step`.

B batch, C channels, H height, W width.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor

from pix2pix.data.feed import Packet
from pix2pix.networks.layers import Norm
from pix2pix.training.engine import Setting
from pix2pix.training.objective import discriminator_loss, generator_loss, right_share, see
from pix2pix.training.step import Losses, learning_rate
from pix2pix.training.twin import Manner, Twin

# What a lane reads may not be written over by what the main stream does meanwhile. And gradients of
# activations are reckoned again rather than written down: in the code that is generated for a step
# at batch 1 that leaves 152 of 161 kernels, and 0.71 of the 0.76 GB that they and products move.
_OPTIONS = (("allow_buffer_reuse", False), ("inplace_buffers", False), ("realize_reads_threshold", 16))


def find_manner(setting: Setting) -> Manner:
    """The manner that is expected to be fastest on the setting's device."""
    cuda = setting.device.type == "cuda"
    bf16 = setting.precision == "bf16"
    return Manner(
        dtype=torch.bfloat16 if bf16 else None,
        padded=cuda and bf16,
        compiled=cuda and importlib.util.find_spec("triton") is not None,
    )


class Body:
    """One step on what was loaded last, in a manner."""

    def __init__(self, setting: Setting, manner: Manner) -> None:
        self.setting, self.manner, state = setting, manner, setting.state
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
        self.merged = False
        if state.discriminator is not None and state.discriminator_optimiser is not None:
            self.D = Twin(state.discriminator, state.discriminator_optimiser, manner)
            self.merged = manner.merged and self._alone()
            if self.merged:
                self.D.per_picture()
        self.lay_out(manner)
        # Plain values, which a compiler takes for constants.
        objective = setting.config.objective
        self._conditional, self._kind = objective.conditional, str(objective.adversarial)
        self._l1, self._gan = objective.l1, objective.gan
        self._classes = setting.config.data.target_one_hot
        # A network and what follows from it in one piece each: losses become few kernels too.
        self.take(manner.compiled)
        self._keys: Tensor | None = None
        self._inputs: tuple[Tensor, ...] = ()
        self.refresh()

    def run(self) -> None:
        """D's turn, then G's, on what lies in the inputs."""
        its = self.setting
        assert self._keys is not None
        scales = self._scale() if self._own_adam else [None] * len(self.twins())
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

    def load(self, packet: Packet) -> None:
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

    def refresh(self) -> None:
        """Take up a state that something else than a step has written."""
        for twin in self.twins():
            twin.refresh()

    def take(self, compiled: bool) -> None:
        """The passes of the step, by torch.compile or as they are."""
        self.compiled = compiled
        options = dict(_OPTIONS + self.manner.options)
        compiler = partial(torch.compile, dynamic=False, fullgraph=True, options=options)
        taken = compiler if compiled else _as_it_is
        self._scale = taken(self._scales)
        self._crop = taken(self.setting.feed.pictures)
        self._generate = taken(self.G.forward)
        self._find_fault = taken(self._discriminator_loss)
        self._please = taken(self._generator_loss)

    def lay_out(self, manner: Manner) -> None:
        """Compute what comes after the passes in this manner from now on."""
        self._own_adam = manner.own_adam
        self.G.lay_out(manner.beside)
        if self.D is not None:
            # Of two passes the gradients are added on the main stream: it would not wait for lanes.
            self.D.lay_out(manner.beside and self.merged)

    def weights(self) -> list[Tensor]:
        """Copies of all weights, on the processor."""
        return [w.detach().to("cpu", copy=True) for twin in self.twins() for w in twin.masters]

    def twins(self) -> list[Twin]:
        """G's, and D's where there is one."""
        return [self.G] if self.D is None else [self.G, self.D]

    def _scales(self) -> list[tuple[Tensor, Tensor]]:
        return [twin.scales() for twin in self.twins()]

    def _discriminator_loss(self, x: Tensor, y: Tensor, g: Tensor) -> tuple[Tensor, Tensor]:
        assert self.D is not None
        real, fake = self._judge(self.D, see(x, y, self._conditional), see(x, g, self._conditional))
        right = right_share(real.detach(), fake.detach(), self._kind)
        return discriminator_loss(real, fake, self._kind), right

    def _generator_loss(self, x: Tensor, y: Tensor, g: Tensor) -> tuple[Tensor, Losses]:
        return generator_loss(
            self.D,
            x,
            y,
            g,
            l1=self._l1,
            gan=self._gan,
            conditional=self._conditional,
            kind=self._kind,
            classes=self._classes,
        )

    def _judge(self, D: Twin, real: Tensor, fake: Tensor) -> tuple[Tensor, Tensor]:
        """Logits of real and fake: one pass of both where it gives the same."""
        if not self.merged:
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
