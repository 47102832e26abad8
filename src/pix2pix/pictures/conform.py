"""A picture brought into the channels and the depth of a contract."""

from __future__ import annotations

import numpy as np

from pix2pix.errors import UserError
from pix2pix.pictures import palette as palettes
from pix2pix.pictures.codec import Array
from pix2pix.pictures.contract import LARGEST, PictureContract

_LUMA = np.array([0.299, 0.587, 0.114], np.float32)  # Rec. 601, as Pillow's grey


def conform(array: Array, contract: PictureContract, name: str, snap: bool = False) -> Array:
    """The picture in the contract's channels and depth; a one-hot label map as (H, W, 1) indexes.

    8 and 16 bits are scaled into each other; grey becomes colour and colour grey; transparency is
    laid on white, and what has none is opaque. With `snap` a label map's stray colours become the
    nearest class. Raises UserError that names the picture where this is not possible.
    """
    if contract.classes:
        classes = palettes.of_contract(contract)
        # Class indexes are counts, which do not change with the depth.
        indexes = array.shape[2] == 1 and not classes.is_grey
        labels = array if indexes else to_depth(array, "uint8", name)
        index = palettes.to_index(labels, classes, snap=snap, name=name)
        return index if contract.one_hot else palettes.to_colours(index, classes)
    return _to_channels(to_depth(array, contract.depth, name), contract.channels, name)


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
        alpha = array[:, :, -1:] if found in (2, 4) else np.full_like(array[:, :, :1], _white(array))
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
