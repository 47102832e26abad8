"""TIFFs by their blocks give what they give whole."""

from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from PIL import Image

from pix2pix.errors import UserError
from pix2pix.pictures import codec
from pix2pix.pictures.codec import Array
from pix2pix.pictures.formats import tiff as tiff_tags
from pix2pix.pictures.windows import collected, in_bands, open_rows, write_rows
from tests.helpers import noise, write, write_text

NODATA = 42113


def tiff(path: Path, array: Array, **options: Any) -> Path:
    tifffile.imwrite(path, array, metadata=None, **options)
    return path


def read_in_strips(path: Path, rows: int = 7) -> tuple[Array, Array]:
    """The picture and the mask, read with a halo of two rows."""
    with closing(open_rows(path)) as picture:
        assert picture.in_parts
        arrays, masks = [], []
        for start in range(0, picture.height, rows):
            stop = min(start + rows, picture.height)
            first, last = max(start - 2, 0), min(stop + 2, picture.height)
            array, mask = picture.read(first, last)
            mask = np.zeros(array.shape[:2], bool) if mask is None else mask
            arrays.append(array[start - first : stop - first])
            masks.append(mask[start - first : stop - first])
        return np.concatenate(arrays), np.concatenate(masks)


@pytest.mark.parametrize(
    "options",
    [
        {"tile": (16, 32)},
        {"tile": (32, 16), "compression": "zlib", "predictor": True, "byteorder": ">"},
        {"tile": (16, 16), "compression": "jpeg", "photometric": "ycbcr"},
        {"rowsperstrip": 5, "compression": "lzw"},
        {"rowsperstrip": 9, "bigtiff": True},
    ],
    ids=str,
)
@pytest.mark.parametrize("channels", [3, 1])
def test_blocks_are_the_whole(tmp_path: Path, options: dict[str, Any], channels: int) -> None:
    array = noise(50, 70, channels)
    options = options | ({"photometric": "rgb"} if channels == 3 and "photometric" not in options else {})
    if channels == 1:
        array, options = array[:, :, 0], options | {"photometric": "minisblack"}
    path = tiff(tmp_path / "a.tif", array, **options)
    assert np.array_equal(read_in_strips(path)[0], codec.read(path))


@pytest.mark.parametrize("dtype", ["uint16", "float32", "int16"])
def test_planes_of_every_depth(tmp_path: Path, dtype: str) -> None:
    planes = np.arange(4 * 50 * 70).reshape(4, 50, 70).astype(dtype)
    options = {"photometric": "minisblack", "planarconfig": "separate"}
    path = tiff(tmp_path / "a.tif", planes, tile=(16, 16), **options)
    expected = codec.read(path)
    assert expected.shape == (50, 70, 4)
    assert np.array_equal(read_in_strips(path)[0], expected)


def test_palettes_are_looked_up(tmp_path: Path) -> None:
    colours = np.random.default_rng(0).integers(0, 65536, (3, 256), dtype=np.uint16)
    path = tiff(
        tmp_path / "a.tif", noise(50, 70, 1)[:, :, 0], tile=(16, 16), photometric="palette", colormap=colours
    )
    assert np.array_equal(read_in_strips(path)[0], codec.read(path))


@pytest.mark.parametrize(("stated", "dtype"), [("0", "uint8"), ("-9999", "float32"), ("nan", "float32")])
def test_pixels_without_data_are_masked(tmp_path: Path, stated: str, dtype: str) -> None:
    array = noise(50, 70, 3).astype(dtype) + np.array(1, dtype)
    array[10:20, 30:40] = float(stated)
    array[0, 0, 0] = float(stated) if stated == "0" else array[0, 0, 0]  # of one channel
    tags = [(NODATA, "s", 0, stated, True)]
    path = tiff(tmp_path / "a.tif", array, tile=(16, 16), photometric="rgb", extratags=tags)
    result, mask = read_in_strips(path)
    assert mask.sum() == 100
    assert mask[10:20, 30:40].all()
    assert (result[mask] == 0).all()
    assert np.array_equal(result[~mask], array[~mask])


def broken(path: Path) -> Path:
    """A TIFF of 5 x 4 tiles, the seventh of which is overwritten."""
    tiff(path, noise(70, 60, 3), tile=(16, 16), photometric="rgb", compression="zlib")
    with tifffile.TiffFile(path) as opened:
        place, count = (
            values[6] for values in (opened.pages.first.dataoffsets, opened.pages.first.databytecounts)
        )
    data = bytearray(path.read_bytes())
    data[place : place + count] = b"\xff" * count
    path.write_bytes(data)
    return path


