import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from pix2pix.training.objective import cross_entropy, discriminator_loss, generator_loss, right_share, see

KINDS = ("bce", "lsgan", "hinge")
LOGIT = st.floats(-20, 20)


def logits(value: float) -> Tensor:
    return torch.full((2, 1, 3, 3), value, dtype=torch.float64)


def sigmoid(t: float) -> float:
    return 1 / (1 + math.exp(-t))


def of_generator(logit: float, kind: str) -> float:
    g = torch.zeros(2, 3, 8, 8, dtype=torch.float64)
    loss, _ = generator_loss(lambda seen: logits(logit), g, g, g, l1=0, gan=1, conditional=True, kind=kind)
    return float(loss)


@given(LOGIT, LOGIT)
def test_bce_of_d_is_half_of_both_log_losses(real: float, fake: float) -> None:
    expected = -(math.log(sigmoid(real)) + math.log(sigmoid(-fake))) / 2
    assert float(discriminator_loss(logits(real), logits(fake), "bce")) == pytest.approx(expected)


@given(LOGIT, LOGIT)
def test_lsgan_of_d_is_half_of_both_squares(real: float, fake: float) -> None:
    expected = ((real - 1) ** 2 + fake**2) / 2
    assert float(discriminator_loss(logits(real), logits(fake), "lsgan")) == pytest.approx(expected)


@given(LOGIT, LOGIT)
def test_hinge_of_d_is_half_of_both_margins(real: float, fake: float) -> None:
    expected = (max(0.0, 1 - real) + max(0.0, 1 + fake)) / 2
    assert float(discriminator_loss(logits(real), logits(fake), "hinge")) == pytest.approx(expected)


@given(LOGIT)
def test_bce_of_g_is_the_non_saturating_form(fake: float) -> None:
    assert of_generator(fake, "bce") == pytest.approx(-math.log(sigmoid(fake)))


@given(LOGIT)
def test_lsgan_and_hinge_of_g(fake: float) -> None:
    assert of_generator(fake, "lsgan") == pytest.approx((fake - 1) ** 2)
    assert of_generator(fake, "hinge") == pytest.approx(-fake)


def test_bce_stays_finite_where_sigmoid_is_zero() -> None:
    assert float(discriminator_loss(logits(-1e4), logits(1e4), "bce")) == pytest.approx(1e4)


@pytest.mark.parametrize("kind", KINDS)
def test_each_patch_counts_the_same(kind: str) -> None:
    real, fake = torch.randn(2, 2, 1, 5, 7, generator=torch.Generator().manual_seed(0))
    each = [
        discriminator_loss(r[None], f[None], kind)
        for r, f in zip(real.flatten(), fake.flatten(), strict=True)
    ]
    torch.testing.assert_close(discriminator_loss(real, fake, kind), torch.stack(each).mean())


def test_loss_of_g_adds_its_terms_by_weight() -> None:
    x, y, g = torch.randn(3, 2, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    loss, terms = generator_loss(
        lambda seen: seen.mean(1, keepdim=True), x, y, g, l1=100, gan=3, conditional=True, kind="lsgan"
    )
    judged = torch.cat([x, g], 1).mean(1)
    torch.testing.assert_close(terms["loss_l1"], (y - g).abs().mean())
    torch.testing.assert_close(terms["loss_gan"], ((judged - 1) ** 2).mean())
    torch.testing.assert_close(loss, 100 * terms["loss_l1"] + 3 * terms["loss_gan"])


def test_without_d_only_l1_is_left() -> None:
    x, y, g = torch.randn(3, 2, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    loss, terms = generator_loss(None, x, y, g, l1=10, gan=1, conditional=True, kind="bce")
    assert set(terms) == {"loss_l1"}
    torch.testing.assert_close(loss, 10 * (y - g).abs().mean())


def test_d_sees_source_then_target_or_the_target_alone() -> None:
    x, y = torch.zeros(2, 1, 4, 4), torch.ones(2, 3, 4, 4)
    assert see(x, y, conditional=True).mean((0, 2, 3)).tolist() == [0, 1, 1, 1]
    assert see(x, y, conditional=False) is y


@pytest.mark.parametrize(("real", "fake", "share"), [(1, -1, 1.0), (-1, 1, 0.0), (1, 1, 0.5), (0, 0, 0.0)])
@pytest.mark.parametrize(("kind", "border"), [("bce", 0), ("hinge", 0), ("lsgan", 0.5)])
def test_right_share_counts_sides_of_the_border(
    kind: str, border: float, real: float, fake: float, share: float
) -> None:
    found = right_share(logits(border + 0.4 * real), logits(border + 0.4 * fake), kind)
    assert float(found) == share


def planes(scores: Tensor) -> Tensor:
    """(B, classes, H, W) of 1 in the plane of the highest score, and -1 in the others."""
    return torch.nn.functional.one_hot(scores.argmax(1), scores.shape[1]).movedim(-1, 1) * 2.0 - 1


def test_cross_entropy_is_torchs_of_the_true_class() -> None:
    random = torch.Generator().manual_seed(0)
    scores, truth = torch.randn(2, 2, 4, 8, 8, generator=random, dtype=torch.float64)
    found = cross_entropy(torch.softmax(scores, 1) * 2 - 1, planes(truth))
    torch.testing.assert_close(found, torch.nn.functional.cross_entropy(scores, truth.argmax(1)))


def test_cross_entropy_is_zero_where_right_and_finite_where_surely_wrong() -> None:
    right = planes(torch.randn(1, 3, 4, 4, generator=torch.Generator().manual_seed(0)))
    assert float(cross_entropy(right, right)) == 0
    wrong = right.roll(1, dims=1).requires_grad_()
    loss = cross_entropy(wrong, right)
    loss.backward()
    assert math.isfinite(loss.item())
    assert loss.item() > 10
    assert bool(wrong.grad.isfinite().all())


def test_classes_take_the_place_of_l1() -> None:
    g = torch.full((1, 4, 2, 2), -0.5)
    y = planes(torch.tensor([0.0, 3.0, 1.0, 2.0]).reshape(1, 4, 1, 1).expand(1, 4, 2, 2))
    loss, terms = generator_loss(None, g, y, g, l1=10, gan=0, conditional=True, kind="bce", classes=True)
    assert set(terms) == {"loss_class"}
    assert float(loss) == pytest.approx(10 * math.log(4))
