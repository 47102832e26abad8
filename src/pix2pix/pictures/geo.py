"""GeoTIFFs: where on earth the pixels are, kept by rasterio (the extra `geo`).

Pixels are read as those of any TIFF; this writes them as a cloud-optimised GeoTIFF: in tiles, with
overviews, readable in parts over a network.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from pix2pix.errors import UserError
from pix2pix.files import cannot_write
from pix2pix.pictures.codec import Array
from pix2pix.pictures.windows import in_bands

_TILE_PX = 512
_COG = {"COMPRESS": "DEFLATE", "BLOCKSIZE": _TILE_PX, "BIGTIFF": "IF_SAFER"}
_CACHE_BYTES = 2**27  # of GDAL, which takes a twentieth of the memory by default


def is_installed() -> bool:
    """Return whether rasterio is installed."""
    return find_spec("rasterio") is not None


def check_installed(path: Path) -> None:
    """Raise UserError where rasterio is missing, which the GeoTIFF `path` needs."""
    if not is_installed():
        raise UserError(
            f"{path} is a GeoTIFF, and what keeps its place on earth is not installed.",
            "Install it: pip install 'pix2pix[geo]', or write another format: --format png.",
        )


@dataclass(frozen=True)
class Place:
    """Where on earth a picture is: that of the GeoTIFF `like`, from its column `left` on.

    `nodata` marks pixels without data; of `labels` overviews are the nearest pixels, else averages.
    """

    like: Path
    left: int = 0
    nodata: float | None = None
    labels: bool = False


def write_rows(
    path: Path, place: Place, shape: tuple[int, int, int], dtype: str, strips: Iterable[Array]
) -> None:
    """Write (H, W, C) that comes in strips at its place; raises UserError where it cannot be written."""
    import rasterio
    from rasterio.errors import NotGeoreferencedWarning, RasterioError
    from rasterio.shutil import copy

    plain, first = path.with_name(f"plain-{path.name}"), 0
    with warnings.catch_warnings(), rasterio.Env(GDAL_CACHEMAX=_CACHE_BYTES):
        warnings.simplefilter("ignore", NotGeoreferencedWarning)  # of a GeoTIFF by control points
        try:
            with rasterio.open(plain, "w", **_profile(place, shape, dtype)) as out:
                _copy_tags(place.like, out)
                for band in in_bands(strips, _TILE_PX):
                    window = rasterio.windows.Window(0, first, shape[1], len(band))
                    out.write(np.moveaxis(band, 2, 0), window=window)
                    first += len(band)
            averaged = "NEAREST" if place.labels else "AVERAGE"
            copy(plain, path, driver="COG", OVERVIEW_RESAMPLING=averaged, **_COG)
        except RasterioError as error:
            raise cannot_write(path, OSError(str(error))) from error
        finally:
            plain.unlink(missing_ok=True)


def _profile(place: Place, shape: tuple[int, int, int], dtype: str) -> dict[str, Any]:
    import rasterio

    height, width, channels = shape
    with rasterio.open(place.like) as source:
        a, b, c, d, e, f, *_ = source.transform
        moved = rasterio.Affine(a, b, c + place.left * a, d, e, f + place.left * d)
        return {
            "driver": "GTiff",
            "height": height,
            "width": width,
            "count": channels,
            "dtype": dtype,
            "transform": moved,
            "crs": source.crs,
            "nodata": place.nodata,
            "tiled": True,
            "blockxsize": _TILE_PX,
            "blockysize": _TILE_PX,
            "BIGTIFF": "IF_SAFER",
            "photometric": "rgb" if channels in (3, 4) and dtype != "float32" else "minisblack",
        }


def _copy_tags(like: Path, out: Any) -> None:
    """Copy what is left of a place on earth: control points, camera models and tags."""
    import rasterio

    with rasterio.open(like) as source:
        points, crs = source.gcps
        if points:
            out.gcps = points, crs
        if source.rpcs:
            out.rpcs = source.rpcs
        out.update_tags(**source.tags())
