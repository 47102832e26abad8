from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from pix2pix.derive.recipe import apply, parse
from pix2pix.errors import UserError
from pix2pix.pictures import codec
from tests.derive.photographs import DEPTHS, photograph
from tests.helpers import write

Array = NDArray[np.generic]
HOLES = ("inpaint:centre", "inpaint:boxes:1", "inpaint:boxes:5")


@pytest.mark.parametrize("text", HOLES)
@pytest.mark.parametrize("dtype", DEPTHS)
def test_a_hole_tells_nothing_and_the_rest_is_whole(text: str, dtype: str) -> None:
    picture = photograph(40, 60, dtype)
    source = apply(parse(text), picture, "a/b")
    hole = (source != picture).any(axis=2)
    assert 0.01 < hole.mean() < 0.75
    assert len(np.unique(source[hole])) == 1
    other = picture.copy()
    other[hole] = 0 if dtype != "float32" else -5
    np.testing.assert_array_equal(apply(parse(text), other, "a/b"), source)


def test_a_hole_is_mid_grey() -> None:
    for dtype, grey in (("uint8", 127), ("uint16", 32767), ("float32", 0.5)):
        picture = np.zeros((8, 8, 1), dtype)
        picture[0, 0] = 1 if dtype == "float32" else np.iinfo(dtype).max
        assert apply(parse("inpaint"), picture, "a")[4, 4, 0] == grey


def test_the_centre_is_the_middle_half() -> None:
    hole = apply(parse("inpaint:centre"), np.zeros((8, 12, 1), np.uint8), "a")[:, :, 0] > 0
    expected = np.zeros((8, 12), bool)
    expected[2:6, 3:9] = True
    np.testing.assert_array_equal(hole, expected)


def boxes(name: str, height: int = 64, width: int = 96) -> NDArray[np.bool_]:
    empty = np.zeros((height, width, 1), np.uint8)
    return apply(parse("inpaint:boxes:1"), empty, name)[:, :, 0] > 0


def test_boxes_belong_to_the_name() -> None:
    # Written down once: a model is translated with, years later, by what it was trained with.
    rows, columns = np.nonzero(boxes("flowers/rose"))
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (7, 26, 83, 95)
    assert len({boxes(str(number)).tobytes() for number in range(50)}) == 50
    boxes("caf\udce9")  # a name that is no UTF-8


@given(st.text(), st.integers(1, 300), st.integers(1, 300))
def test_a_box_is_a_fair_part_of_any_picture(name: str, height: int, width: int) -> None:
    hole = boxes(name, height, width)
    for size, side in ((height, hole.any(axis=1).sum()), (width, hole.any(axis=0).sum())):
        assert size / 8 <= side <= size * 3 / 8 + 1
    assert hole.sum() == hole.any(axis=1).sum() * hole.any(axis=0).sum()


def test_boxes_stay_where_they_are_when_the_picture_is_resized() -> None:
    for name in ("a", "b", "c"):
        small, large = boxes(name, 50, 50), boxes(name, 500, 500)
        assert (small.repeat(10, 0).repeat(10, 1) != large).mean() < 0.05


def masked(folder: Path, name: str = "a", size: tuple[int, int] = (4, 6)) -> NDArray[np.bool_]:
    """Where a black picture is blanked."""
    black = np.zeros((*size, 1), np.uint8)
    return apply(parse(f"mask:{folder}"), black, name)[:, :, 0] > 0


@pytest.mark.parametrize("ending", [".png", ".PNG", ".bmp", ".Tiff"])
def test_white_of_the_mask_is_blanked(tmp_path: Path, ending: str) -> None:
    white = np.zeros((4, 6, 3), np.uint8)
    white[1, 2:5] = 255
    write(tmp_path / "sub" / f"a.b{ending}", white)
    np.testing.assert_array_equal(masked(tmp_path, "sub/a.b"), white[:, :, 0] > 0)


@pytest.mark.parametrize(
    ("dtype", "white"), [("uint8", 255), ("uint8", 1), ("uint16", 65535), ("float32", 1)]
)
def test_masks_of_every_depth(tmp_path: Path, dtype: str, white: float) -> None:
    mask = np.zeros((4, 6, 1), dtype)
    mask[2:, 3:] = white
    codec.write(mask, tmp_path / "a.tif")
    np.testing.assert_array_equal(masked(tmp_path), mask[:, :, 0] > 0)


@pytest.mark.parametrize("size", [(8, 12), (2, 3), (1, 1), (5, 9)])
def test_a_mask_of_another_size_is_stretched(tmp_path: Path, size: tuple[int, int]) -> None:
    white = np.zeros((4, 6, 1), np.uint8)
    white[:2] = 255
    write(tmp_path / "a.png", white)
    expected = (np.arange(size[0]) + 0.5) / size[0] < 0.5
    np.testing.assert_array_equal(masked(tmp_path, size=size), expected[:, None].repeat(size[1], 1))


@pytest.mark.parametrize("name", ["absent", "sub/absent", "x" * 254])
def test_a_missing_mask_is_named(tmp_path: Path, name: str) -> None:
    write(tmp_path / "absent.txt.png")
    with pytest.raises(UserError) as error:
        masked(tmp_path, name)
    assert str(tmp_path / name) in str(error.value)


def test_a_mask_is_found_in_the_sub_folder_of_its_name_and_nowhere_else(tmp_path: Path) -> None:
    write(tmp_path / "sub" / "a.png", np.full((4, 6, 3), 255, np.uint8))
    write(tmp_path / "b.png", np.full((4, 6, 3), 255, np.uint8))
    assert masked(tmp_path, "sub/a").all()
    for name in ("a", "sub/b", "other/a"):
        with pytest.raises(UserError, match="There is no mask"):
            masked(tmp_path, name)
