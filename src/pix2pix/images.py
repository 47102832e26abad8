"""The one place that knows pixels: arrays <-> tensors in [-1, 1], sizes, halves, grids.

Arrays are (H, W, C) uint8, uint16 or float32 (see `image_files`). Tensors are (C, H, W) float32: a
contract says which values become -1 and 1. One-hot label maps are kept as (H, W, 1) class indexes
until they become tensors of one channel a class.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from pix2pix import palettes
from pix2pix.contract import LARGEST, PictureContract
from pix2pix.errors import UserError
from pix2pix.image_files import Array, to_pillow

Side = Literal["left", "right", "whole"]
Fit = Literal["stretch", "crop", "pad"]

_LUMA = np.array([0.299, 0.587, 0.114], np.float32)  # Rec. 601, as Pillow's grey
_PREVIEW_PX = 192  # smaller pictures are enlarged in a grid


def half(array: Array, side: Side, name: str) -> Array:
    """One half of a side-by-side picture, or the whole; raises UserError for an odd width.

    `name` is what an error calls the picture.
    """
    height, width = array.shape[:2]
    if side == "whole":
        return array
    if width % 2:
        raise UserError(
            f"{name} is {width} x {height} px, so its halves differ in width: "
            "wanted source and target side by side, equally wide."
        )
    return array[:, : width // 2] if side == "left" else array[:, width // 2 :]


def conform(array: Array, contract: PictureContract, name: str, snap: bool = False) -> Array:
    """The picture in the contract's channels and depth; a one-hot label map as (H, W, 1) indexes.

    8 and 16 bits are scaled into each other; grey becomes colour and colour grey; transparency is
    laid on white, and what has none is opaque. With `snap` a label map's stray colours become the
    nearest class. Raises UserError that names the picture where this is not possible.
    """
    if contract.classes:
        palette = _palette(contract)
        # Class indexes are counts, which do not change with the depth.
        indexes = array.shape[2] == 1 and not palette.is_grey
        labels = array if indexes else to_depth(array, "uint8", name)
        index = palettes.to_index(labels, palette, snap=snap, name=name)
        return index if contract.one_hot else palettes.to_colours(index, palette)
    return _to_channels(to_depth(array, contract.depth, name), contract.channels, name)


def resize(array: Array, size: tuple[int, int], labels: bool = False) -> Array:
    """The picture at (height, width): antialiased bicubic, or the nearest pixel for labels."""
    if array.shape[:2] == size:
        return array
    method = Image.Resampling.NEAREST if labels else Image.Resampling.BICUBIC
    if array.dtype == np.uint8 and array.shape[2] in (1, 3):
        resized = np.asarray(to_pillow(array).resize(size[::-1], method))
        return resized.reshape(*size, array.shape[2])
    # Pillow resizes other depths one channel at a time, in float32, which holds 16 bits exactly.
    channels = (
        Image.fromarray(array[:, :, c].astype(np.float32)).resize(size[::-1], method)
        for c in range(array.shape[2])
    )
    stacked = np.stack([np.asarray(c) for c in channels], axis=2)
    if array.dtype == np.float32:
        return stacked
    return stacked.round().clip(0, LARGEST[str(array.dtype)]).astype(array.dtype)


def fit(array: Array, size: tuple[int, int], how: Fit, labels: bool = False) -> Array:
    """The picture at (height, width): stretched, or its shape kept by a centre crop or a mirror."""
    if how == "stretch":
        return resize(array, size, labels)
    height, width = array.shape[:2]
    pick = max if how == "crop" else min
    scale = pick(size[0] / height, size[1] / width)
    inner = resize(array, (max(1, round(height * scale)), max(1, round(width * scale))), labels)
    rows, columns = (_centred(n, wanted) for n, wanted in zip(inner.shape[:2], size, strict=True))
    return inner[rows][:, columns]


def mirrored(length: int, wanted: int, start: int = 0) -> NDArray[np.int64]:
    """Indexes start ... of 0 ... n-1, n-1 ... 0, 0 ...: a picture mirrored at its borders."""
    place = np.arange(start, start + wanted) % (2 * length)
    return np.minimum(place, 2 * length - 1 - place)


def to_tensor(array: Array, contract: PictureContract) -> Tensor:
    """(H, W, C) of the contract, or a batch (B, H, W, C) -> (C, H, W) float32 in [-1, 1]."""
    return from_levels(to_levels(array), contract)


def to_levels(array: Array) -> Tensor:
    """An array as a tensor of the same levels; 16 bits as int16 of the same bits.

    torch knows uint16, but can neither index nor count in it on every device.
    """
    ready = np.require(array, requirements=["C", "W"])  # torch warns of what it may not write to
    return torch.from_numpy(ready.view(np.int16) if ready.dtype == np.uint16 else ready)


def from_levels(levels: Tensor, contract: PictureContract) -> Tensor:
    """(..., H, W, C) levels on any device -> (..., C, H, W) float32 in [-1, 1].

    On the processor each channel is a plane of its own, which convolutions there like better by a
    tenth; on a GPU the channels of a pixel stay beside each other.
    """
    planes = levels.movedim(-1, -3)
    # A copy always: of one channel the strides alone would not say which it is.
    planes = planes.clone(memory_format=torch.contiguous_format) if levels.is_cpu else planes
    if contract.one_hot:
        classes = torch.arange(len(contract.classes), device=levels.device)
        return (planes == classes[:, None, None]).float().mul_(2).sub_(1)
    if levels.dtype == torch.int16:
        planes = planes.int() & 0xFFFF
    shifted = planes - contract.low if contract.low else planes
    return (shifted * (2 / (contract.high - contract.low))).sub_(1)


def to_array(tensor: Tensor, contract: PictureContract) -> Array:
    """(C, H, W) in [-1, 1], or a batch -> (H, W, C) in the contract's depth.

    Integers are rounded to the nearest level; a one-hot label map becomes its classes' colours.
    """
    return from_rounded(rounded(tensor, contract).cpu(), contract)


def rounded(tensor: Tensor, contract: PictureContract) -> Tensor:
    """The part of `to_array` that a GPU does: (..., C, H, W) -> (..., H, W, C) levels.

    Of 8 bits they are uint8, a quarter of what came in; of 16 bits int32.
    """
    values = tensor.detach().float().movedim(-3, -1)
    if contract.one_hot:
        return values.argmax(-1, keepdim=True).to(torch.uint8)
    scaled = values.add(1).mul_((contract.high - contract.low) / 2).add_(contract.low)
    if contract.depth == "float32":
        return scaled
    whole = scaled.round_().clamp_(0, LARGEST[contract.depth])
    return whole.to(torch.uint8 if contract.depth == "uint8" else torch.int32)


def from_rounded(levels: Tensor, contract: PictureContract) -> Array:
    """The rest of `to_array`, on the processor."""
    array: Array = levels.numpy()
    if contract.one_hot:
        return palettes.to_colours(array, _palette(contract))
    return array.astype(contract.depth) if str(array.dtype) != contract.depth else array


def to_view(array: Array, contract: PictureContract) -> NDArray[np.uint8]:
    """(H, W, 3) uint8 of any picture, for a person to look at: the first one or three channels."""
    shown = array if array.shape[2] >= 3 else array[:, :, :1]
    scaled = (shown[:, :, :3].astype(np.float32) - contract.low) / (contract.high - contract.low)
    view = (scaled * 255).round().clip(0, 255).astype(np.uint8)
    return np.repeat(view, 3, axis=2) if view.shape[2] == 1 else view


def grid(rows: Sequence[Sequence[NDArray[np.uint8]]], titles: Sequence[str]) -> Image.Image:
    """(H, W, 3) pictures in rows under column titles; small ones are enlarged."""
    times = max(1, -(-_PREVIEW_PX // rows[0][0].shape[1]))
    height, width = (n * times for n in rows[0][0].shape[:2])
    gap, head = 6, 22
    size = (len(titles) * (width + gap) + gap, head + len(rows) * (height + gap))
    sheet = Image.new("RGB", size, "white")
    pen, font = ImageDraw.Draw(sheet), ImageFont.load_default(13)
    for column, title in enumerate(titles):
        left = gap + column * (width + gap)
        pen.text((left + width / 2, head / 2), title, "black", font, anchor="mm")
        for row, pictures in enumerate(rows):
            shown = to_pillow(pictures[column]).resize((width, height), Image.Resampling.NEAREST)
            sheet.paste(shown, (left, head + row * (height + gap)))
    return sheet


def to_depth(array: Array, depth: str, name: str) -> Array:
    """The picture in a depth: 8 and 16 bits are scaled; raises UserError for float and others."""
    if str(array.dtype) == depth:
        return array
    if depth == "float32" or array.dtype == np.float32:
        raise UserError(f"{name} holds {array.dtype}, the other pictures {depth}: wanted one kind.")
    if depth == "uint16":
        return array.astype(np.uint16) * np.uint16(257)
    return (array / 257).round().astype(np.uint8)


def _to_channels(array: Array, channels: int, name: str) -> Array:
    found = array.shape[2]
    if found == channels:
        return array
    if found > 4 or channels > 4:
        raise UserError(f"{name} has {found} channels: wanted {channels}.")
    if found in (2, 4) and channels in (1, 3):
        return _to_channels(_on_white(array), channels, name)
    if channels in (2, 4):
        alpha = (
            array[:, :, -1:] if found in (2, 4) else np.full_like(array[:, :, :1], _white(array))
        )
        colours = _to_channels(array[:, :, : found - (found in (2, 4))], channels - 1, name)
        return np.concatenate([colours, alpha], axis=2)
    if found == 1:
        return np.repeat(array, 3, axis=2)
    grey = (array.astype(np.float32) @ _LUMA)[:, :, None]
    return grey if array.dtype == np.float32 else grey.round().astype(array.dtype)


def _white(array: Array) -> float:
    return 1.0 if array.dtype == np.float32 else LARGEST[str(array.dtype)]


def _on_white(array: Array) -> Array:
    white = _white(array)
    alpha = array[:, :, -1:].astype(np.float32) / white
    mixed = array[:, :, :-1] * alpha + white * (1 - alpha)
    laid: Array = (mixed if array.dtype == np.float32 else mixed.round()).astype(array.dtype)
    return laid


def _centred(length: int, wanted: int) -> NDArray[np.int64]:
    return mirrored(length, wanted, (length - wanted) // 2 % (2 * length))


def _palette(contract: PictureContract) -> palettes.Palette:
    return palettes.Palette(
        tuple(c.name for c in contract.classes), tuple(c.colour for c in contract.classes)
    )
