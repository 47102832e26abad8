"""What is measured of each picture.

B batch, S variants, C channels, H height, W width, D features, K classes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from pix2pix.errors import UserError
from pix2pix.evaluation.labels import LabelScores
from pix2pix.evaluation.subjects import Example, Subject, runs_of_one_size, stacked
from pix2pix.measures import MEASURES
from pix2pix.measures.features import FeatureNetwork, load_vgg16, st_lpips, st_lpips_variety
from pix2pix.measures.histograms import lab_counts
from pix2pix.measures.pixels import l1_variety
from pix2pix.pictures.contract import PictureContract
from pix2pix.pictures.tensors import to_array

_RGB = PictureContract()
Measure = Callable[[Tensor, Tensor], Tensor]  # (output, target), (B, C, H, W) in [-1, 1] -> (B,)
Row = dict[str, np.ndarray]  # what is measured of one picture, by name
BY_PICTURE = (*MEASURES, "lpips", "st_lpips", "variety_l1", "variety_st_lpips", "pixel_accuracy")


@dataclass(frozen=True)
class Options:
    """How to score: the feature network, how to score by label maps, and LPIPS; None of what is not there."""

    features: FeatureNetwork | None = None
    labels: LabelScores | None = None
    lpips: Measure | None = None


class PictureMeasures:
    """All that can be measured of each picture of a subject; `notes` say how to get what is missing."""

    def __init__(self, subject: Subject, options: Options) -> None:
        self._subject, self._options = subject, options
        self._pixels: dict[str, Measure] = dict(MEASURES)
        self._seen: dict[str, Measure] = {"lpips": options.lpips} if options.lpips else {}
        self.notes: list[str] = []
        if subject.is_one_hot:  # distances of probabilities say little
            self._pixels, self._seen = {}, {}
            self.notes.append(
                "The model finds classes: they are scored by the classes alone, not as pictures."
            )
            return
        try:
            load_vgg16()
            self._seen["st_lpips"] = st_lpips
        except UserError as error:
            self.notes.append(f"Not measured: {error}")

    @property
    def names(self) -> list[str]:
        """Return the measures of whole pictures, sorted."""
        return sorted([*self._pixels, *self._seen])

    def examples(self, start: int, stop: int) -> list[Example | UserError]:
        """Return the examples of some places, with classes if they are scored by them, or what is wrong."""
        examples, labels = self._subject.examples(start, stop), self._options.labels
        return [labels.with_classes(e) if labels and isinstance(e, Example) else e for e in examples]

    def rows(self, start: int, stop: int) -> list[Row | UserError]:
        """Return what is measured of the pictures at some places, or why it is not."""
        examples = self.examples(start, stop)
        readable = [e for e in examples if isinstance(e, Example)]
        rows = iter(row for part in runs_of_one_size(readable) for row in self._measure(part))
        return [next(rows) if isinstance(e, Example) else e for e in examples]

    @torch.inference_mode()
    def _measure(self, examples: Sequence[Example]) -> Iterator[Row]:
        """Yield what is measured of each of the examples, which are of one size."""
        subject, labels = self._subject, self._options.labels
        output, target = (half.to(subject.device) for half in stacked(examples))
        measured = {name: measure(output, target) for name, measure in self._pixels.items()}
        variants = [e.variants for e in examples if e.variants is not None]
        if variants:
            measured["variety_l1"] = torch.stack([l1_variety(each) for each in variants])
        arrays = {} if subject.is_one_hot else self._measure_seen([subject.as_seen(e) for e in examples])
        arrays |= _to_numpy(measured)
        if labels:
            arrays |= labels.records(examples)
        arrays["good"] = np.ones(len(examples), bool)
        yield from ({name: values[i] for name, values in arrays.items()} for i in range(len(examples)))

    def _measure_seen(self, seen: Sequence[Example]) -> Row:
        """Return what is measured of pictures as a person sees them: (B, ...) by name."""
        device, features = self._subject.device, self._options.features
        output, target = (half.to(device) for half in stacked(seen))
        measured = {name: measure(output, target) for name, measure in self._seen.items()}
        variants = [e.variants.to(device) for e in seen if e.variants is not None]
        if variants and "st_lpips" in self._seen:
            measured["variety_st_lpips"] = torch.stack([st_lpips_variety(each) for each in variants])
        if features:
            measured["fake_features"] = features.extract(output)
            measured["real_features"] = features.extract(target)
        arrays = _to_numpy(measured)
        if output.shape[1] == 3:
            for name, pictures in (("fake_lab", output), ("real_lab", target)):
                arrays[name] = np.stack([lab_counts([p]) for p in to_array(pictures, _RGB)])
        return arrays


def records(rows: Sequence[Row | UserError], like: Row) -> Row:
    """Return the records of rows, (B, ...) by name; of a picture that is not measured they are NaN or 0."""
    blank = {n: np.full_like(v, np.nan if v.dtype.kind == "f" else 0) for n, v in like.items()}
    whole = [blank if isinstance(row, UserError) else row for row in rows]
    return {name: np.stack([row[name] for row in whole]) for name in like}


def _to_numpy(measured: Mapping[str, Tensor]) -> Row:
    return {name: values.float().cpu().numpy() for name, values in measured.items()}
