"""Known pairs beside a model: what the drawing page offers to begin with.

A run keeps some in `examples/source` and `examples/target`. A user's own folder holds the same, or
pictures side by side like those the model learned from, or sources alone.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pix2pix.errors import UserError
from pix2pix.files import kind, list_pictures
from pix2pix.model_file import ImageContract
from pix2pix.pictures import codec, geometry
from pix2pix.pictures.codec import Array
from pix2pix.pictures.conform import conform
from pix2pix.pictures.contract import PictureContract
from pix2pix.pictures.geometry import Side
from pix2pix.pictures.view import to_view

LIMIT = 24
Levels = NDArray[np.uint8]

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Half:
    """A picture, or a half of one."""

    path: Path
    side: Side = "whole"

    def read(self) -> Array:
        """(H, W, C); raises UserError that names the file."""
        return geometry.half(codec.read(self.path), self.side, str(self.path))


@dataclass(frozen=True)
class Example:
    """A source, and its known target where there is one."""

    name: str
    source: Half
    target: Half | None


def find_examples(model: Path, image: ImageContract, folder: Path | None = None) -> list[Example]:
    """Up to 24 examples: those of the folder, or those that lie beside the model, or none.

    Raises UserError for a folder that holds no picture.
    """
    if folder is not None:
        return _found(folder, image)
    beside = (model if model.is_dir() else model.parent) / "examples"
    return _found(beside, image) if kind(beside / "source") == "folder" else []


def _found(folder: Path, image: ImageContract) -> list[Example]:
    sources = folder / "source"
    if kind(sources) == "folder":
        targets = {_key(p, folder / "target"): p for p in _listed(folder / "target")}
        found = [
            Example(_key(p, sources), Half(p), _whole(targets.get(_key(p, sources))))
            for p in list_pictures(sources)
        ]
    else:
        found = [_of_one_file(p, folder, image) for p in _listed(folder)]
    if not found:
        raise UserError(
            f"{folder} holds no pictures to offer as examples.",
            "Wanted: source/ and target/ with equal names, or pictures like those of training.",
        )
    some = [found[i * len(found) // LIMIT] for i in range(LIMIT)] if len(found) > LIMIT else found
    return [example for example in some if _fits(example, image)]


def _fits(example: Example, image: ImageContract) -> bool:
    """Whether it can be shown; a note says why not."""
    try:
        view(example, image)
    except UserError as error:
        _log.warning("note: the example '%s' is left out: %s", example.name, error.message)
        return False
    return True


def _of_one_file(path: Path, folder: Path, image: ImageContract) -> Example:
    """A pair side by side where the model learned from such, else a source alone."""
    if image.layout != "side by side" or not _twice_as_wide(path):
        return Example(_key(path, folder), Half(path), None)
    sides: Sequence[Side] = ("left", "right") if image.half == "left" else ("right", "left")
    return Example(_key(path, folder), Half(path, sides[0]), Half(path, sides[1]))


def _twice_as_wide(path: Path) -> bool:
    try:
        height, width = codec.read(path).shape[:2]
    except UserError:  # told when it is viewed
        return False
    return bool(width == 2 * height)


def _listed(folder: Path) -> list[Path]:
    return list_pictures(folder) if kind(folder) == "folder" else []


def _whole(path: Path | None) -> Half | None:
    return None if path is None else Half(path)


def _key(path: Path, folder: Path) -> str:
    return path.relative_to(folder).with_suffix("").as_posix()


def view(example: Example, image: ImageContract) -> tuple[Levels, Levels | None]:
    """Source and target as (H, W, 3) uint8 for a page; labels in the colours of their classes.

    Raises UserError that names the file which does not fit the model.
    """
    source = view_half(example.source, image, target=False)
    return source, view_half(example.target, image, target=True) if example.target else None


def view_half(half: Half, image: ImageContract, *, target: bool) -> Levels:
    """One of the two, as `view` gives it."""
    lab = image.photograph if image.made == "lab" else None
    contract: PictureContract = lab or (image.target if target else image.source)
    array = conform(half.read(), contract, str(half.path), snap=True)
    if contract.one_hot:
        return np.array([c.colour for c in contract.classes], np.uint8)[array[:, :, 0]]
    return to_view(array, contract)
