import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pix2pix.errors import UserError
from pix2pix.pictures import geometry
from pix2pix.pictures.codec import Array, from_pillow
from tests.helpers import noise


@given(height=st.integers(1, 6), middle=st.integers(1, 6), channels=st.integers(1, 6))
def test_the_halves_side_by_side_are_the_whole(height: int, middle: int, channels: int) -> None:
    array = noise(height, 2 * middle, channels)
    left, right = (geometry.half(array, s, "x") for s in ("left", "right"))
    assert left.shape == right.shape == (height, middle, channels)
    assert np.array_equal(np.concatenate([left, right], axis=1), array)
    assert geometry.half(array, "whole", "x") is array


@pytest.mark.parametrize("side", ["left", "right"])
def test_an_odd_width_has_no_halves(side: geometry.Side) -> None:
    with pytest.raises(UserError, match=r"wide\.png is 7 x 4 px, so its halves differ in width"):
        geometry.half(noise(4, 7), side, "wide.png")


def test_an_odd_width_is_no_matter_for_the_whole() -> None:
    assert geometry.half(noise(4, 7), "whole", "x").shape == (4, 7, 3)


@given(
    size=st.tuples(st.integers(1, 40), st.integers(1, 40)),
    colour=st.lists(st.integers(0, 255), min_size=1, max_size=5),
    how=st.sampled_from(["stretch", "crop", "pad"]),
    depth=st.sampled_from(["uint8", "uint16", "float32"]),
)
def test_any_way_to_a_size_keeps_a_flat_colour_and_the_depth(
    size: tuple[int, int], colour: list[int], how: geometry.Fit, depth: str
) -> None:
    flat = np.full((*size, len(colour)), colour, depth)
    array = geometry.fit(flat, (16, 24), how)
    assert (array.shape, array.dtype) == ((16, 24, len(colour)), flat.dtype)
    assert np.allclose(array, colour, atol=0 if depth != "float32" else 1e-3)


def test_shrinking_averages_instead_of_picking() -> None:
    board = (np.indices((64, 64)).sum(0) % 2 * 255).astype(np.uint8)[:, :, None]
    small = geometry.resize(board, (8, 8))
    assert abs(small[1:-1, 1:-1].astype(float) - 127.5).max() < 3


@pytest.mark.parametrize("depth", ["uint16", "float32"])
def test_other_depths_are_resized_as_eight_bits_are(depth: str) -> None:
    array = noise(20, 30)
    expected = geometry.resize(array, (11, 45)).astype(float)
    result = geometry.resize(array.astype(depth) * 200, (11, 45)) / 200
    assert abs(result.clip(0, 255) - expected).max() <= 1.01  # Pillow's bytes round twice


def test_sixteen_bits_are_resized_within_their_range() -> None:
    edge = np.repeat(np.array([0, 65535], np.uint16), 8)[None, :, None].repeat(4, axis=0)
    wide = geometry.resize(edge, (4, 40))  # bicubic curves would go beyond both ends
    assert (wide.min(), wide.max()) == (0, 65535)
    assert (np.diff(wide[0, :, 0].astype(int)) >= -3000).all()


def test_floats_are_resized_within_the_range_of_their_channel() -> None:
    step = np.repeat(np.array([0, 1], np.float32), 8)[None, :, None].repeat(4, axis=0)
    channels = np.concatenate([step, 100 - 3 * step], axis=2)
    for way in (geometry.resize(channels, (4, 40)), geometry.fit(channels, (5, 33), "crop")):
        assert (way.min((0, 1)) >= (0, 97)).all()
        assert (way.max((0, 1)) <= (1, 100)).all()


@given(size=st.tuples(st.integers(1, 40), st.integers(1, 40)))
@pytest.mark.parametrize("channels", [1, 3])
def test_resizing_labels_mixes_none(channels: int, size: tuple[int, int]) -> None:
    labels = np.random.default_rng(0).choice(np.array([3, 7, 200], np.uint8), (13, 9, 1))
    labels = np.repeat(labels, channels, axis=2)
    resized = geometry.resize(labels, size, labels=True)
    assert set(np.unique(resized)) <= {3, 7, 200}


def test_what_has_the_size_is_left_as_it_is() -> None:
    array = noise(5, 7)
    assert geometry.resize(array, (5, 7)) is array
    for how in ("stretch", "crop", "pad"):
        assert np.array_equal(geometry.fit(array, (5, 7), how), array)


def test_a_crop_keeps_the_shape_and_the_middle() -> None:
    array = noise(8, 20)
    assert np.array_equal(geometry.fit(array, (8, 8), "crop"), array[:, 6:14])
    tall = array.swapaxes(0, 1)
    assert np.array_equal(geometry.fit(tall, (8, 8), "crop"), tall[6:14])


def test_padding_keeps_the_whole_and_mirrors_it_at_the_borders() -> None:
    array = noise(4, 8)
    padded = geometry.fit(array, (8, 8), "pad")
    assert np.array_equal(padded[2:6], array)
    assert np.array_equal(padded[:2], array[1::-1])
    assert np.array_equal(padded[6:], array[:1:-1])


@given(length=st.integers(1, 9), expected=st.integers(0, 40), start=st.integers(-40, 40))
def test_mirrored_indexes_go_to_and_fro(length: int, expected: int, start: int) -> None:
    result = geometry.mirrored(length, expected, start)
    wave = [*range(length), *reversed(range(length))]
    assert result.tolist() == [wave[(start + n) % len(wave)] for n in range(expected)]


@pytest.mark.parametrize("columns", [1, 3])
@pytest.mark.parametrize("rows", [1, 4])
@pytest.mark.parametrize(("height", "width", "times"), [(9, 14, 14), (200, 300, 1), (64, 96, 2)])
def test_a_grid_shows_every_picture_whole_in_its_row_and_column(
    rows: int, columns: int, height: int, width: int, times: int
) -> None:
    def colour(row: int, column: int) -> int:
        return 100 + 10 * row + column  # between the black of titles and the white around them

    cells = [
        [np.full((height, width, 3), colour(r, c), np.uint8) for c in range(columns)] for r in range(rows)
    ]
    sheet = from_pillow(geometry.grid(cells, [""] * columns))
    corners = np.zeros((rows, columns, 2), int)
    for r in range(rows):
        for c in range(columns):
            result = np.argwhere((sheet == colour(r, c)).all(axis=2))
            corners[r, c] = result.min(0)
            shape = (height * times, width * times)  # small ones are enlarged
            assert len(result) == shape[0] * shape[1]
            assert tuple(result.max(0) - result.min(0) + 1) == shape
    # Rows lie below each other and columns next to each other, with air between and around them.
    assert (np.diff(corners[:, :, 0], axis=0) > height * times).all()
    assert (np.diff(corners[:, :, 1], axis=1) > width * times).all()
    assert (sheet[:, [0, -1]] == 255).all()
    assert (sheet[[0, -1]] == 255).all()


def test_titles_stand_above_their_columns() -> None:
    cell = np.full((20, 60, 3), 255, np.uint8)
    sheet: Array = from_pillow(geometry.grid([[cell, cell]], ["left", ""]))
    ink = np.argwhere(sheet.min(axis=2) < 128)
    assert len(ink) > 0
    assert ink[:, 1].max() < sheet.shape[1] / 2
    assert ink[:, 0].max() < 22
