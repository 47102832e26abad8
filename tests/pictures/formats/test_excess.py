"""Files that would keep a decoder at work are refused by what their own parts say."""

import io
import os
import struct
import time
import zlib
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from pix2pix.pictures import codec
from pix2pix.pictures.formats.excess import MOST_SCANS, count_scans
from pix2pix.pictures.formats.opening import LIMIT, MOST_FRAMES
from tests.helpers import chunk, noise, write
from tests.pictures.samples import refusal


def jpeg(progressive: bool, scans: int = 0) -> bytes:
    """A JPEG, whose last scan is repeated until there are so many."""
    out = io.BytesIO()
    Image.fromarray(noise(32, 32)).save(out, "JPEG", progressive=progressive)
    data = out.getvalue()
    last = data.rindex(b"\xff\xda")
    return data[:-2] + data[last:-2] * max(0, scans - data.count(b"\xff\xda")) + data[-2:]


def test_scans_are_counted_only_where_there_may_be_many() -> None:
    assert count_scans(io.BytesIO(jpeg(progressive=False))) == 1
    assert count_scans(io.BytesIO(jpeg(progressive=True))) == jpeg(progressive=True).count(b"\xff\xda") > 5
    assert count_scans(io.BytesIO(b"\xff\xd8\xff")) == 0


def test_a_jpeg_of_thousands_of_scans_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(jpeg(progressive=True))
    assert codec.read(tmp_path / "a.jpg").shape == (32, 32, 3)
    (tmp_path / "b.jpg").write_bytes(jpeg(progressive=True, scans=30_000))
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
    tifffile.imwrite(tmp_path / "a.tif", noise(32, 32), compression="jpeg", photometric="rgb")
    assert codec.read(tmp_path / "a.tif").shape == (32, 32, 3)
    data = (tmp_path / "a.tif").read_bytes()
    (tmp_path / "a.tif").write_bytes(data + b"\xff\xda" * (MOST_SCANS + 1))
    assert f"more than {MOST_SCANS} scans" in refusal(tmp_path / "a.tif")


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
