"""Sources made from photographs on the fly: the same code when training and when translating.

    gray                        colourise from luma
    lab                         colourise as the paper does: the source is L, the target ab
    edges[:LOW:HIGH[:SIGMA]]    draw from thin edges
    inpaint[:centre]            fill the middle half of height and width
    inpaint:boxes[:COUNT]       fill boxes, the same for the same name
    downscale:FACTOR            sharpen what was made coarse
    mask:FOLDER                 fill what is white in FOLDER/NAME.png (or another ending)

Colourising, drawing from edges and inpainting are tasks of the paper (section 4), which takes its
edges from HED instead.

Arrays are (H, W, C) uint8, uint16 or float32, as `image_files` reads them: H rows, W columns, C
channels. 2 and 4 channels are grey and RGB with alpha, which is no colour and left out of grey,
Lab and edges.
"""

from __future__ import annotations

import difflib
import hashlib
import math
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, cast

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from pix2pix.derive import edges
from pix2pix.errors import UserError
from pix2pix.files import PICTURE_SUFFIXES
from pix2pix.pictures import codec

Array = NDArray[Any]
Floats = NDArray[np.float32]
Mask = NDArray[np.bool_]
Kind = Literal["gray", "lab", "edges", "hed", "inpaint", "downscale", "mask"]

LAB_RANGES = ((0.0, 100.0), (-110.0, 110.0))  # of L, and of a and b: sRGB lies within
BOXES = 3
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
_REC_601 = np.array([0.299, 0.587, 0.114], np.float32)
# Linear sRGB -> XYZ (IEC 61966-2-1), each row divided by its sum, which is the white D65.
_XYZ = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
_XYZ /= _XYZ.sum(1, keepdims=True)


@dataclass(frozen=True)
class Recipe:
    """How a source is made. `str` gives the text that `parse` reads back, every number stated.

    `where` is the place of a hole (`centre`, `boxes`) or the folder of masks. `numbers` are the
    two thresholds and the blur in pixels of edges, the count of boxes, or the factor of downscale.
    """

    kind: Kind
    where: str = ""
    numbers: tuple[float, ...] = ()

    def __str__(self) -> str:
        words = [self.kind, self.where, *map(str, self.numbers)]
        return ":".join(word for word in words if word)


def parse(text: str) -> Recipe:
    """The recipe of a text such as `edges:0.1:0.3`; raises UserError that lists the possible."""
    match text.split(":"):
        case ["gray" | "lab" as kind]:
            return Recipe(cast(Kind, kind))
        case ["edges", *words] if len(words) in (0, 2, 3):
            return Recipe("edges", "", _edge_numbers(words, text))
        case ["inpaint"] | ["inpaint", "centre"]:
            return Recipe("inpaint", "centre")
        case ["inpaint", "boxes"]:
            return Recipe("inpaint", "boxes", (BOXES,))
        case ["inpaint", "boxes", count]:
            return Recipe("inpaint", "boxes", (_number(count, int, 1, 99, text),))
        case ["downscale", factor]:
            return Recipe("downscale", "", (_number(factor, int, 2, 256, text),))
        case ["mask" | "hed" as kind, _, *_] if text.partition(":")[2]:
            return Recipe(cast(Kind, kind), text.partition(":")[2])
    raise _unknown(text)


def apply(recipe: Recipe, photograph: Array, name: str) -> Array:
    """The source of a photograph (H, W, C): of the same height and width.

    `name` is the picture's relative path without ending: it seeds the boxes and finds the mask. The
    depth is the photograph's, except for edges and hed (uint8) and lab (float32 in Lab units); C is
    1 for gray, lab, edges and hed. Raises UserError where there are no colours, mask or weights.
    """
    shape = photograph.shape[:2]
    match recipe.kind:
        case "gray":
            return _like(_luma(photograph, name), photograph)
        case "lab":
            return split_lab(photograph)[0]
        case "edges":
            return edges.draw(_without_alpha(photograph), *recipe.numbers)
        case "hed":
            return _hed(photograph, Path(recipe.where), name)
        case "inpaint" if recipe.where == "centre":
            return _blank(photograph, _centre(shape))
        case "inpaint":
            return _blank(photograph, _boxes(shape, int(recipe.numbers[0]), name))
        case "downscale":
            return _downscale(photograph, int(recipe.numbers[0]))
        case "mask":
            return _blank(photograph, _mask(shape, Path(recipe.where), name))


