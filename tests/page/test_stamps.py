"""Stamps follow from what recurs in label maps."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from pix2pix.page.stamps import Stamp, find_stamps

NAMES = ("wall", "window", "sill", "shutter", "sky")
SWATCHES = [(name, f"#00000{number}") for number, name in enumerate(NAMES, 1)]
WALL, WINDOW, SILL, SHUTTER, SKY = range(5)


def street(with_sill: int) -> NDArray[np.uint8]:
    """Return a wall of eight windows under a sky; some have a sill, half of these shutters too."""
    labels = np.full((100, 200), WALL, np.uint8)
    labels[:20] = SKY
    for number in range(8):
        left, top = 10 + 48 * (number % 4), 30 + 35 * (number // 4)
        labels[top : top + 16, left + 8 : left + 18] = WINDOW
        if number < with_sill:
            labels[top + 16 : top + 20, left + 6 : left + 20] = SILL
        if number < with_sill // 2:
            labels[top : top + 16, left + 4 : left + 8] = SHUTTER
            labels[top : top + 16, left + 18 : left + 22] = SHUTTER
    return labels


def test_a_rare_part_comes_with_its_frequent_middle() -> None:
    stamps = find_stamps([street(4), street(4)], SWATCHES, WALL, (50, 100))
    assert [stamp.name for stamp in stamps] == ["window + sill + shutter", "window"]
    boxes = {(part.colour, part.box[0] > 0): part.box for part in stamps[0].parts}
    # At half the size of the maps, from the middle of the window.
    assert boxes["#000002", False] == pytest.approx((-2.5, -4, 5, 8))
    assert boxes["#000003", False] == pytest.approx((-3.5, 4, 7, 2))
    assert boxes["#000004", False] == pytest.approx((-4.5, -4, 2, 8))
    assert boxes["#000004", True] == pytest.approx((2.5, -4, 2, 8))


def test_without_maps_or_things_there_are_no_stamps() -> None:
    sky = np.full((32, 32), SKY, np.uint8)
    assert find_stamps([], SWATCHES, WALL, (32, 32)) == ()
    assert find_stamps([sky, sky], SWATCHES, WALL, (32, 32)) == ()


def test_ignored_pixels_are_no_things() -> None:
    labels = street(0)
    labels[labels == WINDOW] = 255
    assert find_stamps([labels], SWATCHES, WALL, (100, 200)) == tuple[Stamp, ...]()
