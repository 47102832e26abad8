"""Shifts that are there are measured, and none is seen where pictures repeat themselves."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from pix2pix.datasets.check.alignment import find_shift
from tests.helpers import noise


def test_the_shift_of_a_picture_to_itself_is_exact_to_a_fraction_of_a_pixel() -> None:
    picture = np.asarray(Image.fromarray(noise(40, 40)).resize((128, 128)))
    shift = find_shift(picture, np.roll(picture, (3, -7), (0, 1)))
    assert shift.misaligned
    assert (shift.right * 128, shift.down * 128) == pytest.approx((-7, 3), abs=0.3)
    assert not find_shift(picture, picture).misaligned


def test_what_repeats_itself_is_not_misaligned() -> None:
    stripes = np.tile(noise(1, 8).repeat(96, axis=0), (1, 12, 1))
    assert not find_shift(stripes, np.roll(stripes, 4, axis=1)).misaligned
    assert not find_shift(stripes, noise(96, 96)).misaligned
