"""The paper's augmentation (appendix 6.2): random crop and mirror, one draw for both halves."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pix2pix.images import Array


@dataclass(frozen=True)
class Draw:
    """What is done to one pair: the crop's corner in pixels from the top left, and the mirror."""

    top: int
    left: int
    mirrored: bool

    def apply(self, array: Array, size_px: int) -> Array:
        """The (size_px, size_px, C) crop of an (H, W, C) array, mirrored left to right or not."""
        cut = array[self.top : self.top + size_px, self.left : self.left + size_px]
        return cut[:, ::-1] if self.mirrored else cut


def draw(rng: np.random.Generator, resize_px: int, size_px: int, mirror: bool) -> Draw:
    """A draw from an explicit generator; always three numbers, so that switches shift nothing."""
    top, left, coin = rng.random(3)
    places = resize_px - size_px + 1
    return Draw(int(top * places), int(left * places), mirror and bool(coin < 0.5))
