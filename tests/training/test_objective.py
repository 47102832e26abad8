import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional as F

from pix2pix.training.objective import (
    GENERATOR_TERMS,
    cross_entropy,
    discriminator_loss,
    generator_loss,
    right_share,
    without_ignored,
)
from pix2pix.training.turn import Turn

KINDS = ("bce", "lsgan", "hinge")
LOGIT = st.floats(-20, 20)


def logits(value: float) -> Tensor:
    return torch.full((2, 1, 3, 3), value, dtype=torch.float64)


def sigmoid(t: float) -> float:
    return 1 / (1 + math.exp(-t))


def pictures() -> tuple[Tensor, Tensor, Tensor]:
    x, y, g = torch.randn(3, 2, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    return x, y, g


def loss_of_d(real: Tensor, fake: Tensor, kind: str) -> float:
    """D's loss where it gives these logits for the target and for what was generated."""
    x, y, g = pictures()
    by_sum = {float(y.sum()): real, float(g.sum()): fake}
    turn = Turn(x, y, g, lambda target: by_sum[float(target.sum())], False, kind)
    return float(discriminator_loss(turn, {})[0])


def loss_of_g(logit: float, kind: str) -> float:
    x, y, g = pictures()
    return float(generator_loss(Turn(x, y, g, lambda seen: logits(logit), True, kind), {"gan": 1})[0])


@given(LOGIT, LOGIT)
def test_bce_of_d_is_half_of_both_log_losses(real: float, fake: float) -> None:
    expected = -(math.log(sigmoid(real)) + math.log(sigmoid(-fake))) / 2
    assert loss_of_d(logits(real), logits(fake), "bce") == pytest.approx(expected)


@given(LOGIT, LOGIT)
def test_lsgan_of_d_is_half_of_both_squares(real: float, fake: float) -> None:
    expected = ((real - 1) ** 2 + fake**2) / 2
    assert loss_of_d(logits(real), logits(fake), "lsgan") == pytest.approx(expected)


@given(LOGIT, LOGIT)
def test_hinge_of_d_is_half_of_both_margins(real: float, fake: float) -> None:
    expected = (max(0.0, 1 - real) + max(0.0, 1 + fake)) / 2
    assert loss_of_d(logits(real), logits(fake), "hinge") == pytest.approx(expected)


@given(LOGIT)
def test_bce_of_g_is_the_non_saturating_form(fake: float) -> None:
    assert loss_of_g(fake, "bce") == pytest.approx(-math.log(sigmoid(fake)))


@given(LOGIT)
def test_lsgan_and_hinge_of_g(fake: float) -> None:
    assert loss_of_g(fake, "lsgan") == pytest.approx((fake - 1) ** 2)
    assert loss_of_g(fake, "hinge") == pytest.approx(-fake)


def test_bce_stays_finite_where_sigmoid_is_zero() -> None:
    assert loss_of_d(logits(-1e4), logits(1e4), "bce") == pytest.approx(1e4)


@pytest.mark.parametrize("kind", KINDS)
def test_each_patch_counts_the_same(kind: str) -> None:
    real, fake = torch.randn(2, 2, 1, 5, 7, generator=torch.Generator().manual_seed(0))
    each = [loss_of_d(r[None], f[None], kind) for r, f in zip(real.flatten(), fake.flatten(), strict=True)]
    assert loss_of_d(real, fake, kind) == pytest.approx(sum(each) / len(each))


def test_loss_of_g_adds_its_terms_by_weight() -> None:
    x, y, g = pictures()
    turn = Turn(x, y, g, lambda seen: seen.mean(1, keepdim=True), True, "lsgan")
    loss, terms = generator_loss(turn, {"l1": 100, "gan": 3})
    mean_logits = torch.cat([x, g], 1).mean(1)
    torch.testing.assert_close(terms["loss_l1"], (y - g).abs().mean())
    torch.testing.assert_close(terms["loss_gan"], ((mean_logits - 1) ** 2).mean())
    torch.testing.assert_close(loss, 100 * terms["loss_l1"] + 3 * terms["loss_gan"])


def test_without_d_only_l1_is_left() -> None:
    x, y, g = pictures()
    loss, terms = generator_loss(Turn(x, y, g), {"l1": 10})
    assert set(terms) == {"loss_l1"}
    torch.testing.assert_close(loss, 10 * (y - g).abs().mean())


@pytest.mark.parametrize(("real", "fake", "share"), [(1, -1, 1.0), (-1, 1, 0.0), (1, 1, 0.5), (0, 0, 0.0)])
@pytest.mark.parametrize(("kind", "border"), [("bce", 0), ("hinge", 0), ("lsgan", 0.5)])
def test_right_share_counts_sides_of_the_border(
    kind: str, border: float, real: float, fake: float, share: float
) -> None:
    computed = right_share(logits(border + 0.4 * real), logits(border + 0.4 * fake), kind)
    assert float(computed) == share


def planes(scores: Tensor) -> Tensor:
    """(B, classes, H, W) of 1 in the plane of the highest score, and -1 in the others."""
    return F.one_hot(scores.argmax(1), scores.shape[1]).movedim(-1, 1) * 2.0 - 1


def class_turn(scores: Tensor, target: Tensor) -> Turn:
    return Turn(target, target, torch.softmax(scores, 1) * 2 - 1, logits=scores)


def test_cross_entropy_is_the_log_of_the_true_class() -> None:
    random = torch.Generator().manual_seed(0)
    scores, truth = torch.randn(2, 2, 4, 8, 8, generator=random, dtype=torch.float64)
    probability = torch.softmax(scores, 1)[planes(truth) > 0]
    torch.testing.assert_close(cross_entropy(class_turn(scores, planes(truth))), -probability.log().mean())


def test_a_confident_mistake_has_a_gradient() -> None:
    truth = planes(torch.randn(1, 3, 4, 4, generator=torch.Generator().manual_seed(0)))
    assert float(cross_entropy(class_turn(1000 * truth, truth))) == 0
    wrong = (1000 * truth.roll(1, dims=1)).requires_grad_()
    loss = cross_entropy(class_turn(wrong, truth))
    loss.backward()
    assert loss.item() == pytest.approx(2000)
    pixels = truth.shape[2] * truth.shape[3]
    torch.testing.assert_close(wrong.grad[truth > 0], torch.full((pixels,), -1 / pixels))


def test_a_registered_term_is_weighted_and_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(GENERATOR_TERMS, "brightness", lambda turn: turn.g.mean())
    x, y, g = pictures()
    loss, terms = generator_loss(Turn(x, y, g), {"l1": 2, "brightness": 5})
    torch.testing.assert_close(terms["loss_brightness"], g.mean())
    torch.testing.assert_close(loss, 2 * (y - g).abs().mean() + 5 * g.mean())


def test_a_term_of_weight_0_is_computed_but_not_learned_from() -> None:
    x, y, g = pictures()
    g.requires_grad_()
    loss, terms = generator_loss(Turn(x, y, g, lambda seen: seen.mean(), False), {"l1": 0, "gan": 1})
    torch.testing.assert_close(terms["loss_l1"], (y - g).abs().mean().detach())
    assert not terms["loss_l1"].requires_grad
    torch.testing.assert_close(loss, terms["loss_gan"])


def test_ignored_pixels_count_in_no_term_and_have_no_gradient() -> None:
    random = torch.Generator().manual_seed(0)
    scores, truth = torch.randn(2, 2, 4, 8, 8, generator=random, dtype=torch.float64)
    y = planes(truth)
    y[:, :, 3:] = -1
    scores.requires_grad_()
    loss = cross_entropy(class_turn(scores, y))
    torch.testing.assert_close(loss, cross_entropy(class_turn(scores[:, :, :3], y[:, :, :3])))
    g = without_ignored(torch.softmax(scores, 1) * 2 - 1, y)
    assert (g[:, :, 3:] == -1).all()
    torch.testing.assert_close(g[:, :, :3], torch.softmax(scores[:, :, :3], 1) * 2 - 1)
    (loss + g.square().sum()).backward()
    assert not scores.grad[:, :, 3:].any()
    assert scores.grad[:, :, :3].any()


def test_a_batch_of_ignored_pixels_alone_is_no_loss() -> None:
    scores, y = torch.randn(1, 4, 8, 8, requires_grad=True), torch.full((1, 4, 8, 8), -1.0)
    loss = cross_entropy(class_turn(scores, y))
    loss.backward()
    assert loss == 0
    assert not scores.grad.any()
