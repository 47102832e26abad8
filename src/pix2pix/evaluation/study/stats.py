"""Rates of a study with bootstrap intervals: participants are drawn anew, not answers.

Answers of one participant are alike, so that drawing them one by one would make intervals too narrow. The
percentiles are corrected for bias and skew (BCa): at the paper's rates of a few percent plain ones cover less
than they promise (80 instead of 88 of 100 studies of 50 participants who differ much, at a rate of 1 %).
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import bootstrap

_AT_A_TIME = 1_000  # resamples, so that memory stays small with thousands of participants


class Percentage(NamedTuple):
    """A share from 0 to 100, and the ends of its interval; None where participants tell nothing of them."""

    value: float
    low: float | None
    high: float | None


def percentage(
    shares: ArrayLike, level: float = 0.95, resamples: int = 10_000, seed: int = 0
) -> Percentage | None:
    """Return the mean over participants, with its bootstrap interval; None without participants.

    shares: (participants,) from 0 to 1. There is no interval for one participant, and none where all have the
    same share: resampling would return it each time.
    """
    share = np.asarray(shares, float)
    if not share.size:
        return None
    value = round(float(100 * share.mean()), 2)
    if np.ptp(share) == 0:
        return Percentage(value, None, None)
    low, high = bootstrap(
        (share,),
        np.mean,
        confidence_level=level,
        n_resamples=resamples,
        batch=_AT_A_TIME,
        method="BCa",
        rng=np.random.default_rng(seed),
    ).confidence_interval
    return Percentage(value, round(float(100 * low), 2), round(float(100 * high), 2))
