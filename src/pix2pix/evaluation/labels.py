"""Scores by classes: the FCN-score of pictures made from label maps, and label maps against the truth.

The FCN-score (the paper's section 4.1): a segmentation network, the scorer, sees the outputs; what it finds
is compared with the label maps they were made from. Real pictures get the same score:
it says how well the scorer understands pictures of their kind.

K classes, B batch, H height, W width.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pix2pix.data.reading import Reading
from pix2pix.errors import UserError
from pix2pix.evaluation.columns import Columns
from pix2pix.evaluation.score import Score, kind_of
from pix2pix.evaluation.subjects import Example
from pix2pix.files import file_digest
from pix2pix.inference.translator import Translator
from pix2pix.measures.features import as_rgb
from pix2pix.measures.onnx_file import OnnxNetwork
from pix2pix.measures.segmentation import confusion, scores, to_classes
from pix2pix.model_file import ImageContract, model_path
from pix2pix.pictures.contract import PictureContract
from pix2pix.pictures.palette import Palette, label_contract, of_contract, to_index
from pix2pix.pictures.palette_file import load_palette
from pix2pix.pictures.tensors import to_array

Predict = Callable[[Tensor], Tensor]  # (B, C, H, W) in [-1, 1] -> (B, H, W) classes
_FAR = 32  # levels of RGB, further than which a pixel is not the blur of a class's colour
_AREA = 0.1  # of a label map; borders of facades at 64 px have up to 0.05 of one shade
BY_CLASS = ("pixel_accuracy", "class_accuracy", "class_iou")


class OtherPaletteError(UserError):
    """A label map in colours that the palette does not have."""


@dataclass(frozen=True)
class LabelScores:
    """What compares classes: the palette, where labels are, and how pictures become classes.

    `truth` is the half whose label map is the truth: "source" with a scorer, else "target".
    """

    palette: Palette
    truth: str
    contract: PictureContract  # of that half
    predict: Predict
    ignore: tuple[int, ...]
    identity: Mapping[str, Any]  # what scores depend on; the scorer by the digest of its file
    scorer: str = ""

    def with_classes(self, example: Example) -> Example | UserError:
        """Return the example with the classes of its label map; an error where the palette is another."""
        try:
            return replace(example, classes=self._classes(example))
        except UserError as error:
            return error

    def records(self, examples: Sequence[Example]) -> dict[str, np.ndarray]:
        """Return confusion matrices (B, K, K) of outputs, and of real pictures with a scorer.

        The accuracy of a picture without a labelled pixel is NaN.
        """
        halves = {"fake": torch.stack([e.output for e in examples])}
        if self.truth == "source":
            halves["real"] = torch.stack([e.target for e in examples])
        truths = [e.classes for e in examples if e.classes is not None]
        count, records = len(self.palette.names), {}
        for name, pictures in halves.items():
            predicted = self.predict(pictures)
            records[f"{name}_confusion"] = np.stack(
                [confusion(p, t, count, self.ignore).numpy() for p, t in zip(predicted, truths, strict=True)]
            ).astype(np.int32)
        pixels = records["fake_confusion"].sum((1, 2))
        right = records["fake_confusion"].diagonal(axis1=1, axis2=2).sum(1)
        accuracy = np.where(pixels > 0, right / np.maximum(pixels, 1), np.nan)
        records["pixel_accuracy"] = accuracy.astype(np.float32)
        return records

    def summary(self, columns: Columns, good: Sequence[int]) -> list[Score]:
        """Return the three scores of outputs, with those of real pictures in the note."""
        rows = self.rows(columns, good)
        real = rows.get("real")
        return [
            Score(
                name,
                rows["fake"][name],
                note=f"{'FCN-score' if real else 'labels'}, {kind_of(name).title}"
                + (f"; real pictures: {real[name]:.3f}" if real else ""),
            )
            for name in BY_CLASS
        ]

    def rows(self, columns: Columns, good: Sequence[int]) -> dict[str, dict[str, float]]:
        """Return the three scores of outputs, "fake", and with a scorer of real pictures, "real"."""
        return {
            name: scores(torch.from_numpy(columns.total(f"{name}_confusion", good)))
            for name in ("fake", "real")
            if f"{name}_confusion" in columns
        }

    def _classes(self, example: Example) -> Tensor:
        """Return (H, W) classes of an example's label map."""
        labels = example.source if self.truth == "source" else example.target
        assert labels is not None
        if self.contract.one_hot:
            return to_classes(labels[None], self.contract)[0]
        colours = to_array(labels, self.contract)
        name = f"The label map of {example.name}"
        _refuse_other_palette(colours, self.palette, name)
        index = to_index(colours, self.palette, snap=True, name=name)
        return torch.from_numpy(index[:, :, 0].astype(np.int64))