def test_a_broken_block_is_named_and_the_others_are_read(tmp_path: Path) -> None:
    path = broken(tmp_path / "a.tif")
    with closing(open_rows(path)) as picture:
        array, mask = picture.read(0, 70)
        picture.read(10, 30)
        (sentence,) = picture.damaged.values()
    assert "a.tif: the block of rows 16 to 31 and columns 32 to 47 cannot be read (" in sentence
    assert mask is not None
    assert mask.sum() == 256
    assert mask[16:32, 32:48].all()
    assert np.array_equal(array[~mask], noise(70, 60, 3)[~mask])


def test_a_file_that_ends_early_lacks_its_last_blocks(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    with tifffile.TiffWriter(path) as writer:  # its directory first
        writer.write(noise(64, 64, 3), tile=(16, 16), photometric="rgb", metadata=None)
    path.write_bytes(path.read_bytes()[: -3 * 16 * 16])
    with closing(open_rows(path)) as picture:
        mask = picture.read(0, 64)[1]
        assert len(picture.damaged) == 1
    assert mask is not None
    assert mask[48:, 48:].all()


@pytest.mark.parametrize("name", ["a.png", "a.tif", "a.npy", "a.jpg"])
def test_other_files_are_read_whole(tmp_path: Path, name: str) -> None:
    path = write(tmp_path / name, noise(30, 40))
    with closing(open_rows(path)) as picture:
        assert (picture.height, picture.width, picture.in_parts) == (30, 40, False)
        assert np.array_equal(picture.read(3, 9)[0], codec.read(path)[3:9])


def test_a_picture_that_lies_on_its_side_is_upright_when_it_is_loaded(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[tiff_tags.ORIENTATION] = 6
    codec.to_pillow(noise(30, 40)).save(tmp_path / "a.jpg", exif=exif)
    tags = [(tiff_tags.ORIENTATION, "H", 1, 6, True)]
    tiff(tmp_path / "b.tif", noise(30, 40), tile=(16, 16), photometric="rgb", extratags=tags)
    for name in ("a.jpg", "b.tif"):
        with closing(open_rows(tmp_path / name)) as picture:
            picture.load()
            assert (picture.height, picture.width, picture.in_parts) == (40, 30, False)
            assert picture.read(0, 40)[0].shape == (40, 30, 3)


def test_what_is_no_picture_is_refused_as_when_it_is_read(tmp_path: Path) -> None:
    for path in (write_text(tmp_path / "a.tif"), write_text(tmp_path / "b.png"), tmp_path / "none.tif"):
        with pytest.raises(UserError) as whole:
            codec.read(path)
        with pytest.raises(UserError) as by_rows:
            open_rows(path).load()
        assert str(by_rows.value) == str(whole.value)


@pytest.mark.parametrize(("channels", "dtype"), [(1, "uint8"), (3, "uint8"), (4, "uint16"), (2, "float32")])
def test_strips_are_written_in_tiles(tmp_path: Path, channels: int, dtype: str) -> None:
    array = noise(600, 530, channels).astype(dtype)
    strips = (array[start : start + 70] for start in range(0, 600, 70))
    write_rows(tmp_path / "a.tif", array.shape, dtype, strips)
    with tifffile.TiffFile(tmp_path / "a.tif") as opened:
        assert opened.pages.first.is_tiled
        assert opened.pages.first.photometric.name == ("RGB" if channels > 2 else "MINISBLACK")
    assert np.array_equal(codec.read(tmp_path / "a.tif"), array)


@pytest.mark.parametrize("fill", [7.0, "nan"])
def test_a_tiff_names_what_stands_for_no_data(tmp_path: Path, fill: Any) -> None:
    array = noise(40, 30).astype(np.float32)
    write_rows(tmp_path / "a.tif", array.shape, "float32", [array], fill)
    assert str(tiff_tags.no_data(tmp_path / "a.tif")) == str(float(fill))


def test_strips_become_any_other_file(tmp_path: Path) -> None:
    array = noise(40, 30)
    write_rows(tmp_path / "a.png", array.shape, "uint8", [array[:15], array[15:]])
    assert np.array_equal(codec.read(tmp_path / "a.png"), array)
    assert np.array_equal(collected(array.shape, "uint8", [array[:1], array[1:]]), array)


def test_bands_have_the_rows_that_are_asked_for() -> None:
    array = noise(100, 3)
    bands = list(in_bands((array[start : start + 7] for start in range(0, 100, 7)), 40))
    assert [len(band) for band in bands] == [40, 40, 20]
    assert np.array_equal(np.concatenate(bands), array)
