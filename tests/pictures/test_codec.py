import io
import os
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import imagecodecs
import numpy as np
import pytest
import tifffile
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from pix2pix.errors import UserError
from pix2pix.pictures import codec
from pix2pix.pictures.clips.animations import read_frames
from pix2pix.pictures.codec import MAX_CHANNELS, Array, Format, read, read_bytes, to_bytes, write
from pix2pix.pictures.formats.opening import LIMIT, MAX_SIDE_PX, Head
from tests.helpers import chunk, files_below, noise, png_bomb, write_text, write_truncated
from tests.pictures.samples import DEPTHS, ORIENTATION, UPRIGHT, deep, refusal, refused

LEVELS = np.arange(256, dtype=np.uint8).reshape(16, 16, 1)
SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff", ".npy")
LOSSY = (".jpg", ".jpeg")
ANY = (".tif", ".tiff", ".npy")
# What is written is read


@pytest.mark.parametrize("channels", [1, 2, 3, 4, 5, MAX_CHANNELS])
@pytest.mark.parametrize("depth", DEPTHS)
@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_file_gives_back_what_was_written_or_says_what_can(
    tmp_path: Path, suffix: str, depth: str, channels: int
) -> None:
    array, path = deep(5, 7, channels, depth), tmp_path / "new" / f"a{suffix}"
    fits = codec.holds(suffix, depth, channels)
    if not fits:
        with pytest.raises(UserError) as caught:
            write(array, path)
        message = str(caught.value)
        assert f"'{suffix}' cannot hold {channels} channels of {depth}: {path}" in message
        assert ".tif .tiff .npy" in message
        assert files_below(tmp_path) == set()
        return
    write(array, path)
    result = read(path)
    assert (result.shape, result.dtype) == (array.shape, array.dtype)
    assert suffix in LOSSY or np.array_equal(result, array)
    assert files_below(tmp_path) == {f"new/a{suffix}"}


def test_what_each_suffix_holds() -> None:
    every = [(d, c) for d in DEPTHS for c in (1, 2, 3, 4, 5, MAX_CHANNELS, MAX_CHANNELS + 1)]

    def held(suffix: str) -> list[tuple[str, int]]:
        return [(d, c) for d, c in every if codec.holds(suffix, d, c)]

    assert held(".png") == [(d, c) for d in ("uint8", "uint16") for c in (1, 2, 3, 4)]
    assert held(".jpg") == held(".JPEG") == held(".bmp") == [("uint8", 1), ("uint8", 3)]
    assert held(".webp") == [("uint8", 3), ("uint8", 4)]
    for suffix in ANY:
        assert held(suffix) == [(d, c) for d, c in every if c <= MAX_CHANNELS]
    for unknown in (".gif", ".txt", "", "png"):
        assert held(unknown) == []


@pytest.mark.parametrize("ending", ["PNG", "Tif", "NPY", "BMP"])
def test_endings_may_be_of_any_case(tmp_path: Path, ending: str) -> None:
    write(noise(5, 7), tmp_path / f"a.{ending}")
    assert np.array_equal(read(tmp_path / f"a.{ending}"), noise(5, 7))


@pytest.mark.parametrize("size", [(1, 1), (1, 9), (9, 1), (2, 2)])
@pytest.mark.parametrize("channels", [1, 3, 6])
@pytest.mark.parametrize("suffix", [".png", ".tif", ".npy"])
def test_the_smallest_pictures_keep_their_shape(
    tmp_path: Path, suffix: str, channels: int, size: tuple[int, int]
) -> None:
    if codec.holds(suffix, "uint8", channels):
        write(noise(*size, channels), tmp_path / f"a{suffix}")
        assert np.array_equal(read(tmp_path / f"a{suffix}"), noise(*size, channels))


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("ending", ["jpg", "JPEG"])
def test_jpeg_stays_near(tmp_path: Path, ending: str, channels: int) -> None:
    # A smooth picture: JPEG is meant for those.
    write(np.repeat(LEVELS, channels, axis=2), tmp_path / f"a.{ending}")
    result = read(tmp_path / f"a.{ending}")
    assert result.shape == (16, 16, channels)
    assert abs(result.astype(int) - LEVELS).max() <= 6


