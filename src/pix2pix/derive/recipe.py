"""Sources computed from photographs: the texts that name them, in training and in translating.

    gray                        colourise from luma
    lab                         colourise as the paper does: the source is L, the target ab
    edges[:LOW:HIGH[:SIGMA]]    draw from thin edges
    hed:WEIGHTS                 draw from the edges of a trained network, as the paper does
    inpaint[:centre]            fill the middle half of height and width
    inpaint:boxes[:COUNT]       fill boxes, the same for the same name
    downscale:FACTOR            sharpen a coarse picture
    mask:FOLDER                 fill what is white in FOLDER/NAME.png (or another ending)

Arrays are (H, W, C) uint8, uint16 or float32, as `pictures.codec` reads them: H rows, W columns, C
channels. 2 and 4 channels are grey and RGB with alpha; grey, Lab and edges ignore alpha.
"""

import hashlib
import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from PIL import Image

from pix2pix.derive import edges, hed, holes
from pix2pix.derive.lab import split_lab
from pix2pix.errors import UserError, did_you_mean
from pix2pix.files import list_pictures, version
from pix2pix.pictures.codec import Array
from pix2pix.pictures.conform import to_channels, without_alpha
from pix2pix.pictures.contract import PictureContract, largest_value
from pix2pix.pictures.geometry import by_channel

BOXES = 3
LARGEST_FACTOR = 256  # of downscale
HED_THRESHOLD = 0.5  # of the probability that HED gives a pixel
_FORMS = (
    "gray",
    "lab",
    "edges",
    f"edges:{edges.LOW}:{edges.HIGH}:{edges.SIGMA_PX}",
    "hed:WEIGHTS",
    "inpaint",
    "inpaint:centre",
    f"inpaint:boxes:{BOXES}",
    "downscale:4",
    "mask:FOLDER",
)


@dataclass(frozen=True)
class Recipe:
    """How a source is computed. `str` gives the text that `parse` reads back, with every number.

    `where` is the place of a hole (`centre`, `boxes`), the folder of masks or the file of HED's
    weights. `numbers` are the two thresholds and the blur in pixels of edges, the count of boxes,
    or the factor of downscale. `grey` is the level of a hole, if photographs have a stated range;
    by default it is the middle of the depth.
    """

    kind: str
    where: str = ""
    numbers: tuple[float, ...] = ()
    grey: float | None = None

    def __str__(self) -> str:
        words = [self.kind, self.where, *map(str, self.numbers)]
        return ":".join(word for word in words if word)


def parse(text: str) -> Recipe:
    """Return the recipe of a text such as `edges:0.1:0.3`; raise UserError that lists the possible texts."""
    match text.split(":"):
        case ["gray" | "lab" as kind]:
            return Recipe(kind)
        case ["edges"]:
            return Recipe("edges", "", (edges.LOW, edges.HIGH, edges.SIGMA_PX))
        case ["edges", low, high, *sigma] if len(sigma) <= 1:
            # Thresholds are parts of the picture's contrast, the blur is in pixels.
            thresholds = [_number(word, float, 0.001, 1, text) for word in (low, high)]
            if thresholds != sorted(thresholds):
                raise _unknown(text, f"the lower threshold {low} is above the higher {high}")
            blur = [_number(word, float, 0.1, 100, text) for word in sigma] or [edges.SIGMA_PX]
            return Recipe("edges", "", (*thresholds, *blur))
        case ["inpaint"] | ["inpaint", "centre"]:
            return Recipe("inpaint", "centre")
        case ["inpaint", "boxes", *count] if len(count) <= 1:
            return Recipe("inpaint", "boxes", (_number((*count, str(BOXES))[0], int, 1, 99, text),))
        case ["downscale", factor]:
            return Recipe("downscale", "", (_number(factor, int, 2, LARGEST_FACTOR, text),))
        case ["mask" | "hed" as kind, _, *_] if text.partition(":")[2]:
            return Recipe(kind, text.partition(":")[2])
    raise _unknown(text)


