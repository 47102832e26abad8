from pathlib import Path

import numpy as np
import pytest
import tifffile

from pix2pix.pictures.codec import Array, read_picture, write
from pix2pix.pictures.formats.tiff import NO_DATA
from pix2pix.pictures.geometry import fit, resize
from pix2pix.pictures.missing import (
    as_missing,
    as_written,
    missing,
    resampled,
    tag_of,
    with_data,
    without_data,
)
from tests.helpers import noise


def test_in_floats_each_value_in_levels_each_pixel_has_data_or_none() -> None:
    floats = np.array([[[np.nan, 1], [2, 3]]], np.float32)
    assert missing(floats, "nan").tolist() == [[[True, False], [False, False]]]
    levels = np.array([[[0, 0], [0, 3]]], np.uint8)
    assert missing(levels, 0.0).tolist() == [[[True, True], [False, False]]]
    assert not missing(levels, None).any()


def test_floats_carry_the_value_of_files_only_there() -> None:
    inside = as_missing(np.array([[[-9999.0], [5.0]]], np.float32), -9999.0)
    assert np.isnan(inside[0, 0, 0])
    assert as_written(inside, -9999.0).ravel().tolist() == [-9999, 5]
    assert np.isnan(as_written(inside, "nan")[0, 0, 0])


@pytest.mark.parametrize("how", ["stretch", "crop", "pad"])
@pytest.mark.parametrize("depth", ["uint8", "uint16", "float32"])
def test_resizing_mixes_nothing_with_what_is_missing(depth: str, how: str) -> None:
    array = np.full((32, 40, 2), 200, depth)
    gone = np.zeros(array.shape, bool)
    gone[:10] = True
    holed = without_data(array, gone, 0.0)
    for size in ((16, 20), (64, 80), (30, 17)):
        result = fit(holed, size, how, fill=0.0)
        lost = missing(result, 0.0)
        assert 0.1 < lost.mean() < 0.5
        assert np.allclose(result[~lost], 200, atol=1)


def test_what_has_all_its_data_is_resized_as_ever() -> None:
    array = noise(32, 40)
    assert np.array_equal(resize(array, (20, 20), fill=999.0), resize(array, (20, 20)))


def test_a_level_that_is_made_is_never_the_one_of_no_data() -> None:
    def lower(part: Array) -> Array:
        return part if part.max() <= 1 else part - np.float32(5)

    array = np.array([[[0], [5], [9]]], np.uint8)
    assert resampled(array, 0.0, lower).ravel().tolist()[0] == 0
    assert (resampled(array, 0.0, lower).ravel()[1:] > 0).all()


@pytest.mark.parametrize("fill", [-9999.0, "nan"])
def test_a_tiff_names_what_it_was_written_with(tmp_path: Path, fill: float | str) -> None:
    array = np.array([[[np.nan], [1.5]]], np.float32)
    write(array, tmp_path / "a.tif", fill)
    with tifffile.TiffFile(tmp_path / "a.tif") as opened:
        assert opened.pages[0].tags[NO_DATA].value == str(fill).removesuffix(".0")
    assert np.isnan(read_picture(tmp_path / "a.tif").array).ravel().tolist() == [True, False]
    tag = tag_of(tmp_path / "a.tif")
    assert tag == fill or (tag is not None and np.isnan(tag))


def test_other_files_name_nothing(tmp_path: Path) -> None:
    for name in ("a.png", "a.tif"):
        write(noise(4, 4), tmp_path / name)
        assert tag_of(tmp_path / name) is None
    assert tag_of(tmp_path / "gone.tif") is None


@pytest.mark.parametrize(("fill", "following"), [(0.0, 1), (255.0, 254)])
def test_computed_levels_never_come_to_the_fill_value(fill: float, following: int) -> None:
    computed = np.full((2, 2, 3), int(fill), np.uint8)
    computed[0, 0, 0] = 7  # one channel of another level: a pixel with data
    kept = with_data(computed, fill)
    assert kept[0, 0].tolist() == computed[0, 0].tolist()
    assert (kept[1] == following).all()
    assert not missing(kept, fill).any()
