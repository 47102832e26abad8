"""The model file: weights and all that describes them, so that nobody repeats a flag.

One `.safetensors`: the generator's tensors, and a JSON header with the configuration, the image
contract, the inference mode, where the weights come from, and the format's version. Nothing is ever
unpickled. Format 1 has weights of float32; in format 2 those of convolutions may be float16, which
halves the file. Both become float32 when they are loaded.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

import torch
from pydantic import BaseModel, ValidationError, model_validator
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from pix2pix import __version__
from pix2pix.config import Config, Mode
from pix2pix.errors import UserError, shortened
from pix2pix.files import replacing
from pix2pix.networks import Generator, empty_generator
from pix2pix.parsing import parse_json
from pix2pix.pictures.contract import PictureContract

FORMAT = 2  # the newest that is read
_FILE = "model.safetensors"  # in the folder of a run
_LISTED = 12  # runs that a refusal names
_KEY = "pix2pix"
_OF_TORCH = (".pth", ".pt")
_PEER = "pytorch-CycleGAN-and-pix2pix"
PEER_GENERATORS = "*_net_G*.pth"  # in a folder of its checkpoints; latest_net_G.pth is the last by name


class ImageContract(BaseModel, frozen=True, extra="forbid"):
    """What the model's sources and targets are.

    `made` is how sources were made from photographs, whose contract is `photograph`; both are empty
    where sources are pictures of their own. `folders` are the names of those of sources and of targets,
    where pairs lie in two.
    """

    source: PictureContract
    target: PictureContract
    layout: str  # of the training pairs, see `pairs.pair_set.Layout`
    half: str  # the source's half where pairs lie side by side
    made: str = ""
    photograph: PictureContract | None = None
    folders: tuple[str, ...] = ()

    @property
    def lab_photograph(self) -> PictureContract | None:
        """Return the photographs' contract where the model adds colour to their lightness."""
        return self.photograph if self.made == "lab" else None

    @property
    def output(self) -> tuple[str, int]:
        """Return depth ("uint8", "uint16", "float32") and channels of translations."""
        if self.lab_photograph is not None:
            return self.lab_photograph.depth, 3
        return self.target.depth, self.target.channels


class Provenance(BaseModel, frozen=True, extra="forbid"):
    """Where the weights come from."""

    images_seen: int
    pairs: int
    data_digest: str
    scores: dict[str, float]
    scored_at_images: int | None = None  # images seen when the scores were taken
    versions: dict[str, str]
    initialised_from: str | None = None
    imported_from: str | None = None  # another program's file; the images seen are not known then
    # Of its losses and of those of the model that it began with: not to be scored or chosen by.
    feature_networks: tuple[str, ...] = ()
    feature_network: str | None = None  # by which the scores of sets were taken


class Header(BaseModel, frozen=True, extra="forbid"):
    """All that a model file states about its weights."""

    config: Config
    image: ImageContract
    mode: Mode
    provenance: Provenance

    @model_validator(mode="after")
    def _channels_agree(self) -> Self:
        model, image = self.config.model, self.image
        networks = model.source_channels, model.target_channels
        pictures = image.source.tensor_channels, image.target.tensor_channels
        if networks != pictures or 0 in networks:
            raise ValueError(f"networks of {networks} channels, pictures of {pictures}")
        return self


def versions() -> dict[str, str]:
    """Return the versions that a file is written by."""
    return {"pix2pix": __version__, "torch": torch.__version__}


def save_model(path: Path, generator: Generator, header: Header, *, half: bool = False) -> None:
    """Write a model file, whole or not at all; with `half` the weights of convolutions as float16.

    Raises UserError where it cannot be written.
    """
    tensors = generator.state_dict()
    if half:  # scales, shifts and statistics of norms stay: they are few, and variances may overflow
        tensors = {name: t.half() if t.ndim > 1 else t for name, t in tensors.items()}
    about = {"format": 2 if half else 1, **header.model_dump(mode="json")}
    save_tensors(path, tensors, {_KEY: json.dumps(about)})


def model_path(model: Path) -> Path:
    """Return the file of a model: the path itself, or the file in the folder of a run."""
    return inside if (inside := model / _FILE).is_file() else model


def read_header(model: Path) -> Header:
    """Read what a model file states, without its weights.

    Raises UserError for a file that is missing, no model, cut short or of a newer format.
    """
    path = model_path(model)
    return _header(path, read_strings(path))