def test_jpeg_keeps_colours_as_sharp_as_brightness(tmp_path: Path) -> None:
    stripes = np.zeros((16, 16, 3), np.uint8)
    stripes[:, ::2, 0] = stripes[:, 1::2, 2] = 255  # red, blue, red, ...
    write(stripes, tmp_path / "a.jpg")
    assert abs(read(tmp_path / "a.jpg").astype(int) - stripes).mean() < 20


def test_a_picture_that_cannot_be_written_leaves_the_old_file(tmp_path: Path) -> None:
    write(noise(5, 7), tmp_path / "a.png")
    (tmp_path / "folder.png").mkdir()
    with pytest.raises(UserError, match="cannot hold 9 channels"):
        write(noise(5, 7, 9), tmp_path / "a.png")
    with pytest.raises(UserError, match=r"Cannot write .*folder\.png"):
        write(noise(5, 7), tmp_path / "folder.png")
    assert files_below(tmp_path) == {"a.png"}


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_an_array_survives_the_way_through_a_picture(channels: int) -> None:
    array = noise(5, 7, channels)
    picture = codec.to_pillow(array)
    assert picture.size == (7, 5)
    assert np.array_equal(codec.from_pillow(picture), array)


# Kinds of PNG, JPEG and others


@pytest.mark.parametrize(
    ("mode", "channels"),
    [
        ("1", 1),
        ("L", 1),
        ("LA", 2),
        ("P", 3),
        ("PA", 3),
        ("RGB", 3),
        ("RGBA", 4),
        ("CMYK", 3),
        ("YCbCr", 3),
        ("HSV", 3),
        ("I", 1),
        ("I;16", 1),
        ("I;16B", 1),
        ("F", 1),
    ],
)
def test_a_picture_of_any_mode_has_channels(mode: str, channels: int) -> None:
    array = codec.from_pillow(Image.new(mode, (3, 2)))
    assert array.shape == (2, 3, channels)
    assert str(array.dtype) in DEPTHS


def test_black_and_white_are_the_ends_of_eight_bits(tmp_path: Path) -> None:
    bits = LEVELS[:, :, 0] > 99
    for ending in ("png", "tif", "bmp"):
        Image.fromarray(bits).save(tmp_path / f"a.{ending}")
        result = read(tmp_path / f"a.{ending}")
        assert result.dtype == np.uint8
        assert np.array_equal(result[:, :, 0], bits * np.uint8(255))


def test_palette_colours_are_looked_up(tmp_path: Path) -> None:
    array = noise(4, 4) // 64 * 64
    for ending in ("png", "bmp", "tif"):
        path = tmp_path / f"p.{ending}"
        Image.fromarray(array).quantize(256, dither=Image.Dither.NONE).save(path)
        with Image.open(path) as opened:
            assert opened.mode == "P"
        assert np.array_equal(read(path), array)


@pytest.mark.parametrize("transparency", [7, bytes([0, 128, 255])], ids=["one", "many"])
def test_a_transparent_palette_gives_colours_and_alpha_without_a_warning(
    tmp_path: Path, transparency: int | bytes
) -> None:
    picture = Image.frombytes("P", (16, 16), LEVELS.tobytes())
    picture.putpalette([255 - level for level in range(256) for _ in range(3)])
    picture.save(tmp_path / "p.png", transparency=transparency)
    result = read(tmp_path / "p.png")
    assert np.array_equal(result[:, :, :3], np.repeat(255 - LEVELS, 3, axis=2))
    alpha = np.full(256, 255)
    if isinstance(transparency, int):
        alpha[transparency] = 0
    else:
        alpha[:3] = list(transparency)
    assert np.array_equal(result[:, :, 3].ravel(), alpha)


