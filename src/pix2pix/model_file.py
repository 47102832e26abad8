"""The model file: weights that know what they are, so that nobody repeats a flag.

One `.safetensors`: the generator's tensors, and a JSON header with the configuration, the image
contract, the inference mode, where the weights come from, and the format's version. Nothing is ever
unpickled.
"""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

import torch
from pydantic import BaseModel, ConfigDict, ValidationError, model_validator
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from pix2pix.config import Config, Mode
from pix2pix.errors import UserError
from pix2pix.files import replacing
from pix2pix.networks import Generator, empty_generator
from pix2pix.pictures.contract import PictureContract
from pix2pix.version import __version__

FORMAT = 1
_KEY = "pix2pix"


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ImageContract(_Frozen):
    """What pictures the model takes and gives.

    `made` is how sources were made of photographs, whose contract is `photograph`; both are empty
    where they were not.
    """

    source: PictureContract
    target: PictureContract
    layout: str  # of the training pairs: side by side, two folders, photographs
    half: str  # the source's half where they lay side by side
    made: str = ""
    photograph: PictureContract | None = None


class Provenance(_Frozen):
    """Where the weights come from."""

    images_seen: int
    pairs: int
    data_digest: str
    scores: dict[str, float]
    scored_at_images: int | None = None  # images seen when the scores were taken
    versions: dict[str, str]
    initialised_from: str | None = None


class Header(_Frozen):
    """All that a model file says of itself."""

    config: Config
    image: ImageContract
    mode: Mode
    provenance: Provenance

    @model_validator(mode="after")
    def _of_one_piece(self) -> Self:
        model, image = self.config.model, self.image
        networks = model.source_channels, model.target_channels
        pictures = image.source.tensor_channels, image.target.tensor_channels
        if networks != pictures or 0 in networks:
            raise ValueError(f"networks of {networks} channels, pictures of {pictures}")
        return self


def versions() -> dict[str, str]:
    """The versions that made a file."""
    return {"pix2pix": __version__, "torch": torch.__version__}


def save_model(path: Path, generator: Generator, header: Header) -> None:
    """Write a model file, whole or not at all; raises UserError where it cannot be written."""
    about = {"format": FORMAT, **header.model_dump(mode="json")}
    save_tensors(path, generator.state_dict(), {_KEY: json.dumps(about)})


def model_path(model: Path) -> Path:
    """The file of a model: itself, or the one in the folder of a run."""
    return inside if (inside := model / "model.safetensors").is_file() else model


def read_header(model: Path) -> Header:
    """What a model file says of itself; its weights are not read.

    Raises UserError for a file that is missing, no model, cut short or of a newer format.
    """
    path = model_path(model)
    with _opened(path, "cpu") as opened:
        about: dict[str, str] = opened.metadata() or {}
    return _header(path, about)


def load_model(model: Path, device: torch.device) -> tuple[Generator, Header]:
    """The generator on the device, and its header.

    Raises UserError for a file that is missing, no model, damaged or of a newer format.
    """
    path = model_path(model)
    tensors, about = load_tensors(path, device)
    header = _header(path, about)
    try:
        generator = empty_generator(header.config)
        if found := {t.dtype for t in tensors.values()} - {torch.float32}:
            raise TypeError(f"wanted float32 tensors, found {found}")
        if not all(_is_finite(tensor) for tensor in tensors.values()):
            raise TypeError("some of its weights are not finite")
        generator.load_state_dict(tensors, assign=True)
    except UserError as error:  # a generator that is not registered here
        raise UserError(f"{path}: {error.message}", error.hint) from None
    except (RuntimeError, TypeError) as error:
        raise damaged(path, error) from None
    return generator.requires_grad_(False), header


def _is_finite(tensor: Tensor) -> bool:
    """Whether all its numbers are: a tenth of the time that asking each of them takes."""
    return all(bool(extreme.isfinite()) for extreme in tensor.aminmax())  # NaN comes through


def _header(path: Path, about: dict[str, str]) -> Header:
    if _KEY not in about:
        raise UserError(f"{path} is a .safetensors file, but not a pix2pix model.")
    version, facts = read_facts(path, about[_KEY])
    if version > FORMAT:
        raise UserError(
            f"{path} has model format {version}; this version reads up to {FORMAT}.", "Upgrade pix2pix."
        )
    try:
        return Header.model_validate(facts)
    except (UserError, ValidationError) as error:
        raise damaged(path, error) from None


def save_tensors(path: Path, tensors: dict[str, Tensor], about: dict[str, str]) -> None:
    """Write tensors and strings as one .safetensors, whole or not at all."""
    # Put in order on the processor: on a GPU that would take the memory of a second copy.
    ready = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    with replacing(path) as temporary:
        try:
            save_file(ready, temporary, about)
        except SafetensorError as error:
            # safetensors wraps the operating system's error in its own type.
            raise OSError(str(error)) from error


def load_tensors(path: Path, device: torch.device) -> tuple[dict[str, Tensor], dict[str, str]]:
    """The tensors and strings of a .safetensors; raises UserError that names what is wrong."""
    with _opened(path, str(device)) as opened:
        about: dict[str, str] = opened.metadata() or {}
        # Copied: they are views of the file, and change where it is overwritten.
        tensors = {name: opened.get_tensor(name).clone() for name in opened.keys()}  # noqa: SIM118
    return tensors, about


@contextmanager
def _opened(path: Path, device: str) -> Iterator[Any]:
    """A .safetensors; whatever is wrong with it becomes a UserError."""
    if not path.is_file():
        what = "is a folder" if path.is_dir() else "does not exist"
        raise UserError(f"{path} {what}: wanted a model.safetensors, or the folder of a run.")
    try:
        with safe_open(path, "pt", device) as opened:
            yield opened
    except (SafetensorError, OSError) as error:
        raise UserError(
            f"{path} is not a whole .safetensors file ({path.stat().st_size} bytes): {_in_short(error)}.",
            "If it was copied or downloaded, fetch it again.",
        ) from None


def read_facts(path: Path, text: str) -> tuple[int, dict[str, Any]]:
    """The format and the other facts in a file's JSON header; raises UserError for a broken one."""
    try:
        facts = dict(json.loads(text))
        return int(facts.pop("format")), facts
    except (ValueError, TypeError, KeyError) as error:
        raise damaged(path, error) from None


def damaged(path: Path, error: Exception) -> UserError:
    """The sentence for a file that holds something else than its format says."""
    return UserError(f"{path} is damaged: {_in_short(error)}.", "Fetch or make it again.")


def _in_short(error: Exception) -> str:
    return textwrap.shorten(str(error), 200, placeholder=" ...").rstrip(".:")
