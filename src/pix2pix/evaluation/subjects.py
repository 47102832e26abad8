"""What is scored: pictures and their targets, such as those of a folder and the real ones of another.

S variants, C channels, H height, W width.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor

from pix2pix.device import pick_device
from pix2pix.errors import UserError
from pix2pix.files import kind, list_pictures, version
from pix2pix.model_file import versions
from pix2pix.pairs.names import match
from pix2pix.pictures import codec
from pix2pix.pictures.codec import Array
from pix2pix.pictures.conform import as_map, conform, to_view
from pix2pix.pictures.contract import PictureContract
from pix2pix.pictures.tensors import to_array, to_tensor
from pix2pix.progress import in_parallel


@dataclass(frozen=True)
class Example:
    """One picture: (C, H, W) in [-1, 1] each; pictures of a folder have no source.

    `variants` are (S, C, H, W) outputs by different noise, the first is `output`; None if not requested.
    `classes` are (H, W) those of its label map, where it is scored by classes.
    """

    name: str
    source: Tensor | None
    output: Tensor
    target: Tensor
    variants: Tensor | None = None
    classes: Tensor | None = None


class Subject(Protocol):
    """Pictures to score, in a fixed order.

    `identity` is what scores are quoted with; `files` is a digest of paths, sizes and times, by which a
    stopped evaluation knows that its pictures are still the same. `request` opens the subject again.
    """

    names: Sequence[str]
    identity: dict[str, Any]
    files: str
    request: dict[str, Any]
    samples: int  # variants of each picture
    is_one_hot: bool  # targets are classes, which are no pictures
    device: torch.device  # where pictures are measured

    def examples(self, start: int, stop: int) -> list[Example | UserError]:
        """Return the examples of some places; what cannot be read is an error that names the file."""

    def as_seen(self, example: Example) -> Example:
        """Return the example with output, variants and target as a person sees them, in [-1, 1]."""

    def views(self, example: Example) -> dict[str, Array]:
        """Return source (of a model), output and target for a person to see, (H, W, 3) uint8 each."""


class FolderSubject:
    """Pictures of one folder against the real ones of equal names in another."""

    samples = 1
    is_one_hot = False
    contract = PictureContract()  # grey pictures become colours: each pair is compared in all channels

    def __init__(self, real: Path, fake: Path, device: str = "auto") -> None:
        for option, folder in (("--real", real), ("--fake", fake)):
            if (entry := kind(folder)) != "folder":
                what = "is a file" if entry == "file" else "does not exist"
                raise UserError(f"{option} {folder} {what}: wanted a folder of pictures.")
        matched = match(fake, real)
        if faults := matched.faults:
            counts = [len(list_pictures(folder)) for folder in (real, fake)]
            raise UserError(
                f"{real} ({counts[0]} pictures) and {fake} ({counts[1]}) do not hold the same names "
                f"({len(faults)} differ): {next(iter(faults.values()))}",
                "Give two folders in which each picture has a partner of the same name; endings may differ.",
            )
        if not matched.pairs:
            raise UserError(f"{real} and {fake} hold no pictures.")
        self.paths = list(matched.pairs.values())
        self.names: Sequence[str] = list(matched.pairs)
        self.device = pick_device(device)
        self.identity = {
            "real": str(real),
            "fake": str(fake),
            "data_digest": digest(f"{n} {version(r)[1]}" for n, (_, r) in matched.pairs.items()),
            "versions": versions(),
        }
        self.files = digest(str(version(path)) for both in self.paths for path in both)
        self.request = {"real": str(real.resolve()), "fake": str(fake.resolve())}

    def examples(self, start: int, stop: int) -> list[Example | UserError]:
        """Read both folders."""
        return [example for _, example in in_parallel(range(start, stop), self._example)]

    def as_seen(self, example: Example) -> Example:
        """Return the example: its files are pictures."""
        return example

    def views(self, example: Example) -> dict[str, Array]:
        """Return output and target for a person to see, (H, W, 3) uint8 each."""
        halves = {"output": example.output, "target": example.target}
        return {n: to_view(to_array(half, self.contract), self.contract) for n, half in halves.items()}

    def _example(self, place: int) -> Example:
        fake, real = (self._tensor(path) for path in self.paths[place])
        if fake.shape != real.shape:
            fake_path, real_path = self.paths[place]
            sizes = [f"{tensor.shape[2]} x {tensor.shape[1]} px" for tensor in (fake, real)]
            raise UserError(
                f"{fake_path} is {sizes[0]} but {real_path} is {sizes[1]}: wanted equal sizes.",
                "Resize one folder: pix2pix data resize.",
            )
        return Example(self.names[place], None, fake, real)

    def _tensor(self, path: Path) -> Tensor:
        return to_tensor(conform(codec.read(path), self.contract, str(path)), self.contract)


def views_with_spread(subject: Subject, example: Example) -> dict[str, Array]:
    """Return the views of an example, and the spread over its variants, (H, W, 1)."""
    views = subject.views(example)
    if example.variants is not None:
        views["spread"] = as_map(example.variants.std(0, correction=0).mean(0).numpy())
    return views


def stacked(examples: Sequence[Example]) -> tuple[Tensor, Tensor]:
    """Return outputs and targets of examples of one size: (B, C, H, W) each."""
    return torch.stack([e.output for e in examples]), torch.stack([e.target for e in examples])


def runs_of_one_size(examples: Sequence[Example]) -> list[list[Example]]:
    """Split examples where the size changes, so that each part can be stacked."""
    breaks = [i for i in range(1, len(examples)) if examples[i].output.shape != examples[i - 1].output.shape]
    bounds = [0, *breaks, len(examples)]
    return [list(examples[a:b]) for a, b in pairwise(bounds) if b > a]


def digest(lines: Iterable[str]) -> str:
    """Return the start of the SHA-256 of some lines."""
    return hashlib.sha256("\n".join(lines).encode("utf-8", "surrogatepass")).hexdigest()[:32]
