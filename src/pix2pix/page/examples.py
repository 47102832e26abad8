"""Known pairs that come with a model: what the drawing page offers to begin with.

A run keeps up to 24 in `examples/source` and `examples/target`. A user's own folder holds the same, or
pictures side by side like those of training, or sources alone.
"""

import logging
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pix2pix.errors import UserError
from pix2pix.files import kind, list_pictures
from pix2pix.model_file import ImageContract
from pix2pix.pictures import codec, geometry
from pix2pix.pictures.codec import Array
from pix2pix.pictures.conform import conform, to_view
from pix2pix.pictures.contract import Side
from pix2pix.pictures.palette import of_contract, to_colours

LIMIT = 24

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class ExamplePicture:
    """The source or the target of an example: a file, or one side of it."""

    path: Path
    side: Side = "whole"

    def read(self) -> Array:
        """Return (H, W, C); raises UserError that names the file."""
        return geometry.half(codec.read(self.path), self.side, str(self.path))


@dataclass(frozen=True)
class Example:
    """A source, and its target if that is known."""

    name: str
    source: ExamplePicture
    target: ExamplePicture | None


def find_examples(model: Path, image: ImageContract, folder: Path | None = None) -> list[Example]:
    """Return up to 24 examples from the folder, or from `examples` next to the model, if present.

    A picture that does not fit the model is left out with a note. Raises UserError for a folder
    without pictures.
    """
    root = folder or (model if model.is_dir() else model.parent) / "examples"
    has_sources = kind(root / "source") == "folder"
    if folder is None and not has_sources:
        return []
    sources = root / "source" if has_sources else root
    paths = list_pictures(sources)
    if not paths:
        raise UserError(
            f"{root} holds no pictures to offer as examples.",
            "Wanted: source/ and target/ with equal names, or pictures like those of training.",
        )
    targets = {_name(p, root / "target"): p for p in list_pictures(root / "target")} if has_sources else {}
    source_half = image.half if image.layout == "side by side" and not has_sources else None
    examples, count = [], min(LIMIT, len(paths))
    for path in (paths[i * len(paths) // count] for i in range(count)):
        name = _name(path, sources)
        try:
            example = _example(name, path, targets.get(name), source_half)
            view(example, image)
            examples.append(example)
        except UserError as error:
            _log.warning("note: the example '%s' is left out: %s", name, error.message)
    return examples


def view(example: Example, image: ImageContract) -> tuple[NDArray[np.uint8], NDArray[np.uint8] | None]:
    """Return source and target as (H, W, 3) uint8 for a page; labels in the colours of their classes.

    Raises UserError that names the file which does not fit the model.
    """
    return (
        view_picture(example.source, image, target=False),
        view_picture(example.target, image, target=True) if example.target else None,
    )


def view_picture(picture: ExamplePicture, image: ImageContract, *, target: bool) -> NDArray[np.uint8]:
    """Return the source or the target of an example, as `view` does."""
    contract = image.lab_photograph or (image.target if target else image.source)
    array = conform(picture.read(), contract, str(picture.path), snap=True)
    if contract.one_hot:
        return to_colours(array, of_contract(contract))
    return to_view(array, contract)


def _example(name: str, path: Path, target: Path | None, source_half: str | None) -> Example:
    """Return a pair of two files, or of the two sides of one, or a source alone."""
    if target is not None:
        return Example(name, ExamplePicture(path), ExamplePicture(target))
    if source_half is not None:
        height, width = codec.read(path).shape[:2]
        if width == 2 * height:
            left, right = ExamplePicture(path, "left"), ExamplePicture(path, "right")
            return Example(name, left, right) if source_half == "left" else Example(name, right, left)
    return Example(name, ExamplePicture(path), None)


def _name(path: Path, folder: Path) -> str:
    return path.relative_to(folder).with_suffix("").as_posix()
