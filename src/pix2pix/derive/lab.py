"""CIE Lab under D65, in which the paper colourises: the source is L, the target a and b.

Arrays are (H, W, C): H rows, W columns, C channels.
"""

import numpy as np
import skimage  # which loads its parts where they are used

from pix2pix.errors import UserError
from pix2pix.pictures.codec import Array
from pix2pix.pictures.conform import without_alpha

LAB_RANGES = ((0.0, 100.0), (-110.0, 110.0))  # of L, and of a and b: sRGB lies within


def split_lab(rgb: Array) -> tuple[Array, Array]:
    """Return L (H, W, 1) in 0..100 and ab (H, W, 2) in about -110..110, float32, of sRGB (H, W, 1 to 4).

    Grey pictures have a and b near 0, alpha is ignored. Floats are sRGB in 0..1; raises UserError
    where they are not, and for pictures of other channels than grey or RGB.
    """
    colours = without_alpha(rgb)
    if colours.shape[2] not in (1, 3):
        raise UserError(f"A picture of {rgb.shape[2]} channels has no Lab: wanted grey or RGB.")
    if colours.dtype.kind == "f":
        least, most = colours.min(), colours.max()
        if least < -1e-3 or most > 1 + 1e-3:
            raise UserError(
                f"A float picture of values from {least:g} to {most:g} has no Lab: wanted sRGB in 0..1."
            )
        colours = colours.clip(0, 1).astype(np.float64)
    lab: Array = skimage.color.rgb2lab(np.broadcast_to(colours, (*colours.shape[:2], 3))).astype(np.float32)
    return lab[:, :, :1], lab[:, :, 1:]


def join_lab(L: Array, ab: Array) -> Array:
    """Return RGB (H, W, 3) float32 in 0..1, clipped to the gamut, of L (H, W, 1) and ab (H, W, 2)."""
    lab = np.concatenate([L, ab], axis=2, dtype=np.float64)
    # A larger b has a negative Z: no light has it, and scikit-image would warn for each picture.
    lab[:, :, 2] = np.minimum(lab[:, :, 2], 199.99 / 116 * (lab[:, :, 0] + 16))
    return np.asarray(skimage.color.lab2rgb(lab), np.float32)
