"""Groups of pairs that show the same."""

from __future__ import annotations

import numpy as np

from pix2pix.datasets.check.duplicates import same_pairs
from tests.helpers import noise


def test_smooth_pictures_of_little_contrast_are_not_the_same() -> None:
    rng = np.random.default_rng(0)
    thumbnails = (128 + rng.normal(0, 2, (50, 2, 8, 8, 3))).astype(np.uint8)
    digests = np.arange(100, dtype=np.uint64).reshape(50, 2)
    assert same_pairs(digests, thumbnails) == []


def test_links_between_copies_join_into_one_group() -> None:
    digests = np.array([[1, 1], [2, 2], [1, 1], [3, 3], [2, 2]], np.uint64)
    thumbnails = np.stack([np.stack([noise(8, 8, seed=s)] * 2) for s in (0, 0, 0, 1, 0)])
    assert same_pairs(digests, thumbnails) == [[0, 1, 2, 4]]


def test_one_pair_has_no_copy() -> None:
    assert same_pairs(np.array([[1, 2]], np.uint64), np.stack([[noise(8, 8)] * 2])) == []
