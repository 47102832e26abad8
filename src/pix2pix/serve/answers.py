"""A translation -> the bytes that the client wants, by its Accept header."""

from __future__ import annotations

from collections.abc import Sequence
from typing import get_args

import numpy as np

from pix2pix.model_file import Header
from pix2pix.pictures import view
from pix2pix.pictures.codec import Array, Format, to_bytes
from pix2pix.pictures.contract import PictureContract
from pix2pix.serve.problems import RequestError

FORMATS: tuple[Format, ...] = get_args(Format)
_LONGEST_PX = {"jpeg": 65_500, "webp": 16_383}


def wanted_format(accept: str) -> Format:
    """What an Accept header likes best; PNG where it does not say.

    Raises RequestError where it likes none.
    """
    ranges = dict(_quality(part) for part in (accept or "*/*").split(","))

    def liked(kind: Format) -> float:
        steps = (f"image/{kind}", "image/*", "*/*")
        return next((ranges[step] for step in steps if step in ranges), 0.0)

    best = max(FORMATS, key=liked)  # the first of equals
    if not liked(best):
        raise RequestError(
            406,
            f"The client accepts '{accept}': there is {', '.join(f'image/{f}' for f in FORMATS)}.",
            "Send 'Accept: image/png'.",
        )
    return best


def check_size(height: int, width: int, kind: Format) -> None:
    """Raises RequestError where the format takes no picture of that size."""
    longest = _LONGEST_PX.get(kind)
    if longest and max(height, width) > longest:
        raise RequestError(
            406,
            f"The answer has {width} x {height} px, and {kind} takes up to {longest} a side.",
            "Take PNG: send 'Accept: image/png'.",
        )


def encode(pictures: Sequence[Array], header: Header, kind: Format) -> bytes:
    """One file of the variants side by side.

    What the format cannot hold is shown in 8 bits: floats and 16 bits (PNG holds these), and the
    first three of many channels.
    """
    whole = np.concatenate(pictures, axis=1) if len(pictures) > 1 else pictures[0]
    depths, channels = (("uint8", "uint16"), (1, 2, 3, 4)) if kind == "png" else (("uint8",), (1, 3))
    if str(whole.dtype) not in depths or whole.shape[2] not in channels:
        whole = view.to_view(whole, _contract(header))
    return to_bytes(whole, kind)


def _contract(header: Header) -> PictureContract:
    image = header.image
    return image.photograph if image.made == "lab" and image.photograph else image.target


def _quality(part: str) -> tuple[str, float]:
    """A range of types and how much it is liked, from 0 to 1."""
    name, *options = (piece.strip().lower() for piece in part.split(";"))
    given = next((option[2:] for option in options if option.startswith("q=")), "1")
    try:
        quality = float(given)
    except ValueError:
        return name, 0.0
    return name, quality if 0 <= quality <= 1 else 0.0
