from pathlib import Path

import numpy as np
import pytest

from pix2pix.model_file import Header, read_header
from pix2pix.pictures.codec import Array, Format, read_bytes
from pix2pix.pictures.contract import PictureContract
from pix2pix.serve.answers import check_size, encode
from pix2pix.serve.errors import RequestError
from tests.helpers import noise, write_model


def header(folder: Path, **target: object) -> Header:
    contract = PictureContract.model_validate(target)
    return read_header(write_model(folder / "a.safetensors", target=contract))


def shown(array: Array, header: Header, kind: Format) -> Array:
    return read_bytes(encode([array], header, kind), "a", lambda head: None)


def test_png_keeps_16_bits_and_jpeg_shows_them_in_8(tmp_path: Path) -> None:
    of_16 = header(tmp_path, depth="uint16", high=65535)
    array = np.full((16, 16, 3), 40 * 257, np.uint16)
    assert np.array_equal(shown(array, of_16, "png"), array)
    assert abs(shown(array, of_16, "jpeg").astype(int) - 40).max() <= 2


def test_floats_are_shown_by_their_range(tmp_path: Path) -> None:
    heights = header(tmp_path, channels=1, depth="float32", low=-1, high=3)
    array = np.full((4, 4, 1), 1.0, np.float32)
    assert np.unique(shown(array, heights, "png")).tolist() == [128]


def test_of_many_channels_the_first_three_are_shown(tmp_path: Path) -> None:
    array = noise(8, 8, 6)
    assert np.array_equal(shown(array, header(tmp_path, channels=6), "png"), array[:, :, :3])


@pytest.mark.parametrize("kind", ["jpeg", "webp"])
def test_transparency_is_left_out_where_it_cannot_be_kept(tmp_path: Path, kind: Format) -> None:
    of_4 = header(tmp_path, channels=4)
    assert shown(noise(8, 8, 4), of_4, kind).shape == (8, 8, 3)
    assert shown(noise(8, 8, 4), of_4, "png").shape == (8, 8, 4)


@pytest.mark.parametrize(("kind", "longest"), [("jpeg", 65_500), ("webp", 16_383)])
def test_what_a_format_cannot_hold_is_refused_in_words(tmp_path: Path, kind: Format, longest: int) -> None:
    check_size(1, longest, kind)
    assert encode([noise(1, longest)], header(tmp_path), kind)
    for size in ((1, longest + 1), (longest + 1, 1)):
        check_size(*size, "png")
        with pytest.raises(RequestError, match=f"up to {longest} a side.*Take PNG") as caught:
            check_size(*size, kind)
        assert caught.value.status == 406
