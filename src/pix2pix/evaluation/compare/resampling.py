"""Differences of two runs' scores with paired bootstrap intervals.

Pictures are drawn anew with replacement, the same ones for every run: what makes a picture hard for all runs
cancels. An interval holds the middle 95 % of the differences of all resamples. Fixed seed.

N pictures, R resamples, D features.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.stats import norm

from pix2pix.measures.distances import kernel

Values = NDArray[np.float64]
RESAMPLES = 2000
_ENDS = (0.025, 0.975)
_ROWS_AT_ONCE = 1024
_FEW = 2  # pictures, too few for an interval


class Difference(NamedTuple):
    """How much a run's score is above the first one's, and the ends of the interval if there is one."""

    value: float
    low: float | None = None
    high: float | None = None


class Resamples:
    """How often each of N pictures is drawn in each of R resamples: (R, N)."""

    def __init__(self, pictures: int, resamples: int = RESAMPLES, seed: int = 0) -> None:
        random = np.random.default_rng(seed)
        # One resample at a time, and 16 bits: the counts of many pictures are large.
        self.counts = np.empty((resamples, pictures), np.uint16)
        for row in self.counts:
            row[:] = random.multinomial(pictures, np.full(pictures, 1 / pictures))

    def of_means(self, first: Values, other: Values) -> Difference:
        """Return the difference of means of (N,) scores; pictures without finite ones are left out."""
        finite = np.isfinite(first) & np.isfinite(other)
        if not finite.any():
            return Difference(float("nan"))
        difference = np.where(finite, other - np.where(finite, first, 0), 0)
        drawn = self._totals(np.stack([difference, finite], axis=1).astype(float))
        with np.errstate(invalid="ignore"):  # a resample of no finite score
            means = drawn[:, 0] / drawn[:, 1]
        return self._interval(float(difference.sum() / finite.sum()), means, int(finite.sum()))

    def of_sums(
        self,
        first: NDArray[np.number],
        other: NDArray[np.number],
        scores: Callable[[Values], Mapping[str, float]],
    ) -> dict[str, Difference]:
        """Return the differences of scores that are functions of a sum over (N, ...) counts."""
        names = list(scores(np.asarray(first).sum(0, dtype=float)))
        points, drawn = [], []
        for counts in (first, other):
            table = [
                [*scores(total.reshape(counts.shape[1:])).values()]
                for total in self._totals(counts.reshape(len(counts), -1))
            ]
            drawn.append(np.array(table))
            points.append([*scores(counts.sum(0, dtype=float)).values()])
        difference = np.subtract(points[1], points[0])
        return {
            name: self._interval(float(difference[i]), (drawn[1] - drawn[0])[:, i], len(first))
            for i, name in enumerate(names)
        }

    def of_kid(self, real: torch.Tensor, first: torch.Tensor, other: torch.Tensor) -> Difference:
        """Return the difference of two KIDs from the same (N, D) real features, already scaled.

        A picture that is drawn twice is not compared with itself: its kernel would look like a set
        without variety. So a resample, too, is a mean over pairs of different pictures, and unbiased.
        """
        count = len(real)
        weights = torch.from_numpy(self.counts.astype(float))
        drawn, point = torch.zeros(len(weights), dtype=torch.float64), 0.0
        for start in range(0, count, _ROWS_AT_ONCE):
            rows = slice(start, start + _ROWS_AT_ONCE)
            crossed = kernel(real[rows], other) - kernel(real[rows], first)
            pairs = kernel(other[rows], other) - kernel(first[rows], first) - 2 * crossed
            places = torch.arange(len(pairs))
            pairs[places, start + places] = 0
            drawn += ((weights[:, rows] @ pairs) * weights).sum(1)
            point += float(pairs.sum())
        drawn_pairs = (count**2 - weights.square().sum(1)).clamp_min(1)
        return self._interval(point / (count * (count - 1)), (drawn / drawn_pairs).numpy(), count)

    def _totals(self, values: NDArray[np.number]) -> Values:
        """Return the sums (R, F) of (N, F) over the pictures of each resample."""
        totals = np.zeros((len(self.counts), values.shape[1]))
        for start in range(0, len(values), _ROWS_AT_ONCE):
            rows = slice(start, start + _ROWS_AT_ONCE)
            totals += self.counts[:, rows].astype(float) @ values[rows].astype(float)
        return totals

    def _interval(self, value: float, drawn: Values, pictures: int) -> Difference:
        finite = drawn[np.isfinite(drawn)]
        if pictures <= _FEW or not len(finite):
            return Difference(value)
        # Half of the resamples lie above an unbiased score; shares of areas and classes are biased a little.
        share = np.mean(finite < value) + np.mean(finite == value) / 2
        bias = norm.ppf(np.clip(share, 1 / len(finite), 1 - 1 / len(finite)))
        low, high = np.percentile(finite, 100 * norm.cdf(2 * bias + norm.ppf(_ENDS)))
        return Difference(value, float(low), float(high))
