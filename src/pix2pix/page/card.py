"""What the drawing page is told of a model, as JSON: which tools fit it, and what pixels mean.

The tools follow from the model's own contract: classes make a palette, made edges make a pen, made
holes make a brush for holes. Where the contract is silent, as with label maps that were learned as
plain colours, the examples are looked at.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict

from pix2pix.config import Mode
from pix2pix.errors import UserError
from pix2pix.model_file import Header, ImageContract
from pix2pix.page.examples import Example
from pix2pix.pictures.codec import Array
from pix2pix.pictures.conform import to_depth
from pix2pix.pictures.contract import PictureContract
from pix2pix.pictures.find_palette import find_palette
from pix2pix.pictures.palette import Palette, to_index

Kind = Literal["labels", "sketch", "photograph", "mask"]

_LARGEST_PX = 1024  # a page draws and translates this in seconds
_LOOKED_AT = 12  # examples that tell what sources are
_INK = 64  # levels from black or white that still count as ink or paper
_LINES = 0.85  # share of ink and paper from which pictures are drawings of lines


class Swatch(BaseModel):
    """A colour to draw with: `colour` is #rrggbb."""

    model_config = ConfigDict(frozen=True)

    name: str
    colour: str


class KnownPair(BaseModel):
    """Addresses of an example's pictures, relative to the page."""

    model_config = ConfigDict(frozen=True)

    name: str
    source: str
    target: str | None


class Card(BaseModel):
    """A model as the page sees it. `ground` is the swatch of a new drawing, -1 for a photograph."""

    model_config = ConfigDict(frozen=True)

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
    examples: tuple[KnownPair, ...] = ()
    translate: str | None = None  # the address that translates, where there is a server
    network: dict[str, Any] | None = None  # the files of the network, where it runs in the page


def make_card(name: str, header: Header, examples: Sequence[Example]) -> Card:
    """The card without addresses; raises UserError for sources that no page can draw."""
    image, size = header.image, header.config.data.size
    _refuse_undrawable(name, image)
    seen = [_eight_bits(example.source.read()) for example in examples[:_LOOKED_AT]]
    kind, palette, ground = _tools(image, seen)
    return Card(
        name=name,
        kind=kind,
        size_px=size,
        multiple_px=2**header.config.depth,
        max_px=max(_LARGEST_PX, max(size)),
        palette=palette,
        ground=ground,
        source=image.source,
        target=image.target,
        photograph=image.photograph,
        made=image.made,
        modes=header.config.modes,
        mode=header.mode,
    )


def _refuse_undrawable(name: str, image: ImageContract) -> None:
    given = image.photograph if image.made == "lab" and image.photograph else image.source
    if given.depth == "float32" or given.channels > 4:
        raise UserError(
            f"The model '{name}' takes pictures of {given.channels} channels of {given.depth}: "
            "a page can draw 8 or 16 bits in up to 4 channels.",
            "Translate with `pix2pix translate`.",
        )


def _tools(image: ImageContract, seen: Sequence[Array]) -> tuple[Kind, tuple[Swatch, ...], int]:
    """What is drawn with, the swatches, and the one that fills a new drawing."""
    recipe = image.made.partition(":")[0]
    if recipe in ("edges", "hed"):
        return _sketch(paper=255)  # edges.draw leaves black lines on white
    if recipe in ("inpaint", "mask"):
        return "mask", (Swatch(name="hole", colour="#7f7f7f"),), -1
    if recipe:
        return "photograph", (), -1
    if image.source.classes:
        names = tuple(c.name for c in image.source.classes)
        palette = Palette(names, tuple(c.colour for c in image.source.classes))
        return _labels(palette, seen)
    if seen and _are_lines(seen):
        return _sketch(paper=int(np.median(np.concatenate([s.ravel() for s in seen]))))
    found = find_palette(seen) if seen else None
    return ("photograph", (), -1) if found is None else _labels(found, seen)


def _sketch(paper: int) -> tuple[Kind, tuple[Swatch, ...], int]:
    black, white = Swatch(name="black", colour="#000000"), Swatch(name="white", colour="#ffffff")
    return "sketch", (black, white) if paper > 127 else (white, black), 1


def _labels(palette: Palette, seen: Sequence[Array]) -> tuple[Kind, tuple[Swatch, ...], int]:
    swatches = tuple(
        Swatch(name=name.replace("_", " "), colour=f"#{bytes(colour).hex()}")
        for name, colour in zip(palette.names, palette.colours, strict=True)
    )
    counts: Counter[int] = Counter()
    for picture in seen:
        index = to_index(picture, palette, snap=True, name="an example")
        counts.update(dict(enumerate(np.bincount(index.ravel()).tolist())))
    return "labels", swatches, counts.most_common(1)[0][0] if counts else 0


def _are_lines(seen: Sequence[Array]) -> bool:
    """Whether nearly all pixels are near black or white, and one of the two is rare."""
    levels = np.concatenate([s.reshape(-1, s.shape[2]) for s in seen]).astype(np.int16)
    grey = np.ptp(levels, axis=1) <= _INK // 2
    black, white = (abs(levels[:, 0] - end) <= _INK for end in (0, 255))
    rarer = min(black.mean(), white.mean())
    return bool((grey & (black | white)).mean() >= _LINES and rarer < 0.3)


def _eight_bits(array: Array) -> Array:
    """(H, W, 1 or 3) uint8 of an example, without transparency."""
    colours = array[:, :, : array.shape[2] - (array.shape[2] in (2, 4))]
    return to_depth(colours, "uint8", "an example")
