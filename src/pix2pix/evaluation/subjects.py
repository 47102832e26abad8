"""What is scored: the translations of a model, or a folder of pictures against a folder of real ones.

B batch, C channels, H height, W width.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor

from pix2pix.config import Mode
from pix2pix.data.origins import find_data
from pix2pix.data.pairs import Pair, match
from pix2pix.data.reading import Reading
from pix2pix.errors import UserError
from pix2pix.inference.translator import Translator
from pix2pix.model_file import model_path, versions
from pix2pix.pictures import codec, tensors
from pix2pix.pictures.codec import Array
from pix2pix.pictures.conform import conform
from pix2pix.pictures.contract import PictureContract
from pix2pix.progress import in_parallel

SPLITS = ("validation", "train", "val", "test", "all")


@dataclass(frozen=True)
class Example:
    """One picture: (C, H, W) in [-1, 1] each; pictures of a folder have no source."""

    name: str
    source: Tensor | None
    output: Tensor
    target: Tensor


class Subject(Protocol):
    """Pictures to score, in a fixed order."""

    names: Sequence[str]
    identity: dict[str, Any]
    channels: tuple[int, int]  # of sources and targets

    def examples(self, start: int, stop: int) -> list[Example | UserError]:
        """Return the examples of some places; what cannot be read is an error that names the file."""


class ModelSubject:
    """The translations of a model of the pairs in a split."""

    def __init__(
        self,
        model: Path,
        data: Sequence[str],
        split: str,
        mode: Mode | None,
        seed: int,
        device: str,
        engine: str,
    ) -> None:
        self.translator = Translator.load(model, device, engine=engine)
        header = self.translator.header
        image, self.config = header.image, header.config.data
        self.reading = Reading(image.source, image.target, self.config, image.photograph)
        found = find_data(data, self.config)
        self.pairs = _chosen(found, split, data)
        self.training = found.splits.get("train", ()) if split != "train" else ()
        self.names: Sequence[str] = [pair.name for pair in self.pairs]
        self.mode, self.seed = mode or header.mode, seed
        self.channels = image.source.tensor_channels, image.target.tensor_channels
        with model_path(model).open("rb") as opened:
            digest = hashlib.file_digest(opened, "sha256").hexdigest()
        self.identity = {
            "model": str(model),
            "model_digest": digest,
            "data_digest": _digest(self.names),
            "split": split,
            "mode": self.mode,
            "seed": seed,
            "size_px": list(self.config.size),
            "images_seen": header.provenance.images_seen,
            "versions": versions(),
        }

    def examples(self, start: int, stop: int) -> list[Example | UserError]:
        """Read, translate at training size."""
        read = [loaded for _, loaded in in_parallel(self.pairs[start:stop], self.tensors_of)]
        pairs = [loaded for loaded in read if not isinstance(loaded, UserError)]
        outputs = iter(
            self.translator.translate_tensors([source for source, _ in pairs], mode=self.mode, seed=self.seed)
        )
        return [
            loaded if isinstance(loaded, UserError) else Example(name, loaded[0], next(outputs), loaded[1])
            for name, loaded in zip(self.names[start:stop], read, strict=True)
        ]

    def tensors_of(self, pair: Pair) -> tuple[Tensor, Tensor]:
        """Return source and target of a pair, (C, H, W) each, as training sees them without jitter."""
        stored = [tensors.to_levels(half[None]) for half in self.reading.read(pair, self.config.size)]
        source, target = self.reading.tensors(tensors.from_levels, stored)
        return source[0], target[0]


class FolderSubject:
    """Pictures of one folder against the real ones of equal names in another."""

    def __init__(self, real: Path, fake: Path) -> None:
        matched, faults = match(fake, real)
        if faults:
            sentences = list(faults.values())
            raise UserError(
                f"{real} and {fake} do not hold the same names ({len(faults)} differ): {sentences[0]}",
                "Give two folders in which each picture has a partner of the same name; endings may differ.",
            )
        if not matched:
            raise UserError(f"{real} and {fake} hold no pictures.")
        self.files, self.names = list(matched.values()), list(matched)
        first = codec.read(self.files[0][1])
        self.contract = PictureContract(channels=3 if first.shape[2] > 2 else 1)
        self.channels = self.contract.channels, self.contract.channels
        self.identity = {
            "real": str(real),
            "fake": str(fake),
            "data_digest": _digest(
                [f"{p} {p.stat().st_size} {p.stat().st_mtime_ns}" for f in self.files for p in f]
            ),
            "versions": versions(),
        }

    def examples(self, start: int, stop: int) -> list[Example | UserError]:
        """Read both folders."""
        return [example for _, example in in_parallel(range(start, stop), self._example)]

    def _example(self, place: int) -> Example | UserError:
        try:
            fake, real = (self._tensor(path) for path in self.files[place])
        except UserError as error:
            return error
        if fake.shape != real.shape:
            fake_path, real_path = self.files[place]
            sizes = [f"{t.shape[2]} x {t.shape[1]} px" for t in (fake, real)]
            return UserError(
                f"{fake_path} is {sizes[0]} but {real_path} is {sizes[1]}: wanted equal sizes.",
                "Resize one folder: pix2pix data resize.",
            )
        return Example(self.names[place], None, fake, real)

    def _tensor(self, path: Path) -> Tensor:
        array: Array = codec.read(path)
        return tensors.to_tensor(conform(array, self.contract, str(path)), self.contract)


def _chosen(found: Any, split: str, data: Sequence[str]) -> Sequence[Pair]:
    if split == "all":
        return [pair for pairs in found.splits.values() for pair in pairs]
    pairs: Sequence[Pair] = found.validation if split == "validation" else found.splits.get(split, ())
    if not pairs:
        raise UserError(
            f"{' and '.join(map(str, data))} has no pairs of the split '{split}' "
            f"(found {', '.join(f'{name}: {len(p)}' for name, p in found.splits.items())}).",
            f"Name another with --split: {', '.join(SPLITS)}.",
        )
    return pairs


def _digest(lines: Sequence[str]) -> str:
    return hashlib.sha256("\n".join(lines).encode("utf-8", "surrogatepass")).hexdigest()[:32]


def stacked(examples: Sequence[Example]) -> tuple[Tensor, Tensor]:
    """Return outputs and targets of examples of one size: (B, C, H, W) each."""
    return torch.stack([e.output for e in examples]), torch.stack([e.target for e in examples])


def runs_of_one_size(examples: Sequence[Example]) -> list[list[Example]]:
    """Split examples where the size changes, so that each part can be stacked."""
    breaks = [i for i in range(1, len(examples)) if examples[i].output.shape != examples[i - 1].output.shape]
    bounds = [0, *breaks, len(examples)]
    return [list(examples[a:b]) for a, b in pairwise(bounds) if b > a]
