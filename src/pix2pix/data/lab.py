"""CIE Lab of photographs, made per batch: as float32, L and ab take four times the bytes of 8-bit RGB.

The same formulas twice: in torch for batches on any device, and in numpy, to the last bit, for the
digest of the data that runs remember since the first version.

B batch, C channels, H height, W width.
"""

import numpy as np
import torch
from torch import Tensor

from pix2pix.derive.lab import LAB_RANGES
from pix2pix.pictures.codec import Array
from pix2pix.pictures.contract import LARGEST, PictureContract

# Linear sRGB -> XYZ (IEC 61966-2-1), each row divided by its sum, which is the white D65.
_XYZ = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
_XYZ /= _XYZ.sum(1, keepdims=True)
_DARK = 6 / 29  # where Lab's cube root goes on as a straight line


def split(photograph: Tensor, contract: PictureContract) -> tuple[Tensor, Tensor]:
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
