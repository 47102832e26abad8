"""Label maps in the kind of file that they came in: class indexes, with colours or without, or greys."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from pix2pix.files import replacing
from pix2pix.pictures import codec
from pix2pix.pictures import palette as palettes
from pix2pix.pictures.codec import Array
from pix2pix.pictures.contract import PictureContract
from pix2pix.pictures.formats import apart
from pix2pix.pictures.formats.opening import open_file, open_unread
from pix2pix.pictures.palette import Palette


def kept_as(paths: Sequence[Path], arrays: Sequence[Array], classes: Palette) -> dict[str, Any]:
    """Return the fields of a contract that say how label maps, files and their arrays, hold classes."""
    tables = {table for path in paths if (table := _colour_table(path)) is not None}
    if tables and () not in tables:
        # The indexes of the files, where all agree on them; else those of the classes.
        table = next(iter(tables)) if len(tables) == 1 else classes.colours
        return {"kept_as": "palette", "table": table if set(classes.colours) <= {*table} else classes.colours}
    if any(array.shape[2] != 1 for array in arrays):
        return {}
    return {"kept_as": "grey" if classes.is_grey else "indexes"}


def as_picture(array: Array, contract: PictureContract) -> Image.Image | Array:
    """Return a translation (H, W, C) as a PIL image, label maps of the kind that the targets were.

    What has more than 8 bits or other channels than grey, RGB and RGBA stays an array.
    """
    if contract.kept_as == "colours":
        is_plain = array.dtype == np.uint8 and array.shape[2] in (1, 3, 4)
        return codec.to_pillow(array) if is_plain else array
    known = palettes.of_contract(contract)
    classes = Palette(known.names, known.colours)  # ignored pixels are none of a translation
    index = palettes.to_index(array, classes, snap=True, name="The translation")
    if contract.kept_as == "grey":
        return codec.to_pillow(palettes.to_colours(index, classes)[:, :, :1])
    if contract.kept_as == "indexes":
        # Files count on over the index that marks ignored pixels.
        skipped = (index >= known.ignored.index) if known.ignored else 0
        return codec.to_pillow((index + skipped).astype(np.uint8))
    places = np.array([contract.table.index(colour) for colour in classes.colours], np.uint8)
    picture = codec.to_pillow(places[index])
    picture.putpalette(np.array(contract.table, np.uint8).tobytes())
    return picture


def write(array: Array, path: Path, contract: PictureContract) -> None:
    """Write a translation (H, W, C) as a PNG of the kind that the targets were; see `codec.write`."""
    picture = as_picture(array, contract)
    if not isinstance(picture, Image.Image):
        codec.write(picture, path, contract.fill)
        return
    with replacing(path) as temporary:
        picture.save(temporary)


def _colour_table(path: Path) -> tuple[tuple[int, int, int], ...] | None:
    """Return the colours into which the pixels of a file are indexes; () where they are none.

    None where Pillow cannot open it.
    """
    try:
        with open_file(path) as file:
            if apart.is_costly(file):  # none of them is a label map
                return None
            opened, _ = open_unread(file, None)
            values = (opened.getpalette() or []) if opened.mode == "P" else []
    except Exception:  # of every type; `read` puts it into words
        return None
    return tuple(zip(values[::3], values[1::3], values[2::3], strict=True))
