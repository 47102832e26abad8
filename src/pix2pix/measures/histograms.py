"""Do the colours come out as often as in real pictures? Lab marginals (the paper's figure 7)."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from pix2pix.derive.lab import LAB_RANGES, split_lab
from pix2pix.pictures.codec import Array

CHANNELS = ("L", "a", "b")
_BINS = 110  # of 0.9 or 2 Lab units


def edges(channel: int) -> NDArray[np.float64]:
    """Return the borders of the bins of L (0), a (1) or b (2)."""
    return np.linspace(*LAB_RANGES[min(channel, 1)], _BINS + 1)


def lab_counts(pictures: Iterable[Array]) -> NDArray[np.int64]:
    """Count the pixels of RGB pictures (H, W, 3) by L, a and b: (3, bins)."""
    counts = np.zeros((len(CHANNELS), _BINS), np.int64)
    for picture in pictures:
        lab = np.concatenate(split_lab(picture), axis=2)
        for channel in range(len(CHANNELS)):
            counts[channel] += np.histogram(lab[:, :, channel], edges(channel))[0]
    return counts


def intersections(real: NDArray[np.int64], fake: NDArray[np.int64]) -> dict[str, float]:
    """Return the shared area of two sets' marginals: 1 where colours are equally frequent.

    real, fake: (3, bins) of `lab_counts`.
    """
    shares = [counts / np.maximum(counts.sum(1, keepdims=True), 1) for counts in (real, fake)]
    return dict(zip(CHANNELS, np.minimum(*shares).sum(1).tolist(), strict=True))
