import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pix2pix.errors import UserError
from pix2pix.pictures.codec import Array, Format, Head, read_bytes, to_bytes
from tests.helpers import noise, png_bomb, write


def wire(array: Array, suffix: str = ".png") -> bytes:
    out = io.BytesIO()
    Image.fromarray(array).save(out, {".png": "PNG", ".tif": "TIFF", ".ico": "ICO"}[suffix])
    return out.getvalue()


def test_bytes_are_read_as_a_file_is(tmp_path: Path) -> None:
    for array in (noise(5, 7), noise(5, 7).astype(np.uint16) * 257):
        write(tmp_path / "a.png", array)
        heads: list[Head] = []
        data = (tmp_path / "a.png").read_bytes()
        assert np.array_equal(read_bytes(data, "upload", heads.append), array)
        assert heads == [Head("PNG", 5, 7, False)]


@pytest.mark.parametrize("bits", [8, 16])
def test_what_is_refused_by_its_head_is_not_unpacked(tmp_path: Path, bits: int) -> None:
    def refuse(head: Head) -> None:
        raise UserError(f"{head.width} x {head.height}")

    png_bomb(tmp_path / "a.png", bits)
    with pytest.raises(UserError, match=r"^50000 x 50000$"):
        read_bytes((tmp_path / "a.png").read_bytes(), "upload", refuse)


def test_half_a_picture_is_named() -> None:
    with pytest.raises(UserError, match=r"^The upload cannot be read: "):
        read_bytes(wire(noise(64, 64))[:2000], "The upload", lambda head: None)


def test_an_animation_says_so_in_its_head() -> None:
    out, heads = io.BytesIO(), list[Head]()
    frames = [Image.fromarray(noise(8, 8, seed=n)) for n in range(2)]
    frames[0].save(out, "GIF", save_all=True, append_images=frames[1:])
    assert read_bytes(out.getvalue(), "upload", heads.append).shape == (8, 8, 3)
    assert heads == [Head("GIF", 8, 8, True)]


@pytest.mark.parametrize("suffix", [".tif", ".ico"])
def test_formats_that_no_browser_shows_are_no_pictures_on_a_wire(suffix: str) -> None:
    with pytest.raises(UserError, match="not a picture"):
        read_bytes(wire(noise(32, 32), suffix), "upload", lambda head: None)


# Bytes that go


@pytest.mark.parametrize("depth", [np.uint8, np.uint16])
@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_a_png_holds_every_level(channels: int, depth: type) -> None:
    array = noise(9, 13, channels).astype(depth) * depth(np.iinfo(depth).max // 255)
    back = read_bytes(to_bytes(array, "png"), "a", lambda head: None)
    assert back.dtype == depth
    assert np.array_equal(back, array)


@pytest.mark.parametrize("kind", ["jpeg", "webp"])
@pytest.mark.parametrize("channels", [1, 3])
def test_a_lossy_format_is_near(kind: Format, channels: int) -> None:
    flat = np.full((32, 32, channels), 90, np.uint8)
    data = to_bytes(flat, kind)
    assert Image.open(io.BytesIO(data)).format == kind.upper()
    assert abs(read_bytes(data, "a", lambda head: None).astype(int) - 90).max() <= 3