def find_labels(
    image: ImageContract | Reading,
    scorer: Path | None,
    labels: str | None,
    ignore: Sequence[str],
    device: str,
    size: tuple[int, int] = (256, 256),
) -> LabelScores | None:
    """Return how to score by classes, or None where the model has no label maps.

    `labels` names a palette where the model took label maps as plain colours, `size` is the height and width
    of the pictures in px. Raises UserError for a palette that is not there, for a scorer without label maps
    or of other classes, and for classes to ignore that the palette has not.
    """
    stated = load_palette(labels) if labels else None
    if scorer is None and not image.target.classes:
        return None
    truth = "source" if scorer else "target"
    contract = image.source if scorer else image.target
    if contract.classes:
        palette = of_contract(contract)
    elif stated:
        palette = stated
    else:
        raise UserError(
            "A scorer is for models from label maps, and the sources of this model are plain colours.",
            "Leave --scorer out: the label maps that the model makes are scored by themselves."
            if image.target.classes
            else "If they are label maps, name their palette: --labels facades, or a TOML file "
            "(pix2pix data palette writes one).",
        )
    ignored = tuple(_place(palette, name) for name in ignore)
    predict = _load_scorer(scorer, palette, device, size) if scorer else _argmax(palette, contract)
    identity = _identity(palette, scorer, ignore)
    return LabelScores(palette, truth, contract, predict, ignored, identity, str(scorer or ""))


def _argmax(palette: Palette, contract: PictureContract) -> Predict:
    """Return what finds the classes in outputs that are label maps themselves."""
    maps = label_contract(palette, one_hot=contract.one_hot)
    return lambda outputs: to_classes(outputs, maps)


def _identity(palette: Palette, scorer: Path | None, ignore: Sequence[str]) -> dict[str, Any]:
    """Return what scores by classes depend on."""
    return {
        "scorer": file_digest(model_path(scorer)) if scorer else "",
        "classes": list(palette.names),
        "colours": [f"#{bytes(colour).hex()}" for colour in palette.drawn],
        "ignore": [*ignore, *([f"index {palette.ignored.index}"] if palette.ignored else [])],
    }


def _refuse_other_palette(labels: np.ndarray, palette: Palette, name: str) -> None:
    """Raise UserError for a label map (H, W, C) with an area in a colour that the palette does not have.

    Blurred borders have many colours, each of few pixels.
    """
    if labels.dtype != np.uint8 or labels.shape[2] != 3:
        return  # `to_index` says what is wrong
    pixels = labels.reshape(-1, 1, 3).astype(np.float32)
    nearest = ((pixels - np.array(palette.drawn, np.float32)) ** 2).sum(2).min(1)
    shades, counts = np.unique(pixels[nearest > _FAR**2, 0] // 16, axis=0, return_counts=True)
    if len(counts) and counts.max() > _AREA * len(pixels):
        colour = bytes(int(value) for value in shades[counts.argmax()] * 16 + 8).hex()
        share = counts.max() / len(pixels)
        raise OtherPaletteError(
            f"{name} has an area of {share:.0%} in a colour near #{colour}, which no class of the "
            f"palette has ({', '.join(palette.names)}).",
            "Name the palette of these labels with --labels, or add the class to its file.",
        )


def _place(palette: Palette, name: str) -> int:
    if name.isdigit() and int(name) < len(palette.names):
        return int(name)
    if name in palette.names:
        return palette.names.index(name)
    raise UserError(f"--ignore {name} is no class: wanted one of {', '.join(palette.names)}.")


def _load_scorer(scorer: Path, palette: Palette, device: str, size: tuple[int, int]) -> Predict:
    """Return what finds the classes of a palette in pictures of `size`, height and width in px.

    Raises UserError for a network of other classes or other pictures.
    """
    if scorer.suffix == ".onnx":
        return _onnx_scorer(scorer, palette, size)
    translator = Translator.load(scorer, device)
    source, target = translator.header.image.source, translator.header.image.target
    names = tuple(c.name for c in target.classes)
    if not target.one_hot or names != palette.names:
        raise UserError(
            f"{scorer} finds the classes {', '.join(names) or 'none'}, the label maps have "
            f"{', '.join(palette.names)}.",
            "Train it from photographs to the same classes: pix2pix train DATA --recipe scorer "
            "--set data.target_labels=PALETTE.",
        )
    if source.tensor_channels != 3:
        raise UserError(
            f"{scorer} takes pictures of {source.tensor_channels} channels: wanted a scorer of RGB "
            "photographs."
        )
    return lambda pictures: torch.stack(
        translator.translate_tensors(list(as_rgb(pictures)), mode="deterministic")
    ).argmax(1)


def _onnx_scorer(path: Path, palette: Palette, size: tuple[int, int]) -> Predict:
    network = OnnxNetwork(path, "--scorer")
    shape, classes = tuple(network(torch.zeros(1, 3, *size)).shape), len(palette.names)
    if len(shape) != 4 or shape[1] != classes or shape[2:] != size:
        height, width = size
        raise UserError(
            f"--scorer {path} turns a picture of {width} x {height} px into numbers of shape {shape}, but "
            f"the palette has {classes} classes ({', '.join(palette.names)}).",
            f"Wanted logits (batch, {classes}, {height}, {width}), in the palette's order: name the palette "
            "that the scorer was trained on with --labels, or train a scorer on this one: pix2pix train "
            "DATA --recipe scorer --set data.target_labels=PALETTE.",
        )
    return lambda pictures: network(as_rgb(pictures)).argmax(1)
