"""How often each value occurs, of pictures of any depth; sums of many pictures take no more room.

Axes: H rows, W columns, C channels.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Array = NDArray[Any]

BINS = 256


@dataclass(frozen=True)
class Histogram:
    """Counts (C, BINS) of the values from `low` to `high`."""

    low: float
    high: float
    counts: Array

    def __add__(self, other: Histogram) -> Histogram:
        """Both together, over the range of both; the channels must be as many."""
        low, high = min(self.low, other.low), max(self.high, other.high)
        return Histogram(low, high, self._over(low, high) + other._over(low, high))

    def _over(self, low: float, high: float) -> Array:
        """The counts over a wider range; nothing is lost between powers of two, as floats have."""
        if (low, high) == (self.low, self.high):
            return self.counts
        centres = self.low + (np.arange(BINS) + 0.5) * (self.high - self.low) / BINS
        places = ((centres - low) / (high - low) * BINS).astype(int)
        wider = [np.bincount(places, channel, BINS) for channel in self.counts]
        return np.stack(wider).round().astype(np.int64)


def histogram(array: Array, picture: Image.Image) -> Histogram:
    """Counts of the values of (H, W, C); floats over the next powers of two around them.

    `picture` is the same as Pillow sees it, which counts 8 bits four times as fast.
    """
    channels = array.shape[2]
    if array.dtype == np.float32:
        return _of_floats(array)
    if array.dtype == np.uint8 and len(picture.getbands()) == channels:
        return Histogram(0, 256, np.array(picture.histogram()).reshape(channels, BINS))
    levels, top = (array, 256) if array.dtype == np.uint8 else (array >> 8, 65536)
    counts = [np.bincount(levels[:, :, c].ravel(), minlength=BINS) for c in range(channels)]
    return Histogram(0, top, np.stack(counts))


def _of_floats(array: Array) -> Histogram:
    low, high = float(array.min()), float(array.max())
    reach = 2.0 ** float(np.ceil(np.log2(max(-low, high, 1e-6))))
    bounds = (0.0 if low >= 0 else -reach, reach)
    counts = [np.histogram(array[:, :, c], BINS, bounds)[0] for c in range(array.shape[2])]
    return Histogram(*bounds, np.stack(counts))
