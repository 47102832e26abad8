"""Pictures for the screen: 8 bits of RGB, and grids of several."""

from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from pix2pix.pictures.codec import Array, to_pillow
from pix2pix.pictures.contract import PictureContract

_PREVIEW_PX = 192  # smaller pictures are enlarged in a grid


def to_view(array: Array, contract: PictureContract) -> Array:
    """Return (H, W, 3) uint8 of any picture for the screen: its first one or three channels."""
    shown = array if array.shape[2] >= 3 else array[:, :, :1]
    scaled = (shown[:, :, :3].astype(np.float32) - contract.low) / (contract.high - contract.low)
    view = (scaled * 255).round().clip(0, 255).astype(np.uint8)
    return np.repeat(view, 3, axis=2) if view.shape[2] == 1 else view


def grid(rows: Sequence[Sequence[Array]], titles: Sequence[str]) -> Image.Image:
    """Return (H, W, 3) pictures in rows under column titles; small ones are enlarged."""
    times = max(1, -(-_PREVIEW_PX // rows[0][0].shape[1]))
    height, width = (n * times for n in rows[0][0].shape[:2])
    gap, head = 6, 22
    size = (len(titles) * (width + gap) + gap, head + len(rows) * (height + gap))
    sheet = Image.new("RGB", size, "white")
    pen, font = ImageDraw.Draw(sheet), ImageFont.load_default(13)
    for column, title in enumerate(titles):
        left = gap + column * (width + gap)
        pen.text((left + width / 2, head / 2), title, "black", font, anchor="mm")
        for row, pictures in enumerate(rows):
            shown = to_pillow(pictures[column]).resize((width, height), Image.Resampling.NEAREST)
            sheet.paste(shown, (left, head + row * (height + gap)))
    return sheet