def split_lab(rgb: Array) -> tuple[Floats, Floats]:
    """(H, W, 3) sRGB -> L (H, W, 1) in 0..100 and ab (H, W, 2) in about -110..110, CIE Lab, D65.

    Grey pictures have a = b = 0. Floats are sRGB in 0..1; raises UserError where they are not, and
    where the picture has other channels than grey or RGB, with or without alpha.
    """
    colours = _without_alpha(rgb)
    if colours.shape[2] not in (1, 3):
        raise UserError(f"A picture of {rgb.shape[2]} channels has no Lab: wanted grey or RGB.")
    x, y, z = np.moveaxis(_compress(_linear(colours) @ _XYZ.T), -1, 0)
    ab = np.stack([500 * (x - y), 200 * (y - z)], axis=-1)
    return (116 * y - 16)[:, :, None].astype(np.float32), ab.astype(np.float32)


def join_lab(L: Array, ab: Array) -> Floats:
    """The inverse: L (H, W, 1), ab (H, W, 2) -> (H, W, 3) float32 in 0..1, clipped to the gamut."""
    y = (L[:, :, 0].astype(np.float64) + 16) / 116
    t = np.stack([y + ab[:, :, 0] / 500, y, y - ab[:, :, 1] / 200], axis=-1)
    xyz = np.where(t > 6 / 29, t**3, 3 * (6 / 29) ** 2 * (t - 4 / 29))
    linear = np.clip(xyz @ np.linalg.inv(_XYZ).T, 0, 1)
    rgb = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    return cast(Floats, rgb.clip(0, 1).astype(np.float32))


def _edge_numbers(words: list[str], text: str) -> tuple[float, ...]:
    """Thresholds, which are parts of the picture's contrast, and blur in pixels."""
    low, high, sigma_px = edges.LOW, edges.HIGH, edges.SIGMA_PX
    if words:
        low, high = (_number(word, float, 0.001, 1, text) for word in words[:2])
    if words[2:]:
        sigma_px = _number(words[2], float, 0.1, 100, text)
    if low > high:
        raise _unknown(text, f"the lower threshold {low} is above the higher {high}")
    return low, high, sigma_px


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
    near = difflib.get_close_matches(text, _FORMS, n=1, cutoff=0.5)
    reason = f": {why}." if why else f"; did you mean '{near[0]}'?" if near else "."
    return UserError(f"No source can be made by '{text}'{reason}", f"Possible are {', '.join(_FORMS)}.")


def _without_alpha(photograph: Array) -> Array:
    channels = photograph.shape[2]
    return photograph[:, :, : channels - 1] if channels in (2, 4) else photograph


def _luma(photograph: Array, name: str) -> Floats:
    """(H, W, 1) by Rec. 601, which is also Pillow's grey and that of JPEG's Y."""
    colours = _without_alpha(photograph).astype(np.float32)
    if colours.shape[2] == 1:
        return colours
    if colours.shape[2] != 3:
        raise UserError(f"{name} has {photograph.shape[2]} channels: wanted grey or RGB.")
    return cast(Floats, colours @ _REC_601)[:, :, None]


def _like(values: Floats, photograph: Array) -> Array:
    """The values at the depth of the photograph, within its range of values."""
    values = values.clip(photograph.min(), photograph.max())
    return (np.rint(values) if photograph.dtype.kind == "u" else values).astype(photograph.dtype)


def _linear(colours: Array) -> NDArray[np.float64]:
    """Light of (H, W, 1 or 3) sRGB values: (H, W, 3) in 0..1."""
    if colours.dtype.kind == "u":  # so few values exist that each is computed once
        levels = np.arange(np.iinfo(colours.dtype).max + 1)
        light = _light(levels / levels[-1])[colours]
    else:
        least, most = colours.min(), colours.max()
        if least < -1e-3 or most > 1 + 1e-3:
            raise UserError(
                f"A float picture of values from {least:g} to {most:g} has no Lab: wanted sRGB in 0..1."
            )
        light = _light(colours.clip(0, 1).astype(np.float64))
    return np.broadcast_to(light, (*light.shape[:2], 3))


def _light(values: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)


def _compress(xyz: NDArray[np.float64]) -> NDArray[np.float64]:
    """Lab's cube root, with its straight piece near black."""
    return np.where(xyz > (6 / 29) ** 3, np.cbrt(xyz), xyz / (3 * (6 / 29) ** 2) + 4 / 29)


