"""Distances between two sets of pictures, as pure functions of their features.

N, M pictures, D features of each.
"""

from __future__ import annotations

from itertools import product
from typing import NamedTuple

import torch
from torch import Tensor

_SUBSETS = 100
_LARGEST_SUBSET = 1000
_BLOCK = 2048  # rows that are compared at a time


class KID(NamedTuple):
    """The Kernel Inception Distance (Binkowski et al. 2018) and the standard error of its mean."""

    value: float
    standard_error: float


def kid(real: Tensor, fake: Tensor, *, seed: int = 0) -> KID:
    """Return the distance of (N, D) from (M, D) features: about 0 for two halves of one set.

    Features are scaled to unit variance of the real ones, so that networks compare. Each of
    100 random subsets of min(1000, n // 2) pictures gives an unbiased estimate; the standard
    error follows from their deviation. Subsets of m of n pictures overlap: their variance is
    1/m - 1/n of that of a picture, and the variance of the whole set's estimate is 1/n of it.
    """
    real, fake = scaled(real, fake)
    smaller = min(len(real), len(fake))
    size, random = min(_LARGEST_SUBSET, smaller // 2), torch.Generator().manual_seed(seed)
    if size < 2:
        return KID(mmd(real, fake), float("nan"))

    def estimate() -> float:
        chosen = torch.randperm(len(real), generator=random)[:size]
        # A picture and its own target stay at equal places, where `mmd` leaves them out.
        others = chosen if len(fake) == len(real) else torch.randperm(len(fake), generator=random)[:size]
        return mmd(real[chosen], fake[others])

    estimates = torch.tensor([estimate() for _ in range(_SUBSETS)])
    return KID(mmd(real, fake), float(estimates.std()) * (size / (smaller - size)) ** 0.5)


def scaled(real: Tensor, fake: Tensor) -> tuple[Tensor, Tensor]:
    """Return both sets of features in units of the real ones' standard deviation."""
    scale = real.std().clamp_min(1e-12)
    return real / scale, fake / scale


def mmd(real: Tensor, fake: Tensor, *, block: int = _BLOCK) -> float:
    """Return the unbiased squared maximum mean discrepancy with the kernel (a b / D + 1)^3.

    Of equally many, fakes and real ones at equal places are not compared: an output is like its own target,
    which would make the distance too small, and below 0 for outputs that are nearly right. Kernel matrices
    are computed in blocks, so that many pictures fit into memory.
    """

    def total(a: Tensor, b: Tensor) -> float:
        blocks = product(_blocks(a, block), _blocks(b, block))
        return float(sum(kernel(rows, columns).sum() for rows, columns in blocks))

    def diagonal(a: Tensor, b: Tensor) -> float:
        return float((((a * b).mean(1, dtype=torch.float64) + 1) ** 3).sum())

    n, m = len(real), len(fake)
    within = (total(real, real) - diagonal(real, real)) / (n * (n - 1))
    within += (total(fake, fake) - diagonal(fake, fake)) / (m * (m - 1))
    if n == m:
        return within - 2 * (total(real, fake) - diagonal(real, fake)) / (n * (n - 1))
    return within - 2 * total(real, fake) / (n * m)


def frechet(real: Tensor, fake: Tensor) -> float:
    """Return the Frechet distance of Gaussians fitted to (N, D) and (M, D) features.

    With Inception's features it is the FID (Heusel et al. 2017). It is biased: compare only figures
    of equally many pictures.
    """
    (mean, root), (other_mean, other) = _mean_and_root(real), _mean_and_root(fake)
    # The trace of the root of S1 S2 is the nuclear norm of R1 R2^T: no root of a matrix is taken.
    shared = torch.linalg.svdvals(root @ other.T).sum()
    spread = (root**2).sum() + (other**2).sum() - 2 * shared
    return float(((mean - other_mean) ** 2).sum() + spread)


def nearest(fakes: Tensor, known: Tensor) -> tuple[Tensor, Tensor]:
    """Return for each of (N, D) the place of the nearest of (M, D), and their distance: (N,) each.

    The distance is 1 - cosine of features less the mean of the known ones: 0 for a copy, about 1 for two
    pictures that have nothing in common.
    """
    mean = known.mean(0, dtype=torch.float64)

    def direction(x: Tensor) -> Tensor:
        return torch.nn.functional.normalize(x.double() - mean, dim=1)

    towards = direction(known)
    best = [(direction(rows) @ towards.T).max(1) for rows in _blocks(fakes)]
    similarity, place = (torch.cat(parts) for parts in zip(*best, strict=True))
    return place, 1 - similarity


def kernel(a: Tensor, b: Tensor) -> Tensor:
    """Return (N, M) of the cubic kernel of (N, D) and (M, D) features, in float64."""
    return (a.double() @ b.double().T / a.shape[1] + 1) ** 3


def _blocks(features: Tensor, rows: int = _BLOCK) -> list[Tensor]:
    return [features[start : start + rows] for start in range(0, len(features), rows)]


def _mean_and_root(features: Tensor) -> tuple[Tensor, Tensor]:
    """Return the mean (D,) of (N, D) features, and R of which R^T R is their covariance."""
    mean = features.mean(0, dtype=torch.float64)
    root = mean.new_zeros(0, len(mean))
    for rows in _blocks(features):
        root = torch.linalg.qr(torch.cat([root, rows.double() - mean]), mode="r").R
    return mean, root / max(1, len(features) - 1) ** 0.5
