"""What a loss term is: a scalar, computed from the turn of one of the two networks.

A further term is a new file with a function of a `Turn`, and the function's line in
`objective.GENERATOR_TERMS` or `objective.DISCRIMINATOR_TERMS`.

Tensors are (B, C, H, W) in [-1, 1].
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import torch
from torch import Tensor


class Discriminator(Protocol):
    """D as losses see it: `networks.PatchGAN`, as it is written or compiled."""

    def __call__(self, pictures: Tensor, /) -> Tensor:
        """(B, C, H, W) -> logits, one a patch."""

    def features(self, pictures: Tensor, /) -> list[Tensor]:
        """(B, C, H, W) -> the activations of each layer, the logits last."""


@dataclass(frozen=True)
class Turn:
    """What losses are computed from, in D's turn (`g` detached) or in G's.

    `g` is G(x,z), `logits` the same before its last activation: cross-entropy needs those.
    `known` is true where y has data, None where all of it has; elsewhere y and g are 0.
    With `matches` losses compare D's activations for g, too: one pass gives these and the logits.
    """

    x: Tensor
    y: Tensor
    g: Tensor
    D: Discriminator | None = None
    conditional: bool = True
    adversarial: str = "bce"
    logits: Tensor | None = None
    known: Tensor | None = None
    matches: bool = False

    def discriminate(self, target: Tensor) -> Tensor:
        """Return D's logits for a target: with the source (cGAN), or for the target alone (GAN)."""
        assert self.D is not None
        if self.matches and target is self.g:
            return self.output_features[-1]
        return self.D(self._seen(target))

    @cached_property
    def output_features(self) -> list[Tensor]:
        """Return the activations of D's layers for g, the logits last."""
        return self.features(self.g)

    def features(self, target: Tensor) -> list[Tensor]:
        """Return the activations of D's layers for a target, the logits last.

        Never compiled, so that a gradient of theirs can be differentiated again, as R1 needs.
        """
        assert self.D is not None
        return self.D.features(self._seen(target))

    def _seen(self, target: Tensor) -> Tensor:
        return torch.cat([self.x, target], 1) if self.conditional else target


Losses = dict[str, Tensor]
Term = Callable[[Turn], Tensor]
