"""Lab marginals against scikit-image."""

import numpy as np
import pytest
from skimage.color import rgb2lab

from pix2pix.measures.histograms import CHANNELS, edges, intersections, lab_counts


def pictures(seed: int, low: int = 0, high: int = 256) -> np.ndarray:
    return np.random.default_rng(seed).integers(low, high, (3, 16, 16, 3), np.uint8)


def test_counts_are_those_of_scikit_image() -> None:
    batch = pictures(0)
    lab = rgb2lab(batch)
    counts = lab_counts(batch)
    for channel in range(3):
        assert counts[channel].sum() == batch[..., 0].size
        expected = np.histogram(lab[..., channel], edges(channel))[0]
        assert np.abs(counts[channel] - expected).sum() <= 4  # a value on a border may fall to either side


def test_equal_sets_share_everything_and_dull_ones_little() -> None:
    real = lab_counts(pictures(1))
    assert intersections(real, real) == pytest.approx(dict.fromkeys(CHANNELS, 1.0))
    grey = np.repeat(pictures(2)[..., :1], 3, axis=3)
    shared = intersections(real, lab_counts(grey))
    assert shared["L"] > shared["a"]
    assert shared["b"] < 0.2
