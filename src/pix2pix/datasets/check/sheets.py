"""Many small pairs in one PNG: few files beside a page, and each pair placed by its style."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil
from pathlib import Path

from PIL import Image

from pix2pix.data.pairs import Half, Pair
from pix2pix.datasets.check.look import half, visible
from pix2pix.errors import UserError
from pix2pix.files import replacing
from pix2pix.pictures import codec

_HALF_PX = 192
_GAP_PX = 4  # between source and target
WIDTH_PX, HEIGHT_PX = 2 * _HALF_PX + _GAP_PX, _HALF_PX
_COLUMNS = 4


@dataclass(frozen=True)
class Place:
    """Where one pair is on its sheet."""

    sheet: str  # name of the file
    index: int
    count: int

    @property
    def style(self) -> str:
        """What makes this pair the background of an element, at any size."""
        columns, rows = _shape(self.count)
        row, column = divmod(self.index, columns)
        x, y = (100 * at / max(n - 1, 1) for at, n in ((column, columns), (row, rows)))
        return (
            f"background-image: url({self.sheet}); "
            f"background-size: {columns * 100}% {rows * 100}%; background-position: {x:g}% {y:g}%"
        )


def write_sheet(pairs: Sequence[Pair], path: Path) -> dict[Pair, Place]:
    """Write the pairs that can be read as one PNG, and say where each is; no pair, no file."""
    shown = {pair: picture for pair in dict.fromkeys(pairs) if (picture := _picture(pair))}
    if not shown:
        return {}
    columns, rows = _shape(len(shown))
    sheet = Image.new("RGBA", (columns * WIDTH_PX, rows * HEIGHT_PX))
    for index, picture in enumerate(shown.values()):
        sheet.paste(picture, (index % columns * WIDTH_PX, index // columns * HEIGHT_PX))
    with replacing(path) as temporary:
        sheet.save(temporary)
    return {pair: Place(path.name, index, len(shown)) for index, pair in enumerate(shown)}


def _shape(count: int) -> tuple[int, int]:
    return min(count, _COLUMNS), ceil(count / _COLUMNS)


def _picture(pair: Pair) -> Image.Image | None:
    """Source and target side by side, or None where one of them cannot be shown."""
    both = Image.new("RGBA", (WIDTH_PX, HEIGHT_PX))
    for which, left in ((pair.source, 0), (pair.target, _HALF_PX + _GAP_PX)):
        small = _small(which)
        if small is None:
            return None
        middle = ((_HALF_PX - small.width) // 2, (_HALF_PX - small.height) // 2)
        both.paste(small, (left + middle[0], middle[1]))
    return both


def _small(which: Half) -> Image.Image | None:
    try:
        array = half(codec.read(which.path), which)
    except UserError:
        return None
    if array is None:
        return None
    picture = codec.to_pillow(visible(array)).convert("RGB")
    scale = _HALF_PX / max(picture.size)
    size = (max(1, round(picture.width * scale)), max(1, round(picture.height * scale)))
    # Few pixels are shown as they are, many are averaged.
    return picture.resize(size, Image.Resampling.NEAREST if scale > 2 else Image.Resampling.BICUBIC)
