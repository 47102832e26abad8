"""What every worker knows of the job, and what it does with a row that fails.

A row that fails carries its reason from then on and is passed through, so that nothing else stops.
"""

from __future__ import annotations

import platform
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pix2pix.bulk.places import Place
from pix2pix.bulk.tables import Row
from pix2pix.config import Mode
from pix2pix.device import is_out_of_memory
from pix2pix.errors import UserError, first_line
from pix2pix.files import file_digest
from pix2pix.inference.sources import Size
from pix2pix.model_file import Header, model_path
from pix2pix.pictures.codec import Array
from pix2pix.pictures.contract import Side


@dataclass(frozen=True)
class Options:
    """How pictures are translated: as in `inference.items`; `suffix` is that of every output, if given."""

    half: Side = "whole"
    mode: Mode | None = None
    seed: int = 0
    make: bool = False
    size: Size | None = None
    suffix: str | None = None


@dataclass(frozen=True)
class Work:
    """What every worker knows of the job; `column` as in `Collection`.

    One engine and one number of threads make the bytes of all outputs: others round differently.
    """

    model: Path
    model_digest: str
    header: Header
    source: Place
    target: Place
    options: Options
    device: str
    engine: str
    precision: str
    threads: int
    column: str = ""
    into_parquet: bool = False
    verify: bool = False


def obstacle(work: Work) -> str:
    """Return what keeps this machine from working on the job, or ""."""
    try:
        check_model(work)
        for name, place in (("IN", work.source), ("OUT", work.target)):
            if place.is_local and not place.local("").is_dir():
                raise UserError(
                    f"{_this_machine()} has no folder {place.root}.",
                    f"{name} must be on a disk that all machines share.",
                )
    except UserError as error:
        return str(error)
    return ""


def check_model(work: Work) -> None:
    """Raise UserError where this machine does not see the job's model."""
    path = model_path(work.model)
    if not path.is_file():
        raise UserError(
            f"{_this_machine()} has no file {path}.", "The model must be on a disk that all machines share."
        )
    if file_digest(path) != work.model_digest:
        raise UserError(
            f"{_this_machine()} has another model at {path} than the one that the job began with.",
            "The same command again goes on with one model.",
        )


def _this_machine() -> str:
    """Return what messages call the machine on which this runs."""
    return f"The machine {platform.node()}"


def attempt(row: Row, action: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """Return what the action changes in a row, or the reason for which it failed."""
    try:
        return action()
    except Exception as error:  # of any kind: one file must not stop the others
        return {"error": reason(row["name"], error)}


def reason(name: str, error: Exception) -> str:
    """Return a sentence on what happened to a picture, or to the model."""
    if isinstance(error, UserError):
        return str(error)
    if is_out_of_memory(error):
        return f"{name} is too large for the memory."
    return f"{name} failed: {type(error).__name__}: {first_line(error)}."


def columns(array: Array, *names: str) -> dict[str, Any]:
    """Return an array as three columns: its bytes, its shape and its type."""
    return dict(zip(names, (array.tobytes(), array.shape, str(array.dtype)), strict=True))


def array(row: Row, pixels: str, shape: str, dtype: str) -> Array:
    """Return the array of three columns."""
    return np.frombuffer(row[pixels], row[dtype]).reshape(row[shape])
