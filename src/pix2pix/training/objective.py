"""The objective, in the paper's symbols (section 3.1, equations 1 to 4).

    x       source                y       target
    G(x,z)  generated target      D(x,y)  logits: one for each patch (cGAN); D(y) for GAN

    G* = arg min_G max_D  L_cGAN(G, D) + lambda * L_L1(G)

Tensors are (B, C, H, W) in [-1, 1]; D is any callable that gives logits; every loss is a scalar.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn.functional import l1_loss as L1
from torch.nn.functional import relu, softplus

Discriminator = Callable[[Tensor], Tensor]

# Adversarial losses on logits: what D pays for calling a real patch fake and a fake one real, and
# what G pays for a patch that D calls fake. softplus(-t) = -log sigmoid(t). The third entry of bce
# is the non-saturating form: maximise log D(x, G(x,z)), not minimise log(1 - D(x, G(x,z))).
ADVERSARIAL: dict[str, tuple[Callable[[Tensor], Tensor], ...]] = {
    "bce": (lambda t: softplus(-t), softplus, lambda t: softplus(-t)),
    "lsgan": (lambda t: (t - 1) ** 2, lambda t: t**2, lambda t: (t - 1) ** 2),
    "hinge": (lambda t: relu(1 - t), lambda t: relu(1 + t), lambda t: -t),
}


def see(x: Tensor, y: Tensor, conditional: bool) -> Tensor:
    """What D looks at: source and target side by side in channels, or the target alone."""
    return torch.cat([x, y], 1) if conditional else y


def discriminator_loss(real: Tensor, fake: Tensor, kind: str) -> Tensor:
    """E[-log D(x,y)] + E[-log(1 - D(x,G(x,z)))], divided by 2 to slow D down (section 3.3)."""
    on_real, on_fake, _ = ADVERSARIAL[kind]
    return (on_real(real).mean() + on_fake(fake).mean()) / 2


def generator_loss(
    D: Discriminator | None,
    x: Tensor,
    y: Tensor,
    g: Tensor,
    *,
    l1: float,
    gan: float,
    conditional: bool,
    kind: str,
    classes: bool = False,
) -> tuple[Tensor, dict[str, Tensor]]:
    """gan * E[-log D(x,G(x,z))] + l1 * E[|y - G(x,z)|], and each term before its weight.

    Where targets are `classes`, cross-entropy stands in place of L1.
    """
    near = cross_entropy(g, y) if classes else L1(g, y)
    terms = {"loss_class" if classes else "loss_l1": near}
    loss = l1 * near
    if D is not None:
        _, _, on_mine = ADVERSARIAL[kind]
        terms["loss_gan"] = on_mine(D(see(x, g, conditional))).mean()
        loss = loss + gan * terms["loss_gan"]
    return loss, terms


def cross_entropy(g: Tensor, y: Tensor) -> Tensor:
    """E[-log g] at the true class: (B, classes, H, W) twice, 1 where a class is, -1 elsewhere."""
    probability = ((g + 1) / 2 * (y > 0)).sum(1)
    return -torch.log(probability.clamp_min(1e-7)).mean()


def right_share(real: Tensor, fake: Tensor, kind: str) -> Tensor:
    """Share of D's logits on the right side: 0.5 is guessing, 1 is a D that always wins."""
    border = 0.5 if kind == "lsgan" else 0.0  # least squares pull towards 1 and 0
    return ((real > border).to(real.dtype).mean() + (fake < border).to(fake.dtype).mean()) / 2
