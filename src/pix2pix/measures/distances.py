"""Distances between two sets of pictures, as pure functions of their features.

N, M pictures, D features of each.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

_SUBSETS = 100
_LARGEST_SUBSET = 1000


class KID(NamedTuple):
    """The Kernel Inception Distance (Binkowski et al. 2018) and the standard error of its mean."""

    value: float
    standard_error: float


def kid(real: Tensor, fake: Tensor, *, seed: int = 0) -> KID:
    """Return the distance of (N, D) from (M, D) features: about 0 for two halves of one set.

    Features are scaled to unit variance of the real ones, so that networks compare. Each of
    100 random subsets of min(1000, n // 2) pictures gives an unbiased estimate; the standard
    error is their deviation as if of the whole set: subsets overlap, and a subset of m of n pictures
    varies n / m times as much.
    """
    scale = real.double().std().clamp_min(1e-12)
    real, fake = real.double() / scale, fake.double() / scale
    smaller = min(len(real), len(fake))
    size, random = min(_LARGEST_SUBSET, smaller // 2), torch.Generator().manual_seed(seed)
    if size < 2:
        return KID(mmd(real, fake), float("nan"))
    estimates = torch.tensor(
        [
            mmd(*(x[torch.randperm(len(x), generator=random)[:size]] for x in (real, fake)))
            for _ in range(_SUBSETS)
        ]
    )
    return KID(mmd(real, fake), float(estimates.std()) * (size / smaller) ** 0.5)


def mmd(real: Tensor, fake: Tensor, *, block: int = 2048) -> float:
    """Return the unbiased squared maximum mean discrepancy with the kernel (a b / D + 1)^3.

    Kernel matrices are computed `block` rows at a time, so that many pictures fit into memory.
    """

    def total(a: Tensor, b: Tensor) -> float:
        return float(sum(_kernel(rows, b).sum() for rows in torch.split(a, block)))

    def diagonal(a: Tensor) -> float:
        return float((((a * a).sum(1) / a.shape[1] + 1) ** 3).sum())

    n, m = len(real), len(fake)
    within = (total(real, real) - diagonal(real)) / (n * (n - 1))
    within += (total(fake, fake) - diagonal(fake)) / (m * (m - 1))
    return within - 2 * total(real, fake) / (n * m)


def frechet(real: Tensor, fake: Tensor) -> float:
    """Return the Frechet distance of Gaussians fitted to (N, D) and (M, D) features.

    With Inception's features it is the FID (Heusel et al. 2017). It is biased: compare only figures
    of equally many pictures.
    """
    real, fake = real.double(), fake.double()
    means = [x.mean(0) for x in (real, fake)]
    # Centred and scaled so that x^T x is the covariance.
    one, other = ((x - mean) / max(1, len(x) - 1) ** 0.5 for x, mean in zip((real, fake), means, strict=True))
    # The trace of the root of S1 S2 is the nuclear norm of one other^T: no root of a matrix is taken.
    shared = torch.linalg.svdvals(one @ other.T).sum()
    spread = (one**2).sum() + (other**2).sum() - 2 * shared
    return float(((means[0] - means[1]) ** 2).sum() + spread)


def nearest(fakes: Tensor, known: Tensor) -> tuple[Tensor, Tensor]:
    """Return for each of (N, D) the place of the nearest of (M, D), and their distance: (N,) each.

    The distance is 1 - cosine of features less the mean of the known ones: 0 for a copy, about 1 for two
    pictures that have nothing in common.
    """
    mean = known.double().mean(0)
    one, other = (torch.nn.functional.normalize(x.double() - mean, dim=1) for x in (fakes, known))
    similarity, place = (one @ other.T).max(1)
    return place, 1 - similarity


def _kernel(a: Tensor, b: Tensor) -> Tensor:
    return (a @ b.T / a.shape[1] + 1) ** 3
