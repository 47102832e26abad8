"""Files that would keep a decoder at work are refused by what their own parts say."""

import io
import os
import struct
import time
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from pix2pix.errors import UserError
from pix2pix.pictures import codec
from pix2pix.pictures.codec import read_bytes
from pix2pix.pictures.formats.jpeg import MOST_SCANS
from pix2pix.pictures.formats.opening import LIMIT, MOST_FRAMES, ExcessError
from tests.helpers import chunk, noise, write
from tests.pictures.samples import refusal
from tests.serve.helpers import file_of
from tests.serve.hostile import jpeg_of_scans, many_chunks, overlong_png, png_of


def test_a_jpeg_of_thousands_of_scans_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(jpeg_of_scans(MOST_SCANS, 32))
    assert codec.read(tmp_path / "a.jpg").shape == (32, 32, 3)
    (tmp_path / "b.jpg").write_bytes(jpeg_of_scans(30_000, 32))
    assert "it is stored in 30,000 scans" in refusal(tmp_path / "b.jpg")


def png(path: Path, *more: bytes) -> None:
    """A PNG of 16 bits with further data behind the picture."""
    write(path, noise(16, 16).astype(np.uint16))
    data = path.read_bytes()
    end = data.rindex(b"IEND") - 4
    path.write_bytes(data[:end] + b"".join(more) + data[end:])


def test_a_png_with_more_data_than_its_picture_needs_is_refused(tmp_path: Path) -> None:
    png(tmp_path / "a.png")
    assert codec.read(tmp_path / "a.png").shape == (16, 16, 3)
    png(tmp_path / "b.png", chunk(b"IDAT", bytes(100_000)))
    assert "it holds more data than 16 x 16 px can need" in refusal(tmp_path / "b.png")
    png(tmp_path / "c.png", chunk(b"abCd", b"") * 100_001)
    assert "it has more than 100,000 parts" in refusal(tmp_path / "c.png")


