import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from numpy.typing import NDArray

from pix2pix.pictures import tensors
from pix2pix.pictures.contract import IGNORED, Ignored, LabelClass, PictureContract
from tests.helpers import noise

LEVELS = np.arange(256, dtype=np.uint8).reshape(16, 16, 1)
RGB = PictureContract()
DEEP = PictureContract(channels=1, depth="uint16", high=65535)
FLOAT = PictureContract(channels=2, depth="float32", low=-3, high=5)
CLASSES = tuple(
    LabelClass(name=name, colour=colour)
    for name, colour in {"sky": (0, 0, 255), "road": (90, 90, 90), "tree": (0, 200, 0)}.items()
)
ONE_HOT = PictureContract(classes=CLASSES, one_hot=True)
COLOURS = np.array([c.colour for c in CLASSES], np.uint8)


def eight(channels: int) -> PictureContract:
    return PictureContract(channels=channels)


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
    result = [tensors.to_array(labels, ONE_HOT) for labels in (blurred if batch else [blurred])]
    assert np.array_equal(np.stack(result), COLOURS[index[..., 0]].reshape(-1, 4, 5, 3))


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


def test_ignored_pixels_are_of_no_channel_and_are_drawn_in_their_colour() -> None:
    contract = ONE_HOT.model_copy(update={"ignored": Ignored(index=9, colour=(1, 2, 3))})
    tensor = tensors.to_tensor(np.array([[[1], [IGNORED]]], np.uint8), contract)
    assert tensor.movedim(0, -1).tolist() == [[[-1, 1, -1], [-1, -1, -1]]]
    assert tensors.to_array(tensor, contract).tolist() == [[[90, 90, 90], [1, 2, 3]]]
    unsure = torch.full((3, 1, 1), -1 / 3)  # a network's output is never of no class
    assert tensors.to_array(unsure, contract).tolist() == [[[0, 0, 255]]]


def test_an_output_comes_to_the_fill_value_only_where_it_has_no_data() -> None:
    contract = PictureContract(channels=1, fill=0.0)
    tensor = torch.tensor([-1.0, -0.999, torch.nan, 1.0]).reshape(1, 1, 4)
    assert tensors.to_array(tensor, contract)[0, :, 0].tolist() == [1, 1, 0, 255]
