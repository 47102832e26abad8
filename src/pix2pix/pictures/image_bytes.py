"""Pictures that come and go over a wire: bytes <-> arrays, without files.

Fewer formats than `image_files` reads: those that browsers show.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Literal

import numpy as np
from PIL import Image

from pix2pix.pictures.codec import Array, Head, checked, decode, in_words, to_pillow

Format = Literal["png", "jpeg", "webp"]

# Among all that Pillow reads there are formats that start other programs.
READ = ("PNG", "JPEG", "WEBP", "BMP", "GIF")


def read_bytes(data: bytes, name: str, accept: Callable[[Head], None]) -> Array:
    """(H, W, C) uint8 or uint16 of a PNG, JPEG, WebP, BMP or GIF; `name` is what errors call it.

    `accept` is called before anything is unpacked, and refuses what it likes by raising UserError:
    there is no other limit. Of an animation that it lets pass, the first picture is taken. Raises
    UserError for what is broken or none of these.
    """
    with in_words(name, lambda: len(data)):
        Image.MAX_IMAGE_PIXELS = None  # else Pillow's limit comes before `accept`
        return checked(decode(io.BytesIO(data), accept, READ), name)


def to_bytes(array: Array, kind: Format) -> bytes:
    """The file of (H, W, C) uint8, or for PNG also uint16, with 1 to 4 channels (JPEG: 1 or 3).

    For one reader, now: PNG is packed for speed, WebP with loss.
    """
    if kind == "png":
        return _png(array)
    out, options = io.BytesIO(), {"quality": 92}
    options |= {"subsampling": 0} if kind == "jpeg" else {"method": 0}
    to_pillow(array).save(out, kind, **options)
    return out.getvalue()


def _png(array: Array) -> bytes:
    """Rows as differences from their neighbours, packed only where a value repeats.

    At 256 px in 2 ms, where Pillow takes 33 ms at its own setting and 9 ms at its lightest; the
    files of photographs are about as large.
    """
    import imagecodecs

    png = imagecodecs.PNG
    ordered = np.ascontiguousarray(array)  # the encoder takes no other
    return bytes(
        imagecodecs.png_encode(
            ordered[:, :, 0] if array.shape[2] == 1 else ordered,
            level=1,
            filter=png.FILTER.PAETH,
            strategy=png.STRATEGY.RLE,
        )
    )
