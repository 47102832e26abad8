"""Files and connections that mean harm."""

from __future__ import annotations

import struct
import zlib

from tests.helpers import chunk, noise
from tests.serve.helpers import file_of


def jpeg_of_scans(count: int, side_px: int = 64) -> bytes:
    """A progressive JPEG whose last scan comes again and again."""
    whole = file_of(noise(side_px, side_px), "JPEG", progressive=True)
    last = whole.rfind(b"\xff\xda")
    return whole[:-2] + whole[last:-2] * (count - whole.count(b"\xff\xda")) + whole[-2:]


def png_of(bits: int, unpacked: bytes, *more: bytes, side_px: int = 64) -> bytes:
    """A grey PNG with these pixels, packed; `more` are chunks before them."""
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", side_px, side_px, bits, 0, 0, 0, 0))
    body = chunk(b"IDAT", zlib.compress(unpacked, 9)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + head + b"".join(more) + body


def overlong_png(bits: int = 16) -> bytes:
    """A PNG of 64 px with 100 MB behind its last row, in 97 kB."""
    return png_of(bits, bytes(100_000_000))


def many_chunks(count: int) -> bytes:
    """A PNG with so many parts that say nothing."""
    return png_of(8, bytes(64 * 65), *[chunk(b"teSt", b"")] * count)