def png_of_bits(numbers: Array, bits: int, key: tuple[int, ...]) -> bytes:
    """A grey or RGB PNG of so many bits a sample, of which one level or colour is transparent."""
    rows = b""
    for row in numbers.reshape(len(numbers), -1):
        text = "".join(format(int(number), f"0{bits}b") for number in row)
        rows += b"\0" + int(text, 2).to_bytes(len(text) // 8, "big")
    height, width, channels = numbers.shape
    head = struct.pack(">IIBBBBB", width, height, bits, 0 if channels == 1 else 2, 0, 0, 0)
    keyed = chunk(b"tRNS", struct.pack(f">{channels}H", *key))
    body = chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + keyed + body


@pytest.mark.parametrize("bits", [1, 2, 4, 8, 16])
@pytest.mark.parametrize("channels", [1, 3])
def test_a_transparent_colour_is_alpha_at_every_depth(tmp_path: Path, bits: int, channels: int) -> None:
    if channels == 3 and bits < 8:
        return  # PNG has none of these
    levels, full = 2**bits, 65535 if bits == 16 else 255
    numbers = np.random.default_rng(0).integers(0, levels, (4, 8, channels))
    key = tuple(numbers[1, 2])
    (tmp_path / "a.png").write_bytes(png_of_bits(numbers, bits, key))
    result = read(tmp_path / "a.png")
    assert result.dtype == (np.uint16 if bits == 16 else np.uint8)
    assert np.array_equal(result[:, :, :-1], numbers * (full // (levels - 1)))
    assert np.array_equal(result[:, :, -1] == 0, (numbers == key).all(2))
    assert set(np.unique(result[:, :, -1])) <= {0, full}


@pytest.mark.parametrize("ending", ["jpg", "tif"])
def test_cmyk_becomes_rgb(tmp_path: Path, ending: str) -> None:
    inks = np.zeros((16, 16, 4), np.uint8)
    inks[:8, :, 1] = inks[:8, :, 2] = 255  # magenta and yellow are red
    Image.fromarray(inks, "CMYK").save(tmp_path / f"a.{ending}")
    result = read(tmp_path / f"a.{ending}").astype(int)
    expected = np.where(np.arange(16)[:, None, None] < 8, [255, 0, 0], [255, 255, 255])
    assert abs(result - expected).max() <= 8


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_sixteen_bits_of_png_are_whole(tmp_path: Path, channels: int) -> None:
    array = deep(9, 8, channels)
    data = imagecodecs.png_encode(array[:, :, 0] if channels == 1 else array)
    (tmp_path / "a.png").write_bytes(data)
    assert np.array_equal(read(tmp_path / "a.png"), array)


@pytest.mark.parametrize("name", ["deep.png", "deep.tif"])
def test_sixteen_bits_of_pillow_are_whole(tmp_path: Path, name: str) -> None:
    array = deep(9, 8, 1)
    Image.fromarray(array[:, :, 0]).save(tmp_path / name)
    assert np.array_equal(read(tmp_path / name), array)


def test_what_a_file_is_does_not_hang_on_its_ending(tmp_path: Path) -> None:
    for made, named in ((".tif", "a.jpg"), (".png", "b.tif"), (".npy", "c.png"), (".bmp", "d.npy")):
        write(noise(5, 7), tmp_path / f"x{made}")
        os.replace(tmp_path / f"x{made}", tmp_path / named)
        assert np.array_equal(read(tmp_path / named), noise(5, 7))


# Turned pictures


@pytest.mark.parametrize("orientation", UPRIGHT)
@pytest.mark.parametrize("ending", ["png", "tif", "webp"])
def test_a_photograph_is_turned_upright(tmp_path: Path, orientation: int, ending: str) -> None:
    array, path, exif = noise(3, 5), tmp_path / f"turned.{ending}", Image.Exif()
    exif[ORIENTATION] = orientation
    Image.fromarray(array).save(path, exif=exif, lossless=True)
    assert np.array_equal(read(path), UPRIGHT[orientation](array))


# Arrays of numpy


@pytest.mark.parametrize(
    ("array", "expected"),
    [
        (LEVELS[:, :, 0], LEVELS),
        (np.asfortranarray(noise(5, 7)), noise(5, 7)),
        (deep(5, 7).astype(">u2"), deep(5, 7)),
        (deep(5, 7, 2, "float32").astype(">f8"), deep(5, 7, 2, "float32")),
        (LEVELS.astype(np.float16), LEVELS.astype(np.float32)),
        (LEVELS > 99, (LEVELS > 99) * np.uint8(255)),
    ],
    ids=["grey", "fortran", "big endian", "double", "half", "bool"],
)
def test_numpy_arrays_come_to_one_of_three_depths(tmp_path: Path, array: Array, expected: Array) -> None:
    np.save(tmp_path / "a.npy", array)
    result = read(tmp_path / "a.npy")
    assert result.dtype == expected.dtype
    assert result.dtype.isnative
    assert np.array_equal(result, expected)


@pytest.mark.parametrize(
    ("array", "why"),
    [
        (np.zeros(4, np.uint8), "wanted height x width x channels"),
        (np.zeros((2, 2, 2, 2), np.uint8), "wanted height x width x channels"),
        (np.zeros((0, 4, 3), np.uint8), ""),
        (np.zeros((4, 4, 65), np.uint8), "has 65 channels: wanted up to 64"),
        (np.zeros((4, 4), complex), "holds complex128"),
        (np.array([["a", "b"]]), "holds <U1"),
        (np.array([[{}, None]]), "cannot be read"),
        (np.full((4, 4), 1e300), "values that are not finite"),
    ],
    ids=["line", "four", "empty", "65", "complex", "text", "pickle", "inf"],
)
def test_other_arrays_are_refused_in_a_sentence(tmp_path: Path, array: Array, why: str) -> None:
    np.save(tmp_path / "a.npy", array, allow_pickle=True)
    assert why in refusal(tmp_path / "a.npy")


def test_an_archive_named_npy_is_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", a=noise(4, 4))
    os.replace(tmp_path / "a.npz", tmp_path / "a.npy")
    assert "is not a picture" in refusal(tmp_path / "a.npy")


# Broken files


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    for suffix in SUFFIXES:
        assert refusal(tmp_path / f"gone{suffix}") == f"There is no file {tmp_path / f'gone{suffix}'}."


def test_a_path_that_no_system_has_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"cannot be read: .*embedded null"):
        read(tmp_path / "a\0.png")


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_text_and_nothing_and_folders_are_no_pictures(tmp_path: Path, suffix: str) -> None:
    text, empty = (tmp_path / f"{name}{suffix}" for name in ("text", "empty"))
    assert f"text{suffix} is not a picture (5 bytes)" in refusal(write_text(text, "hello"))
    assert f"empty{suffix} is not a picture (0 bytes)" in refusal(write_text(empty, ""))
    (tmp_path / f"folder{suffix}").mkdir()
    assert f"folder{suffix} cannot be read: " in refusal(tmp_path / f"folder{suffix}")


def test_a_link_to_itself_or_to_nothing_is_named(tmp_path: Path) -> None:
    for target in ("loop.png", "gone"):
        (tmp_path / "loop.png").unlink(missing_ok=True)
        (tmp_path / "loop.png").symlink_to(tmp_path / target)
        refusal(tmp_path / "loop.png")


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_truncated_file_is_refused_by_name(tmp_path: Path, suffix: str) -> None:
    message = refusal(write_truncated(tmp_path / f"cut{suffix}"))
    assert f"cut{suffix} cannot be read: " in message or f"cut{suffix} is not a picture" in message


@pytest.mark.parametrize("suffix", [".png", ".tif", ".npy"])
def test_a_truncated_deep_file_is_refused_by_name(tmp_path: Path, suffix: str) -> None:
    write(deep(40, 40), path := tmp_path / f"cut{suffix}")
    data = path.read_bytes()
    for part in (0.1, 0.5, 0.9):
        path.write_bytes(data[: int(part * len(data))])
        refusal(path)


# (suffix, depth, channels) of files that are damaged below
KINDS: list[tuple[str, str, int]] = [
    *((suffix, "uint8", 3) for suffix in SUFFIXES),
    (".png", "uint16", 3),
    (".tif", "uint16", 5),
    (".tif", "float32", 1),
    (".npy", "float32", 2),
]


@given(
    kind=st.sampled_from(KINDS),
    cut=st.just(1.0) | st.floats(0, 1),
    damage=st.dictionaries(st.floats(0, 1, exclude_max=True), st.integers(0, 255), max_size=4),
)
def test_a_damaged_file_is_a_picture_or_a_sentence(
    tmp_path_factory: pytest.TempPathFactory, kind: tuple[str, str, int], cut: float, damage: dict[float, int]
) -> None:
    suffix, depth, channels = kind
    path = tmp_path_factory.mktemp("damaged") / f"some{suffix}"
    write(deep(8, 12, channels, depth), path)
    data = bytearray(path.read_bytes())
    for place, byte in damage.items():
        data[int(place * len(data))] = byte
    path.write_bytes(data[: round(cut * len(data))])
    message = refused(path)
    assert message is None or (str(path) in message and "\n" not in message)


def test_a_strip_of_endless_length_is_refused_unread(tmp_path: Path) -> None:
    for height, width in ((1, MAX_SIDE_PX), (MAX_SIDE_PX, 1)):
        write(np.zeros((height, width, 1), np.uint8), tmp_path / "a.png")
        assert read(tmp_path / "a.png").shape == (height, width, 1)
    for name in ("a.png", "b.tif", "c.npy"):
        write(np.zeros((2, MAX_SIDE_PX + 1, 1), np.uint8), tmp_path / name)
        message = refusal(tmp_path / name)
        assert f"{name} is 65536 x 2 px: a side is longer than the limit of 65,535 px" in message


def test_a_strip_that_would_fill_the_memory_is_refused_unread(tmp_path: Path) -> None:
    head = struct.pack("<BBBB", 2, 0, 0, 0) + (13).to_bytes(3, "little") + (8_388_608).to_bytes(3, "little")
    chunks = b"VP8X" + struct.pack("<I", len(head)) + head + b"ANIM" + struct.pack("<IIH", 6, 0, 0)
    frame = io.BytesIO()
    Image.fromarray(noise(8, 8)).save(frame, "WEBP", lossless=True)
    part = bytes(6) + (7).to_bytes(3, "little") * 2 + bytes(4) + frame.getvalue()[12:]
    chunks += b"ANMF" + struct.pack("<I", len(part)) + part
    (tmp_path / "a.webp").write_bytes(b"RIFF" + struct.pack("<I", len(chunks) + 4) + b"WEBP" + chunks)
    assert "a side is longer than the limit of 65,535 px" in refusal(tmp_path / "a.webp")


# Animations


def animation(path: Path, frames: int = 3) -> Path:
    pictures = [Image.fromarray(np.full((8, 9, 3), 80 * n, np.uint8)) for n in range(frames)]
    pictures[0].save(path, save_all=True, append_images=pictures[1:], lossless=True)
    return path


@pytest.mark.parametrize("ending", ["gif", "webp", "png"])
def test_of_an_animation_the_first_frame_is_taken_with_a_note(tmp_path: Path, ending: str) -> None:
    notes: list[str] = []
    path = animation(tmp_path / f"a.{ending}")
    assert read(path, notes.append).max() == 0
    assert [note.partition(" (")[0] for note in notes] == [f"{path} is an animation of 3 frames"]
    assert "`pix2pix data frames`" in notes[0]
    assert [int(frame[0, 0, 0]) for frame in read_frames(path)] == [0, 80, 160]


def test_of_other_pictures_nothing_is_noted(tmp_path: Path) -> None:
    for name in ("a.png", "a.webp", "a.tif", "a.npy", "a.jpg"):
        write(noise(8, 9), tmp_path / name)
        read(tmp_path / name, lambda note: pytest.fail(note))
    assert [frame.shape for frame in read_frames(tmp_path / "a.png")] == [(8, 9, 3)]


# Bombs: small files that would fill the memory


def tiff_bomb(path: Path) -> None:
    """A TIFF whose tags claim 50,000 x 50,000 px."""
    tifffile.imwrite(path, noise(16, 16, 1)[:, :, 0], compression="zlib")
    with tifffile.TiffFile(path, mode="r+b") as opened:
        for tag in ("ImageWidth", "ImageLength"):
            opened.pages[0].tags[tag].overwrite(50_000)


def npy_bomb(path: Path) -> None:
    """An array of 50,000 x 50,000 zeros, which take no room on the disk."""
    with path.open("wb") as out:
        head = {"descr": "|u1", "fortran_order": False, "shape": (50_000, 50_000)}
        np.lib.format.write_array_header_1_0(out, head)
        out.truncate(out.tell() + 50_000**2)


BOMBS: dict[str, Callable[[Path], None]] = {
    "a.png": png_bomb,
    "b.png": lambda path: png_bomb(path, 16),
    "c.tif": tiff_bomb,
    "d.npy": npy_bomb,
}


@pytest.mark.parametrize("name", BOMBS)
def test_a_picture_that_would_fill_the_memory_is_refused(tmp_path: Path, name: str) -> None:
    BOMBS[name](tmp_path / name)
    message = refusal(tmp_path / name)
    assert "megapixels" in message
    assert LIMIT in message


def test_the_limit_has_a_name_and_can_be_lowered_and_raised(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)  # as if the picture were a large one
    for suffix in (".png", ".tif", ".npy"):
        write(noise(50, 60), path := tmp_path / f"large{suffix}")
        monkeypatch.setenv(LIMIT, "0.002")
        assert f"large{suffix} is 60 x 50 px, 0 megapixels: more than the limit" in refusal(path)
        monkeypatch.setenv(LIMIT, "1000")
        assert read(path).shape == (50, 60, 3)


def test_a_limit_that_is_no_number_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(noise(4, 4), tmp_path / "a.png")
    monkeypatch.setenv(LIMIT, "many")
    with pytest.raises(UserError, match=f"{LIMIT} is 'many': wanted a number"):
        read(tmp_path / "a.png")


def test_a_large_picture_is_opened_without_a_warning(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(noise(32, 32), tmp_path / "large.png")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)  # it has 1024
    assert read(tmp_path / "large.png").shape == (32, 32, 3)


@pytest.mark.parametrize("limit", [1000, None])
def test_pillows_own_limit_is_left_to_the_others_in_the_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: int | None
) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", limit)
    monkeypatch.setenv(LIMIT, "1000")
    write(noise(64, 64), path := tmp_path / "large.png")
    assert read(path).shape == read_bytes(path.read_bytes(), "upload", lambda head: None).shape
    png_bomb(tmp_path / "bomb.png")
    refusal(tmp_path / "bomb.png")
    assert limit == Image.MAX_IMAGE_PIXELS


# Bytes that come and go


def wire(array: Array, suffix: str = ".png") -> bytes:
    out = io.BytesIO()
    Image.fromarray(array).save(out, {".png": "PNG", ".tif": "TIFF", ".ico": "ICO"}[suffix])
    return out.getvalue()


def test_bytes_are_read_as_a_file_is(tmp_path: Path) -> None:
    for array in (noise(5, 7), noise(5, 7).astype(np.uint16) * 257):
        write(array, tmp_path / "a.png")
        heads: list[Head] = []
        data = (tmp_path / "a.png").read_bytes()
        assert np.array_equal(read_bytes(data, "upload", heads.append), array)
        assert heads == [Head("PNG", 5, 7, 1, pixel_bytes=3 * array.itemsize)]


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
    assert heads == [Head("GIF", 8, 8, 2)]


def test_what_no_browser_shows_is_no_picture_on_a_wire() -> None:
    with pytest.raises(UserError, match="not a picture"):
        read_bytes(wire(noise(32, 32), ".ico"), "upload", lambda head: None)


def test_a_tiff_on_a_wire_keeps_its_depth_and_is_refused_before_it_is_unpacked() -> None:
    heads: list[Head] = []
    deep = noise(5, 7, 1).astype(np.uint16) * 257
    out = io.BytesIO()
    tifffile.imwrite(out, deep[:, :, 0])
    assert np.array_equal(read_bytes(out.getvalue(), "upload", heads.append), deep)
    assert heads == [Head("TIFF", 5, 7, 1, 1, 2)]


@pytest.mark.parametrize(
    ("start", "is_one"),
    [
        (wire(noise(4, 4)), True),
        (wire(noise(4, 4), ".tif"), True),
        (b"RIFF1234WEBPVP8 ", True),
        (b"RIFF1234WAVEfmt ", False),
        (b"image=a", False),
        (b"", False),
    ],
)
def test_a_picture_is_known_by_its_first_bytes(start: bytes, is_one: bool) -> None:
    assert codec.is_picture(start) == is_one


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


def test_a_colour_ppm_of_16_bits_is_refused_and_not_halved(tmp_path: Path) -> None:
    (tmp_path / "a.ppm").write_bytes(b"P6\n2 2\n65535\n" + bytes(24))
    with pytest.raises(UserError, match=r"a\.ppm cannot be read: it is a colour PPM of other than 8"):
        read(tmp_path / "a.ppm")


def test_a_picture_that_is_no_animation_is_its_only_frame_in_full_depth(tmp_path: Path) -> None:
    deep = noise(4, 4).astype(np.uint16) * 257
    write(deep, tmp_path / "a.png")
    np.save(tmp_path / "b.npy", deep)
    for name in ("a.png", "b.npy"):
        (frame,) = read_frames(tmp_path / name)
        assert frame.dtype == np.uint16
        assert np.array_equal(frame, deep)
