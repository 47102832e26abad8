"""What the samples of a TIFF mean -> grey or RGB of 8 bits, 16 bits or float, as everyone means them.

Arrays are (H, W, C). What cannot be converted without guessing, such as the white of CIELab or the
mosaic of a camera's sensor, is refused by name.
"""

from typing import Any

import numpy as np

from pix2pix.pictures.formats.numbers import Array
from pix2pix.pictures.formats.opening import PictureError

# What a sample is in these, no grey and no RGB.
_REFUSED = {
    "CIELAB": "CIELab colours",
    "ICCLAB": "ICC Lab colours",
    "ITULAB": "ITU Lab colours",
    "CFA": "the mosaic of a camera's sensor (CFA)",
    "LOGL": "logarithms of brightness (LogL)",
    "LOGLUV": "logarithms of brightness and colours (LogLuv)",
}
_DECODED = ("OJPEG", "JPEG", "ALT_JPEG")  # the decoder returns RGB
_WITHOUT_LOSS = ("NONE", "LZW", "ADOBE_DEFLATE", "DEFLATE", "PACKBITS", "ZSTD", "LZMA")
_YCBCR_PACKED = "APERIO_JP2000_YCBC"  # whatever colours the page claims
_LUMA = (0.299, 0.587, 0.114)  # Rec. 601, where the file names no other


def plain(array: Array, page: Any) -> Array:
    """Return (H, W, C) samples of a tifffile page as grey, RGB, either with alpha, or other channels.

    A palette's colours are looked up, white is the highest, and samples of 1 to 7 or 9 to 15 bits are
    scaled to 8 and 16. Raises PictureError for colours that cannot be converted.
    """
    kind = getattr(page.photometric, "name", str(page.photometric))
    if kind in _REFUSED:
        raise PictureError(f"it holds {_REFUSED[kind]}: wanted grey or RGB")
    if kind == "PALETTE":
        return _looked_up(array, page)
    array = _full_depth(array, page)
    if kind == "MINISWHITE" and array.dtype.kind in "bu":
        return ~array
    if kind == "SEPARATED":
        return _from_inks(array, page)
    if kind == "YCBCR" or page.compression.name == _YCBCR_PACKED:
        return _from_ycbcr(array, page)
    return array


def is_scaled(page: Any) -> bool:
    """Return whether `plain` changes the numbers of a page."""
    kept = page.photometric.name in ("MINISBLACK", "RGB", "MASK", "LINEAR_RAW", "DEPTH_MAP")
    return not kept or (page.dtype.kind == "u" and page.bitspersample < 8 * page.dtype.itemsize)


def _looked_up(array: Array, page: Any) -> Array:
    if page.colormap is None:
        raise PictureError("it has a palette without colours")
    index = array[:, :, 0].astype(np.int64)
    if index.max(initial=0) >= page.colormap.shape[1]:
        raise PictureError(f"it has the colour {index.max()}, and its palette {page.colormap.shape[1]}")
    return np.asarray(page.colormap.T[index] >> 8, np.uint8)  # (colours, 3) of 16 bits


def _full_depth(array: Array, page: Any) -> Array:
    """Return samples of fewer bits than their type has scaled to all of them: 15 of 4 bits is 255."""
    if array.dtype.kind != "u" or page.bitspersample >= 8 * array.dtype.itemsize:
        return array
    white, most = 2**page.bitspersample - 1, np.iinfo(array.dtype).max
    scaled = (array.astype(np.float64) * most) / white
    return np.asarray(scaled.round(), array.dtype)


def _white(array: Array, what: str) -> float:
    if array.dtype not in (np.uint8, np.uint16):
        raise PictureError(f"it holds {what} of {array.dtype}: wanted 8 or 16 bits")
    return float(np.iinfo(array.dtype).max)


def _from_inks(array: Array, page: Any) -> Array:
    """Return RGB of cyan, magenta, yellow and black; a fifth channel is alpha."""
    white = _white(array, "inks")
    if page.tags.valueof("InkSet", 1) != 1 or array.shape[2] not in (4, 5):
        raise PictureError(f"it holds {array.shape[2]} inks that are not CMYK: wanted grey or RGB")
    paper = white - array[:, :, :4].astype(np.float32)
    rgb = (paper[:, :, :3] * paper[:, :, 3:] / white).round().astype(array.dtype)
    return np.concatenate([rgb, array[:, :, 4:]], axis=2)


def _from_ycbcr(array: Array, page: Any) -> Array:
    """Return RGB of brightness and two differences of colour, by the numbers that the file names."""
    packed = page.compression.name
    if packed in _DECODED and page.planarconfig == 1 and not page.extrasamples:
        return array
    white, tags = _white(array, "YCbCr colours"), page.tags
    if packed not in _WITHOUT_LOSS or array.shape[2] < 3:
        raise PictureError(f"it holds YCbCr colours packed as {packed}: wanted grey or RGB")
    half = (white + 1) / 2
    ends = _ratios(tags.valueof("ReferenceBlackWhite"), 6) or [0, white, half, white, half, white]
    red, green, blue = _ratios(tags.valueof("YCbCrCoefficients"), 3) or _LUMA
    Y, Cb, Cr = (
        (array[:, :, n] - ends[2 * n]) * (span / (ends[2 * n + 1] - ends[2 * n]))
        for n, span in enumerate((white, white - half, white - half))
    )
    R, B = Y + (2 - 2 * red) * Cr, Y + (2 - 2 * blue) * Cb
    G = (Y - blue * B - red * R) / green
    rgb = np.stack([R, G, B], axis=2).round().clip(0, white).astype(array.dtype)
    return np.concatenate([rgb, array[:, :, 3:]], axis=2)


def _ratios(values: Any, count: int) -> list[float]:
    """Return the numbers of a tag, kept as numerators and denominators or as they are; [] of others."""
    numbers = [float(value) for value in values or ()]
    if len(numbers) == 2 * count and all(numbers[1::2]):
        numbers = [n / d for n, d in zip(numbers[::2], numbers[1::2], strict=True)]
    return numbers if len(numbers) == count else []