def _hed(photograph: Array, weights: Path, name: str) -> Array:
    from pix2pix.derive import hed  # the only recipe that needs torch

    picture = _without_alpha(photograph).astype(np.float32)
    if photograph.dtype.kind == "u":
        picture /= np.iinfo(photograph.dtype).max
    if picture.shape[2] == 1:
        picture = np.repeat(picture, 3, axis=2)
    if picture.shape[2] != 3:
        raise UserError(f"{name} has {picture.shape[2]} channels: HED wants grey or RGB.")
    return edges.thin(hed.probability(picture, weights), HED_THRESHOLD)


def _blank(photograph: Array, hole: Mask) -> Array:
    """The photograph with mid-grey in the hole (H, W), which is near 0 for the network.

    A float's grey is the middle of what remains: the hole must tell nothing of what it hides.
    """
    seen = photograph[~hole]
    if photograph.dtype.kind == "u":
        grey = np.iinfo(photograph.dtype).max // 2
    else:
        grey = seen.min() / 2 + seen.max() / 2 if seen.size else 0
    return np.where(hole[:, :, None], photograph.dtype.type(grey), photograph)


def _centre(shape: tuple[int, ...]) -> Mask:
    """The middle half of height and width, at least a pixel."""
    hole = np.zeros(shape, np.bool_)
    rows, columns = (max(1, size // 2) for size in shape)
    top, left = (shape[0] - rows) // 2, (shape[1] - columns) // 2
    hole[top : top + rows, left : left + columns] = True
    return hole


def _boxes(shape: tuple[int, ...], count: int, name: str) -> Mask:
    """`count` boxes of an eighth to three eighths of each side, anywhere; they may overlap.

    Places are parts of the picture, so that they stay the same when it is resized. They come from
    a digest of the name and no generator, whose numbers another version might change.
    """
    hole = np.zeros(shape, np.bool_)
    for number in range(count):
        digest = hashlib.sha256(f"{number}:{name}".encode("utf-8", "surrogatepass")).digest()
        high, wide, down, right = np.frombuffer(digest, "<u4", 4) / 2.0**32
        rows = math.ceil(shape[0] * (1 + 2 * high) / 8)
        columns = math.ceil(shape[1] * (1 + 2 * wide) / 8)
        top, left = int(down * (shape[0] - rows + 1)), int(right * (shape[1] - columns + 1))
        hole[top : top + rows, left : left + columns] = True
    return hole


def _mask(shape: tuple[int, ...], folder: Path, name: str) -> Mask:
    """What is white, above half of its depth, in the mask of that name."""
    path = _find_mask(folder, name)
    mask = codec.read(path)
    values = _luma(mask, str(path))[:, :, 0]
    binary = mask.dtype.kind == "f" or values.max() <= 1  # 0 and 1 are common in masks
    white = values > (0.5 if binary else np.iinfo(mask.dtype).max / 2)
    rows, columns = (  # the nearest pixel is the one under the centre
        (2 * np.arange(size) + 1) * old // (2 * size) for size, old in zip(shape, white.shape, strict=True)
    )
    hole: Mask = white[rows][:, columns]
    return hole


def _find_mask(folder: Path, name: str) -> Path:
    """FOLDER/NAME with a picture's ending; tried one by one, as a folder may hold a million."""
    for suffix in sorted(PICTURE_SUFFIXES):
        for ending in (suffix, suffix.upper(), f".{suffix[1:].capitalize()}"):
            path = folder / f"{name}{ending}"
            if os.path.isfile(path):  # False, where Path raises, for a name that is too long
                return path
    raise UserError(
        f"There is no mask {folder / name} with the ending of a picture.",
        "Each photograph needs a mask of its own name, white where it is to be blank.",
    )


def _downscale(photograph: Array, factor: int) -> Array:
    """Averages of `factor` x `factor` pixels, brought back to the old size by bicubic curves.

    Where a side is no multiple of the factor, the last row or column averages what there is.
    """
    height, width = photograph.shape[:2]
    kept = (0, 0, width / factor, height / factor)  # so that nothing moves
    coarse = [
        # Pillow resizes every depth as floats, one channel a picture.
        Image.fromarray(channel).reduce(factor).resize((width, height), Image.Resampling.BICUBIC, kept)
        for channel in np.moveaxis(photograph, -1, 0).astype(np.float32, order="C")
    ]
    return _like(np.stack([np.asarray(channel) for channel in coarse], axis=-1), photograph)


def source_and_target(recipe: str, photograph: Array, name: str) -> tuple[Array, Array]:
    """What a network learns from: the made source, and the photograph (for lab, its a and b)."""
    if recipe == "lab":
        return split_lab(photograph)
    return apply(parse(recipe), photograph, name), photograph
