import io
from pathlib import Path
from typing import Any

import pytest
import tifffile

from pix2pix.pictures.codec import read_bytes
from pix2pix.serve.excess import MOST_SCANS, ExcessError, refuse_excess
from tests.helpers import chunk, noise
from tests.serve.helpers import file_of
from tests.serve.hostile import jpeg_of_scans, many_chunks, overlong_png, png_of


def check(data: bytes) -> None:
    """Read what a decoder would get, with the check."""
    read_bytes(data, "The upload", lambda head: refuse_excess(data, head, "The upload"))


def tiff_of(compression: str) -> bytes:
    out = io.BytesIO()
    tifffile.imwrite(out, noise(64, 64), compression=compression, photometric="rgb", tile=(16, 16))
    return out.getvalue()


@pytest.mark.parametrize(
    "data",
    [
        file_of(noise(64, 64)),
        file_of(noise(64, 64), "JPEG", progressive=True, quality=100),
        jpeg_of_scans(MOST_SCANS),
        png_of(16, bytes(64 * 129)),
        png_of(8, bytes(64 * 65), chunk(b"tRNS", b"\0\1")),
        file_of(noise(64, 64), "WEBP", lossless=True),
        file_of(noise(64, 64), "BMP"),
        file_of(noise(64, 64), "GIF"),
        tiff_of("zlib"),
        tiff_of("jpeg"),
        file_of(noise(64, 64), "JPEG") + bytes(1_000_000),  # phones append videos
        file_of(noise(1, 1), "JPEG", exif=b"Exif\0\0" + bytes(60_000)),
    ],
    ids=lambda data: f"{len(data)} bytes",
)
def test_what_encoders_write_is_read(data: bytes) -> None:
    check(data)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (jpeg_of_scans(MOST_SCANS + 1), "more than 100 scans"),
        (file_of(noise(16, 16), "JPEG")[:-2] + bytes(100_000) + b"\xff\xd9", "more data than 16 x 16 px"),
        (overlong_png(16), "more data than 64 x 64 px can need"),
        (png_of(8, bytes(10_000_000), chunk(b"tRNS", b"\0\1")), "more data than 64 x 64 px can need"),
        (png_of(8, noise(500, 1000).tobytes()), "more data than 64 x 64 px can need"),
        (many_chunks(60_000), "more than 50,000 parts"),
        (file_of(noise(16, 16), "WEBP") + bytes(3_000_000), "more data than 16 x 16 px can need"),
    ],
    ids=lambda value: value if isinstance(value, str) else f"{len(value)} bytes",
)
def test_what_no_encoder_writes_is_refused(data: bytes, words: str) -> None:
    with pytest.raises(ExcessError, match=words):
        check(data)


def all_strips_are(path: Path, strip: bytes, **options: Any) -> bytes:
    """Return a TIFF of 64 px whose strips are all the same bytes."""
    tifffile.imwrite(path, noise(64, 64), photometric="rgb", **options)
    end = path.stat().st_size
    with tifffile.TiffFile(path, mode="r+b") as opened:
        tags = opened.pages[0].tags
        count = len(opened.pages[0].dataoffsets)
        tags["StripOffsets"].overwrite([end] * count)
        tags["StripByteCounts"].overwrite([len(strip)] * count)
    return path.read_bytes()[:end] + strip


def test_the_strips_of_a_tiff_are_counted_together(tmp_path: Path) -> None:
    data = all_strips_are(tmp_path / "a.tif", bytes(60_000), rowsperstrip=1, compression="zlib")
    with pytest.raises(ExcessError, match="more data than"):
        check(data)


def test_scans_within_a_tiff_are_counted(tmp_path: Path) -> None:
    data = all_strips_are(tmp_path / "a.tif", jpeg_of_scans(MOST_SCANS + 1), compression="jpeg")
    with pytest.raises(ExcessError, match="scans"):
        check(data)
