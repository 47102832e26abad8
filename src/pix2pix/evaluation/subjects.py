"""What is scored: the translations of a model, or a folder of pictures against a folder of real ones.

B batch, C channels, H height, W width.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor

from pix2pix.config import Mode
from pix2pix.data.origins import find_data
from pix2pix.data.reading import Reading
from pix2pix.device import pick_device
from pix2pix.errors import UserError, counted
from pix2pix.files import file_digest, kind, list_pictures, version
from pix2pix.inference.translator import Translator
from pix2pix.model_file import model_path, versions
from pix2pix.networks.modes import uses_noise
from pix2pix.pairs.find import Half, Pair
from pix2pix.pairs.names import match
from pix2pix.pictures import codec, tensors
from pix2pix.pictures.codec import Array
from pix2pix.pictures.conform import conform
from pix2pix.pictures.contract import PictureContract
from pix2pix.progress import in_parallel

_TRIED = 12  # pictures, that tell whether any can be read
SPLITS = ("validation", "train", "val", "test", "all")


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
        samples: int = 1,
        *,
        memory: bool = True,
    ) -> None:
        self.translator = Translator.load(model, device, engine=engine)
        header = self.translator.header
        image, self.config = header.image, header.config.data
        self.reading = Reading(image.source, image.target, self.config, image.photograph)
        found = find_data(data, self.config, to_learn=False)
        self.pairs = _chosen(found, split, data)
        self.can_copy = bool(found.splits.get("train"))
        known = memory and split not in ("train", "all")  # a picture is nearest to itself
        self.training: Sequence[Pair] = found.splits.get("train", ()) if known else ()
        self.training_files = _files_digest(self.training)
        self.names: Sequence[str] = [pair.name for pair in self.pairs]
        self.mode, self.seed, self.samples = mode or header.mode, seed, samples
        self.is_one_hot, self.device = image.target.one_hot, self.translator.device
        self.files = _files_digest(self.pairs)
        self.request = {
            "model": str(model.resolve()),
            "data": [str(Path(word).resolve()) if Path(word).exists() else word for word in data],
            "split": split,
            "mode": self.mode,
            "seed": seed,
        }
        self.identity = self._identity(model, split)

    def _identity(self, model: Path, split: str) -> dict[str, Any]:
        """Return what scores are quoted with."""
        header = self.translator.header
        identity: dict[str, Any] = {
            "model": str(model),
            "model_digest": file_digest(model_path(model)),
            "data_digest": _digest(
                f"{pair.name} {[(version(half.path)[1], half.side) for half in _halves(pair)]}"
                for pair in self.pairs
            ),
            "split": split,
            "mode": self.mode,
            "seed": self.seed,
            "size_px": list(self.config.size),
            "fit": self.config.fit,
            "images_seen": header.provenance.images_seen,
            "versions": versions(),
        }
        if learned := header.provenance.feature_networks:
            identity["learned_from"] = list(learned)
        return identity

    def examples(self, start: int, stop: int) -> list[Example | UserError]:
        """Read, translate at training size."""
        read = [loaded for _, loaded in in_parallel(self.pairs[start:stop], self.tensors_of)]
        sources = [loaded[0] for loaded in read if not isinstance(loaded, UserError)]
        outputs = iter(self._translated(sources))
        examples: list[Example | UserError] = []
        for name, loaded in zip(self.names[start:stop], read, strict=True):
            if isinstance(loaded, UserError):
                examples.append(loaded)
                continue
            variants = next(outputs)
            kept = variants if self.samples > 1 else None
            examples.append(Example(name, loaded[0], variants[0], loaded[1], kept))
        return examples

    def _translated(self, sources: Sequence[Tensor]) -> list[Tensor]:
        """Return (S, C, H, W) outputs of each source; without noise all S are one."""
        passes = range(self.samples if uses_noise(self.mode) else 1)
        by_sample = [
            self.translator.translate_tensors(sources, mode=self.mode, seed=self.seed, sample=sample)
            for sample in passes
        ]
        stacks = (torch.stack(outputs) for outputs in zip(*by_sample, strict=True))
        return [stack.expand(self.samples, -1, -1, -1) for stack in stacks]

    def as_seen(self, example: Example) -> Example:
        """Join colours with their lightness, and make outputs and targets equal where there is no data."""
        assert example.source is not None
        source, target = example.source[None], example.target[None]

        def seen(pictures: Tensor) -> Tensor:
            return self.reading.as_seen(source, pictures, target)

        variants = None if example.variants is None else seen(example.variants)
        output = seen(example.output[None])[0] if variants is None else variants[0]
        return replace(example, output=output, target=seen(target)[0], variants=variants)

    def target_as_seen(self, pair: Pair) -> Tensor:
        """Return the target of a pair (C, H, W) as a person sees it."""
        source, target = self.tensors_of(pair)
        return self.as_seen(Example(pair.name, source, target, target)).target

    def tensors_of(self, pair: Pair) -> tuple[Tensor, Tensor]:
        """Return source and target of a pair, (C, H, W) each, as training sees them without jitter."""
        stored = [tensors.to_levels(half[None]) for half in self.reading.read(pair, self.config.size)]
        source, target = self.reading.tensors(tensors.from_levels, stored)
        return source[0], target[0]


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
        self.paths, self.names = list(matched.pairs.values()), list(matched.pairs)
        self.device = pick_device(device)
        self.identity = {
            "real": str(real),
            "fake": str(fake),
            "data_digest": _digest(f"{n} {version(r)[1]}" for n, (_, r) in matched.pairs.items()),
            "versions": versions(),
        }
        self.files = _digest(str(version(path)) for both in self.paths for path in both)
        self.request = {"real": str(real.resolve()), "fake": str(fake.resolve())}

    def examples(self, start: int, stop: int) -> list[Example | UserError]:
        """Read both folders."""
        return [example for _, example in in_parallel(range(start, stop), self._example)]

    def as_seen(self, example: Example) -> Example:
        """Return the example: its files are pictures."""
        return example

    def _example(self, place: int) -> Example | UserError:
        try:
            fake, real = (self._tensor(path) for path in self.paths[place])
        except UserError as error:
            return error
        if fake.shape != real.shape:
            fake_path, real_path = self.paths[place]
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
        _refuse_unreadable([pair for members in found.splits.values() for pair in members], data)
        raise UserError(
            f"{' and '.join(map(str, data))} has no pairs of the split '{split}' "
            f"(found {', '.join(f'{name}: {len(p)}' for name, p in found.splits.items())}).",
            f"Name another with --split: {', '.join(SPLITS)}.",
        )
    return pairs


def _refuse_unreadable(pairs: Sequence[Pair], data: Sequence[str]) -> None:
    """Raise UserError where the files are no pictures, whatever their names."""
    files = list(dict.fromkeys(half.path for pair in pairs for half in _halves(pair)))
    read = [array for _, array in in_parallel(files[:_TRIED], codec.read)]
    errors = [array for array in read if isinstance(array, UserError)]
    if errors and len(errors) == len(read):
        where = " and ".join(map(str, data))
        raise UserError(f"None of the first {counted(len(read), 'file')} of {where} can be read: {errors[0]}")


def open_again(request: dict[str, Any]) -> ModelSubject | FolderSubject:
    """Return the subject of a request; raises UserError where its model or pictures are gone."""
    if "real" in request:
        return FolderSubject(Path(request["real"]), Path(request["fake"]))
    model, mode = Path(request["model"]), request["mode"]
    return ModelSubject(model, request["data"], request["split"], mode, request["seed"], "auto", "auto")


def _halves(pair: Pair) -> list[Half]:
    return [pair.source, pair.target, *pair.more_sources]


def _files_digest(pairs: Iterable[Pair]) -> str:
    return _digest(f"{version(half.path)} {half.side}" for pair in pairs for half in _halves(pair))


def _digest(lines: Iterable[str]) -> str:
    return hashlib.sha256("\n".join(lines).encode("utf-8", "surrogatepass")).hexdigest()[:32]


def stacked(examples: Sequence[Example]) -> tuple[Tensor, Tensor]:
    """Return outputs and targets of examples of one size: (B, C, H, W) each."""
    return torch.stack([e.output for e in examples]), torch.stack([e.target for e in examples])


def runs_of_one_size(examples: Sequence[Example]) -> list[list[Example]]:
    """Split examples where the size changes, so that each part can be stacked."""
    breaks = [i for i in range(1, len(examples)) if examples[i].output.shape != examples[i - 1].output.shape]
    bounds = [0, *breaks, len(examples)]
    return [list(examples[a:b]) for a, b in pairwise(bounds) if b > a]
