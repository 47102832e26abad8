"""What Pillow reads -> arrays (H, W, C), upright; and PNG of 16 bits, which imagecodecs reads whole."""

import warnings
from collections.abc import Callable
from typing import BinaryIO

import imagecodecs
import numpy as np
from PIL import Image, ImageFile, ImageOps

from pix2pix.pictures.formats.numbers import Array, checked
from pix2pix.pictures.formats.opening import Head, PictureError, open_unread
from pix2pix.pictures.formats.tiff import ORIENTATION, upright


def read(file: BinaryIO, accept: Callable[[Head], None], kinds: tuple[str, ...] | None = None) -> Array:
    """Return (H, W, C) of a file of these formats, else of all that Pillow reads alone.

    `accept` is called before anything is unpacked, and refuses by raising.
    """
    file.seek(24)
    bits = file.read(1)  # of a PNG
    with warnings.catch_warnings():
        # Of broken metadata; what matters is raised.
        warnings.filterwarnings("ignore", module=r"PIL\.")
        opened, head = open_unread(file, kinds)
        with opened:
            accept(head)
            # The decoder `ppm` scales other depths to 8 bits.
            tiles = opened.tile if isinstance(opened, ImageFile.ImageFile) else []
            if opened.mode == "RGB" and any(tile.codec_name == "ppm" for tile in tiles):
                raise PictureError(
                    "it is a colour PPM of other than 8 bits, of which 8 would be read",
                    "Convert it to PNG or TIFF of 16 bits.",
                )
            # Pillow halves the depth of 16 bits, and misses the transparent level of fewer than 8.
            keyed = opened.mode in ("1", "L") and "transparency" in opened.info
            if head.kind == "PNG" and (bits == b"\x10" or keyed):
                return _read_png(file, opened)
            opened.load()
            return from_pillow(opened)


def from_pillow(image: Image.Image) -> Array:
    """Return (H, W, C) of a Pillow picture, upright; 16 bits and float where the picture has them."""
    image = ImageOps.exif_transpose(image)
    if image.mode.startswith("I"):
        # What older files and Pillow call I are 16 bits in nearly all cases.
        numbers = np.asarray(image)
        whole = numbers.min() >= 0 and numbers.max() <= 65535
        return checked(numbers.astype(np.uint16) if whole else numbers, "The picture")
    keyed = "transparency" in image.info  # the index or the colour that is transparent
    if image.mode not in ("L", "LA", "RGB", "RGBA", "F"):
        image = image.convert("L" if image.mode == "1" else "RGBA" if image.mode == "P" and keyed else "RGB")
    elif keyed and image.mode in ("L", "RGB"):
        image = image.convert(f"{image.mode}A")
    return np.atleast_3d(np.asarray(image))


def to_pillow(array: Array) -> Image.Image:
    """Return a Pillow picture of (H, W, C) uint8, C from 1 to 4."""
    return Image.fromarray(array[:, :, 0] if array.shape[2] == 1 else array)


def _read_png(file: BinaryIO, opened: Image.Image) -> Array:
    file.seek(0)
    data = file.read()
    array: Array = imagecodecs.png_decode(data)
    if b"eXIf" not in data:  # Pillow would unpack the picture once more to learn that
        return array
    return upright(array, opened.getexif().get(ORIENTATION, 1))
