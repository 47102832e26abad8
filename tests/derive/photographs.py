"""Photographs for the tests of this folder."""

import numpy as np

from pix2pix.pictures.codec import Array
from tests.helpers import noise

DEPTHS = ("uint8", "uint16", "float32")


def photograph(height: int, width: int, dtype: str = "uint8", channels: int = 3) -> Array:
    """Noise over the depth's range; floats from 0 to 1."""
    picture = noise(height, width, channels)
    if dtype == "uint16":
        return picture.astype(np.uint16) * 257
    return picture if dtype == "uint8" else (picture / 255).astype(np.float32)
