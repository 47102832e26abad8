from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from numpy.typing import NDArray

from pix2pix.errors import UserError
from pix2pix.pictures import geometry, tensors
from pix2pix.pictures.codec import Array, from_pillow
from pix2pix.pictures.conform import conform
from pix2pix.pictures.contract import LabelClass, PictureContract
from pix2pix.pictures.view import grid, to_view
from tests.helpers import noise

LEVELS = np.arange(256, dtype=np.uint8).reshape(16, 16, 1)
RGB = PictureContract()
DEEP = PictureContract(channels=1, depth="uint16", high=65535)
FLOAT = PictureContract(channels=2, depth="float32", low=-3, high=5)
CLASSES = tuple(
    LabelClass(name=name, colour=colour)
    for name, colour in {"sky": (0, 0, 255), "road": (90, 90, 90), "tree": (0, 200, 0)}.items()
)
LABELS = PictureContract(classes=CLASSES)
ONE_HOT = PictureContract(classes=CLASSES, one_hot=True)
COLOURS = np.array([c.colour for c in CLASSES], np.uint8)


def eight(channels: int) -> PictureContract:
    return PictureContract(channels=channels)


# Tensors


@pytest.mark.parametrize("channels", [1, 3, 4, 7])
def test_every_level_survives_the_way_through_a_tensor(channels: int) -> None:
    array = np.repeat(LEVELS, channels, axis=2)
    tensor = tensors.to_tensor(array, eight(channels))
    assert tensor.shape == (channels, 16, 16)
    assert tensor.dtype == torch.float32
    assert np.array_equal(tensors.to_array(tensor, eight(channels)), array)


def test_every_level_of_sixteen_bits_survives_the_way_through_a_tensor() -> None:
    array = np.arange(65536, dtype=np.uint16).reshape(256, 256, 1)
    tensor = tensors.to_tensor(array, DEEP)
    assert (tensor.min(), tensor.max()) == (-1, 1)
    back = tensors.to_array(tensor, DEEP)
    assert back.dtype == np.uint16
    assert np.array_equal(back, array)


def test_floats_survive_by_the_range_of_their_contract() -> None:
    array = np.random.default_rng(0).uniform(-3, 5, (9, 8, 2)).astype(np.float32)
    tensor = tensors.to_tensor(array, FLOAT)
    assert abs(tensor).max() <= 1
    back = tensors.to_array(tensor, FLOAT)
    assert back.dtype == np.float32
    assert np.allclose(back, array, atol=1e-5)
    ends = np.array([-3, 5, 9], np.float32).reshape(1, 1, 3)
    assert tensors.to_tensor(ends, FLOAT).flatten().tolist() == [-1, 1, 2]


@given(npst.arrays(np.uint8, npst.array_shapes(min_dims=3, max_dims=4, max_side=5)))
def test_any_pixels_survive_the_way_through_a_tensor(array: NDArray[np.uint8]) -> None:
    contract = eight(array.shape[-1])
    assert np.array_equal(tensors.to_array(tensors.to_tensor(array, contract), contract), array)


def test_black_is_minus_one_and_white_is_one_and_the_steps_are_even() -> None:
    tensor = tensors.to_tensor(LEVELS, eight(1)).flatten()
    assert (tensor[0], tensor[255]) == (-1, 1)
    assert torch.allclose(tensor.diff(), torch.tensor(2 / 255), atol=1e-6)


@given(st.floats(-3, 3, width=32))
@pytest.mark.parametrize(("contract", "white"), [(eight(1), 255), (DEEP, 65535)])
def test_a_value_becomes_the_nearest_level_and_never_wraps(
    contract: PictureContract, white: int, value: float
) -> None:
    (level,) = tensors.to_array(torch.full((1, 1, 1), value), contract).flatten()
    assert abs(int(level) - np.clip((value + 1) * white / 2, 0, white)) <= 0.5 + white * 1e-6


def test_channels_come_first_in_tensors_and_last_in_arrays() -> None:
    array = noise(2, 3)
    one = tensors.to_tensor(array[1:, :1, 2:], eight(1)).squeeze()
    assert tensors.to_tensor(array, RGB)[2, 1, 0] == one


