"""One step of training: D's turn, then G's (the paper's section 3.3).

B batch, C channels, H height, W width. Two engines make the same step, of the same data with the same
noise. An engine is a block: it yields the function that makes the step of a packet.

plain   `plain_step`, operation by operation, on any device: the reference
graph   `captured.py`, on one of NVIDIA's GPUs: the same turns, compiled, recorded once and replayed
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from functools import partial
from typing import Literal

import torch
from torch import Tensor

from pix2pix.config import Config, TrainingConfig
from pix2pix.data.feed import Feed, Packet
from pix2pix.device import Precision, computing
from pix2pix.errors import UserError
from pix2pix.networks.layers import use_products
from pix2pix.training.distributed import ALONE, Processes
from pix2pix.training.objective import (
    BY_ACTIVATIONS,
    DISCRIMINATOR_TERMS,
    FEATURE_NETWORKS,
    GENERATOR_TERMS,
    discriminator_loss,
    generator_loss,
    without_ignored,
)
from pix2pix.training.state import Meter, State
from pix2pix.training.turn import Discriminator, Losses, Turn

_FEW_PX = 64  # layers of at most so many pixels are products: a tenth of a step on a processor
_BUILT_IN = ("l1", "class", "gan")  # terms whose weights have their own settings

EngineName = Literal["plain", "graph"]
Engine = Callable[[Packet], None]  # losses go to the meter, positions to the state
Log = Callable[[str], None]
Weights = Mapping[str, float]  # of loss terms, by name
Networks = tuple[Callable[[Tensor, Tensor], tuple[Tensor, Tensor]], Discriminator | None]


@dataclass(frozen=True)
class EngineContext:
    """What an engine works with."""

    state: State
    config: Config
    feed: Feed
    meter: Meter
    device: torch.device
    precision: Precision = "fp32"
    processes: Processes = ALONE

    @property
    def fills(self) -> bool:
        """Return whether targets may have pixels without data, which are NaN."""
        return self.feed.loader.store.reading.target.fill is not None


@contextmanager
def plain_engine(context: EngineContext, packet: Packet, log: Log) -> Iterator[Engine]:
    """Yield the step as it is written; `packet` is one of those to come."""
    yield partial(packet_step, context)


def packet_step(context: EngineContext, packet: Packet) -> None:
    """Make the plain step of a packet."""
    state, config, precision = context.state, context.config, context.precision
    x, y = context.feed.pictures(*packet.tensors)
    context.meter.add(
        plain_step(state, x, y, packet.keys, config, precision, context.processes, context.fills)
    )


def term_weights(config: Config) -> tuple[Weights, Weights]:
    """Return the weights of G's and of D's loss terms; raises UserError for an unknown term.

    Where targets are classes, cross-entropy stands in place of L1. A weight of 0 is kept for these
    two alone: they are logged without being learned from.
    """
    objective = config.objective
    generator = {"class" if config.data.target_one_hot else "l1": objective.l1}
    if objective.gan:
        generator["gan"] = objective.gan
    registered = sorted({*GENERATOR_TERMS, *DISCRIMINATOR_TERMS} - {*_BUILT_IN})
    chosen = {name: weight for name, weight in objective.terms.items() if weight}
    if unknown := sorted(chosen.keys() - {*registered}):
        raise UserError(
            f"objective.terms names '{unknown[0]}', which is no registered loss term.",
            f"Registered are: {', '.join(registered) or 'none'}. L1 and GAN have their own settings.",
        )
    discriminator = {n: w for n, w in chosen.items() if n in DISCRIMINATOR_TERMS}
    by_discriminator = [*discriminator, *(chosen.keys() & BY_ACTIVATIONS)]
    if by_discriminator and not objective.gan:
        raise UserError(
            f"objective.terms names {by_discriminator[0]}, and objective.gan is 0: there is no D.",
            "Leave one of them out.",
        )
    return generator | {n: w for n, w in chosen.items() if n in GENERATOR_TERMS}, discriminator


def feature_networks(config: Config) -> set[str]:
    """Return the feature networks that the loss terms compare pictures by, as scores name them."""
    return {
        FEATURE_NETWORKS[name] for name, w in config.objective.terms.items() if w and name in FEATURE_NETWORKS
    }


def learning_rate(
    config: TrainingConfig, images_seen: int, decay_from: tuple[int, float] | None = None
) -> float:
    """Return Adam's step size for the image at this position.

    `decay_from` is where the decay of a lengthened run starts: images seen then, and the rate there.
    """
    if config.schedule == "constant":
        return config.learning_rate
    if decay_from is not None:
        start, rate = decay_from
        return rate * max(0.0, (config.images - images_seen) / max(1, config.images - start))
    return config.learning_rate * min(1.0, 2 * max(0.0, 1 - images_seen / config.images))


def plain_step(
    state: State,
    x: Tensor,
    y: Tensor,
    keys: Tensor,
    config: Config,
    precision: Precision = "fp32",
    processes: Processes = ALONE,
    fills: bool = False,
) -> Losses:
    """Make one turn of D and one of G on B pairs; return the losses as detached scalars.

    `keys` are the (B,) keys of the noise z. With `fills` y is NaN where it has no data.
    """
    rate = learning_rate(config.training, state.images_seen, state.decay_from)
    for _, _, optimiser in state.parts():
        optimiser.param_groups[0]["lr"] = rate
    losses = both_turns(state, x, y, keys, config, precision, processes, fills=fills)
    state.images_seen += len(x) * processes.world
    return losses


def both_turns(
    state: State,
    x: Tensor,
    y: Tensor,
    keys: Tensor,
    config: Config,
    precision: Precision,
    processes: Processes = ALONE,
    networks: Networks | None = None,
    fills: bool = False,
) -> Losses:
    """Make D's turn, then G's; `networks` are the state's own or those as compiled.

    Nothing here waits for the device or depends on a tensor's values, so that it can be captured.
    """
    objective = config.objective
    of_generator, of_discriminator = term_weights(config)
    G, D = networks or networks_of(state)
    products = use_products(state.generator, _FEW_PX) if x.is_cpu else nullcontext()
    with computing(x.device, precision), products:
        logits, g = G(x, keys)
    g = without_ignored(g, y) if config.data.target_one_hot else g
    known = ~y.isnan() if fills else None
    if known is not None:  # D sees the same there in real and in fake, and no term has a gradient
        y, g = y.masked_fill(~known, 0), g.masked_fill(~known, 0)
    shared = (objective.conditional, objective.adversarial)

    def learn(
        loss_of: Callable[[Turn, Weights], tuple[Tensor, Losses]],
        turn: Turn,
        weights: Weights,
        optimiser: torch.optim.Adam,
    ) -> Losses:
        with computing(x.device, precision):
            loss, losses = loss_of(turn, weights)
        optimiser.zero_grad()
        torch.autograd.backward(loss)
        changed = optimiser.param_groups[0]["params"]
        processes.average(w.grad for w in changed if w.grad is not None)
        optimiser.step()
        return {name: value.detach() for name, value in losses.items()}

    losses: Losses = {}
    if state.discriminator is not None and state.discriminator_optimiser is not None:
        turn = Turn(x, y, g.detach(), D, *shared, None, known)
        state.discriminator.requires_grad_(True)
        losses = learn(discriminator_loss, turn, of_discriminator, state.discriminator_optimiser)
        state.discriminator.requires_grad_(False)  # in G's turn it only passes gradients on
    turn = Turn(x, y, g, D, *shared, logits, known, not BY_ACTIVATIONS.isdisjoint(of_generator))
    return losses | learn(generator_loss, turn, of_generator, state.generator_optimiser)


def networks_of(state: State) -> Networks:
    """Return G's pass, (source, noise keys) -> (logits, generated target), and D if there is one."""
    generator = state.generator

    def generate(x: Tensor, keys: Tensor) -> tuple[Tensor, Tensor]:
        logits = generator.logits(x, keys)
        return logits, generator.activate(logits)

    return generate, state.discriminator
