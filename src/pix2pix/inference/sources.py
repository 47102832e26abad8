"""Pictures on their way to the network and back: read, as training fed them, scaled where requested."""

from pathlib import Path
from typing import Literal

import numpy as np
from PIL import Image

from pix2pix.config import DataConfig
from pix2pix.derive import lab, recipe
from pix2pix.errors import UserError
from pix2pix.model_file import Header, ImageContract
from pix2pix.pictures import codec
from pix2pix.pictures.codec import Array
from pix2pix.pictures.conform import conform
from pix2pix.pictures.contract import LARGEST
from pix2pix.pictures.formats.numbers import channels_last, checked
from pix2pix.pictures.geometry import resize
from pix2pix.pictures.missing import missing, without_data

Picture = Image.Image | Array | Path | str  # as a user has it
Size = int | tuple[int, int] | Literal["train"]  # of both sides; (height, width); that of training


def as_array(picture: Picture) -> Array:
    """Return a picture as (H, W, C) in its own depth; raise UserError for what is none."""
    match picture:
        case str() | Path():
            return codec.read(Path(picture))
        case Image.Image():
            return codec.from_pillow(picture)
        case np.ndarray():
            return checked(channels_last(picture, "The array"), "The array")
    raise UserError(
        f"A {type(picture).__name__} was given: wanted a PIL image, a numpy array, a path, or a list of them."
    )


def conformed(
    header: Header, array: Array, name: str, made: bool, key: str | None = None, size: Size | None = None
) -> Array:
    """Return the picture in the contract of a model's sources; with `made`, the source of a photograph.

    `key` is the photograph's name in training: its path without ending, relative to the data; without
    it, the stem of `name`. With `size` the picture is scaled as in training: before a source is made
    of it, and by the nearest pixel where it is a label map. Raises UserError that calls the picture
    by `name`.
    """
    image, config = header.image, header.config.data

    def scaled(picture: Array) -> Array:
        if size is None:
            return picture
        height, width = picture.shape[:2]
        new = scaled_size((height, width), size, config)
        return resize(picture, new, bool(image.source.classes), image.source.fill)

    if image.lab_photograph is not None:
        # The lightness is the source, of a picture in colour or in grey.
        return lab.split_lab(scaled(conform(array, image.lab_photograph, name)))[0]
    if made:
        if image.photograph is None:
            raise UserError(
                "This model learned from pairs as they are: it makes no sources.", "Translate without --make."
            )
        photograph = scaled(conform(array, image.photograph, name))
        return recipe.source_and_target(image.made, photograph, key or Path(name).stem, image.photograph)[0]
    return scaled(conform(array, image.source, name, snap=config.snap_labels))


def scaled_size(shape: tuple[int, int], size: Size, config: DataConfig) -> tuple[int, int]:
    """Return the (height, width) at which a picture of that shape is translated.

    As in training: stretched to the size, or, where `data.fit` keeps a picture's shape, so that the
    shorter side (crop) or the longer one (pad) has the size. Raises UserError for what is no size.
    """
    match size:
        case "train":
            height, width = config.size
        case int():
            height = width = size
        case (int(height), int(width)):
            pass
        case _:
            raise UserError(f"{size!r} is no size: wanted 'train', a number of pixels, or (height, width).")
    if min(height, width) < 1:
        raise UserError(f"{size!r} is no size: wanted at least 1 px.")
    if config.fit == "stretch":
        return height, width
    pick = max if config.fit == "crop" else min
    scale = pick(height / shape[0], width / shape[1])
    return max(1, round(shape[0] * scale)), max(1, round(shape[1] * scale))


def joined(image: ImageContract, source: Array, output: Array) -> Array:
    """Return an output as the pictures that training's targets came from: colours with their lightness.

    Where a source has no data, it has none either, if targets had such pixels.
    """
    if image.lab_photograph is None:
        if image.target.fill is None:
            return output
        gone = missing(source, image.source.fill).all(axis=2, keepdims=True)
        return without_data(output, np.broadcast_to(gone, output.shape), image.target.fill)
    rgb, depth = lab.join_lab(source, output), image.lab_photograph.depth
    return rgb if depth == "float32" else (rgb * LARGEST[depth]).round().astype(depth)


def restored(image: ImageContract, translation: Array, picture: Array) -> Array:
    """Return a translation at the size of the picture that was scaled for it.

    Where the model adds colour, the picture keeps its own lightness, and with it all its detail.
    """
    height, width = picture.shape[:2]
    if translation.shape[:2] == (height, width):
        return translation
    if image.lab_photograph is None:
        return resize(translation, (height, width), labels=image.target.one_hot, fill=image.target.fill)
    lightness = lab.split_lab(conform(picture, image.lab_photograph, "The picture"))[0]
    return joined(image, lightness, resize(lab.split_lab(translation)[1], (height, width)))
