"""The translations of a model, as what is scored."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from pix2pix.config import Mode
from pix2pix.data.origins import find_data
from pix2pix.data.reading import Reading
from pix2pix.errors import UserError, counted
from pix2pix.evaluation.subjects import Example, digest
from pix2pix.files import file_digest, version
from pix2pix.inference.translator import Translator
from pix2pix.model_file import model_path, versions
from pix2pix.networks.modes import uses_noise
from pix2pix.pairs.find import Half, Pair
from pix2pix.pairs.pair_set import PairSet
from pix2pix.pictures import codec
from pix2pix.pictures.codec import Array
from pix2pix.pictures.tensors import from_levels, to_array, to_levels
from pix2pix.progress import in_parallel

_TRIED = 12  # pictures, that tell whether any can be read
SPLITS = ("validation", "train", "val", "test", "all")


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
            "data_digest": digest(
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
        return [
            loaded if isinstance(loaded, UserError) else self._example(name, *loaded, next(outputs))
            for name, loaded in zip(self.names[start:stop], read, strict=True)
        ]

    def _example(self, name: str, source: Tensor, target: Tensor, variants: Tensor) -> Example:
        return Example(name, source, variants[0], target, variants if self.samples > 1 else None)

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

    def views(self, example: Example) -> dict[str, Array]:
        """Return source, output and target for a person to see, (H, W, 3) uint8 each."""
        assert example.source is not None
        source = to_array(example.source, self.reading.source)
        output, target = (to_array(half, self.reading.target) for half in (example.output, example.target))
        seen, made = self.reading.view(source, output)
        return {"source": seen, "output": made, "target": self.reading.view(source, target)[1]}

    def target_as_seen(self, pair: Pair) -> Tensor:
        """Return the target of a pair (C, H, W) as a person sees it."""
        source, target = self.tensors_of(pair)
        return self.as_seen(Example(pair.name, source, target, target)).target

    def tensors_of(self, pair: Pair) -> tuple[Tensor, Tensor]:
        """Return source and target of a pair, (C, H, W) each, as training sees them without jitter."""
        stored = [to_levels(half[None]) for half in self.reading.read(pair, self.config.size)]
        source, target = self.reading.tensors(from_levels, stored)
        return source[0], target[0]


def _chosen(found: PairSet, split: str, data: Sequence[str]) -> Sequence[Pair]:
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


def _halves(pair: Pair) -> list[Half]:
    return [pair.source, pair.target, *pair.more_sources]


def _files_digest(pairs: Iterable[Pair]) -> str:
    return digest(f"{version(half.path)} {half.side}" for pair in pairs for half in _halves(pair))
