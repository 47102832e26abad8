"""The objective, in the paper's symbols (section 3.1, equations 1 to 4).

    x       source                y       target
    G(x,z)  generated target      D(x,y)  logits: one for each patch (cGAN); D(y) for GAN

    G* = arg min_G max_D  L_cGAN(G, D) + lambda * L_L1(G)

Tensors are (B, C, H, W) in [-1, 1]; every loss is a scalar. To add a loss of G or a regulariser of
D, write a function of a `Turn` (`turn.py`) and register it below; its weight is the setting
`objective.terms`.
"""

from collections.abc import Callable, Mapping
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from pix2pix.pictures.tensors import ignored_pixels
from pix2pix.training.feature_matching import feature_matching
from pix2pix.training.turn import Losses, Term, Turn

_NO_CLASS = -100  # of pixels that the cross-entropy leaves out


class Adversarial(NamedTuple):
    """An adversarial loss on logits: what D pays for real and for fake patches, and what G pays."""

    on_real: Callable[[Tensor], Tensor]
    on_fake: Callable[[Tensor], Tensor]
    for_generator: Callable[[Tensor], Tensor]


# softplus(-t) = -log sigmoid(t). What G pays in bce is the non-saturating form: maximise
# log D(x, G(x,z)), not minimise log(1 - D(x, G(x,z))).
ADVERSARIAL = {
    "bce": Adversarial(lambda t: F.softplus(-t), F.softplus, lambda t: F.softplus(-t)),
    "lsgan": Adversarial(lambda t: (t - 1) ** 2, lambda t: t**2, lambda t: (t - 1) ** 2),
    "hinge": Adversarial(lambda t: F.relu(1 - t), lambda t: F.relu(1 + t), lambda t: -t),
}


def l1(turn: Turn) -> Tensor:
    """E[|y - G(x,z)|], where y has data."""
    if turn.known is None:
        return F.l1_loss(turn.g, turn.y)
    return (turn.y - turn.g).abs().sum() / turn.known.sum().clamp_min(1)


def cross_entropy(turn: Turn) -> Tensor:
    """E[-log G(x,z)] at the true class, for targets that are one channel a class.

    The mean is over the pixels that are of a class; without any it is 0.
    """
    assert turn.logits is not None
    ignored = ignored_pixels(turn.y, 1).squeeze(1)
    classes = turn.y.argmax(1).masked_fill(ignored, _NO_CLASS)
    loss = F.cross_entropy(turn.logits, classes, ignore_index=_NO_CLASS)
    return torch.where(ignored.all(), torch.zeros_like(loss), loss)


def gan(turn: Turn) -> Tensor:
    """E[-log D(x,G(x,z))], or its counterpart in the other adversarial losses."""
    return ADVERSARIAL[turn.adversarial].for_generator(turn.discriminate(turn.g)).mean()


GENERATOR_TERMS: dict[str, Term] = {
    "l1": l1,
    "class": cross_entropy,
    "gan": gan,
    "feature_matching": feature_matching,
}
DISCRIMINATOR_TERMS: dict[str, Term] = {}  # besides the adversarial loss
BY_ACTIVATIONS = frozenset({"feature_matching"})  # terms of G that compare D's activations
# Term -> the network, by its name in scores, by whose features it compares pictures. The model file names it:
# what was learned by a network must not be scored by the same.
FEATURE_NETWORKS: dict[str, str] = {}


def without_ignored(g: Tensor, y: Tensor) -> Tensor:
    """Return G(x,z) with nothing in any class at the pixels that class targets ignore, as y has them.

    D then sees the same there in real and in fake, and no term has a gradient.
    """
    return torch.where(ignored_pixels(y, 1), y.to(g.dtype), g)


def generator_loss(turn: Turn, weights: Mapping[str, float]) -> tuple[Tensor, Losses]:
    """Return the weighted sum of the named terms of G, and each `loss_<name>` before its weight.

    A term of weight 0 is computed without a gradient: the log of a run without L1 still has its L1.
    """
    return _weighted(GENERATOR_TERMS, turn, weights)


def discriminator_loss(turn: Turn, weights: Mapping[str, float]) -> tuple[Tensor, Losses]:
    """Return D's loss: E[-log D(x,y)] + E[-log(1 - D(x,G(x,z)))], and the named terms of D.

    The adversarial part is divided by 2 to slow D down (section 3.3).
    """
    adversarial = ADVERSARIAL[turn.adversarial]
    # Real and fake pass apart, so that batch norm never mixes their statistics.
    real, fake = turn.discriminate(turn.y), turn.discriminate(turn.g)
    loss = (adversarial.on_real(real).mean() + adversarial.on_fake(fake).mean()) / 2
    losses = {"loss_d": loss, "d_right": right_share(real, fake, turn.adversarial)}
    if not weights:
        return loss, losses
    regularisers, terms = _weighted(DISCRIMINATOR_TERMS, turn, weights)
    return loss + regularisers, losses | terms


def right_share(real: Tensor, fake: Tensor, adversarial: str) -> Tensor:
    """Return the share of D's logits on the right side: 0.5 is guessing, 1 a D that always wins."""
    border = 0.5 if adversarial == "lsgan" else 0.0  # least squares pull towards 1 and 0
    return ((real > border).to(real.dtype).mean() + (fake < border).to(fake.dtype).mean()) / 2


def _weighted(
    registered: Mapping[str, Term], turn: Turn, weights: Mapping[str, float]
) -> tuple[Tensor, Losses]:
    terms: Losses = {}
    for name, weight in weights.items():
        with torch.set_grad_enabled(weight > 0):
            terms[name] = registered[name](turn)
    loss = torch.stack([weight * terms[name] for name, weight in weights.items() if weight]).sum()
    return loss, {f"loss_{name}": term for name, term in terms.items()}
