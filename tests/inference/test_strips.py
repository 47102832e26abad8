"""Rows of a source and of a translation are those of the whole."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from pix2pix.inference.strips import Strips, UnreadableError
from pix2pix.inference.translator import Translator
from pix2pix.model_file import Header
from pix2pix.pictures import geometry, tensors
from pix2pix.pictures.contract import LabelClass, PictureContract, Side
from pix2pix.pictures.windows import open_rows
from tests.helpers import noise, write, write_model
from tests.inference.test_large import tiles

CLASSES = tuple(LabelClass(name=f"c{n}", colour=(n, n, n)) for n in range(3))
Make = Callable[..., Strips]


def header(folder: Path, **contracts: PictureContract) -> Header:
    return Translator.load(write_model(folder / "model.safetensors", **contracts), "cpu").header


@pytest.fixture
def strips_of() -> Iterator[Callable[..., Strips]]:
    """Make the strips of a file; files are closed when the test ends."""
    with ExitStack() as opened:

        def make(path: Path, about: Header, side: Side = "whole") -> Strips:
            return Strips(opened.enter_context(closing(open_rows(path))), about, side, 32)

        yield make


@pytest.mark.parametrize("size", [(1, 1), (5, 40), (33, 64), (75, 130)])
def test_rows_are_padded_as_the_whole_is(strips_of: Make, tmp_path: Path, size: tuple[int, int]) -> None:
    about, array = header(tmp_path), noise(*size)
    strips = strips_of(write(tmp_path / "a.png", array), about)
    expected = geometry.pad(tensors.to_tensor(array, about.image.source), 32)
    assert strips.padded == expected.shape[1:]
    rows = [strips.source(start, min(start + 7, strips.padded[0])) for start in range(0, strips.padded[0], 7)]
    torch.testing.assert_close(torch.cat(rows, 1), expected)


def test_a_translation_is_cropped_and_has_the_depth_of_the_targets(strips_of: Make, tmp_path: Path) -> None:
    about = header(tmp_path, target=PictureContract(channels=1, depth="uint16", high=65535))
    strips = strips_of(write(tmp_path / "a.png", noise(10, 12)), about)
    strip = torch.linspace(-1, 1, 32)[None, None].expand(1, 8, 32)
    result = strips.picture(strip, 4, reread=False)
    assert result.shape == (6, 12, 1)
    assert result.dtype == np.uint16
    assert result[0, 0, 0] == 0
    assert strips.picture(strip, 0, reread=False).shape == (8, 12, 1)


def without_data(path: Path, nodata: str) -> Path:
    """20 x 20 px of 100, a square of which has no data."""
    array = np.full((20, 20, 3), 100, np.uint8)
    array[4:8, 4:8] = int(nodata)
    return tiles(path, array, extratags=[(42113, "s", 0, nodata, True)])


def filled(value: float) -> Tensor:
    return torch.full((3, 20, 32), value)


@pytest.mark.parametrize(("nodata", "neighbour"), [("0", 1), ("255", 254), ("7", 8)])
def test_a_translation_marks_what_has_no_data_and_nothing_else(
    strips_of: Make, tmp_path: Path, nodata: str, neighbour: int
) -> None:
    strips = strips_of(without_data(tmp_path / "a.tif", nodata), header(tmp_path))
    result = strips.picture(filled(int(nodata) / 127.5 - 1), 0, reread=True)
    assert (result[4:8, 4:8] == int(nodata)).all()
    result[4:8, 4:8] = neighbour
    assert (result == neighbour).all()


@pytest.mark.parametrize("depth", ["uint8", "float32"])
def test_a_model_that_knows_pixels_without_data_marks_them_as_its_targets_did(
    strips_of: Make, tmp_path: Path, depth: str
) -> None:
    target = PictureContract(depth=depth, fill=9.0)
    about = header(tmp_path, source=PictureContract(fill=5.0), target=target)
    array = np.full((20, 20, 3), 100, np.uint8)
    array[4:8, 4:8] = 5  # as in training, and no tag says so
    strips = strips_of(write(tmp_path / "a.png", array), about)
    assert strips.source(0, 20)[:, 4:8, 4:8].abs().max() == 0
    result = strips.picture(filled(0.5), 0, reread=False)
    assert strips.nodata == 9
    assert (result[4:8, 4:8] == 9).all()
    assert (result == 9).all(2).sum() == 16


def test_what_has_no_data_is_nothing_to_the_network(strips_of: Make, tmp_path: Path) -> None:
    strips = strips_of(without_data(tmp_path / "a.tif", "0"), header(tmp_path))
    source = strips.source(0, 20)
    assert source[:, 4:8, 4:8].abs().max() < 0.01
    source[:, 4:8, 4:8] = 100 / 127.5 - 1
    torch.testing.assert_close(source[:, :20, :20], torch.full((3, 20, 20), 100 / 127.5 - 1))


def test_a_map_of_classes_has_none_where_there_is_no_data(strips_of: Make, tmp_path: Path) -> None:
    about = header(tmp_path, source=PictureContract(classes=CLASSES, one_hot=True))
    array = np.full((20, 20, 3), 2, np.uint8)
    array[4:8] = 9  # no class
    path = tiles(tmp_path / "a.tif", array, extratags=[(42113, "s", 0, "9", True)])
    source = strips_of(path, about).source(0, 20)
    assert (source[:, 4:8] == -1).all()
    assert source[:, 0, 0].tolist() == [-1, -1, 1]


def test_a_right_half_begins_in_the_middle(strips_of: Make, tmp_path: Path) -> None:
    path = write(tmp_path / "a.png", noise(32, 64))
    strips = strips_of(path, header(tmp_path), side="right")
    assert (strips.left, strips.width) == (32, 32)
    expected = tensors.to_tensor(noise(32, 64)[:, 32:], PictureContract())
    torch.testing.assert_close(strips.source(0, 32), expected)


def test_what_the_model_does_not_take_is_named(strips_of: Make, tmp_path: Path) -> None:
    path = write(tmp_path / "a.tif", noise(32, 32).astype(np.float32))
    with pytest.raises(UnreadableError, match=r"a\.tif holds float32"):
        strips_of(path, header(tmp_path)).source(0, 32)
    with pytest.raises(UnreadableError, match=r"b\.png is 33 x 32 px, so its halves differ"):
        strips_of(write(tmp_path / "b.png", noise(32, 33)), header(tmp_path), side="left").source(0, 32)
