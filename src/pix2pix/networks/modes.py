"""How a trained generator is used: where its statistics come from, and whether dropout is on.

paper          dropout on,  statistics of the picture itself (the paper's section 3.3)
deterministic  dropout off, statistics of the picture itself
running        dropout off, the running statistics of training

In the first two a picture's result does not depend on what else is in the batch.
"""

import copy
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar, get_args

from torch import nn

from pix2pix.config import Mode
from pix2pix.errors import UserError
from pix2pix.networks.layers import Average, Norm

Network = TypeVar("Network", bound=nn.Module)


def share_weights(generator: Network) -> Network:
    """Return a generator with the same weights and its own layers, which hold the mode."""
    weights = [*generator.parameters(), *generator.buffers()]
    return copy.deepcopy(generator, {id(tensor): tensor for tensor in weights})


def uses_noise(mode: Mode) -> bool:
    """Return whether the mode leaves dropout on, so that the generator needs noise keys."""
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


@contextmanager
def in_mode(generator: nn.Module, mode: Mode) -> Iterator[None]:
    """Set the mode inside a block, then return to the statistics of training."""
    set_mode(generator, mode)
    try:
        yield
    finally:
        for norm in _norms(generator):
            norm.statistics = norm.training_statistics


@contextmanager
def averaging(generator: nn.Module, keep: float) -> Iterator[Callable[[], None]]:
    """Average the statistics of pictures over those before inside a block: frames of a clip, one a pass.

    `keep`, below 1, is the share that older frames keep at each further one. Yields a function that
    forgets them: at a cut.
    """
    averages = [Average(keep) for _ in _norms(generator)]
    for norm, average in zip(_norms(generator), averages, strict=True):
        norm.over_time = average

    def restart() -> None:
        for average in averages:
            average.restart()

    try:
        yield restart
    finally:
        for norm in _norms(generator):
            norm.over_time = None


def is_averaging(generator: nn.Module) -> bool:
    """Return whether statistics are averaged over frames, which only the layers themselves do."""
    return any(norm.over_time is not None for norm in _norms(generator))


def _norms(generator: nn.Module) -> list[Norm]:
    return [module for module in generator.modules() if isinstance(module, Norm)]