@pytest.mark.parametrize("batch", [(), (2,)])
def test_one_hot_labels_survive_the_way_through_a_tensor(batch: tuple[int, ...]) -> None:
    index = np.random.default_rng(0).integers(0, 3, (*batch, 4, 5, 1), np.uint8)
    tensor = tensors.to_tensor(index, ONE_HOT)
    assert tensor.shape == (*batch, 3, 4, 5)
    assert (tensor.sum(-3) == -1).all()
    blurred = tensor + torch.randn(tensor.shape) * 0.1
    found = [tensors.to_array(some, ONE_HOT) for some in (blurred if batch else [blurred])]
    assert np.array_equal(np.stack(found), COLOURS[index[..., 0]].reshape(-1, 4, 5, 3))


def test_a_batch_of_one_hot_tensors_becomes_a_batch_of_colours() -> None:
    index = np.random.default_rng(0).integers(0, 3, (2, 4, 5, 1), np.uint8)
    back = tensors.to_array(tensors.to_tensor(index, ONE_HOT), ONE_HOT)
    assert np.array_equal(back, COLOURS[index[..., 0]])


@pytest.mark.parametrize("contract", [RGB, ONE_HOT])
def test_arrays_that_are_read_only_or_turned_become_tensors(contract: PictureContract) -> None:
    array = noise(4, 4, 1 if contract.one_hot else 3) % 3
    array.flags.writeable = False  # torch warns of those, where this is an error
    turned = np.rot90(array)[:, ::-1]
    assert torch.equal(tensors.to_tensor(turned, contract), tensors.to_tensor(turned.copy(), contract))


# Channels and depth


@pytest.mark.parametrize("found", [1, 2, 3, 4])
@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize("depth", ["uint8", "uint16", "float32"])
def test_grey_and_colour_with_and_without_alpha_become_each_other(
    found: int, channels: int, depth: Any
) -> None:
    array = (noise(3, 2, found) / 255).astype(np.float32)
    if depth != "float32":
        array = (array * np.iinfo(depth).max).astype(depth)
    contract = PictureContract(channels=channels, depth=depth)
    conformed = conform(array, contract, "x")
    assert (conformed.shape, conformed.dtype) == ((3, 2, channels), array.dtype)
    if found == channels:
        assert conformed is array


def test_grey_becomes_equal_red_green_and_blue_and_opaque() -> None:
    rgba = conform(LEVELS, eight(4), "x")
    assert np.array_equal(rgba[:, :, :3], np.repeat(LEVELS, 3, axis=2))
    assert (rgba[:, :, 3] == 255).all()


def test_colour_becomes_grey_as_the_eye_sees_it() -> None:
    primaries = np.eye(3, dtype=np.uint8)[None] * np.uint8(255)
    grey = conform(primaries, eight(1), "x")
    assert grey.flatten().tolist() == [76, 150, 29]


def test_transparency_is_laid_on_white() -> None:
    array = noise(4, 4, 4)
    array[0, :, 3], array[1, :, 3], array[2, :, 3] = 255, 0, 51
    laid = conform(array, RGB, "x")
    assert np.array_equal(laid[0], array[0, :, :3])
    assert (laid[1] == 255).all()
    assert (abs(laid[2] - (array[2, :, :3] * 0.2 + 204)) <= 0.5 + 1e-3).all()


@pytest.mark.parametrize(("found", "wanted"), [(5, 3), (3, 5), (7, 4), (1, 6)])
def test_other_channels_are_refused_by_name(found: int, wanted: int) -> None:
    with pytest.raises(UserError, match=rf"some\.tif has {found} channels: wanted {wanted}"):
        conform(noise(2, 2, found), eight(wanted), "some.tif")


def test_every_level_of_eight_bits_survives_sixteen() -> None:
    deep = conform(LEVELS, DEEP, "x")
    assert (deep.min(), deep.max()) == (0, 65535)
    assert np.array_equal(conform(deep, eight(1), "x"), LEVELS)


@given(npst.arrays(np.uint16, (2, 3, 1)))
def test_sixteen_bits_become_the_nearest_of_256_levels(array: NDArray[np.uint16]) -> None:
    levels = conform(array, eight(1), "x")
    assert levels.dtype == np.uint8
    assert (abs(levels.astype(float) - array / 65535 * 255) <= 0.5).all()


@pytest.mark.parametrize(("depth", "wanted"), [("uint8", "float32"), ("float32", "uint16")])
def test_floats_and_levels_do_not_become_each_other(depth: str, wanted: Any) -> None:
    contract = PictureContract(channels=1, depth=wanted)
    said = f"x.tif holds {depth}, the other pictures {wanted}: wanted one kind"
    with pytest.raises(UserError, match=said):
        conform(np.zeros((2, 2, 1), depth), contract, "x.tif")


