"""GeoTIFFs that are written: where they are, and how they are kept."""

from pathlib import Path

import numpy as np
import pytest
import tifffile

from pix2pix.errors import UserError
from pix2pix.pictures import geo
from pix2pix.pictures.codec import Array
from tests.helpers import noise

rasterio = pytest.importorskip("rasterio")

CRS, TRANSFORM = "EPSG:32633", (10.0, 0.0, 500_000.0, 0.0, -10.0, 5_000_000.0)


def geotiff(path: Path, array: Array, nodata: float | None = None) -> Path:
    """A tiled GeoTIFF of (H, W, C) with 10 m pixels."""
    height, width, count = array.shape
    profile = {"height": height, "width": width, "count": count, "dtype": str(array.dtype), "nodata": nodata}
    profile |= {"tiled": True, "blockxsize": 64, "blockysize": 64, "compress": "deflate"}
    with rasterio.open(path, "w", driver="GTiff", crs=CRS, transform=TRANSFORM[:6], **profile) as out:
        out.write(np.moveaxis(array, 2, 0))
        out.update_tags(AREA_OR_POINT="Point", station="north")
    return path


def halves(array: Array) -> list[Array]:
    return [array[:300], array[300:]]


@pytest.mark.parametrize(("channels", "dtype"), [(3, "uint8"), (1, "float32"), (5, "uint16")])
def test_a_picture_is_written_at_the_place_of_another(tmp_path: Path, channels: int, dtype: str) -> None:
    like = geotiff(tmp_path / "like.tif", noise(600, 1100, 3))
    array = noise(600, 1100, channels).astype(dtype)
    geo.write_rows(tmp_path / "out.tif", geo.Place(like), array.shape, dtype, halves(array))
    with rasterio.open(tmp_path / "out.tif") as out:
        assert out.crs == rasterio.CRS.from_string(CRS)
        assert tuple(out.transform)[:6] == TRANSFORM
        assert out.nodata is None
        assert out.tags()["station"] == "north"
        assert out.tags()["AREA_OR_POINT"] == "Point"
        assert np.array_equal(np.moveaxis(out.read(), 0, 2), array)
    assert {path.name for path in tmp_path.iterdir()} == {"like.tif", "out.tif"}


def test_it_is_a_cloud_optimised_geotiff(tmp_path: Path) -> None:
    like = geotiff(tmp_path / "like.tif", noise(600, 1100, 3))
    geo.write_rows(tmp_path / "out.tif", geo.Place(like), (600, 1100, 3), "uint8", halves(noise(600, 1100)))
    with rasterio.open(tmp_path / "out.tif") as out:
        assert out.tags(ns="IMAGE_STRUCTURE")["LAYOUT"] == "COG"
        assert out.block_shapes == [(512, 512)] * 3
        assert out.overviews(1) == [2, 4]
    # The overviews' directories come before any pixels: a reader finds all in the first bytes.
    with tifffile.TiffFile(tmp_path / "out.tif") as opened:
        pages = [page.aspage() for page in opened.pages]
        assert max(page.offset for page in pages) < min(min(page.dataoffsets) for page in pages)


@pytest.mark.parametrize(("labels", "mixed"), [(True, False), (False, True)])
def test_overviews_of_label_maps_hold_no_new_colours(tmp_path: Path, labels: bool, mixed: bool) -> None:
    like, array = geotiff(tmp_path / "like.tif", noise(600, 1100, 3)), noise(600, 1100) // 128 * 200
    place = geo.Place(like, labels=labels)
    geo.write_rows(tmp_path / "out.tif", place, array.shape, "uint8", halves(array))
    with rasterio.open(tmp_path / "out.tif", overview_level=0) as small:
        assert (set(np.unique(small.read())) != {0, 200}) == mixed


def test_a_right_half_begins_where_it_does_and_nodata_is_stated(tmp_path: Path) -> None:
    like, array = geotiff(tmp_path / "like.tif", noise(600, 1100, 3)), noise(600, 550)
    place = geo.Place(like, left=550, nodata=7)
    geo.write_rows(tmp_path / "out.tif", place, array.shape, "uint8", halves(array))
    with rasterio.open(tmp_path / "out.tif") as out:
        assert out.transform.c == TRANSFORM[2] + 550 * 10
        assert out.nodata == 7


def test_a_folder_that_refuses_is_named(tmp_path: Path) -> None:
    like = geotiff(tmp_path / "like.tif", noise(64, 64, 3))
    with pytest.raises(UserError, match=r"Cannot write .*none/out\.tif"):
        geo.write_rows(tmp_path / "none" / "out.tif", geo.Place(like), (64, 64, 3), "uint8", [noise(64, 64)])


def test_without_rasterio_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "rasterio", None)
    assert not geo.is_installed()
    with pytest.raises(UserError, match=r"a\.tif is a GeoTIFF.*pip install 'pix2pix\[geo\]'"):
        geo.check_installed(Path("a.tif"))
