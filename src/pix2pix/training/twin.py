"""A network that computes beside its master: the same weights in another type and padding.

The master stays in float32 where validation, saves and Adam see it. Of the twin only convolutions
have weights of their own, copies that are written anew after each of Adam's steps: no cast is left
inside a pass. Norms are the master's own, running statistics included.

B batch, C channels, H height, W width.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.optim import Adam

from pix2pix.networks import Generator, PatchGAN
from pix2pix.networks.layers import Norm
from pix2pix.training.lanes import Lane, join
from pix2pix.training.layers import Convolution, PictureNorm

_CHANNELS = 8  # what tensor cores take at a time: fewer are padded, in every call or once


@dataclass(frozen=True)
class Manner:
    """How a twin computes; each is measured by benchmarks/gpu.py."""

    dtype: torch.dtype | None = None  # of products; None: the master's own
    padded: bool = False  # few channels at the ends filled up with zeros
    compiled: bool = False  # by torch.compile: norms, activations and noise become few kernels
    merged: bool = True  # D's real and fake in one pass, where no statistics are shared
    own_adam: bool = False  # by adam_kernel.py, which writes the copies itself
    beside: bool = False  # gradients of weights, and own_adam, on streams of their own
    options: tuple[tuple[str, Any], ...] = ()  # of the compiler

    def in_words(self) -> str:
        """What comes after the passes, for a line of text."""
        said = {"Adam in one kernel": self.own_adam, "on several streams": self.beside}
        return "".join(f", {words}" for words, so in said.items() if so)


class Twin:
    """A network and its optimiser, for passes and descents inside a captured step."""

    def __init__(self, master: Generator | PatchGAN, optimiser: Adam, manner: Manner) -> None:
        self.optimiser = optimiser
        self.masters: list[nn.Parameter] = optimiser.param_groups[0]["params"]
        shared = [*master.parameters(), *master.buffers()]
        self.network = copy.deepcopy(master, {id(tensor): tensor for tensor in shared})
        self.dtype = manner.dtype or self.masters[0].dtype
        convs = [m for m in self.network.modules() if isinstance(m, nn.Conv2d | nn.ConvTranspose2d)]
        self.out_channels = convs[-1].out_channels
        self._pad = -convs[0].in_channels % _CHANNELS if manner.padded else 0
        # Padding classes would give each of them a share of the probability.
        pads_out = manner.padded and not (isinstance(master, Generator) and master.classes)
        pad_out = -self.out_channels % _CHANNELS if pads_out else 0
        own: dict[int, tuple[nn.Parameter, tuple[slice, ...]]] = {}
        for conv in convs:
            pads = self._pad * (conv is convs[0]), pad_out * (conv is convs[-1])
            if any(pads) or self.dtype != conv.weight.dtype:
                own |= _give_own(conv, self.dtype, *pads)
        # Gradients are taken of the leaves; the masters' values go to the views.
        self.leaves = [own[id(m)][0] if id(m) in own else m for m in self.masters]
        self._parts = [own[id(m)][1] if id(m) in own else (slice(None),) for m in self.masters]
        copied = [(m, *own[id(m)]) for m in self.masters if id(m) in own]
        self._copied_masters = [m.detach() for m, _, _ in copied]
        self._views = [leaf.detach()[part] for _, leaf, part in copied]
        self._lanes: dict[int, Lane] = {}  # each by its weight's place
        self._change(self._for_capture)
        self.refresh()

    def _for_capture(self, layer: nn.Module) -> nn.Module | None:
        """What computes the same in a better form, if anything does."""
        if isinstance(layer, Norm) and layer.statistics == "picture":
            return PictureNorm(layer)
        if not isinstance(layer, nn.Conv2d | nn.ConvTranspose2d):
            return None
        convolution = Convolution(layer)
        place = next(i for i, leaf in enumerate(self.leaves) if leaf is convolution.weight)
        self._lanes[place] = convolution.lane
        return convolution

    def _change(self, given: Callable[[nn.Module], nn.Module | None]) -> None:
        """Put what is given for a layer, if anything is, in its place."""
        for module in list(self.network.modules()):
            for name, layer in module.named_children():
                if (other := given(layer)) is not None:
                    setattr(module, name, other)

    def lay_out(self, beside: bool) -> None:
        """Compute gradients of weights in lanes from now on, or where all else is computed."""
        for lane in self._lanes.values():
            if beside:
                lane.open(self.masters[0].device)
            else:
                lane.close()

    def leave(self) -> None:
        """Let go of what other twins may want; to be called when no pass is to come."""
        for lane in self._lanes.values():
            lane.leave()

    def __call__(self, pictures: Tensor) -> Tensor:
        """As `forward`, without noise: what the objective takes for a discriminator."""
        return self.forward(pictures)

    def forward(self, pictures: Tensor, *keys: Tensor) -> Tensor:
        """What the master would give, (B, C, H, W)."""
        x = pictures.to(self.dtype)
        if self._pad:
            x = F.pad(x, (0, 0, 0, 0, 0, self._pad))
        output: Tensor = self.network(x, *keys)
        return output[:, : self.out_channels]

    def per_picture(self) -> None:
        """Normalise each picture by itself, whatever else is in the batch."""
        self._change(lambda layer: PictureNorm(layer) if isinstance(layer, Norm) else None)

    def refresh(self) -> None:
        """Write the masters' weights into the copies."""
        _copy_all(self._views, self._copied_masters)

    def scales(self) -> tuple[Tensor, Tensor]:
        """What the next step of `own_adam` needs of the step's number, on the device.

        The learning rate over 1 - beta1^t, and 1 over the root of 1 - beta2^t; reckoned in float64,
        as near to 1 a float32 power loses four digits.
        """
        group, first = self.optimiser.param_groups[0], self.optimiser.state[self.masters[0]]
        beta1, beta2 = group["betas"]
        t, kind = first["step"].double() + 1, self.masters[0].dtype
        step_size = group["lr"].double() / (1 - beta1**t)
        return step_size.to(kind), torch.rsqrt(1 - beta2**t).to(kind)

    def requires_grad_(self, wanted: bool) -> None:
        """Whether gradients of the weights are wanted in the passes to come."""
        for leaf in self.leaves:
            leaf.requires_grad_(wanted)

    def descend(
        self, loss: Tensor, average: Callable[[Sequence[Tensor]], None], scales: tuple[Tensor, Tensor] | None
    ) -> None:
        """One step of Adam on the masters; the gradients are averaged over processes first.

        With `scales` the kernel of our own takes what fits it.
        """
        gradients = torch.autograd.grad(loss, self.leaves)
        average(gradients)
        places = set(range(len(gradients)))
        if scales is not None:
            places -= self._descend_by_itself(gradients, scales)
        join(self._lanes.values())
        # The others in the master's type and layout, as torch's fused kernel wants them.
        wanted, given = [], []
        for i in sorted(places):
            master, ready = self.masters[i], gradients[i][self._parts[i]]
            if ready.dtype != master.dtype or ready.stride() != master.stride():
                wanted.append(torch.empty_like(master))
                given.append(ready)
                ready = wanted[-1]
            master.grad = ready
        _copy_all(wanted, given)
        self.optimiser.step()
        self.optimiser.zero_grad()
        _copy_all(*self._copies_of(places))

    def _descend_by_itself(self, gradients: Sequence[Tensor], scales: tuple[Tensor, Tensor]) -> set[int]:
        """Descend where master, copy and gradient lie alike; the places where it did."""
        from pix2pix.training import adam_kernel

        group, done = self.optimiser.param_groups[0], set()
        for i, (master, leaf, gradient) in enumerate(zip(self.masters, self.leaves, gradients, strict=True)):
            if leaf is master or not adam_kernel.fits(master, leaf, gradient):
                continue
            with self._lanes[i].inside() if i in self._lanes else nullcontext():
                adam_kernel.descend(
                    master,
                    leaf,
                    gradient,
                    self.optimiser.state[master],
                    *scales,
                    group["betas"],
                    group["eps"],
                )
            done.add(i)
        if done:  # torch refuses an empty list
            torch._foreach_add_([self.optimiser.state[self.masters[i]]["step"] for i in done], 1)
        return done

    def _copies_of(self, places: set[int]) -> tuple[list[Tensor], list[Tensor]]:
        """The copies, and what belongs into them, of some of the masters."""
        some = [i for i in sorted(places) if self.leaves[i] is not self.masters[i]]
        views = [self.leaves[i].detach()[self._parts[i]] for i in some]
        return views, [self.masters[i].detach() for i in some]


