"""Augmentation: one draw for both halves of a pair, from an explicit generator.

The paper's are the random crop and the mirror (appendix 6.2); the others are off unless asked for.
"""

from dataclasses import dataclass

import numpy as np

from pix2pix.config import DataConfig
from pix2pix.pictures.codec import Array
from pix2pix.pictures.conform import like, luma
from pix2pix.pictures.contract import PictureContract


@dataclass(frozen=True)
class Draw:
    """What is done to one pair: the crop's corner in pixels from the top left, mirror, flip,
    quarter turns, and the changes of colour in -1 ... 1.
    """

    top: int
    left: int
    mirrored: bool
    flipped: bool
    turns: int
    colour: Array  # brightness, contrast, saturation

    def place(self, array: Array, size: tuple[int, int]) -> Array:
        """Return the (height, width, C) crop of an (H, W, C) array, mirrored, flipped and turned."""
        cut = array[self.top : self.top + size[0], self.left : self.left + size[1]]
        cut = cut[:, ::-1] if self.mirrored else cut
        cut = cut[::-1] if self.flipped else cut
        return np.rot90(cut, self.turns) if self.turns else cut

    def recolour(self, array: Array, contract: PictureContract, strength: float) -> Array:
        """Return the picture with its brightness, contrast and (of RGB) saturation changed."""
        brightness, contrast, saturation = 1 + strength * self.colour
        values = (array.astype(np.float32) - contract.low) / (contract.high - contract.low)
        values = (values - values.mean()) * contrast + values.mean() * brightness
        if array.shape[2] == 3:
            grey = luma(values)
            values = grey + (values - grey) * saturation
        values = values.clip(0, 1) * (contract.high - contract.low) + contract.low
        return like(values, array)


def draw(rng: np.random.Generator, config: DataConfig) -> Draw:
    """Return a draw from an explicit generator; always eight numbers, so that switches shift nothing."""
    top, left, mirror, flip, turn, *colour = rng.random(8)
    (height, width), (outer_height, outer_width) = config.size, config.resize
    return Draw(
        int(top * (outer_height - height + 1)),
        int(left * (outer_width - width + 1)),
        config.mirror and bool(mirror < 0.5),
        config.flip and bool(flip < 0.5),
        int(turn * 4) if config.turns else 0,
        2 * np.array(colour) - 1,
    )
