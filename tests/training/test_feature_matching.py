"""Feature matching against the sum that the paper states, written out."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from pix2pix.config import Config
from pix2pix.errors import UserError
from pix2pix.networks import PatchGAN
from pix2pix.networks.layers import initialise
from pix2pix.training.feature_matching import feature_matching
from pix2pix.training.objective import generator_loss
from pix2pix.training.step import term_weights
from pix2pix.training.turn import Turn

Tiny = Callable[..., Config]


class Counting:
    """A discriminator that counts its passes."""

    def __init__(self) -> None:
        self.passes = 0
        self.network = PatchGAN(6, strided=1, width=4).double()
        initialise(self.network, torch.Generator().manual_seed(1))

    def __call__(self, pictures: Tensor) -> Tensor:
        return self.features(pictures)[-1]

    def features(self, pictures: Tensor) -> list[Tensor]:
        self.passes += 1
        return self.network.features(pictures)


def turn_of(discriminator: Counting, *, equal: bool = False, matches: bool = True) -> Turn:
    x, y, g = torch.randn(3, 2, 3, 16, 16, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    g = (y.clone() if equal else g).requires_grad_()
    return Turn(x, y, g, discriminator, matches=matches)


def test_it_is_the_weighted_sum_of_the_distances_of_all_layers_but_the_last() -> None:
    turn = turn_of(Counting())
    real, fake = (turn.D.network.features(torch.cat([turn.x, target], 1))[:2] for target in (turn.y, turn.g))
    expected = 4 / 3 * sum((a - b).abs().mean() for a, b in zip(real, fake, strict=True))
    torch.testing.assert_close(feature_matching(turn), expected)


def test_equal_pictures_are_0_apart_and_the_targets_side_gets_no_gradient() -> None:
    assert feature_matching(turn_of(Counting(), equal=True)).item() == pytest.approx(0, abs=1e-12)
    turn = turn_of(Counting())
    turn.y.requires_grad_()
    feature_matching(turn).backward()
    assert turn.y.grad is None
    assert turn.g.grad is not None
    assert turn.g.grad.abs().max() > 0


def test_one_pass_of_the_output_serves_the_adversarial_term_too() -> None:
    weights, counted = {"gan": 1.0, "feature_matching": 10.0}, []
    losses = []
    for matches in (True, False):
        discriminator = Counting()
        losses.append(generator_loss(turn_of(discriminator, matches=matches), weights)[0])
        counted.append(discriminator.passes)
    assert counted == [2, 3]
    torch.testing.assert_close(*losses)


def test_it_is_refused_without_a_discriminator(tiny: Tiny) -> None:
    with pytest.raises(UserError, match=r"names feature_matching, and objective\.gan is 0"):
        term_weights(tiny("objective.terms={feature_matching = 10}", "objective.gan=0"))
