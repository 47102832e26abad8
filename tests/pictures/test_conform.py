from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis.extra import numpy as npst
from numpy.typing import NDArray

from pix2pix.errors import UserError
from pix2pix.pictures.conform import conform, to_view
from pix2pix.pictures.contract import LabelClass, PictureContract
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


@pytest.mark.parametrize("present", [1, 2, 3, 4])
@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize("depth", ["uint8", "uint16", "float32"])
def test_grey_and_colour_with_and_without_alpha_become_each_other(
    present: int, channels: int, depth: Any
) -> None:
    array = (noise(3, 2, present) / 255).astype(np.float32)
    if depth != "float32":
        array = (array * np.iinfo(depth).max).astype(depth)
    contract = PictureContract(channels=channels, depth=depth)
    conformed = conform(array, contract, "x")
    assert (conformed.shape, conformed.dtype) == ((3, 2, channels), array.dtype)
    if present == channels:
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


@pytest.mark.parametrize(("present", "expected"), [(5, 3), (3, 5), (7, 4), (1, 6)])
def test_other_channels_are_refused_by_name(present: int, expected: int) -> None:
    with pytest.raises(UserError, match=rf"some\.tif has {present} channels: wanted {expected}"):
        conform(noise(2, 2, present), eight(expected), "some.tif")


def test_every_level_of_eight_bits_survives_sixteen() -> None:
    deep = conform(LEVELS, DEEP, "x")
    assert (deep.min(), deep.max()) == (0, 65535)
    assert np.array_equal(conform(deep, eight(1), "x"), LEVELS)


@given(npst.arrays(np.uint16, (2, 3, 1)))
def test_sixteen_bits_become_the_nearest_of_256_levels(array: NDArray[np.uint16]) -> None:
    levels = conform(array, eight(1), "x")
    assert levels.dtype == np.uint8
    assert (abs(levels.astype(float) - array / 65535 * 255) <= 0.5).all()


@pytest.mark.parametrize(("depth", "expected"), [("uint8", "float32"), ("float32", "uint16")])
def test_floats_and_levels_do_not_become_each_other(depth: str, expected: Any) -> None:
    contract = PictureContract(channels=1, depth=expected)
    refusal = f"x.tif holds {depth}, the other pictures {expected}: wanted one kind"
    with pytest.raises(UserError, match=refusal):
        conform(np.zeros((2, 2, 1), depth), contract, "x.tif")


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


@pytest.mark.parametrize(
    ("contract", "channels"), [(eight(1), 1), (eight(2), 2), (RGB, 3), (eight(7), 7), (DEEP, 1)]
)
def test_any_picture_can_be_looked_at(contract: PictureContract, channels: int) -> None:
    array = noise(3, 4, channels).astype(contract.depth)
    array *= 257 if contract.depth == "uint16" else 1
    view = to_view(array, contract)
    assert (view.shape, view.dtype) == ((3, 4, 3), np.uint8)
    shown = array[:, :, :3] if channels >= 3 else array[:, :, :1]
    expected = np.broadcast_to(shown // (257 if contract.depth == "uint16" else 1), (3, 4, 3))
    assert np.array_equal(view, expected)


def test_floats_beyond_their_range_are_clipped_in_a_view() -> None:
    array = np.array([-9, -3, 1, 5, 9], np.float32).reshape(1, 5, 1)
    assert to_view(array, FLOAT)[0, :, 0].tolist() == [0, 0, 128, 255, 255]
