from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from numpy.typing import NDArray
from PIL import Image

from pix2pix import images
from pix2pix.errors import UserError
from tests.helpers import files_below, noise, pixels, write, write_text, write_truncated

LEVELS = np.arange(256, dtype=np.uint8).reshape(16, 16, 1)
ORIENTATION = 0x0112  # EXIF
# What undoes each EXIF orientation, on (H, W, C).
UPRIGHT = {
    1: lambda a: a,
    2: lambda a: a[:, ::-1],
    3: lambda a: a[::-1, ::-1],
    4: lambda a: a[::-1],
    5: lambda a: a.swapaxes(0, 1),
    6: lambda a: np.rot90(a, -1),
    7: lambda a: a[::-1, ::-1].swapaxes(0, 1),
    8: np.rot90,
}


def read(path: Path, channels: int) -> NDArray[np.uint8]:
    return images.to_array(images.to_channels(images.open_image(path), channels))


def refused(path: Path) -> str | None:
    """Why a picture cannot be read, or None where it can."""
    try:
        array = read(path, 3)
    except UserError as error:
        return str(error)
    assert array.shape[2] == 3
    return None


# Tensors


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_every_level_survives_the_way_through_a_tensor(channels: int) -> None:
    array = np.repeat(LEVELS, channels, axis=2)
    tensor = images.to_tensor(array)
    assert tensor.shape == (channels, 16, 16)
    assert tensor.dtype == torch.float32
    assert np.array_equal(images.to_pixels(tensor), array)


@given(npst.arrays(np.uint8, npst.array_shapes(min_dims=3, max_dims=4, max_side=5)))
def test_any_pixels_survive_the_way_through_a_tensor(array: NDArray[np.uint8]) -> None:
    assert np.array_equal(images.to_pixels(images.to_tensor(array)), array)


def test_black_is_minus_one_and_white_is_one_and_the_steps_are_even() -> None:
    tensor = images.to_tensor(LEVELS).flatten()
    assert (tensor[0], tensor[255]) == (-1, 1)
    assert torch.allclose(tensor.diff(), torch.tensor(2 / 255), atol=1e-6)


@given(st.floats(-3, 3, width=32))
def test_a_value_becomes_the_nearest_level_and_never_wraps(value: float) -> None:
    (level,) = images.to_pixels(torch.full((1, 1, 1), value)).flatten()
    assert abs(int(level) - np.clip((value + 1) * 127.5, 0, 255)) <= 0.5 + 1e-4


def test_channels_come_first_in_tensors_and_last_in_arrays() -> None:
    array = noise(2, 3)
    assert images.to_tensor(array)[2, 1, 0] == images.to_tensor(array[1:, :1, 2:]).squeeze()


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_an_array_survives_the_way_through_a_picture(channels: int) -> None:
    array = noise(5, 7, channels)
    picture = images.from_array(array)
    assert picture.size == (7, 5)
    assert np.array_equal(images.to_array(picture), array)


def test_the_array_of_a_picture_may_be_written_to() -> None:
    picture = Image.new("RGB", (2, 2))
    images.to_array(picture)[:] = 255  # torch warns of arrays where this is an error
    assert picture.getpixel((0, 0)) == (0, 0, 0)


# Channels


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "PA", "RGB", "RGBA", "CMYK", "YCbCr", "I"])
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_a_picture_of_any_mode_gets_the_channels_wanted(mode: str, channels: int) -> None:
    picture = images.to_channels(Image.new(mode, (3, 2)), channels)
    assert images.to_array(picture).shape == (2, 3, channels)


def test_grey_becomes_equal_red_green_and_blue_and_opaque() -> None:
    grey = images.from_array(LEVELS)
    rgba = images.to_array(images.to_channels(grey, 4))
    assert np.array_equal(rgba[:, :, :3], np.repeat(LEVELS, 3, axis=2))
    assert (rgba[:, :, 3] == 255).all()


def test_alpha_is_dropped_and_colours_are_not_changed_by_it() -> None:
    array = noise(4, 4, 4)
    picture = images.to_channels(images.from_array(array), 3)
    assert np.array_equal(images.to_array(picture), array[:, :, :3])


def test_five_channels_are_refused() -> None:
    with pytest.raises(UserError, match="5 channels are not supported: wanted 1, 3 or 4"):
        images.to_channels(Image.new("RGB", (2, 2)), 5)


def test_palette_colours_are_looked_up(tmp_path: Path) -> None:
    array = noise(4, 4) // 64 * 64
    Image.fromarray(array).quantize(256, dither=Image.Dither.NONE).save(tmp_path / "p.png")
    assert images.open_image(tmp_path / "p.png").mode == "P"
    assert np.array_equal(read(tmp_path / "p.png", 3), array)


@pytest.mark.parametrize("transparency", [7, bytes([0, 128, 255])], ids=["one", "many"])
def test_a_transparent_palette_gives_its_colours_without_a_warning(
    tmp_path: Path, transparency: int | bytes
) -> None:
    picture = Image.frombytes("P", (16, 16), LEVELS.tobytes())
    picture.putpalette([255 - level for level in range(256) for _ in range(3)])
    picture.save(tmp_path / "p.png", transparency=transparency)
    for channels in (1, 3):
        wanted = np.repeat(255 - LEVELS, channels, axis=2)
        assert np.array_equal(read(tmp_path / "p.png", channels), wanted)


