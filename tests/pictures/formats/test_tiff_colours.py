"""What samples mean: the same picture in every kind of TIFF is the same, or refused by name."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from PIL import Image

from pix2pix.pictures.codec import Array, read
from tests.helpers import noise
from tests.pictures.samples import refusal

SMOOTH = np.stack(np.broadcast_arrays(*np.ogrid[20:230:32j, 40:200:32j], 120), axis=2).astype(np.uint8)


def far(path: Path, expected: Array) -> int:
    return int(abs(read(path).astype(int) - expected).max())


@pytest.mark.parametrize("bits", [1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 14, 16])
@pytest.mark.parametrize("photometric", ["minisblack", "miniswhite"])
def test_white_is_the_highest_at_every_depth(tmp_path: Path, bits: int, photometric: str) -> None:
    white, full = 2**bits - 1, 255 if bits <= 8 else 65535
    numbers = np.random.default_rng(0).integers(0, white + 1, (16, 24)).astype("u1" if bits <= 8 else "u2")
    numbers[0, :2] = 0, white
    stored = white - numbers if photometric == "miniswhite" else numbers
    kept = stored.astype(bool) if bits == 1 else stored
    tifffile.imwrite(tmp_path / "a.tif", kept, photometric=photometric, bitspersample=bits)
    result = read(tmp_path / "a.tif")[:, :, 0]
    assert (result.min(), result.max()) == (0, full)
    assert abs(result.astype(float) - numbers * (full / white)).max() <= 0.5


def test_colours_of_four_bits_are_whole(tmp_path: Path) -> None:
    few = noise(8, 8) // 17
    tifffile.imwrite(tmp_path / "a.tif", few, photometric="rgb", bitspersample=4)
    assert np.array_equal(read(tmp_path / "a.tif"), few * 17)


def ycbcr(rgb: Array) -> Array:
    return np.asarray(Image.fromarray(rgb).convert("YCbCr"))


def rational(code: int, *values: float) -> tuple[Any, ...]:
    pairs = [part for value in values for part in (round(value * 10_000), 10_000)]
    return code, 5, len(values), pairs, True


@pytest.mark.parametrize("compression", [None, "lzw", "zlib", "packbits"])
def test_ycbcr_becomes_rgb(tmp_path: Path, compression: str | None) -> None:
    tags = [(530, 3, 2, (1, 1), True)]
    options: dict[str, Any] = {"photometric": "ycbcr", "compression": compression, "extratags": tags}
    tifffile.imwrite(tmp_path / "a.tif", ycbcr(SMOOTH), **options)
    assert far(tmp_path / "a.tif", SMOOTH) <= 3


def test_ycbcr_goes_by_the_numbers_of_the_file(tmp_path: Path) -> None:
    red, green, blue = 0.2126, 0.7152, 0.0722  # Rec. 709, in the narrow range of video
    R, G, B = np.moveaxis(SMOOTH.astype(float), -1, 0)
    Y = red * R + green * G + blue * B
    differences = [(B - Y) / (2 - 2 * blue), (R - Y) / (2 - 2 * red)]
    levels = np.stack([16 + Y * 219 / 255, *(128 + d * 224 / 255 for d in differences)], axis=2)
    tags = [rational(529, red, green, blue), rational(532, 16, 235, 128, 240, 128, 240)]
    options: dict[str, Any] = {"photometric": "ycbcr", "extratags": [*tags, (530, 3, 2, (1, 1), True)]}
    tifffile.imwrite(tmp_path / "a.tif", levels.round().astype(np.uint8), **options)
    assert far(tmp_path / "a.tif", SMOOTH) <= 3


def test_ycbcr_of_jpeg_is_decoded_once(tmp_path: Path) -> None:
    tifffile.imwrite(
        tmp_path / "a.tif", SMOOTH, photometric="rgb", compression="jpeg", compressionargs={"level": 95}
    )
    Image.fromarray(SMOOTH).save(tmp_path / "b.tif", compression="jpeg", quality=95)
    for name in ("a.tif", "b.tif"):
        assert far(tmp_path / name, SMOOTH) <= 6


def test_thinned_ycbcr_is_refused_by_name(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", ycbcr(SMOOTH), photometric="ycbcr")
    with tifffile.TiffFile(tmp_path / "a.tif", mode="r+b") as opened:
        opened.pages[0].tags["YCbCrSubSampling"].overwrite((2, 2))
    assert "subsampling" in refusal(tmp_path / "a.tif")


@pytest.mark.parametrize("depth", ["uint8", "uint16"])
def test_inks_become_rgb(tmp_path: Path, depth: str) -> None:
    factor = 1 if depth == "uint8" else 257
    black = 255 - SMOOTH.max(2, keepdims=True).astype(int)
    inks = np.concatenate([(255 - black - SMOOTH) * 255 // (255 - black), black], axis=2)
    stored = (inks * factor).astype(depth)
    tifffile.imwrite(tmp_path / "a.tif", stored, photometric="separated", planarconfig="contig")
    result = read(tmp_path / "a.tif")
    assert result.dtype == depth
    assert abs(result / factor - SMOOTH).max() <= 3


def test_other_inks_are_refused(tmp_path: Path) -> None:
    path, options = tmp_path / "a.tif", {"photometric": "separated", "planarconfig": "contig"}
    tifffile.imwrite(path, noise(8, 8, 6), **options)
    assert "it holds 6 inks that are not CMYK" in refusal(path)
    tifffile.imwrite(path, noise(8, 8, 4), **options, extratags=[(332, 3, 1, 2, True)])
    assert "it holds 4 inks that are not CMYK" in refusal(path)


@pytest.mark.parametrize(
    ("photometric", "channels", "words"),
    [(8, 3, "CIELab"), (9, 3, "ICC Lab"), (10, 3, "ITU Lab"), (32803, 1, "CFA"), (32845, 3, "LogLuv")],
)
def test_colours_that_are_none_are_refused_by_name(
    tmp_path: Path, photometric: int, channels: int, words: str
) -> None:
    path = tmp_path / "a.tif"
    flat = noise(8, 8, channels) if channels > 1 else noise(8, 8, 1)[:, :, 0]
    tifffile.imwrite(path, flat, photometric="rgb" if channels > 1 else "minisblack")
    with tifffile.TiffFile(path, mode="r+b") as opened:
        opened.pages[0].tags["PhotometricInterpretation"].overwrite(photometric)
    message = refusal(path)
    assert words in message
    assert "wanted grey or RGB" in message


def test_a_palette_of_few_bits_is_looked_up(tmp_path: Path) -> None:
    colours = np.random.default_rng(0).integers(0, 256, (3, 16)) * 257
    index = noise(8, 8, 1)[:, :, 0] // 16
    table = [(320, 3, 48, colours.ravel().tolist(), True)]
    tifffile.imwrite(tmp_path / "a.tif", index, photometric="minisblack", bitspersample=4, extratags=table)
    with tifffile.TiffFile(tmp_path / "a.tif", mode="r+b") as opened:
        opened.pages[0].tags["PhotometricInterpretation"].overwrite(3)
    assert np.array_equal(read(tmp_path / "a.tif"), (colours.T[index] // 257).astype(np.uint8))