def test_a_picture_is_refused_by_its_bytes_and_the_limit_can_be_raised(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(LIMIT, "0.00178")  # of 10,000 bytes, and of 1,780 pixels
    write(tmp_path / "a.png", noise(40, 40, 3))
    assert codec.read(tmp_path / "a.png").shape == (40, 40, 3)
    for name in ("b.png", "b.tif", "b.npy"):
        write(tmp_path / name, noise(42, 42, 3).astype(np.uint16))
        message = refusal(tmp_path / name)
        assert "(42 x 42 px) takes 0.0 MB in memory: more than the limit" in message
        assert LIMIT in message
    monkeypatch.setenv(LIMIT, "1")
    assert codec.read(tmp_path / "b.tif").shape == (42, 42, 3)


@pytest.mark.parametrize("name", ["a.png", "a.tif", "a.gif", "a.webp"])
def test_a_pipe_and_a_device_are_not_waited_for(tmp_path: Path, name: str) -> None:
    os.mkfifo(tmp_path / name)
    assert "is a pipe or a device: wanted a file" in refusal(tmp_path / name)
    assert "is a pipe or a device: wanted a file" in refusal(Path("/dev/zero"))


def test_a_film_is_no_animation(tmp_path: Path) -> None:
    frame = b"\x2c" + struct.pack("<4HB", 0, 0, 1, 1, 0) + b"\x02\x02\x44\x01\x00"
    head = b"GIF89a" + struct.pack("<HH3B", 1, 1, 0x80, 0, 0) + bytes(6)
    (tmp_path / "a.gif").write_bytes(head + frame * (MOST_FRAMES + 1) + b";")
    assert f"it has {MOST_FRAMES + 1:,} frames" in refusal(tmp_path / "a.gif")


def test_pages_that_lie_over_each_other_are_refused_before_all_are_read(tmp_path: Path) -> None:
    entries = 60_000
    tag = struct.pack("<HHII", 256, 4, 1, 1)
    pages = 100
    body = bytearray(b"II*\0" + struct.pack("<I", 8) + bytes(12 * (entries + 2 * pages)))
    for number in range(pages):
        place = 8 + 12 * number
        struct.pack_into("<H", body, place, entries)
        body[place + 2 : place + 14] = tag
        struct.pack_into("<I", body, place + 2 + 12 * entries, place + 12)
    (tmp_path / "a.tif").write_bytes(body)
    began = time.process_time()
    assert "entries" in refusal(tmp_path / "a.tif")
    assert time.process_time() - began < 5


def test_a_tiff_of_thousands_of_scans_is_refused(tmp_path: Path) -> None:
    strip = jpeg_of_scans(MOST_SCANS)
    (tmp_path / "b.tif").write_bytes(all_strips_are(tmp_path / "a.tif", strip, compression="jpeg"))
    assert codec.read(tmp_path / "b.tif").shape == (64, 64, 3)
    strip = jpeg_of_scans(MOST_SCANS + 1)
    (tmp_path / "b.tif").write_bytes(all_strips_are(tmp_path / "a.tif", strip, compression="jpeg"))
    assert f"more than {MOST_SCANS} scans" in refusal(tmp_path / "b.tif")


def test_a_bomb_of_zeros_is_not_unpacked(tmp_path: Path) -> None:
    write(tmp_path / "a.png", noise(16, 16).astype(np.uint16))
    data = (tmp_path / "a.png").read_bytes()
    start, end = data.index(b"IDAT") - 4, data.rindex(b"IEND") - 4
    bomb = chunk(b"IDAT", zlib.compress(bytes(80_000_000)))
    (tmp_path / "a.png").write_bytes(data[:start] + bomb + data[end:])
    assert "it holds more data" in refusal(tmp_path / "a.png")


@pytest.mark.parametrize("options", [{}, {"tile": (32, 32)}, {"rowsperstrip": 16}])
def test_a_part_of_a_tiff_is_no_far_larger_jpeg(tmp_path: Path, options: dict[str, object]) -> None:
    tifffile.imwrite(tmp_path / "a.tif", noise(32, 32), compression="jpeg", photometric="rgb", **options)
    assert codec.read(tmp_path / "a.tif").shape == (32, 32, 3)
    data = bytearray((tmp_path / "a.tif").read_bytes())
    size = data.index(b"\xff\xc0") + 5  # behind the marker, the length and the depth
    data[size : size + 4] = b"\xff\xff\xff\x7f"
    (tmp_path / "a.tif").write_bytes(data)
    assert "is a JPEG of 65407 x 65535 px" in refusal(tmp_path / "a.tif")


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


def tiff_of(compression: str) -> bytes:
    out = io.BytesIO()
    tifffile.imwrite(out, noise(64, 64), compression=compression, photometric="rgb", tile=(16, 16))
    return out.getvalue()


def jpeg_of_comments(count: int) -> bytes:
    """A JPEG with empty comments between its scan and its end."""
    whole = file_of(noise(64, 64), "JPEG")
    return whole[:-2] + b"\xff\xfe\0\2" * count + whole[-2:]


def read_strangers(data: bytes) -> None:
    read_bytes(data, "The upload", lambda head: None)


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
        png_of(8, bytes(64 * 65), chunk(b"zTXt", bytes(3_000_000))),
    ],
    ids=lambda data: f"{len(data)} bytes",
)
def test_what_encoders_write_is_read_from_strangers(data: bytes) -> None:
    read_strangers(data)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (jpeg_of_scans(MOST_SCANS + 1), "101 scans"),
        (file_of(noise(16, 16), "JPEG")[:-2] + bytes(100_000) + b"\xff\xd9", "more data than 16 x 16 px"),
        (overlong_png(16), "more data than 64 x 64 px can need"),
        (png_of(8, bytes(10_000_000), chunk(b"tRNS", b"\0\1")), "more data than 64 x 64 px can need"),
        (png_of(8, noise(500, 1000).tobytes()), "more data than 64 x 64 px can need"),
        (many_chunks(60_000), "more than 50,000 parts"),
        (jpeg_of_comments(60_000), "more than 50,000 parts"),
        (file_of(noise(16, 16), "WEBP") + bytes(3_000_000), "more data than 16 x 16 px can need"),
    ],
    ids=lambda value: value if isinstance(value, str) else f"{len(value)} bytes",
)
def test_what_no_encoder_writes_is_refused_from_strangers(data: bytes, words: str) -> None:
    with pytest.raises(UserError, match=words) as caught:
        read_strangers(data)
    assert isinstance(caught.value.__context__, ExcessError)


def test_the_strips_of_a_strangers_tiff_are_counted_together(tmp_path: Path) -> None:
    data = all_strips_are(tmp_path / "a.tif", bytes(60_000), rowsperstrip=1, compression="zlib")
    with pytest.raises(UserError, match="more data than"):
        read_strangers(data)
