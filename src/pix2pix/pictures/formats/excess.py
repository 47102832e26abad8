"""Files that hold more than a picture of their size can need: refused before they are unpacked.

A decoder works through all of it: thousands of scans of one picture, or gigabytes behind its last row.
"""

import struct
from collections.abc import Iterator
from typing import BinaryIO

from pix2pix.pictures.formats.opening import Head, PictureError

MOST_SCANS = 100  # encoders write up to a dozen
_ALWAYS_SCANS = 16
_MOST_SCANNED = 1_000  # megapixels times scans, where there are more than those
_MOST_PARTS = 100_000  # chunks or segments of one file
_TABLES_BYTES = 65_536  # what small pictures may have besides
_CHUNK_BYTES = 1 << 20
_SCAN = b"\xff\xda"
_FRAMES = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}  # markers that begin a picture
_PROGRESSIVE = (0xC2, 0xC6, 0xCA, 0xCE)
_SAMPLES = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}  # of a PNG's pixel, by its type of colours


def refuse_excess(file: BinaryIO, head: Head) -> None:
    """Raise PictureError for more scans, parts or bytes than a picture with that head can need."""
    place = file.tell()
    if head.kind in ("JPEG", "MPO"):
        _check_scans(count_scans(file), head.height * head.width / 1e6)
    if head.kind == "PNG":
        _check_png(file, head.frames)
    file.seek(place)


def count_scans(file: BinaryIO) -> int:
    """Return in how many scans a JPEG is stored; 1 is not counted but known by its head."""
    file.seek(2)
    components, progressive = 0, False
    for marker, length in _segments(file):
        if marker == _SCAN[1]:
            if not progressive and file.read(1)[:1] >= bytes([components]):
                return 1
            return 1 + occurrences(file, _SCAN)
        content = file.read(length) if marker in _FRAMES else b""
        if len(content) > 5:
            components, progressive = content[5], marker in _PROGRESSIVE
    return 0  # the decoder says what is wrong


def refuse_large_jpeg(file: BinaryIO, place: int, height: int, width: int) -> None:
    """Raise PictureError where the JPEG at that place of a file claims far more than that part of a picture.

    Its decoder would unpack all of it, and only then compare.
    """
    file.seek(place + 2)
    for marker, _ in _segments(file):
        if marker in _FRAMES:
            content = file.read(5)
            rows, columns = int.from_bytes(content[1:3]), int.from_bytes(content[3:])
            if rows * columns > _TABLES_BYTES + 4 * height * width:
                raise PictureError(f"a part of {width} x {height} px is a JPEG of {columns} x {rows} px")
            return


def occurrences(file: BinaryIO, word: bytes) -> int:
    """Return how often two bytes stand in the rest of a file."""
    count, last = 0, b""
    while chunk := file.read(_CHUNK_BYTES):
        count += (last + chunk).count(word)
        last = chunk[-1:]
    return count


def _segments(file: BinaryIO) -> Iterator[tuple[int, int]]:
    """Yield the marker of each segment of a JPEG, and how many bytes of content follow, which may be read."""
    for _ in range(_MOST_PARTS):
        marker, place = _next_marker(file), file.tell()
        length = int.from_bytes(file.read(2))
        if length < 2 or not marker:
            return
        yield marker, length - 2
        file.seek(place + length)
    raise PictureError(f"it has more than {_MOST_PARTS:,} parts")


def _next_marker(file: BinaryIO) -> int:
    """Return the marker that a segment begins with; 0 where there is none."""
    if file.read(1) != b"\xff":
        return 0
    while (byte := file.read(1)) == b"\xff":  # filling
        pass
    return byte[0] if byte else 0


def _check_scans(scans: int, megapixels: float) -> None:
    if scans > MOST_SCANS or (scans > _ALWAYS_SCANS and scans * megapixels > _MOST_SCANNED):
        raise PictureError(f"it is stored in {scans:,} scans, wanted up to {_ALWAYS_SCANS}")


def _check_png(file: BinaryIO, frames: int) -> None:
    file.seek(16)
    width, height, bits, colours = struct.unpack(">IIBB", file.read(10))
    row_bytes = width * bits * _SAMPLES.get(colours, 4) // 8 + 16  # interlaced rows have a few more
    most = _TABLES_BYTES + int(1.1 * frames * height * row_bytes)
    file.seek(8)
    packed = 0
    for _ in range(_MOST_PARTS):
        head = file.read(8)
        if len(head) < 8 or head[4:] == b"IEND":
            return
        count = int.from_bytes(head[:4])
        packed += count if head[4:] in (b"IDAT", b"fdAT") else 0
        if packed > most:
            raise PictureError(f"it holds more data than {width} x {height} px can need")
        file.seek(count + 4, 1)
    raise PictureError(f"it has more than {_MOST_PARTS:,} parts")