# Depth


@pytest.mark.parametrize("name", ["deep.png", "deep.tif"])
def test_sixteen_bits_are_scaled_to_eight(tmp_path: Path, name: str) -> None:
    Image.fromarray(LEVELS[:, :, 0].astype(np.uint16) * 257).save(tmp_path / name)
    assert np.array_equal(read(tmp_path / name, 1), LEVELS)
    assert np.array_equal(read(tmp_path / name, 3), np.repeat(LEVELS, 3, axis=2))


@given(npst.arrays(np.uint16, (2, 3)))
def test_sixteen_bits_become_the_nearest_of_256_levels(array: NDArray[np.uint16]) -> None:
    eight = images.to_array(images.to_channels(Image.fromarray(array), 1))[:, :, 0]
    assert (abs(eight.astype(float) - array / 65535 * 255) <= 0.5).all()


def test_sixteen_bits_of_the_other_byte_order_are_read_alike(tmp_path: Path) -> None:
    deep = LEVELS[:, :, 0].astype(np.uint16) * 257
    Image.frombytes("I;16B", (16, 16), deep.astype(">u2").tobytes()).save(tmp_path / "big.tif")
    assert np.array_equal(read(tmp_path / "big.tif", 1), LEVELS)


# Opening


@pytest.mark.parametrize("orientation", UPRIGHT)
@pytest.mark.parametrize("ending", ["png", "tif"])
def test_a_photograph_is_turned_upright(tmp_path: Path, orientation: int, ending: str) -> None:
    array, path, exif = noise(3, 5), tmp_path / f"turned.{ending}", Image.Exif()
    exif[ORIENTATION] = orientation
    Image.fromarray(array).save(path, exif=exif)
    assert np.array_equal(read(path, 3), UPRIGHT[orientation](array))


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"There is no file .*gone\.png"):
        images.open_image(tmp_path / "gone.png")


def test_a_path_that_no_system_has_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="cannot be read: embedded null"):
        images.open_image(tmp_path / "a\0.png")


def test_a_text_file_named_jpg_is_no_picture(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"text\.jpg is not a picture \(5 bytes\)"):
        images.open_image(write_text(tmp_path / "text.jpg", "hello"))


def test_an_empty_file_is_no_picture(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"empty\.png is not a picture \(0 bytes\)"):
        images.open_image(write_text(tmp_path / "empty.png", ""))


def test_a_folder_is_no_picture(tmp_path: Path) -> None:
    (tmp_path / "folder.png").mkdir()
    with pytest.raises(UserError, match=r"folder\.png cannot be read"):
        images.open_image(tmp_path / "folder.png")


@pytest.mark.parametrize("ending", ["jpg", "png", "webp", "bmp", "tif"])
def test_a_truncated_file_is_refused_by_name(tmp_path: Path, ending: str) -> None:
    with pytest.raises(UserError, match=rf"cut\.{ending} (cannot be read|is not a picture)"):
        images.open_image(write_truncated(tmp_path / f"cut.{ending}"))


@given(
    ending=st.sampled_from(["jpg", "png", "webp", "bmp", "tif"]),
    cut=st.floats(0, 1),
    damage=st.dictionaries(st.floats(0, 1, exclude_max=True), st.integers(0, 255), max_size=4),
)
def test_a_damaged_file_is_a_picture_or_a_sentence(
    tmp_path_factory: pytest.TempPathFactory, ending: str, cut: float, damage: dict[float, int]
) -> None:
    path = tmp_path_factory.mktemp("damaged") / f"some.{ending}"
    exif = Image.Exif()
    exif[ORIENTATION] = 6
    images.from_array(noise(8, 12)).save(path, exif=exif)
    data = bytearray(path.read_bytes())
    for place, byte in damage.items():
        data[int(place * len(data))] = byte
    path.write_bytes(data[: round(cut * len(data))])
    said = refused(path)
    assert said is None or (str(path) in said and "\n" not in said)


def test_a_picture_that_would_fill_the_memory_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(tmp_path / "huge.png")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    with pytest.raises(UserError, match=r"huge\.png is refused: .*1024 pixels"):
        images.open_image(path)


def test_a_large_picture_is_opened_without_a_warning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(tmp_path / "large.png")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)  # it has 1024
    assert images.open_image(path).size == (32, 32)


# Halves and sizes


@given(height=st.integers(1, 6), middle=st.integers(1, 6))
def test_the_halves_side_by_side_are_the_whole(height: int, middle: int) -> None:
    array = noise(height, 2 * middle)
    whole = images.from_array(array)
    left, right = (images.to_array(images.half(whole, s, "x")) for s in ("left", "right"))
    assert left.shape == right.shape == (height, middle, 3)
    assert np.array_equal(np.concatenate([left, right], axis=1), array)
    assert images.half(whole, "whole", "x") is whole


