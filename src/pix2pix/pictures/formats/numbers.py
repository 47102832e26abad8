"""Arrays of any shape and type -> (H, W, C) uint8, uint16 or float32, without loss, or a sentence."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from pix2pix.errors import UserError
from pix2pix.pictures.contract import MAX_CHANNELS

Array = NDArray[Any]
_EXACT = 2**24  # up to here float32 holds every whole number
_MANY = 16  # channels; as many of a picture that is less high and as wide are more likely its width


def checked(array: Array, name: str, fill: float | None = None) -> Array:
    """Return (H, W, C) uint8, uint16 or float32 of (H, W) or (H, W, C); errors call it `name`.

    Signed numbers and those of 32 and 64 bits become float32, where that holds them exactly. NaN, and
    in other than uint8 and uint16 the value `fill`, become NaN: pixels without data.
    """
    if array.ndim == 2:
        array = array[:, :, None]
    if array.ndim != 3 or 0 in array.shape:
        raise UserError(f"{name} has shape {array.shape}: wanted height x width x channels.")
    if array.shape[2] > MAX_CHANNELS:
        raise UserError(
            f"{name} has {array.shape[2]} channels: wanted up to {MAX_CHANNELS}, in the last axis."
        )
    if array.dtype == bool:
        return array.astype(np.uint8) * np.uint8(255)
    native = array.dtype.newbyteorder("=")
    if native in (np.uint8, np.uint16):
        return np.ascontiguousarray(array, native)
    if array.dtype.kind not in "iuf":
        raise UserError(f"{name} holds {array.dtype}: wanted 8 or 16 bits, whole numbers, or float.")
    return _as_float(array, name, fill)


def channels_last(array: Array, name: str) -> Array:
    """Return (H, W, C) of (C, H, W) where it can be nothing else; raise UserError where it may be either."""
    if array.ndim != 3:
        return array
    first, middle, last = array.shape
    if last > MAX_CHANNELS >= first < middle:
        return np.moveaxis(array, 0, 2)
    if first < min(middle, last) >= _MANY:
        raise UserError(
            f"{name} has shape {array.shape}, as height x width x channels a picture of {first} px height "
            f"with {last} channels.",
            "If its first axis are channels, save it with channels last: np.moveaxis(array, 0, -1).",
        )
    return array


def _as_float(array: Array, name: str, fill: float | None) -> Array:
    missing = np.isnan(array) if array.dtype.kind == "f" else np.zeros(array.shape, np.bool_)
    if fill is not None and not np.isnan(fill):
        missing |= array == _in_type(fill, array.dtype)
    if array.dtype.kind in "iu" and not missing.all():
        low, high = (int(extreme(array[~missing])) for extreme in (np.min, np.max))
        if max(-low, high) > _EXACT:
            raise UserError(
                f"{name} holds {array.dtype} from {low:,} to {high:,}: wanted whole numbers up to "
                f"{_EXACT:,}, which float holds exactly.",
                "Subtract or divide them, or convert them to float yourself.",
            )
    with np.errstate(over="ignore"):  # what is too large for float32 is refused below
        values = array.astype(np.float32)
    values[missing] = np.nan
    if np.isinf(values).any():
        raise UserError(
            f"{name} holds values that are not finite: wanted numbers.", "Pixels without data may be NaN."
        )
    return values


def _in_type(value: float, kind: np.dtype[Any]) -> Any:
    """Return the value as an array of this type holds it; one outside equals nothing."""
    if kind.kind == "f":
        with np.errstate(over="ignore"):
            return kind.type(value)
    return value
