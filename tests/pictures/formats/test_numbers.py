from pathlib import Path

import numpy as np
import pytest
import tifffile

from pix2pix.errors import UserError
from pix2pix.pictures.codec import Array, read
from pix2pix.pictures.formats.numbers import channels_last, checked
from tests.helpers import noise
from tests.pictures.samples import refusal

EXACT = 2**24


@pytest.mark.parametrize("dtype", ["int8", "int16", "int32", "int64", "uint32", "uint64", ">i2", ">u4"])
@pytest.mark.parametrize("ending", [".tif", ".npy"])
def test_whole_numbers_become_the_same_floats(tmp_path: Path, dtype: str, ending: str) -> None:
    info, path = np.iinfo(dtype), tmp_path / f"a{ending}"
    low, high = max(int(info.min), -EXACT), min(int(info.max), EXACT)
    numbers = np.array([[low, high, 0], [1, 2, 3]]).astype(dtype)
    if ending == ".tif":
        tifffile.imwrite(path, numbers, byteorder=">" if dtype[0] == ">" else "<", photometric="minisblack")
    else:
        np.save(path, numbers)
    result = read(path)
    assert result.dtype == np.float32
    assert np.array_equal(result[:, :, 0].astype(np.float64), numbers.astype(np.float64))


@pytest.mark.parametrize("number", [EXACT + 1, -EXACT - 1, 2**40])
def test_numbers_that_float_does_not_hold_are_refused(tmp_path: Path, number: int) -> None:
    np.save(tmp_path / "a.npy", np.full((4, 4), number))
    message = refusal(tmp_path / "a.npy")
    assert f"holds int64 from {number:,} to {number:,}" in message
    assert f"up to {EXACT:,}" in message


@pytest.mark.parametrize("shape", [(3, 65, 65), (1, 100, 200), (64, 70, 80)])
def test_channels_first_is_read_where_it_can_be_nothing_else(tmp_path: Path, shape: tuple[int, ...]) -> None:
    array = np.arange(np.prod(shape), dtype=np.uint32).astype(np.uint8).reshape(shape)
    np.save(tmp_path / "a.npy", array)
    assert np.array_equal(read(tmp_path / "a.npy"), array.transpose(1, 2, 0))


@pytest.mark.parametrize("shape", [(3, 64, 64), (1, 16, 16), (4, 500, 20), (13, 60, 64)])
def test_what_may_be_channels_first_is_refused_with_its_shape(tmp_path: Path, shape: tuple[int, ...]) -> None:
    np.save(tmp_path / "a.npy", np.zeros(shape, np.uint8))
    message = refusal(tmp_path / "a.npy")
    assert f"has shape {shape}" in message
    assert "np.moveaxis(array, 0, -1)" in message


@pytest.mark.parametrize("shape", [(64, 64, 5), (9, 9, 64), (64, 64, 3), (3, 64, 4), (4, 4, 65), (64, 64)])
def test_other_shapes_stay_as_they_are(shape: tuple[int, ...]) -> None:
    assert channels_last(np.zeros(shape, np.uint8), "a").shape == shape


def test_an_array_in_memory_is_named() -> None:
    with pytest.raises(UserError, match=r"^The array holds int64 from 0 to 20,000,000"):
        checked(np.array([[0, 20_000_000]]), "The array")


def levels(array: Array) -> tuple[str, ...]:
    return tuple(str(checked(array, "a").dtype) for _ in range(1))


def test_levels_stay_levels() -> None:
    assert levels(noise(4, 4)) == ("uint8",)
    assert levels(noise(4, 4).astype(">u2")) == ("uint16",)