@pytest.mark.parametrize("side", ["left", "right"])
def test_an_odd_width_has_no_halves(side: images.Side) -> None:
    with pytest.raises(UserError, match=r"wide\.png is 7 x 4 px, so its halves differ in width"):
        images.half(Image.new("RGB", (7, 4)), side, "wide.png")


def test_an_odd_width_is_no_matter_for_the_whole() -> None:
    assert images.half(Image.new("RGB", (7, 4)), "whole", "x").size == (7, 4)


@given(
    size=st.tuples(st.integers(1, 40), st.integers(1, 40)),
    colour=st.tuples(*[st.integers(0, 255)] * 3),
)
def test_resizing_gives_a_square_and_keeps_a_flat_colour(
    size: tuple[int, int], colour: tuple[int, int, int]
) -> None:
    array = images.to_array(images.resize(Image.new("RGB", size, colour), 16))
    assert array.shape == (16, 16, 3)
    assert (array == colour).all()


def test_shrinking_averages_instead_of_picking() -> None:
    board = np.indices((64, 64)).sum(0) % 2 * 255
    small = images.to_array(images.resize(Image.fromarray(board.astype(np.uint8)), 8))
    assert abs(small[1:-1, 1:-1].astype(float) - 127.5).max() < 3


# Saving


@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize("ending", ["png", "PNG", "tif", "tiff"])
def test_lossless_formats_give_back_what_was_saved(
    tmp_path: Path, ending: str, channels: int
) -> None:
    array = noise(5, 7, channels)
    path = tmp_path / "new" / f"saved.{ending}"
    images.save_image(images.from_array(array), path)
    assert np.array_equal(read(path, channels), array)
    assert files_below(tmp_path) == {f"new/saved.{ending}"}


@pytest.mark.parametrize(("channels", "mode"), [(1, "L"), (3, "RGB"), (4, "RGB")])
@pytest.mark.parametrize("ending", ["jpg", "JPEG"])
def test_jpeg_takes_any_picture_and_stays_near(
    tmp_path: Path, ending: str, channels: int, mode: str
) -> None:
    # A smooth picture: JPEG is meant for those.
    array = np.repeat(LEVELS, channels, axis=2)
    path = tmp_path / f"saved.{ending}"
    images.save_image(images.from_array(array), path)
    assert images.open_image(path).mode == mode
    assert abs(pixels(path).astype(int).reshape(16, 16, -1) - LEVELS).max() <= 6


def test_jpeg_keeps_colours_as_sharp_as_brightness(tmp_path: Path) -> None:
    stripes = np.zeros((16, 16, 3), np.uint8)
    stripes[:, ::2, 0] = stripes[:, 1::2, 2] = 255  # red, blue, red, ...
    images.save_image(images.from_array(stripes), tmp_path / "a.jpg")
    assert abs(pixels(tmp_path / "a.jpg").astype(int) - stripes).mean() < 20


@pytest.mark.parametrize("name", ["a.png", "a.JPG", "a.webp", "a.bmp", "a.tiff", "a.gif"])
def test_formats_that_can_be_written_are_known_by_their_ending(name: str) -> None:
    assert images.can_write(Path(name))


@pytest.mark.parametrize("name", ["a", "a.txt", "a.psd", "png", "a.png~"])
def test_formats_that_cannot_be_written_are_known_too(name: str) -> None:
    assert not images.can_write(Path(name))


# Grids


@pytest.mark.parametrize("columns", [1, 3])
@pytest.mark.parametrize("rows", [1, 4])
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_a_grid_shows_every_picture_whole_in_its_row_and_column(
    rows: int, columns: int, channels: int
) -> None:
    height, width = 9, 14

    def colour(row: int, column: int) -> int:
        return 100 + 10 * row + column  # between the black of titles and the white around them

    cells = [
        [np.full((height, width, channels), colour(r, c), np.uint8) for c in range(columns)]
        for r in range(rows)
    ]
    for row in cells:
        for cell in row:
            cell[:, :, 3:] = 255  # opaque
    sheet = images.to_array(images.grid(cells, [""] * columns))
    corners = np.zeros((rows, columns, 2), int)
    for r in range(rows):
        for c in range(columns):
            found = np.argwhere((sheet == colour(r, c)).all(axis=2))
            corners[r, c] = found.min(0)
            assert len(found) == height * width
            assert tuple(found.max(0) - found.min(0) + 1) == (height, width)
    # Rows lie below each other and columns beside each other, with air between and around them.
    assert (np.diff(corners[:, :, 0], axis=0) > height).all()
    assert (np.diff(corners[:, :, 1], axis=1) > width).all()
    assert (sheet[:, [0, -1]] == 255).all()
    assert (sheet[[0, -1]] == 255).all()


def test_titles_stand_above_their_columns() -> None:
    cell = np.full((20, 60, 3), 255, np.uint8)
    sheet = images.to_array(images.grid([[cell, cell]], ["left", ""]))
    ink = np.argwhere(sheet.min(axis=2) < 128)
    assert len(ink) > 0
    assert ink[:, 1].max() < sheet.shape[1] / 2
    assert ink[:, 0].max() < sheet.shape[0] - 20