# Label maps


@pytest.mark.parametrize("depth", ["uint8", "uint16"])
def test_label_maps_may_be_colours_or_indexes(depth: str) -> None:
    index = np.random.default_rng(0).integers(0, 3, (4, 5, 1)).astype(depth)
    colours = COLOURS[index[:, :, 0]]
    for array in (index, colours):
        assert np.array_equal(conform(array, ONE_HOT, "x"), index)
        assert np.array_equal(conform(array, LABELS, "x"), colours)


def test_stray_colours_are_refused_by_name_or_snapped() -> None:
    blurred = COLOURS[[[0, 1, 2]]] ^ np.uint8(3)
    with pytest.raises(UserError, match=r"map\.jpg has 3 pixels of 3 colours"):
        conform(blurred, LABELS, "map.jpg")
    assert np.array_equal(conform(blurred, LABELS, "x", snap=True), COLOURS[[[0, 1, 2]]])


def test_an_index_of_no_class_is_refused_by_name() -> None:
    with pytest.raises(UserError, match=r"map\.png has the class index 3"):
        conform(np.full((2, 2, 1), 3, np.uint8), ONE_HOT, "map.png")


# Halves and sizes


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
    wanted = geometry.resize(array, (11, 45)).astype(float)
    found = geometry.resize(array.astype(depth) * 200, (11, 45)) / 200
    assert abs(found.clip(0, 255) - wanted).max() <= 1.01  # Pillow's bytes round twice


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


@given(length=st.integers(1, 9), wanted=st.integers(0, 40), start=st.integers(-40, 40))
def test_mirrored_indexes_go_to_and_fro(length: int, wanted: int, start: int) -> None:
    found = geometry.mirrored(length, wanted, start)
    wave = [*range(length), *reversed(range(length))]
    assert found.tolist() == [wave[(start + n) % len(wave)] for n in range(wanted)]


# Views


@pytest.mark.parametrize(
    ("contract", "channels"), [(eight(1), 1), (eight(2), 2), (RGB, 3), (eight(7), 7), (DEEP, 1)]
)
def test_any_picture_can_be_looked_at(contract: PictureContract, channels: int) -> None:
    array = noise(3, 4, channels).astype(contract.depth)
    array *= 257 if contract.depth == "uint16" else 1
    view = to_view(array, contract)
    assert (view.shape, view.dtype) == ((3, 4, 3), np.uint8)
    shown = array[:, :, :3] if channels >= 3 else array[:, :, :1]
    wanted = np.broadcast_to(shown // (257 if contract.depth == "uint16" else 1), (3, 4, 3))
    assert np.array_equal(view, wanted)


def test_floats_beyond_their_range_are_clipped_in_a_view() -> None:
    array = np.array([-9, -3, 1, 5, 9], np.float32).reshape(1, 5, 1)
    assert to_view(array, FLOAT)[0, :, 0].tolist() == [0, 0, 128, 255, 255]


# Grids


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
    sheet = from_pillow(grid(cells, [""] * columns))
    corners = np.zeros((rows, columns, 2), int)
    for r in range(rows):
        for c in range(columns):
            found = np.argwhere((sheet == colour(r, c)).all(axis=2))
            corners[r, c] = found.min(0)
            shape = (height * times, width * times)  # small ones are enlarged
            assert len(found) == shape[0] * shape[1]
            assert tuple(found.max(0) - found.min(0) + 1) == shape
    # Rows lie below each other and columns beside each other, with air between and around them.
    assert (np.diff(corners[:, :, 0], axis=0) > height * times).all()
    assert (np.diff(corners[:, :, 1], axis=1) > width * times).all()
    assert (sheet[:, [0, -1]] == 255).all()
    assert (sheet[[0, -1]] == 255).all()


def test_titles_stand_above_their_columns() -> None:
    cell = np.full((20, 60, 3), 255, np.uint8)
    sheet: Array = from_pillow(grid([[cell, cell]], ["left", ""]))
    ink = np.argwhere(sheet.min(axis=2) < 128)
    assert len(ink) > 0
    assert ink[:, 1].max() < sheet.shape[1] / 2
    assert ink[:, 0].max() < 22
