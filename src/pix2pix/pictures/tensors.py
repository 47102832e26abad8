"""Arrays <-> tensors in [-1, 1]: nothing else converts. Without data a tensor is NaN.

Arrays are (H, W, C) uint8, uint16 or float32 (see `codec`). Tensors are (C, H, W) float32: a
contract says which values become -1 and 1. One-hot label maps are kept as (H, W, 1) class indexes
until they become tensors of one channel a class; ignored pixels are -1 in all of them.

Levels are the numbers as they are stored, channels last; planes are levels, channels first.
"""

import numpy as np
import torch
from torch import Tensor

from pix2pix.pictures import palette as palettes
from pix2pix.pictures.codec import Array
from pix2pix.pictures.contract import IGNORED, LARGEST, PictureContract


def to_tensor(array: Array, contract: PictureContract) -> Tensor:
    """Return (C, H, W) float32 in [-1, 1] of (H, W, C), or a batch of (B, H, W, C)."""
    return from_levels(to_levels(array), contract)


def to_levels(array: Array) -> Tensor:
    """Return an array as a tensor of the same levels; 16 bits as int16 of the same bits.

    torch knows uint16, but can neither index nor count in it on every device.
    """
    ready = np.require(array, requirements=["C", "W"])  # torch warns of read-only memory
    return torch.from_numpy(ready.view(np.int16) if ready.dtype == np.uint16 else ready)


def from_levels(levels: Tensor, contract: PictureContract) -> Tensor:
    """Return (..., C, H, W) float32 in [-1, 1] of (..., H, W, C) levels, on any device."""
    planes = levels.movedim(-1, -3)
    # Always a copy: the strides of a single channel do not show its layout.
    planes = planes.clone(memory_format=torch.contiguous_format) if levels.is_cpu else planes
    return from_planes(planes, contract)


def from_planes(planes: Tensor, contract: PictureContract) -> Tensor:
    """Return (..., C, H, W) levels on any device as float32 in [-1, 1].

    On the processor each channel stays a plane, which makes convolutions a tenth faster there; on
    a GPU a batch becomes channels_last.
    """
    if planes.is_cuda and planes.ndim == 4:
        planes = planes.contiguous(memory_format=torch.channels_last)
    if contract.one_hot:
        classes = torch.arange(len(contract.classes), device=planes.device)
        return (planes == classes[:, None, None]).float().mul_(2).sub_(1)
    if planes.dtype == torch.int16:
        planes = planes.int() & 0xFFFF
    levels = planes
    shifted = planes - contract.low if contract.low else planes
    scaled = (shifted * (2 / (contract.high - contract.low))).sub_(1)
    scaled = scaled.clamp_(-1, 1) if contract.clip else scaled
    if not isinstance(contract.fill, float) or contract.depth == "float32":
        return scaled  # floats have NaN where they have no data
    return scaled.masked_fill((levels == contract.fill).all(-3, keepdim=True), torch.nan)


def network_input(source: Tensor, contract: PictureContract) -> Tensor:
    """Return sources in [-1, 1] as a network takes them: 0, as beyond the border, where they have no data."""
    return source if contract.fill is None else source.masked_fill(source.isnan(), 0)


def to_array(tensor: Tensor, contract: PictureContract) -> Array:
    """Return (H, W, C) in the contract's depth of (C, H, W) in [-1, 1], or a batch of a batch.

    Integers are rounded to the nearest level; a one-hot label map becomes its classes' colours.
    """
    return from_rounded(rounded(tensor, contract).cpu(), contract)


def rounded(tensor: Tensor, contract: PictureContract) -> Tensor:
    """Return (..., H, W, C) levels of (..., C, H, W): the part of `to_array` that a GPU does.

    8 bits come as uint8, a quarter of the float32 to copy; 16 bits as int32.
    """
    values = tensor.detach().float().movedim(-3, -1)
    if contract.one_hot:
        classes = values.argmax(-1, keepdim=True)
        if contract.ignored:
            classes[ignored_pixels(values, -1)] = IGNORED
        return classes.to(torch.uint8)
    scaled = values.add(1).mul_((contract.high - contract.low) / 2).add_(contract.low)
    if contract.depth == "float32":
        return scaled
    largest, gone = LARGEST[contract.depth], scaled.isnan()
    whole = scaled.round_().clamp_(0, largest)
    if isinstance(contract.fill, float):
        # Only pixels without data have the fill value: others that come to it take the next level.
        following = contract.fill + (1 if contract.fill < largest else -1)
        whole = whole.masked_fill((whole == contract.fill).all(-1, keepdim=True), following)
        whole = whole.masked_fill(gone, contract.fill)
    return whole.to(torch.uint8 if contract.depth == "uint8" else torch.int32)


def ignored_pixels(one_hot: Tensor, axis: int) -> Tensor:
    """Return where no class has a share: True in a tensor whose channels, along the axis, are 1.

    Probabilities of K classes are never so: the largest is at least 1 / K.
    """
    return one_hot.amax(axis, keepdim=True) <= -1


def from_rounded(levels: Tensor, contract: PictureContract) -> Array:
    """Return the array of rounded levels: the rest of `to_array`, on the processor."""
    array: Array = levels.numpy()
    if contract.one_hot:
        return palettes.to_colours(array, palettes.of_contract(contract))
    return array.astype(contract.depth) if str(array.dtype) != contract.depth else array
