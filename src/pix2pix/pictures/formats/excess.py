"""Files that hold more than a picture of their size can need: refused before they are unpacked.

A decoder works through all of it: thousands of scans of one picture, or gigabytes behind its last row.
"""

import struct
import zlib
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import BinaryIO, NamedTuple

import tifffile

from pix2pix.pictures.formats import jpeg
from pix2pix.pictures.formats.opening import MOST_PARTS, TABLES_BYTES, ExcessError, Head
from pix2pix.pictures.formats.tiff_pages import blocks, picture_parts

_ALWAYS_SCANS = 16  # encoders write up to a dozen
_MOST_SCANNED = 1_000  # megapixels times scans, where there are more than those
_STRANGERS_PARTS = 50_000  # half of what a file of one's own may have
_PIXEL_BYTES = 16  # of a stranger's picture of up to four channels; 16 bits take 8
_METADATA_BYTES = 2_000_000  # of a stranger's file of which only the whole length is known
_SAMPLES = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}  # of a PNG's pixel, by its type of colours


class _Chunk(NamedTuple):
    """A chunk of a PNG: its kind, and where its content is."""

    kind: bytes
    place: int
    length: int


def refuse_excess(file: BinaryIO, head: Head, *, strict: bool = False) -> None:
    """Raise ExcessError for more scans, parts or bytes than a picture with that head can need.

    `strict` is for strangers' files: their bytes are counted in every format, and of PNG also unpacked.
    """
    place = file.tell()
    match head.kind:
        case "JPEG" | "MPO":
            _check_scans(jpeg.count_scans(file), head)
        case "PNG":
            _check_png(file, head.frames, _STRANGERS_PARTS if strict else MOST_PARTS, unpack=strict)
    if strict and head.kind != "PNG":  # whose bytes its own depth limits
        _check_bytes(file, head)
    file.seek(place)


def _check_bytes(file: BinaryIO, head: Head) -> None:
    """Raise ExcessError for more bytes, scans or parts than a stranger's picture can need."""
    file.seek(0)
    match head.kind:
        case "JPEG" | "MPO":
            scans, count = jpeg.measure_scans(file.read(), _STRANGERS_PARTS)
            _check_scans(scans, head)
        case "TIFF":
            count = _count_tiff(file)
        case _:
            count = file.seek(0, 2) - _METADATA_BYTES
    if count > TABLES_BYTES + int(_PIXEL_BYTES * head.height * head.width * max(1, head.channels / 4)):
        raise _too_much(head.height, head.width)


def _count_tiff(file: BinaryIO) -> int:
    """Return the bytes of all strips and tiles, which may share them."""
    with tifffile.TiffFile(file) as opened:
        return sum(count for part in picture_parts(opened) for _, count, _ in blocks(part))


def _check_scans(scans: int, head: Head) -> None:
    megapixels = head.height * head.width / 1e6
    if scans > jpeg.MOST_SCANS or (scans > _ALWAYS_SCANS and scans * megapixels > _MOST_SCANNED):
        raise ExcessError(f"it is stored in {scans:,} scans, wanted up to {_ALWAYS_SCANS}")


def _check_png(file: BinaryIO, frames: int, most_parts: int, *, unpack: bool) -> None:
    file.seek(16)
    width, height, bits, colours = struct.unpack(">IIBB", file.read(10))
    row_bytes = width * bits * _SAMPLES.get(colours, 4) // 8 + 16  # interlaced rows have a few more
    most = TABLES_BYTES + int(1.1 * frames * height * row_bytes)
    chunks = list(_png_chunks(file, most_parts))
    packed = sum(chunk.length for chunk in chunks if chunk.kind in (b"IDAT", b"fdAT"))
    # Pillow stops behind the last row. imagecodecs, which reads 16 bits and keyed levels, unpacks everything.
    by_imagecodecs = bits == 16 or any(chunk.kind == b"tRNS" for chunk in chunks)
    if packed > most or (unpack and by_imagecodecs and _unpacks_to_more(file, chunks, most)):
        raise _too_much(height, width)


def _unpacks_to_more(file: BinaryIO, chunks: Sequence[_Chunk], most: int) -> bool:
    """Return whether the rows of a PNG unpack to more bytes than `most`."""
    unpacker, unpacked = zlib.decompressobj(), 0
    with suppress(zlib.error):  # which the decoder reports
        for chunk in chunks:
            if chunk.kind == b"IDAT":
                file.seek(chunk.place)
                content = file.read(chunk.length)
                while content and unpacked <= most:
                    unpacked += len(unpacker.decompress(content, most + 1 - unpacked))
                    content = unpacker.unconsumed_tail
    return unpacked > most


def _png_chunks(file: BinaryIO, most_parts: int) -> Iterator[_Chunk]:
    """Yield each chunk up to the end's."""
    place = 8
    for _ in range(most_parts):
        file.seek(place)
        head = file.read(8)
        if len(head) < 8 or head[4:] == b"IEND":
            return
        chunk = _Chunk(head[4:], place + 8, int.from_bytes(head[:4]))
        yield chunk
        place = chunk.place + chunk.length + 4  # of the checksum
    raise ExcessError(f"it has more than {most_parts:,} parts")


def _too_much(height: int, width: int) -> ExcessError:
    return ExcessError(f"it holds more data than {width} x {height} px can need")
