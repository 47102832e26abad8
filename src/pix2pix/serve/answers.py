"""A translation -> the bytes that the client accepts, by its Accept header."""

import re
from collections.abc import Sequence
from typing import get_args

import numpy as np

from pix2pix.model_file import Header
from pix2pix.pictures.codec import Array, Format, to_bytes
from pix2pix.pictures.conform import to_view
from pix2pix.serve.errors import RequestError

_WEIGHT = re.compile(r"0?\.\d+|0\.?|1(\.0*)?|")  # of a media range; 1 where it does not say
_LONGEST_PX = {"jpeg": 65_500, "webp": 16_383}
FORMATS: tuple[Format, ...] = get_args(Format)


def preferred_format(accept: str) -> Format:
    """Return what an Accept header prefers; PNG where it does not say.

    Raises RequestError where it accepts none.
    """
    ranges = re.findall(r"([^\s,;]+)(?:[^,]*?;\s*q=([^\s,;]*))?[^,]*", accept.lower() or "*/*")
    weights = {name: float(q or 1) if _WEIGHT.fullmatch(q) else 0.0 for name, q in ranges}

    def weight_of(kind: Format) -> float:
        names = (f"image/{kind}", "image/*", "*/*")
        return next((weights[name] for name in names if name in weights), 0.0)

    best = max(FORMATS, key=weight_of)  # the first of equals
    if not weight_of(best):
        raise RequestError(
            406,
            f"The client accepts '{accept}': there is {', '.join(f'image/{f}' for f in FORMATS)}.",
            "Send 'Accept: image/png'.",
        )
    return best


def check_size(height: int, width: int, kind: Format) -> None:
    """Raise RequestError where the format takes no picture of that size."""
    longest = _LONGEST_PX.get(kind)
    if longest and max(height, width) > longest:
        raise RequestError(
            406,
            f"The answer has {width} x {height} px, and {kind} takes up to {longest} a side.",
            "Take PNG: send 'Accept: image/png'.",
        )


def encode(pictures: Sequence[Array], header: Header, kind: Format) -> bytes:
    """Return one file of the variants side by side.

    What the format cannot hold is shown in 8 bits: floats and 16 bits (PNG holds these), and the
    first three of many channels.
    """
    whole, image = np.concatenate(pictures, axis=1), header.image
    depths, channels = (("uint8", "uint16"), (1, 2, 3, 4)) if kind == "png" else (("uint8",), (1, 3))
    if str(whole.dtype) not in depths or whole.shape[2] not in channels:
        photograph = image.photograph if image.made == "lab" else None
        whole = to_view(whole, photograph or image.target)
    return to_bytes(whole, kind)
