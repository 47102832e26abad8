"""What the drawing page knows of a model, as JSON: its name, tools that fit it, what pixels mean.

The tools follow from the model's own contract: classes make a palette, made edges make a pen, made
holes make a brush for holes. Where the contract does not say, as with label maps that were learned as
plain colours, the examples decide.
"""

import re
from collections.abc import Sequence
from itertools import chain, count
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
from pydantic import BaseModel

from pix2pix.config import Mode
from pix2pix.errors import UserError
from pix2pix.model_file import Header, ImageContract, model_path
from pix2pix.networks import empty_generator
from pix2pix.page.about import About, about
from pix2pix.page.examples import Example
from pix2pix.page.stamps import Stamp, find_stamps
from pix2pix.pictures.codec import Array
from pix2pix.pictures.conform import to_depth
from pix2pix.pictures.contract import PictureContract
from pix2pix.pictures.find_palette import find_palette
from pix2pix.pictures.palette import Palette, of_contract, to_index

Kind = Literal["labels", "sketch", "photograph", "mask"]

_LARGEST_PX = 1024  # a page draws and translates this in seconds
_INSPECTED = 12  # examples
_INK_LEVELS = 64  # from black or white that still count as ink or paper
_LINE_SHARE = 0.85  # of ink and paper together, from which pictures are drawings of lines
_INK_SHARE = 0.3  # at most, in a drawing of lines


class Swatch(BaseModel, frozen=True):
    """A colour to draw with: `colour` is #rrggbb."""

    name: str
    colour: str


class KnownPair(BaseModel, frozen=True):
    """Addresses of an example's pictures, relative to the page; `result` is the model's own."""

    name: str
    source: str
    target: str | None
    result: str | None = None


class Card(BaseModel, frozen=True):
    """A model as the page sees it. `ground` is the swatch of a new drawing, -1 for a photograph."""

    name: str
    kind: Kind
    size_px: tuple[int, int]
    multiple_px: int
    max_px: int
    palette: tuple[Swatch, ...]
    ground: int
    source: PictureContract
    target: PictureContract
    photograph: PictureContract | None
    made: str
    modes: tuple[Mode, ...]
    mode: Mode
    has_noise: bool = True  # whether there are variants, in the mode `paper`
    about: About = About()
    stamps: tuple[Stamp, ...] = ()
    examples: tuple[KnownPair, ...] = ()
    translate: str | None = None  # the address that translates, if a server does
    network: dict[str, Any] | None = None  # the files of the network, if it runs in the page


def model_names(models: Sequence[Path]) -> list[str]:
    """Return a name for each model, safe in addresses; equal names are numbered."""
    names: list[str] = []
    for model in models:
        file = model_path(model).resolve()
        parts = (file.stem, *(folder.name for folder in file.parents))
        # Many files and folders are called so.
        specific = next((part for part in parts if part not in ("", "model", "training")), "")
        name = re.sub(r"[^\w.-]+", "-", specific).strip(".-") or "model"
        candidates = chain([name], (f"{name}-{number}" for number in count(2)))
        names.append(next(candidate for candidate in candidates if candidate not in names))
    return names


def make_card(name: str, header: Header, examples: Sequence[Example]) -> Card:
    """Return the card without addresses; raises UserError for sources that no page can draw."""
    image, size = header.image, header.config.data.size
    generator = empty_generator(header.config)
    drawn = image.lab_photograph or image.source
    if drawn.depth == "float32" or drawn.channels > 4:
        raise UserError(
            f"The model '{name}' takes pictures of {drawn.channels} channels of {drawn.depth}: "
            "a page can draw 8 or 16 bits in up to 4 channels.",
            "Translate with `pix2pix translate`.",
        )
    pictures = [example.source.read() for example in examples[:_INSPECTED]]
    # Of gray with transparency the gray, of colours with transparency the colours.
    opaque = [picture[:, :, : 1 if picture.shape[2] < 3 else 3] for picture in pictures]
    tools = _tools(image, [to_depth(picture, "uint8", "an example") for picture in opaque])
    return Card(
        name=name,
        kind=tools.kind,
        size_px=size,
        multiple_px=generator.multiple_px,
        max_px=max(_LARGEST_PX, max(size)),
        palette=tools.palette,
        ground=tools.ground,
        stamps=find_stamps(tools.maps, [(s.name, s.colour) for s in tools.palette], tools.ground, size),
        source=image.source,
        target=image.target,
        photograph=image.photograph,
        made=image.made,
        modes=header.config.modes,
        mode=header.mode,
        has_noise=bool(generator.noise),
        about=about(header),
    )


class _Tools(NamedTuple):
    """The tools, the swatches, the one that fills a new drawing, and label maps as (H, W) indexes."""

    kind: Kind
    palette: tuple[Swatch, ...] = ()
    ground: int = -1
    maps: Sequence[Array] = ()


def _tools(image: ImageContract, sources: Sequence[Array]) -> _Tools:
    recipe = image.made.partition(":")[0]
    if recipe in ("edges", "hed"):
        return _sketch(paper=255)  # edges are black lines on white
    if recipe in ("inpaint", "mask"):
        return _Tools("mask", (Swatch(name="hole", colour="#7f7f7f"),))
    if not recipe:
        if image.source.classes:
            return _labels(of_contract(image.source), sources)
        if sources and _are_lines(sources):
            return _sketch(paper=int(np.median(np.concatenate([s.ravel() for s in sources]))))
        if sources and (palette := find_palette(sources)):
            return _labels(palette, sources)
    return _Tools("photograph")


def _sketch(paper: int) -> _Tools:
    black, white = Swatch(name="black", colour="#000000"), Swatch(name="white", colour="#ffffff")
    return _Tools("sketch", (black, white) if paper > 127 else (white, black), 1)


def _labels(palette: Palette, sources: Sequence[Array]) -> _Tools:
    swatches = tuple(
        Swatch(name=name.replace("_", " "), colour=f"#{bytes(colour).hex()}")
        for name, colour in zip(palette.names, palette.colours, strict=True)
    )
    maps = [to_index(s, palette, snap=True, name="an example").reshape(s.shape[:2]) for s in sources]
    pixels = [indexes.ravel() for indexes in maps]
    counts = np.bincount(np.concatenate(pixels), minlength=len(swatches)) if pixels else np.zeros(1)
    return _Tools("labels", swatches, int(counts[: len(swatches)].argmax()), maps)  # without ignored pixels


def _are_lines(sources: Sequence[Array]) -> bool:
    """Return whether nearly all pixels are near black or white, and one of the two is rare."""
    levels = np.concatenate([s.reshape(-1, s.shape[2]) for s in sources]).astype(np.int16)
    black, white = (abs(levels[:, 0] - end) <= _INK_LEVELS for end in (0, 255))
    is_ink_or_paper = (black | white) & (np.ptp(levels, axis=1) <= _INK_LEVELS // 2)
    return bool(is_ink_or_paper.mean() >= _LINE_SHARE and min(black.mean(), white.mean()) < _INK_SHARE)
