"""The segments of a JPEG: in how many scans it is stored, and which size it claims within a TIFF."""

import re
from collections.abc import Iterator
from io import BytesIO
from typing import BinaryIO

from pix2pix.pictures.formats.opening import MOST_PARTS, TABLES_BYTES, ExcessError

MOST_SCANS = 100
_CHUNK_BYTES = 1 << 20
_SCAN = b"\xff\xda"
_FRAMES = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}  # markers that begin a picture
_WITH_LENGTH = re.compile(rb"\xff[^\x00\x01\xff\xd0-\xd8]")  # markers that a length follows
_END = b"\xff\xd9"
_PROGRESSIVE = (0xC2, 0xC6, 0xCA, 0xCE)


def count_scans(file: BinaryIO) -> int:
    """Return in how many scans a JPEG is stored; 1 is not counted but known by its head."""
    components, progressive = 0, False
    for marker, length in _segments(file):
        if marker == _SCAN[1]:
            if not progressive and file.read(1)[:1] >= bytes([components]):
                return 1
            return 1 + _count_rest(file)
        content = file.read(length) if marker in _FRAMES else b""
        if len(content) > 5:
            components, progressive = content[5], marker in _PROGRESSIVE
    return 0  # the decoder says what is wrong


def measure_scans(data: bytes, most_parts: int) -> tuple[int, int]:
    """Return how many scans there are, up to MOST_SCANS + 1, and the bytes from the first one to the end.

    All markers are visited, those behind the first scan too; raises ExcessError for more than `most_parts`.
    """
    scans, first, place = 0, len(data), 2
    for _ in range(most_parts):
        marker = _WITH_LENGTH.search(data, place)
        if not marker or marker[0] == _END or scans > MOST_SCANS:
            end = marker.start() if marker else len(data)
            return scans, end - min(first, end)
        if marker[0] == _SCAN:
            scans, first = scans + 1, min(first, marker.start())
        place = marker.end() + int.from_bytes(data[marker.end() : marker.end() + 2])
    raise ExcessError(f"it has more than {most_parts:,} parts")


def check_block(data: bytes, height: int, width: int) -> None:
    """Raise ExcessError for a strip or tile of a TIFF that is a JPEG of many scans, or of a far larger size.

    Its decoder would unpack all of it, and only then compare.
    """
    if data.count(_SCAN) > MOST_SCANS:
        raise ExcessError(f"a part of it is stored in more than {MOST_SCANS} scans")
    file = BytesIO(data)
    for marker, _ in _segments(file):
        if marker in _FRAMES:
            content = file.read(5)
            rows, columns = int.from_bytes(content[1:3]), int.from_bytes(content[3:])
            if rows * columns > TABLES_BYTES + 4 * height * width:
                raise ExcessError(f"a part of {width} x {height} px is a JPEG of {columns} x {rows} px")
            return


def _count_rest(file: BinaryIO) -> int:
    """Return how many scans begin in the rest of a file."""
    count, last = 0, b""
    while chunk := file.read(_CHUNK_BYTES):
        count += (last + chunk).count(_SCAN)
        last = chunk[-1:]
    return count


def _segments(file: BinaryIO) -> Iterator[tuple[int, int]]:
    """Yield the marker of each segment, and how many bytes of content follow, which may be read."""
    place = 2
    for _ in range(MOST_PARTS):
        file.seek(place)
        marker, place = _next_marker(file), file.tell()
        length = int.from_bytes(file.read(2))
        if length < 2 or not marker:
            return
        yield marker, length - 2
        place += length
    raise ExcessError(f"it has more than {MOST_PARTS:,} parts")


def _next_marker(file: BinaryIO) -> int:
    """Return the marker that a segment begins with; 0 where there is none."""
    if file.read(1) != b"\xff":
        return 0
    while (byte := file.read(1)) == b"\xff":  # filling
        pass
    return byte[0] if byte else 0
