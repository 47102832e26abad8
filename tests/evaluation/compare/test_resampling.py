"""Intervals of differences: of known cases, of equal runs, and how often they hold the truth."""

import numpy as np
import pytest
import torch

from pix2pix.evaluation.compare.resampling import Resamples
from pix2pix.measures.distances import mmd


def test_the_interval_of_a_mean_is_that_of_its_standard_error() -> None:
    random = np.random.default_rng(0)
    first = random.normal(size=300)
    other = first + 0.5 + random.normal(size=300) / 4
    value, low, high = Resamples(300).of_means(first, other)
    difference = other - first
    error = difference.std() / np.sqrt(300)
    assert value == pytest.approx(difference.mean())
    assert (low, high) == pytest.approx((value - 1.96 * error, value + 1.96 * error), abs=error / 4)


def test_pairing_makes_it_narrow() -> None:
    random = np.random.default_rng(1)
    first = random.normal(size=100) * 10
    _, low, high = Resamples(100).of_means(first, first + random.normal(size=100) / 10)
    assert low is not None
    assert high is not None
    assert high - low < 0.1  # of scores that deviate by 10


def test_pictures_without_a_finite_score_are_left_out() -> None:
    value, low, high = Resamples(5).of_means(np.array([1, 2, 3, np.inf, 4]), np.array([2, 3, 4, 9, np.inf]))
    assert (value, low, high) == pytest.approx((1, 1, 1))


def test_equal_runs_do_not_differ() -> None:
    scores = np.arange(10.0)
    features = torch.randn(10, 4, generator=torch.Generator().manual_seed(0))
    resamples = Resamples(10)
    assert resamples.of_means(scores, scores) == (0, 0, 0)
    assert resamples.of_kid(features, features, features) == pytest.approx((0, 0, 0))


def test_of_two_pictures_there_is_no_interval() -> None:
    assert Resamples(2).of_means(np.array([1.0, 2]), np.array([2.0, 4])) == (1.5, None, None)


def test_scores_of_sums_are_those_of_all_pictures() -> None:
    counts = np.random.default_rng(2).integers(0, 50, (2, 40, 3, 3))

    def shares(total: np.ndarray) -> dict[str, float]:
        return {"share": float(total[0, 0] / total.sum()), "rows": float(total[0].sum())}

    differences = Resamples(40, resamples=200).of_sums(*counts, shares)
    first, other = (shares(each.sum(0)) for each in counts)
    for name, (value, low, high) in differences.items():
        assert value == pytest.approx(other[name] - first[name])
        assert low is not None
        assert high is not None
        assert low < value < high


def features(random: np.random.Generator, count: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Features of real pictures and of two outputs of their sources, the second nearer."""
    real = random.normal(size=(count, 8))
    outputs = (real * share + 0.4 * random.normal(size=real.shape) + 0.1 for share in (0.7, 0.8))
    first, other = (torch.from_numpy(output) for output in outputs)
    return torch.from_numpy(real), first, other


def test_the_difference_of_kids_is_that_of_the_formula(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pix2pix.evaluation.compare.resampling._ROWS_AT_ONCE", 16)
    real, first, other = features(np.random.default_rng(3), 50)
    value = Resamples(50, resamples=50).of_kid(real, first, other).value
    assert value == pytest.approx(mmd(real, other) - mmd(real, first))


@pytest.mark.slow
def test_intervals_of_kid_hold_the_truth_as_often_as_they_say() -> None:
    random, held = np.random.default_rng(4), 0
    whole = features(random, 3000)
    truth = mmd(whole[0], whole[2]) - mmd(whole[0], whole[1])
    for _ in range(60):
        _, low, high = Resamples(50, resamples=300).of_kid(*features(random, 50))
        assert low is not None
        assert high is not None
        held += low <= truth <= high
    assert held >= 54  # of 60 about 57 are to be expected
