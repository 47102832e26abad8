"""Distances of sets against formulas written out, and cases that are known."""

import numpy as np
import pytest
import torch

from pix2pix.measures import distances
from pix2pix.measures.distances import frechet, kid, mmd, nearest


def features(count: int, seed: int, shift: float = 0.0) -> torch.Tensor:
    return torch.randn(count, 16, generator=torch.Generator().manual_seed(seed)) + shift


def mmd_by_loops(real: np.ndarray, fake: np.ndarray) -> float:
    def kernel(a: np.ndarray, b: np.ndarray) -> float:
        return float((a @ b / len(a) + 1) ** 3)

    def within(x: np.ndarray) -> float:
        pairs = [kernel(a, b) for i, a in enumerate(x) for j, b in enumerate(x) if i != j]
        return sum(pairs) / (len(x) * (len(x) - 1))

    kernels = np.array([[kernel(a, b) for b in fake] for a in real])
    if len(real) == len(fake):
        kernels = kernels[~np.eye(len(real), dtype=bool)]
    return within(real) + within(fake) - 2 * kernels.mean()


@pytest.mark.parametrize("count", [7, 9])
def test_mmd_is_the_unbiased_formula(count: int) -> None:
    real, fake = features(9, 0).double(), features(count, 1, 0.3).double()
    expected = mmd_by_loops(real.numpy(), fake.numpy())
    assert mmd(real, fake) == pytest.approx(expected, rel=1e-9)
    assert mmd(real, fake, block=4) == pytest.approx(expected, rel=1e-9)


def test_kid_of_disjoint_halves_is_within_three_standard_errors_of_zero() -> None:
    whole = features(600, 2)
    distance = kid(whole[::2], whole[1::2])
    assert abs(distance.value) < 3 * distance.standard_error


@pytest.mark.slow
@pytest.mark.parametrize("largest", [1000, 15])
def test_kid_deviates_over_sets_by_its_standard_error(monkeypatch: pytest.MonkeyPatch, largest: int) -> None:
    monkeypatch.setattr(distances, "_LARGEST_SUBSET", largest)
    drawn = [kid(features(60, seed), features(60, 1000 + seed, 0.5)) for seed in range(120)]
    deviation = np.std([distance.value for distance in drawn])
    reported = np.mean([distance.standard_error for distance in drawn])
    assert reported == pytest.approx(deviation, rel=0.2)


def test_kid_of_outputs_that_are_their_targets_is_0() -> None:
    real = features(60, 5)
    assert kid(real, real).value == pytest.approx(0, abs=1e-9)
    # Comparing each with its own target would make it -0.2 here.
    near = real + 0.1 * features(60, 6)
    distance = kid(real, near)
    assert abs(distance.value) < 3 * distance.standard_error


def test_kid_and_frechet_grow_with_the_shift() -> None:
    real = features(300, 3)
    values = [
        (kid(real, features(300, 4, s)).value, frechet(real, features(300, 4, s))) for s in (0, 0.2, 0.5)
    ]
    assert values == sorted(values)
    assert values[2][0] > 5 * abs(values[0][0])


def test_frechet_is_that_of_the_fitted_gaussians() -> None:
    from scipy.linalg import sqrtm

    real, fake = features(50, 5), features(60, 6, 0.4) * 1.5
    one, other = (np.cov(x.numpy().T) for x in (real, fake))
    expected = ((real.mean(0) - fake.mean(0)) ** 2).sum() + np.trace(
        one + other - 2 * sqrtm(one @ other).real
    )
    assert frechet(real, fake) == pytest.approx(float(expected), rel=1e-3)
    assert frechet(real, real) == pytest.approx(0, abs=1e-6)


def test_the_nearest_of_a_copy_is_its_original() -> None:
    known = features(20, 7)
    place, distance = nearest(known[[3, 11]], known)
    assert place.tolist() == [3, 11]
    assert distance.abs().max() < 1e-5


def test_sets_that_are_larger_than_a_block_give_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    real, fake = features(70, 8), features(90, 9, 0.3)

    def scored() -> tuple[float, ...]:
        place, distance = nearest(fake, real)
        return frechet(real, fake), float(distance.sum()), float(place.sum()), kid(real, fake).value

    whole = scored()
    monkeypatch.setattr(distances, "_BLOCK", 32)
    assert scored() == pytest.approx(whole, rel=1e-5)
