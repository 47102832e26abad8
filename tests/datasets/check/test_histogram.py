"""Histograms count every value once, and add over different ranges."""

from __future__ import annotations

import numpy as np
from PIL import Image

from pix2pix.datasets.check.histogram import BINS, Histogram, histogram
from tests.helpers import noise


def test_histograms_count_every_pixel() -> None:
    array = noise(20, 30)
    values = histogram(array, Image.fromarray(array))
    assert np.array_equal(values.counts[1], np.bincount(array[:, :, 1].ravel(), minlength=BINS))
    many = histogram(noise(20, 30, 6), Image.fromarray(array))
    assert isinstance(many, Histogram)
    assert many.counts.sum() == 20 * 30 * 6


def test_histograms_of_different_ranges_add_without_loss() -> None:
    picture = Image.new("L", (1, 1))
    first = histogram(np.array([[[0.1], [0.9]]], np.float32), picture)
    second = histogram(np.array([[[-3.0], [3.9]]], np.float32), picture)
    both = first + second
    assert (first.low, first.high, both.low, both.high) == (0, 1, -4, 4)
    places = ((np.array([0.1, 0.9, -3.0, 3.9]) + 4) / 8 * BINS).astype(int)
    assert np.flatnonzero(both.counts[0]).tolist() == sorted(places.tolist())