def load_model(model: Path, device: torch.device) -> tuple[Generator, Header]:
    """Load the generator onto the device, and its header.

    Raises UserError for a file that is missing, no model, damaged or of a newer format.
    """
    path = model_path(model)
    tensors, about = load_tensors(path, device)
    header = _header(path, about)
    try:
        generator = empty_generator(header.config)
        if other := {t.dtype for t in tensors.values()} - {torch.float32, torch.float16}:
            raise TypeError(f"wanted tensors of float32 or float16, found {other}")
        tensors = {name: tensor.float() for name, tensor in tensors.items()}
        # The extremes are NaN where any number is; a test of each number takes ten times as long.
        if not all(extreme.isfinite() for tensor in tensors.values() for extreme in tensor.aminmax()):
            raise TypeError("some of its weights are not finite")
        generator.load_state_dict(tensors, assign=True)
    except UserError as error:  # a generator that is not registered here
        raise UserError(f"{path}: {error.message}", error.hint) from None
    except (RuntimeError, TypeError) as error:
        raise damaged(path, error) from None
    return generator.requires_grad_(False), header


def save_tensors(path: Path, tensors: dict[str, Tensor], about: dict[str, str]) -> None:
    """Write tensors and strings as one .safetensors, whole or not at all."""
    # Made contiguous on the processor: on a GPU that would take the memory of a second copy.
    ready = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    with replacing(path) as temporary:
        try:
            save_file(ready, temporary, about)
        except SafetensorError as error:
            # safetensors wraps the operating system's error in its own type.
            raise OSError(str(error)) from error


def load_tensors(path: Path, device: torch.device) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Load the tensors and strings of a .safetensors; raises UserError that names what is wrong."""
    with _opened(path, str(device)) as opened:
        names: list[str] = opened.keys()
        # Copied: they are views of the file, and change where it is overwritten.
        return {name: opened.get_tensor(name).clone() for name in names}, opened.metadata() or {}


def read_strings(path: Path) -> dict[str, str]:
    """Read the strings of a .safetensors alone; raises UserError that names what is wrong."""
    with _opened(path, "cpu") as opened:
        return opened.metadata() or {}


def read_facts(path: Path, text: str) -> tuple[int, dict[str, Any]]:
    """Return the format and the other facts of a file's JSON header; raises UserError for a broken one."""
    try:
        facts = dict(parse_json(text))
        return int(facts.pop("format")), facts
    except (ValueError, TypeError, KeyError, OverflowError) as error:
        raise damaged(path, error) from None


def damaged(path: Path, error: Exception) -> UserError:
    """Return the error for a file whose content does not match its format."""
    what = f"it has no {error}" if isinstance(error, KeyError) else _in_short(error)
    return UserError(f"{path} is damaged: {what}.", "Fetch or make it again.")


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
    except (UserError, ValidationError, ArithmeticError, RecursionError) as error:
        raise damaged(path, error) from None


@contextmanager
def _opened(path: Path, device: str) -> Iterator[Any]:
    """Open a .safetensors; whatever is wrong with it becomes a UserError."""
    if not path.is_file():
        what = "is a folder" if path.is_dir() else "does not exist"
        runs = sorted(str(inside.parent) for inside in path.glob(f"*/{_FILE}"))
        hint = f"Runs in it: {', '.join(runs[:_LISTED])}{', ...' * (len(runs) > _LISTED)}." if runs else ""
        if peers := sorted(path.glob(PEER_GENERATORS)):
            hint = hint or _import_hint(peers[-1])
        raise UserError(f"{path} {what}: wanted a model.safetensors, or the folder of a run.", hint)
    try:
        with safe_open(path, "pt", device) as opened:
            yield opened
    except (SafetensorError, OSError) as error:
        if path.suffix in _OF_TORCH:
            raise UserError(f"{path} is no .safetensors file.", _import_hint(path)) from None
        raise UserError(
            f"{path} is not a whole .safetensors file ({path.stat().st_size} bytes): {_in_short(error)}.",
            "If it was copied or downloaded, fetch it again.",
        ) from None


def _import_hint(path: Path) -> str:
    return f"A generator of {_PEER} becomes one by: pix2pix import {path} -o MODEL.safetensors"


def _in_short(error: Exception) -> str:
    return shortened(" ".join(str(error).split())).rstrip(".:")
