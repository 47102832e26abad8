"""One step of training: D's turn, then G's (the paper's section 3.3).

B batch, C channels, H height, W width. This is the plain engine: it reads like the formulas and is
the reference that the faster one in `graph.py` must equal.
"""

from __future__ import annotations

from contextlib import nullcontext

import torch
from torch import Tensor
from torch.optim import Adam

from pix2pix.config import Config, TrainingConfig
from pix2pix.data.batches import Batch
from pix2pix.device import Precision, computing
from pix2pix.networks.layers import use_products
from pix2pix.networks.noise import noise_keys
from pix2pix.training.distributed import ALONE, Processes
from pix2pix.training.objective import discriminator_loss, generator_loss, right_share, see
from pix2pix.training.state import State

Losses = dict[str, Tensor]
_FEW_PX = 64  # layers of at most so many pixels are products: a tenth of a step on a processor


def learning_rate(config: TrainingConfig, images_seen: int) -> float:
    """Adam's step size for the image at this position."""
    if config.schedule == "constant":
        return config.learning_rate
    left = max(0.0, 1 - images_seen / config.images)
    return config.learning_rate * min(1.0, 2 * left)


def plain_step(
    state: State, batch: Batch, config: Config, precision: Precision = "fp32", processes: Processes = ALONE
) -> Losses:
    """One turn of D and one of G on B pairs; the losses as detached scalars on the device."""
    objective = config.objective
    x, y = batch.source, batch.target
    for optimiser in (state.generator_optimiser, state.discriminator_optimiser):
        if optimiser is not None:
            optimiser.param_groups[0]["lr"] = learning_rate(config.training, state.images_seen)

    products = use_products(state.generator, _FEW_PX) if x.is_cpu else nullcontext()
    with computing(x.device, precision), products:
        g = state.generator(x, noise_keys(config.training.seed, batch.positions))
        losses, loss = _discriminator_loss(state, x, y, g.detach(), config)
    if loss is not None and state.discriminator_optimiser is not None:
        _descend(loss, state.discriminator_optimiser, processes)

    # G's turn: D is only asked, so its own gradients are neither wanted nor computed.
    D = state.discriminator
    if D is not None:
        D.requires_grad_(False)
    with computing(x.device, precision):
        loss, terms = generator_loss(
            D,
            x,
            y,
            g,
            l1=objective.l1,
            gan=objective.gan,
            conditional=objective.conditional,
            kind=objective.adversarial,
            classes=config.data.target_one_hot,
        )
    _descend(loss, state.generator_optimiser, processes)

    state.images_seen += len(batch.names) * processes.world
    return losses | {name: term.detach() for name, term in terms.items()}


def _discriminator_loss(
    state: State, x: Tensor, y: Tensor, g: Tensor, config: Config
) -> tuple[Losses, Tensor | None]:
    """What D has to learn, real from fake; `g` is detached. Nothing where there is no D."""
    D = state.discriminator
    if D is None:
        return {}, None
    D.requires_grad_(True)
    conditional, kind = config.objective.conditional, config.objective.adversarial
    # Real and fake pass apart, so that batch norm never mixes their statistics.
    real, fake = D(see(x, y, conditional)), D(see(x, g, conditional))
    loss = discriminator_loss(real, fake, kind)
    return {"loss_d": loss.detach(), "d_right": right_share(real.detach(), fake.detach(), kind)}, loss


def _descend(loss: Tensor, optimiser: Adam, processes: Processes) -> None:
    optimiser.zero_grad()
    torch.autograd.backward(loss)
    weights = optimiser.param_groups[0]["params"]
    processes.average(w.grad for w in weights if w.grad is not None)
    optimiser.step()
