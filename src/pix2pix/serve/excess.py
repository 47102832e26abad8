"""Files that hold more than a picture of their size can need: refused before they are unpacked.

A decoder works through all of it: thousands of scans of one picture, or gigabytes that are unpacked
behind its last row.
"""

import io
import re
import zlib
from collections.abc import Iterator, Sequence
from contextlib import suppress

import tifffile

from pix2pix.errors import UserError
from pix2pix.pictures.formats.opening import Head
from pix2pix.pictures.formats.tiff_pages import picture_parts

MOST_SCANS = 100  # encoders write up to a dozen
_MOST_PARTS = 50_000  # chunks or segments of one file
_PIXEL_BYTES = 16  # of up to four channels; 16 bits take 8
_TABLES_BYTES = 65_536  # what small pictures may have besides
_METADATA_BYTES = 2_000_000  # where only the length of the whole file is known
SAVE_ANEW = "Save it anew with another program."

_JPEG_MARKER = re.compile(rb"\xff[^\x00\x01\xff\xd0-\xd8]")  # those that a length follows
_JPEG_SCAN, _JPEG_END = b"\xff\xda", b"\xff\xd9"


class ExcessError(UserError):
    """A picture that costs more than its size can need."""


def refuse_excess(data: bytes, head: Head, name: str) -> None:
    """Raise ExcessError for more scans, parts or bytes than a picture with that head can need."""
    most = _TABLES_BYTES + int(_PIXEL_BYTES * head.height * head.width * max(1, head.channels / 4))
    scans: Sequence[int] = ()
    count = len(data) - _METADATA_BYTES
    match head.kind:
        case "JPEG" | "MPO":
            scans, count = _jpeg(data, name)
        case "PNG":
            count = _png(data, name, most)
        case "TIFF":
            scans, count = _tiff(data)
    if max(scans, default=0) > MOST_SCANS:
        raise ExcessError(f"{name} is stored in more than {MOST_SCANS} scans.", SAVE_ANEW)
    if count > most:
        raise ExcessError(
            f"{name} holds more data than {head.width} x {head.height} px can need ({most / 1e6:.1f} MB).",
            SAVE_ANEW,
        )


def _jpeg(data: bytes, name: str) -> tuple[Sequence[int], int]:
    """Return how many scans there are, and the bytes from the first one on."""
    scans, first, position = 0, len(data), 2
    for _ in range(_MOST_PARTS):
        marker = _JPEG_MARKER.search(data, position)
        if not marker or marker[0] == _JPEG_END or scans > MOST_SCANS:
            end = marker.start() if marker else len(data)
            return [scans], end - min(first, end)
        if marker[0] == _JPEG_SCAN:
            scans, first = scans + 1, min(first, marker.start())
        position = marker.end() + int.from_bytes(data[marker.end() : marker.end() + 2])
    raise _too_many_parts(name)


def _png(data: bytes, name: str, most: int) -> int:
    """Return the bytes of the pixels, packed or unpacked, whichever are more; up to about `most`."""
    chunks = list(_png_chunks(data, name))
    packed = [content for kind, content in chunks if kind == b"IDAT"]
    unpacked = 0
    # Pillow stops behind the last row; the decoder of the others unpacks all.
    if data[24:25] == b"\x10" or any(kind == b"tRNS" for kind, _ in chunks):
        unpacker = zlib.decompressobj()
        with suppress(zlib.error):  # which the decoder reports
            for content in packed:
                while content and unpacked <= most:
                    unpacked += len(unpacker.decompress(content, most + 1 - unpacked))
                    content = unpacker.unconsumed_tail
    return max(sum(map(len, packed)), unpacked)


def _png_chunks(data: bytes, name: str) -> Iterator[tuple[bytes, bytes]]:
    """Yield the kind and the content of each chunk."""
    position = 8
    for _ in range(_MOST_PARTS):
        count, kind = int.from_bytes(data[position : position + 4]), data[position + 4 : position + 8]
        if len(kind) < 4 or kind == b"IEND":
            return
        yield kind, data[position + 8 : position + 8 + count]
        position += 12 + count
    raise _too_many_parts(name)


def _tiff(data: bytes) -> tuple[Sequence[int], int]:
    """Return how many scans each strip or tile has, and the bytes of all."""
    with tifffile.TiffFile(io.BytesIO(data)) as opened:
        pages = [page for part in picture_parts(opened) for page in getattr(part, "pages", (part,)) if page]
        places = [
            (place, count)
            for page in pages
            for place, count in zip(page.dataoffsets, page.databytecounts, strict=False)
        ]
        packed = any("JPEG" in page.keyframe.compression.name for page in pages)
    scans = [data.count(_JPEG_SCAN, place, place + count) for place, count in places] if packed else []
    return scans, sum(count for _, count in places)


def _too_many_parts(name: str) -> ExcessError:
    return ExcessError(f"{name} has more than {_MOST_PARTS:,} parts.", SAVE_ANEW)
