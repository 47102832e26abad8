"""CIE Lab under D65, in which the paper colourises: the source is L, the target a and b.

Pictures are split by scikit-image. Batches are split on their device, since float32 L and ab would
take four times the bytes of 8-bit RGB in the store. The same formulas in numpy give, to the last
bit, the digest of the data that runs remember since the first version.

B batch, C channels, H height, W width.
"""

import numpy as np
import skimage  # which loads its parts where they are used
import torch
from torch import Tensor

from pix2pix.errors import UserError
from pix2pix.pictures.codec import Array
from pix2pix.pictures.conform import without_alpha
from pix2pix.pictures.contract import LARGEST, PictureContract

LAB_RANGES = ((0.0, 100.0), (-110.0, 110.0))  # of L, and of a and b: sRGB lies within
# Linear sRGB -> XYZ (IEC 61966-2-1), each row divided by its sum, which is the white D65.
_XYZ = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
_XYZ /= _XYZ.sum(1, keepdims=True)
_DARK = 6 / 29  # where Lab's cube root goes on as a straight line


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


def split_tensor(photograph: Tensor, contract: PictureContract) -> tuple[Tensor, Tensor]:
    """Split sRGB (B, 3, H, W) into L (B, 1, H, W) and ab (B, 2, H, W), all in [-1, 1].

    Every constant is a number and no tensor: a captured step cannot copy from the host.
    """
    span = (contract.high - contract.low) / 2
    rgb = ((photograph + 1) * span + contract.low) / LARGEST.get(contract.depth, 1.0)
    light = torch.where(rgb <= 0.04045, rgb / 12.92, ((rgb.clamp(0, 1) + 0.055) / 1.055) ** 2.4)
    red, green, blue = light.unbind(1)
    xyz = torch.stack([r * red + g * green + b * blue for r, g, b in _XYZ.tolist()])
    x, y, z = torch.where(xyz > _DARK**3, xyz ** (1 / 3), xyz / (3 * _DARK**2) + 4 / 29)
    (_, lightest), (_, most) = LAB_RANGES
    ab = torch.stack([500 * (x - y), 200 * (y - z)], dim=1)
    return (116 * y - 16).unsqueeze(1) * (2 / lightest) - 1, ab / most


def for_digest(photograph: Array) -> tuple[Array, Array]:
    """Split sRGB (H, W, 3) into L and ab in float32, as the first version stored and hashed them."""
    rgb = photograph.clip(0, LARGEST.get(str(photograph.dtype), 1.0)).astype(np.float64)
    rgb /= LARGEST.get(str(photograph.dtype), 1.0)
    light = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    xyz = light @ _XYZ.T
    root = np.where(xyz > _DARK**3, np.cbrt(xyz), xyz / (3 * _DARK**2) + 4 / 29)
    x, y, z = np.moveaxis(root, -1, 0)
    ab = np.stack([500 * (x - y), 200 * (y - z)], axis=-1)
    return (116 * y - 16)[:, :, None].astype(np.float32), ab.astype(np.float32)
