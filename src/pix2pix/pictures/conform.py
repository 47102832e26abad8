"""A picture brought into the channels and the depth of a contract, or of a screen."""

import numpy as np

from pix2pix.errors import UserError
from pix2pix.pictures import palette as palettes
from pix2pix.pictures.codec import Array
from pix2pix.pictures.contract import PictureContract, largest_value
from pix2pix.pictures.missing import as_missing, missing, without_data

_NO_DATA = 128  # the grey of pixels without data on a screen
_LUMA = np.array([0.299, 0.587, 0.114], np.float32)  # Rec. 601, as Pillow's grey and JPEG's Y


def conform(array: Array, contract: PictureContract, name: str, snap: bool = False) -> Array:
    """Return the picture in the contract's channels and depth; a one-hot label map as (H, W, 1) indexes.

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
    array = as_missing(array, contract.fill)
    gone = missing(array, contract.fill)
    if gone.any() and contract.fill is None:
        raise UserError(
            f"{name} holds values that are not finite: wanted numbers.",
            "A model learns from pixels without data (NaN) only where its training pictures have them.",
        )
    if gone.any() and (str(array.dtype), array.shape[2]) != (contract.depth, contract.channels):
        # Neither blended with others nor scaled.
        numbers = _converted(np.where(gone, array[~gone].min(initial=0), array), contract, name)
        at = np.broadcast_to(gone.any(axis=2, keepdims=True), numbers.shape)
        return without_data(numbers, at, contract.fill)
    return _converted(array, contract, name)


def _converted(array: Array, contract: PictureContract, name: str) -> Array:
    """Return the picture in the contract's channels and depth."""
    kinds = {str(array.dtype), contract.depth}
    if contract.clip and kinds == {"uint8", "uint16"}:
        return _in_stated_range(to_channels(array, contract.channels, name), contract)
    return to_channels(to_depth(array, contract.depth, name), contract.channels, name)


def _in_stated_range(array: Array, contract: PictureContract) -> Array:
    """Return 8 or 16 bits in the contract's depth: from black to white is the range that was stated."""
    share = array / np.float32(largest_value(str(array.dtype)))
    levels = share * np.float32(contract.high - contract.low) + np.float32(contract.low)
    return np.asarray(levels.round().clip(0, largest_value(contract.depth)), contract.depth)


def to_view(array: Array, contract: PictureContract) -> Array:
    """Return (H, W, 3) uint8 of any picture for the screen: its first one or three channels."""
    shown = array if array.shape[2] >= 3 else array[:, :, :1]
    scaled = (shown[:, :, :3].astype(np.float32) - contract.low) / (contract.high - contract.low)
    view = np.nan_to_num(scaled * 255, nan=_NO_DATA).round().clip(0, 255).astype(np.uint8)
    return np.repeat(view, 3, axis=2) if view.shape[2] == 1 else view


def as_map(values: Array) -> Array:
    """Return (H, W, 1) uint8 of values (H, W) from 0 on: white at their maximum."""
    return (values / max(float(values.max()), 1e-6) * 255).round().astype(np.uint8)[:, :, None]


def to_depth(array: Array, depth: str, name: str) -> Array:
    """Return the picture in a depth, 8 and 16 bits scaled; raise UserError for float and others."""
    if str(array.dtype) == depth:
        return array
    if depth == "float32" or array.dtype == np.float32:
        raise UserError(f"{name} holds {array.dtype}, the other pictures {depth}: wanted one kind.")
    if depth == "uint16":
        return array.astype(np.uint16) * np.uint16(257)
    return (array / 257).round().astype(np.uint8)


def to_channels(array: Array, channels: int, name: str) -> Array:
    """Return (H, W, C) with that many channels: grey, RGB, and either with alpha become each other.

    Raises UserError that names the picture for other numbers of channels.
    """
    present = array.shape[2]
    if present == channels:
        return array
    if present > 4 or channels > 4:
        raise UserError(f"{name} has {present} channels: wanted {channels}.")
    white = largest_value(str(array.dtype))
    if channels in (2, 4):
        alpha = array[:, :, -1:] if present in (2, 4) else np.full_like(array[:, :, :1], white)
        colours = to_channels(without_alpha(array), channels - 1, name)
        return np.concatenate([colours, alpha], axis=2)
    if present in (2, 4):
        opacity = array[:, :, -1:].astype(np.float32) / white
        on_white = like(array[:, :, :-1] * opacity + white * (1 - opacity), array)
        return to_channels(on_white, channels, name)
    return np.repeat(array, 3, axis=2) if present == 1 else like(luma(array), array)


def without_alpha(array: Array) -> Array:
    """Return the grey or the colours of (H, W, 2 or 4), the whole of other pictures."""
    return array[:, :, :-1] if array.shape[2] in (2, 4) else array


def luma(rgb: Array) -> Array:
    """Return the brightness (H, W, 1) of (H, W, 3) RGB in the same units."""
    return np.asarray(rgb.astype(np.float32) @ _LUMA)[:, :, None]


def like(values: Array, array: Array) -> Array:
    """Return the values in the type of an array, rounded to its levels."""
    return (values.round() if array.dtype.kind == "u" else values).astype(array.dtype)