def _copy_all(targets: Sequence[Tensor], sources: Sequence[Tensor]) -> None:
    """Each source into its target: in few kernels those that lie alike, the others one by one."""
    pairs = list(zip(targets, sources, strict=True))
    alike = [(t, s) for t, s in pairs if t.stride() == s.stride()]
    if alike:
        torch._foreach_copy_([t for t, _ in alike], [s for _, s in alike])
    for target, source in pairs:
        if target.stride() != source.stride():
            target.copy_(source)


def _give_own(
    conv: nn.Conv2d | nn.ConvTranspose2d, dtype: torch.dtype, pad_in: int, pad_out: int
) -> dict[int, tuple[nn.Parameter, tuple[slice, ...]]]:
    """Give a convolution weights of its own; by the master's id, they and where its values lie."""
    turned = isinstance(conv, nn.ConvTranspose2d)  # weights (in, out, H, W), else (out, in, H, W)
    pads = {4: (pad_in, pad_out) if turned else (pad_out, pad_in), 1: (pad_out,)}
    own: dict[int, tuple[nn.Parameter, tuple[slice, ...]]] = {}
    for name, master in list(conv.named_parameters(recurse=False)):
        part = tuple(slice(n) for n in master.shape)
        padded = (*pads[master.ndim], 0, 0)
        shape = [n + pad for n, pad in zip(master.shape, padded, strict=False)]
        given = torch.zeros(shape, dtype=dtype, device=master.device)
        if master.ndim == 4 and master.is_contiguous(memory_format=torch.channels_last):
            given = given.contiguous(memory_format=torch.channels_last)
        leaf = nn.Parameter(given)
        setattr(conv, name, leaf)
        own[id(master)] = leaf, part
    return own
