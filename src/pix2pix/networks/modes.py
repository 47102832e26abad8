"""How a trained generator is used: where its statistics come from, and whether dropout is on.

paper          dropout on,  statistics of the picture itself (the paper's section 3.3)
deterministic  dropout off, statistics of the picture itself
running        dropout off, the running statistics of training

In the first two a picture's result does not depend on what else is in the batch.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TypeVar, get_args

from torch import nn

from pix2pix.config import Mode
from pix2pix.errors import UserError
from pix2pix.networks.layers import Down, Norm, Up

G = TypeVar("G", bound=nn.Module)


def twin(generator: G) -> G:
    """A generator with layers of its own, which keep the mode, and with the same weights."""
    weights = [*generator.parameters(), *generator.buffers()]
    return copy.deepcopy(generator, {id(tensor): tensor for tensor in weights})


def uses_noise(mode: Mode) -> bool:
    """Whether the mode leaves dropout on, so that the generator wants noise keys."""
    return mode == "paper"


def set_mode(generator: nn.Module, mode: Mode) -> None:
    """Point every norm of the generator at the mode's statistics.

    Raises UserError for `running` on a generator that has no running statistics.
    """
    norms = _norms(generator)
    if mode not in get_args(Mode):
        raise UserError(f"There is no mode '{mode}': wanted {', '.join(get_args(Mode))}.")
    if mode == "running" and not (norms and all(n.running_mean is not None for n in norms)):
        raise UserError(
            "The mode 'running' needs running statistics, and this model was trained without them.",
            "Use --mode paper or --mode deterministic.",
        )
    for norm in norms:
        norm.statistics = "running" if mode == "running" else "picture"


def fold_statistics(generator: nn.Module) -> None:
    """Make running statistics part of the convolutions before them, for good.

    To be called in the mode `running`; in the others there is nothing that stands still.
    """
    for layer in (m for m in generator.modules() if isinstance(m, Down | Up)):
        norm = layer.norm
        if isinstance(norm, Norm) and norm.statistics == "running":
            scale, shift = norm.running_scale_and_shift()
            conv: Any = layer.conv
            out_channels = (1, -1, 1, 1) if conv.transposed else (-1, 1, 1, 1)
            folded = conv.weight.detach() * scale.reshape(out_channels)
            learns = conv.weight.requires_grad
            conv.weight, conv.bias = nn.Parameter(folded, learns), nn.Parameter(shift, learns)
            layer.norm = nn.Identity()


@contextmanager
def inference(generator: nn.Module, mode: Mode) -> Iterator[None]:
    """The mode for the length of a block, then back to the statistics of training."""
    set_mode(generator, mode)
    try:
        yield
    finally:
        for norm in _norms(generator):
            norm.statistics = norm.training_statistics


def _norms(generator: nn.Module) -> list[Norm]:
    return [module for module in generator.modules() if isinstance(module, Norm)]
