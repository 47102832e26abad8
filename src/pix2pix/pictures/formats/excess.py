"""Files that hold more than a picture of their size can need: refused before they are unpacked.

A decoder works through all of it: thousands of scans of one picture, or gigabytes behind its last row.
"""

import struct
import zlib
from collections.abc import Iterator
from contextlib import suppress
from typing import BinaryIO

import tifffile

from pix2pix.pictures.formats import jpeg
from pix2pix.pictures.formats.opening import MOST_PARTS, TABLES_BYTES, ExcessError, Head
from pix2pix.pictures.formats.tiff_pages import blocks, picture_parts

_ALWAYS_SCANS = 16  # encoders write up to a dozen
_MOST_SCANNED = 1_000  # megapixels times scans, where there are more than those
_PIXEL_BYTES = 16  # of a stranger's picture of up to four channels; 16 bits take 8
_METADATA_BYTES = 2_000_000  # of a stranger's file of which only the whole length is known
_SAMPLES = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}  # of a PNG's pixel, by its type of colours


def refuse_excess(file: BinaryIO, head: Head, *, strict: bool = False) -> None:
    """Raise ExcessError for more scans, parts or bytes than a picture with that head can need.

    `strict` is for strangers' files: their bytes are counted in every format, and of PNG also unpacked.
    """
    place = file.tell()
    match head.kind:
        case "JPEG" | "MPO":
            _check_scans(jpeg.count_scans(file), head.height * head.width / 1e6)
        case "PNG":
            _check_png(file, head.frames, unpack=strict)
    if strict:
        most = TABLES_BYTES + int(_PIXEL_BYTES * head.height * head.width * max(1, head.channels / 4))
        if _count_bytes(file, head.kind) > most:
            raise _too_much(head.height, head.width)
    file.seek(place)


def _count_bytes(file: BinaryIO, kind: str) -> int:
    """Return the bytes of a picture's data: of all strips and tiles, which may share them, or of the file."""
    if kind == "TIFF":
        file.seek(0)
        with tifffile.TiffFile(file) as opened:
            return sum(count for part in picture_parts(opened) for _, count, _ in blocks(part))
    return file.seek(0, 2) - _METADATA_BYTES


def _check_scans(scans: int, megapixels: float) -> None:
    if scans > jpeg.MOST_SCANS or (scans > _ALWAYS_SCANS and scans * megapixels > _MOST_SCANNED):
        raise ExcessError(f"it is stored in {scans:,} scans, wanted up to {_ALWAYS_SCANS}")


def _check_png(file: BinaryIO, frames: int, *, unpack: bool) -> None:
    file.seek(16)
    width, height, bits, colours = struct.unpack(">IIBB", file.read(10))
    row_bytes = width * bits * _SAMPLES.get(colours, 4) // 8 + 16  # interlaced rows have a few more
    most = TABLES_BYTES + int(1.1 * frames * height * row_bytes)
    chunks = list(_png_chunks(file))
    packed = sum(count for kind, count in chunks if kind in (b"IDAT", b"fdAT"))
    # Pillow stops behind the last row. imagecodecs, which reads 16 bits and keyed levels, unpacks everything.
    by_imagecodecs = bits == 16 or any(kind == b"tRNS" for kind, _ in chunks)
    if packed > most or (unpack and by_imagecodecs and _unpacks_to_more(file, most)):
        raise _too_much(height, width)


def _unpacks_to_more(file: BinaryIO, most: int) -> bool:
    """Return whether the rows of a PNG unpack to more bytes than `most`."""
    unpacker, unpacked = zlib.decompressobj(), 0
    with suppress(zlib.error):  # which the decoder reports
        for kind, count in _png_chunks(file):
            content = file.read(count) if kind == b"IDAT" else b""
            while content and unpacked <= most:
                unpacked += len(unpacker.decompress(content, most + 1 - unpacked))
                content = unpacker.unconsumed_tail
    return unpacked > most


def _png_chunks(file: BinaryIO) -> Iterator[tuple[bytes, int]]:
    """Yield the kind of each chunk, and how many bytes of content follow, which may be read."""
    place = 8
    for _ in range(MOST_PARTS):
        file.seek(place)
        head = file.read(8)
        if len(head) < 8 or head[4:] == b"IEND":
            return
        count = int.from_bytes(head[:4])
        yield head[4:], count
        place += 12 + count
    raise ExcessError(f"it has more than {MOST_PARTS:,} parts")


def _too_much(height: int, width: int) -> ExcessError:
    return ExcessError(f"it holds more data than {width} x {height} px can need")