def apply(recipe: Recipe, photograph: Array, name: str) -> Array:
    """Return the source of a photograph (H, W, C), with its height and width.

    `name` is the picture's relative path without ending: it seeds the boxes and finds the mask. The
    depth is the photograph's, except for edges and hed (uint8) and lab (float32 in Lab units); C is
    1 for gray, lab, edges and hed. Raises UserError where there are no colours, mask or weights.
    """
    return _MAKERS[recipe.kind](recipe, photograph, name)


def source_and_target(
    recipe: str, photograph: Array, name: str, contract: PictureContract | None = None
) -> tuple[Array, Array]:
    """Return the computed source and its target: the photograph (for lab, its a and b).

    `contract` is the contract of the photographs.
    """
    if recipe == "lab":
        return split_lab(photograph)
    grey = (contract.low + contract.high) / 2 if contract and contract.clip else None
    return apply(replace(parse(recipe), grey=grey), photograph, name), photograph


def digest(recipe: Recipe) -> str:
    """Return a digest of the files on which a recipe's sources depend: HED's weights, or all masks.

    It is empty for other kinds. Raises UserError where the file or the folder cannot be read.
    """
    if recipe.kind == "mask":
        masks = [version(path) for path in list_pictures(Path(recipe.where))]
        return hashlib.sha256(repr(masks).encode()).hexdigest()
    if recipe.kind != "hed":
        return ""
    try:
        with open(recipe.where, "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise UserError(f"Cannot read the weights of HED {recipe.where}: {error.strerror}.") from None


def _number(word: str, kind: type[float], least: float, most: float, text: str) -> float:
    try:
        value = kind(word)
    except ValueError:
        value = math.nan
    if not least <= value <= most:
        whole = "whole " if kind is int else ""
        raise _unknown(text, f"'{word}' is not a {whole}number from {least} to {most}")
    return value


def _unknown(text: str, why: str = "") -> UserError:
    reason = f": {why}." if why else did_you_mean(text, _FORMS) or "."
    return UserError(f"No source can be made by '{text}'{reason}", f"Possible are {', '.join(_FORMS)}.")


def _colours(photograph: Array, channels: int, name: str) -> Array:
    if photograph.shape[2] > 4:
        raise UserError(f"{name} has {photograph.shape[2]} channels: wanted grey or RGB.")
    return to_channels(without_alpha(photograph), channels, name)


def _hed(photograph: Array, weights: Path, name: str) -> Array:
    rgb = _colours(photograph, 3, name).astype(np.float32) / np.float32(largest_value(str(photograph.dtype)))
    return edges.thin(hed.probability(rgb, weights), HED_THRESHOLD)


def _with_hole(recipe: Recipe, photograph: Array, name: str) -> Array:
    shape = photograph.shape[:2]
    if recipe.kind == "mask":
        hole = holes.mask(shape, Path(recipe.where), name)
    else:
        hole = holes.boxes(shape, int(recipe.numbers[0]), name) if recipe.numbers else holes.centre(shape)
    return holes.blank(photograph, hole, recipe.grey)


def _downscale(photograph: Array, factor: int) -> Array:
    """Return averages of `factor` x `factor` pixels, brought back to the old size by bicubic curves.

    Where a side is no multiple of the factor, the last row or column averages fewer pixels.
    """
    height, width = photograph.shape[:2]
    kept = (0, 0, width / factor, height / factor)  # so that nothing moves

    def blur(plane: Image.Image) -> Image.Image:
        return plane.reduce(factor).resize((width, height), Image.Resampling.BICUBIC, kept)

    return by_channel(photograph, blur).clip(photograph.min(), photograph.max())


# A new kind of source is a line here, and a form that `parse` reads.
_MAKERS: dict[str, Callable[[Recipe, Array, str], Array]] = {
    "gray": lambda recipe, photograph, name: _colours(photograph, 1, name),
    "lab": lambda recipe, photograph, name: split_lab(photograph)[0],
    "edges": lambda recipe, photograph, name: edges.draw(without_alpha(photograph), *recipe.numbers),
    "hed": lambda recipe, photograph, name: _hed(photograph, Path(recipe.where), name),
    "inpaint": _with_hole,
    "mask": _with_hole,
    "downscale": lambda recipe, photograph, name: _downscale(photograph, int(recipe.numbers[0])),
}
