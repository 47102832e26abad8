"""The one place that knows pixels: files <-> arrays <-> tensors in [-1, 1], and grids of them.

Arrays are (H, W, C) uint8. Tensors are (C, H, W) float32 in [-1, 1]: 0 is -1 and 255 is 1.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont, ImageOps, UnidentifiedImageError
from torch import Tensor

from pix2pix.errors import UserError
from pix2pix.files import replacing

Array = NDArray[np.uint8]
Side = Literal["left", "right", "whole"]

MODES = {1: "L", 3: "RGB", 4: "RGBA"}
_SIXTEEN_BIT = ("I", "I;16", "I;16L", "I;16B", "I;16N")


def open_image(path: Path) -> Image.Image:
    """The picture of a file, whole and upright; raises UserError that names the file."""
    try:
        with warnings.catch_warnings():
            # Of large pictures and of broken metadata; what matters is raised.
            warnings.filterwarnings("ignore", module=r"PIL\.")
            with Image.open(path) as opened:
                opened.load()
                return ImageOps.exif_transpose(opened)
    except FileNotFoundError:
        raise UserError(f"There is no file {path}.") from None
    except UnidentifiedImageError:
        raise UserError(f"{path} is not a picture ({os.path.getsize(path)} bytes).") from None
    except Image.DecompressionBombError as error:
        raise UserError(f"{path} is refused: {error}.") from None
    except (OSError, SyntaxError, ValueError) as error:
        # Pillow reports broken files by all three.
        raise UserError(f"{path} cannot be read: {error}.") from None


def half(image: Image.Image, side: Side, name: str) -> Image.Image:
    """One half of a side-by-side picture, or the whole; raises UserError for an odd width.

    `name` is what an error calls the picture.
    """
    width, height = image.size
    if side == "whole":
        return image
    if width % 2:
        raise UserError(
            f"{name} is {width} x {height} px, so its halves differ in width: "
            "wanted source and target side by side, equally wide."
        )
    middle = width // 2
    return image.crop((0, 0, middle, height) if side == "left" else (middle, 0, width, height))


def to_channels(image: Image.Image, channels: int) -> Image.Image:
    """The picture with 1 (grey), 3 (RGB) or 4 (RGBA) channels of 8 bits each."""
    if channels not in MODES:
        raise UserError(f"Pictures of {channels} channels are not supported: wanted 1, 3 or 4.")
    if image.mode in _SIXTEEN_BIT:
        # Pillow would clip at 255; 65535 is white.
        image = Image.fromarray((np.asarray(image).clip(0, 65535) / 257).round().astype(np.uint8))
    if image.mode == "P" and "transparency" in image.info:
        # Pillow warns of every other way.
        image = image.convert("RGBA")
    return image.convert(MODES[channels])


def resize(image: Image.Image, size_px: int) -> Image.Image:
    """The picture as a square of size_px, by antialiased bicubic interpolation."""
    return image.resize((size_px, size_px), Image.Resampling.BICUBIC)


def to_array(image: Image.Image) -> Array:
    """(H, W, C) uint8, C = 1 for grey pictures."""
    array = np.array(image, np.uint8)  # a copy: Pillow's own bytes are read-only
    return array[:, :, None] if array.ndim == 2 else array


def from_array(array: Array) -> Image.Image:
    """A picture of an (H, W, C) uint8 array, C = 1, 3 or 4."""
    return Image.fromarray(array[:, :, 0] if array.shape[2] == 1 else array)


def to_tensor(array: Array) -> Tensor:
    """(H, W, C) uint8, or a batch (B, H, W, C) -> (C, H, W) float32 in [-1, 1]."""
    tensor = torch.from_numpy(np.array(array)).movedim(-1, -3)  # a copy: arrays may be read-only
    return tensor.float().div(127.5).sub(1)


def to_pixels(tensor: Tensor) -> Array:
    """(C, H, W) in [-1, 1], or a batch -> (H, W, C) uint8, rounded to the nearest level."""
    levels = tensor.detach().float().add(1).mul(127.5).round().clamp(0, 255)
    pixels: Array = levels.to(torch.uint8).movedim(-3, -1).cpu().numpy()
    return pixels


def can_write(path: Path) -> bool:
    """Whether a path's ending names a format in which pictures can be written."""
    return Image.registered_extensions().get(path.suffix.lower()) in Image.SAVE


def save_image(image: Image.Image, path: Path) -> None:
    """Write a picture in the format of its suffix, whole or not at all."""
    jpeg = path.suffix.lower() in (".jpg", ".jpeg")
    with replacing(path) as temporary:
        if jpeg:
            image.convert("L" if image.mode == "L" else "RGB").save(
                temporary, quality=95, subsampling=0
            )
        else:
            image.save(temporary)


def grid(rows: Sequence[Sequence[Array]], titles: Sequence[str]) -> Image.Image:
    """Pictures in rows under column titles, with a little air between them."""
    gap, head = 6, 22
    height, width = rows[0][0].shape[:2]
    sheet = Image.new(
        "RGB",
        (len(titles) * (width + gap) + gap, head + len(rows) * (height + gap)),
        "white",
    )
    pen, font = ImageDraw.Draw(sheet), ImageFont.load_default(13)
    for column, title in enumerate(titles):
        left = gap + column * (width + gap)
        pen.text((left + width / 2, head / 2), title, "black", font, anchor="mm")
        for row, pictures in enumerate(rows):
            sheet.paste(from_array(pictures[column]), (left, head + row * (height + gap)))
    return sheet
