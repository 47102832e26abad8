from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from PIL import Image

from pix2pix.pictures.codec import Array, read
from pix2pix.pictures.formats import tiff
from tests.helpers import noise
from tests.pictures.samples import DEPTHS, ORIENTATION, UPRIGHT, deep, refusal


@pytest.mark.parametrize("orientation", UPRIGHT)
def test_a_deep_photograph_is_turned_upright_too(tmp_path: Path, orientation: int) -> None:
    array, exif = deep(3, 5, 1), Image.Exif()
    exif[ORIENTATION] = orientation
    Image.fromarray(array[:, :, 0]).save(tmp_path / "a.png", exif=exif)
    array_of_7 = deep(3, 5, 7, "float32")
    tifffile.imwrite(
        tmp_path / "a.tif",
        array_of_7,
        photometric="minisblack",
        planarconfig="contig",
        extratags=[(ORIENTATION, 3, 1, orientation, True)],
    )
    assert np.array_equal(read(tmp_path / "a.png"), UPRIGHT[orientation](array))
    assert np.array_equal(read(tmp_path / "a.tif"), UPRIGHT[orientation](array_of_7))


@pytest.mark.parametrize("depth", DEPTHS)
@pytest.mark.parametrize(
    "options",
    [
        {"planarconfig": "separate"},
        {"planarconfig": "contig", "tile": (16, 16)},
        {"planarconfig": "separate", "tile": (16, 32)},
        {"planarconfig": "contig", "compression": "lzw"},
        {"planarconfig": "contig", "compression": "deflate", "predictor": True},
        {"planarconfig": "contig", "compression": "packbits"},
        {"planarconfig": "contig", "rowsperstrip": 3, "bigtiff": True, "byteorder": ">"},
    ],
    ids=["planar", "tiled", "planar tiled", "lzw", "deflate predictor", "packbits", "big"],
)
def test_tiff_is_read_however_it_is_kept(tmp_path: Path, depth: str, options: dict[str, Any]) -> None:
    array, path = deep(40, 50, 3, depth), tmp_path / "a.tif"
    planes = array.transpose(2, 0, 1) if options["planarconfig"] == "separate" else array
    photometric = "minisblack" if depth == "float32" else "rgb"
    tifffile.imwrite(path, planes, photometric=photometric, **options)
    result = read(path)
    assert result.dtype == depth
    assert np.array_equal(result, array)


@pytest.mark.parametrize("metadata", [None, {}])
@pytest.mark.parametrize("pages", [2, 3, 4, 12])
def test_pages_are_channels(tmp_path: Path, pages: int, metadata: Any) -> None:
    array = deep(9, 8, pages)
    with tifffile.TiffWriter(tmp_path / "a.tif") as out:
        for page in range(pages):
            out.write(array[:, :, page], photometric="minisblack", metadata=metadata)
    tifffile.imwrite(tmp_path / "b.tif", array.transpose(2, 0, 1), photometric="minisblack")
    assert np.array_equal(read(tmp_path / "a.tif"), array)
    assert np.array_equal(read(tmp_path / "b.tif"), array)


def test_channels_of_all_pages_are_joined(tmp_path: Path) -> None:
    array = deep(9, 8, 6)
    pages = np.stack([array[:, :, :3], array[:, :, 3:]])
    tifffile.imwrite(tmp_path / "a.tif", pages, photometric="rgb")
    assert np.array_equal(read(tmp_path / "a.tif"), array)


@pytest.mark.parametrize("depth", ["uint8", "uint16"])
def test_white_is_the_highest_whatever_a_tiff_says(tmp_path: Path, depth: str) -> None:
    array = deep(9, 8, 1, depth)
    tifffile.imwrite(tmp_path / "a.tif", ~array[:, :, 0], photometric="miniswhite")
    assert np.array_equal(read(tmp_path / "a.tif"), array)


def test_more_pages_than_channels_are_refused_unread(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", np.zeros((65, 4, 4), np.uint8), photometric="minisblack")
    assert "it has 65 pages and channels, wanted up to 64" in refusal(tmp_path / "a.tif")


def test_a_tiff_of_another_kind_is_refused_by_name(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", np.zeros((4, 4), "complex64"))
    assert "a.tif holds complex64: wanted 8 or 16 bits, whole numbers" in refusal(tmp_path / "a.tif")


# Which page is the picture


def pages(path: Path, *parts: tuple[Array, dict[str, Any]]) -> Path:
    with tifffile.TiffWriter(path) as out:
        for array, options in parts:
            colours = "rgb" if array.shape[2] == 3 else "minisblack"
            flat = array if array.shape[2] == 3 else array[:, :, 0]
            out.write(flat, **{"photometric": colours, "metadata": None, **options})
    return path


def test_a_thumbnail_is_not_the_picture_wherever_it_stands(tmp_path: Path) -> None:
    picture, thumbnail = noise(32, 48), noise(8, 12, seed=1)
    reduced = (thumbnail, {"subfiletype": 1})
    orders = {
        "first": (reduced, (picture, {})),
        "last": ((picture, {}), reduced),
        "first, unmarked": ((thumbnail, {}), (picture, {})),
        "last, unmarked": ((picture, {}), (thumbnail, {})),
        "with a mask": ((picture, {}), (noise(32, 48, 1) > 99, {"subfiletype": 4, "photometric": 4})),
        "within a thumbnail": ((thumbnail, {"subfiletype": 1, "subifds": 1}), (picture, {})),
        "with one within": ((picture, {"subifds": 1}), reduced),
    }
    for name, parts in orders.items():
        assert np.array_equal(read(pages(tmp_path / f"{name}.tif", *parts)), picture), name


def test_a_lone_reduced_page_is_a_picture(tmp_path: Path) -> None:
    assert read(pages(tmp_path / "a.tif", (noise(8, 8), {"subfiletype": 1}))).shape == (8, 8, 3)


# What stands for no data


@pytest.mark.parametrize("tag", ["-9999", "-9999.0", "-9.999e3 "])
def test_the_value_of_no_data_is_read_as_the_file_has_it(tmp_path: Path, tag: str) -> None:
    def write(dtype: str) -> Path:
        numbers = np.array([[-9999, 5], [6, 7]]).astype(dtype)
        tags = [(tiff.NO_DATA, "s", 0, tag, True)]
        tifffile.imwrite(tmp_path / f"{dtype}.tif", numbers, photometric="minisblack", extratags=tags)
        return tmp_path / f"{dtype}.tif"

    for dtype in ("int16", "float32", "float64"):
        with write(dtype).open("rb") as file:
            assert tiff.read(file, lambda head: None)[1] == -9999
