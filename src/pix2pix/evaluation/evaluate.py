"""Score a model, or a folder of pictures, by every measure that can be had here.

A report is a folder:

index.html       table, plots and the best and worst pictures; opens from disk
scores.jsonl     one line a score, each with what was measured by what
pictures.csv     the scores of every picture
pictures/        source, output and target of those that the page shows
columns/         what is measured, as it comes: a stopped evaluation goes on there
subject.json     what to open again, so that `pix2pix compare` can show any picture

B batch, S variants, C channels, H height, W width, D features, K classes.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pix2pix.errors import UserError
from pix2pix.evaluation.columns import Columns
from pix2pix.evaluation.labels import LabelScores
from pix2pix.evaluation.memory import find_nearest
from pix2pix.evaluation.score import Score
from pix2pix.evaluation.set_scores import colours, distances, mark_learned, means
from pix2pix.evaluation.subjects import Example, ModelSubject, Subject, runs_of_one_size, stacked
from pix2pix.files import replacing, require_own_folder
from pix2pix.measures import MEASURES
from pix2pix.measures.features import FeatureNetwork, load_vgg16, st_lpips, st_lpips_variety
from pix2pix.measures.histograms import lab_counts
from pix2pix.measures.pixels import l1_variety
from pix2pix.pictures.contract import PictureContract
from pix2pix.pictures.tensors import to_array
from pix2pix.progress import Progress

_BATCH = 16
_RGB = PictureContract()
Measure = Callable[[Tensor, Tensor], Tensor]  # (output, target), (B, C, H, W) in [-1, 1] -> (B,)
_BY_PICTURE = (*MEASURES, "lpips", "st_lpips", "variety_l1", "variety_st_lpips", "pixel_accuracy")


@dataclass(frozen=True)
class Options:
    """How to score: the feature network, how to score by label maps, and LPIPS; None of what is not there."""

    features: FeatureNetwork | None = None
    labels: LabelScores | None = None
    lpips: Measure | None = None


@dataclass
class Evaluation:
    """The scores of a subject, those of each picture, and what could not be measured.

    `places` are those of `names` in the subject. `nearest` are places in the subject's training pairs, one
    for each name, or None where the model's training pairs are not known.
    """

    subject: Subject
    names: list[str]
    places: list[int]
    scores: list[Score]
    by_picture: dict[str, np.ndarray]
    columns: Columns
    measured_by: dict[str, Any]
    failures: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    nearest: np.ndarray | None = None


def evaluate(subject: Subject, out: Path, options: Options, progress: Progress) -> Evaluation:
    """Score every picture of the subject and write what the report is made of into `out`.

    The same call goes on where one was stopped. Raises UserError where nothing can be scored, and for a
    folder of something else.
    """
    require_own_folder(out, (out / "columns" / "identity.json").is_file(), "evaluation")
    network, notes = options.features, list[str]()
    measured_by = {
        "features": network.name if network else None,
        "labels": options.labels.identity if options.labels else None,
    }
    columns = _measured(subject, out, options, measured_by, notes, progress)
    failures = [] if columns["good"].all() else _failures(subject, columns)
    good: list[int] = np.flatnonzero(columns["good"]).tolist()
    if not good:
        raise UserError(failures[0], f"None of the {len(failures)} pictures could be scored.")
    by_picture = {n: np.asarray(columns[n])[good] for n in _BY_PICTURE if n in columns}
    scores = [*means(by_picture), *colours(columns, good), *distances(columns, good, network, notes)]
    if options.labels:
        scores += options.labels.summary(columns, good)
    names = [subject.names[i] for i in good]
    evaluation = Evaluation(subject, names, good, scores, by_picture, columns, measured_by, failures, notes)
    if isinstance(subject, ModelSubject) and network and subject.training:
        near = find_nearest(subject, network, columns, good, progress)
        evaluation.nearest, by_picture["memory_distance"] = near.places, near.distances
        scores.append(near.score)
    evaluation.scores = mark_learned(scores, subject.identity.get("learned_from", ()), network, notes)
    return evaluation


def _measured(
    subject: Subject,
    out: Path,
    options: Options,
    measured_by: dict[str, Any],
    notes: list[str],
    progress: Progress,
) -> Columns:
    """Measure the pictures that are not yet measured; return the columns of all."""
    perceptual = _perceptual(options, notes)
    identity = {
        **subject.identity,
        **measured_by,
        "files": subject.files,
        "samples": subject.samples,
        "measures": sorted([*MEASURES, *perceptual]),
    }
    columns = Columns(out / "columns", identity)
    if len(columns):
        progress.log(f"continuing at picture {len(columns):,} of {len(subject.names):,}")
    for start in range(len(columns), len(subject.names), _BATCH):
        stop = min(start + _BATCH, len(subject.names))
        columns.append(_records(subject.examples(start, stop), subject, perceptual, options))
        progress.update("scoring", stop, len(subject.names), "pictures")
    return columns


def _perceptual(options: Options, notes: list[str]) -> dict[str, Measure]:
    """Return the perceptual distances that can be measured; note how to get what is missing."""
    perceptual = {"lpips": options.lpips} if options.lpips else {}
    try:
        load_vgg16()
    except UserError as error:
        notes.append(f"Not measured: {error}")
        return perceptual
    return {**perceptual, "st_lpips": st_lpips}


def _records(
    examples: Sequence[Example | UserError],
    subject: Subject,
    perceptual: Mapping[str, Measure],
    options: Options,
) -> dict[str, np.ndarray]:
    """Return what is measured of some pictures, a row each; of those that cannot be read it is NaN or 0."""
    rows: list[dict[str, np.ndarray]] = []
    for part in runs_of_one_size([e for e in examples if isinstance(e, Example)]):
        arrays = _measure(part, perceptual, options)
        rows += [{name: values[i] for name, values in arrays.items()} for i in range(len(part))]
    if len(rows) < len(examples):
        source, output = (torch.full((channels, 64, 64), -1.0) for channels in subject.channels)
        variants = output.expand(subject.samples, -1, -1, -1) if subject.samples > 1 else None
        measured = _measure([Example("", source, output, output, variants)], perceptual, options)
        blank = {n: np.full_like(v[0], np.nan if v.dtype.kind == "f" else 0) for n, v in measured.items()}
    remaining = iter(rows)
    ordered = [next(remaining) if isinstance(e, Example) else blank for e in examples]
    return {name: np.stack([row[name] for row in ordered]) for name in ordered[0]}


@torch.inference_mode()
def _measure(
    examples: Sequence[Example], perceptual: Mapping[str, Measure], options: Options
) -> dict[str, np.ndarray]:
    """Return what is measured of examples of one size: (B, ...) by name."""
    output, target = stacked(examples)
    measured: dict[str, Tensor] = {name: measure(output, target) for name, measure in MEASURES.items()}
    # What sees whole pictures sees the same in both where a target has no data.
    output, target = (t.masked_fill(target.isnan(), 0) for t in (output, target))
    measured |= {name: measure(output, target) for name, measure in perceptual.items()}
    variants = [e.variants for e in examples if e.variants is not None]
    if variants:
        measured["variety_l1"] = torch.stack([l1_variety(each) for each in variants])
    if variants and "st_lpips" in perceptual:
        measured["variety_st_lpips"] = torch.stack([st_lpips_variety(each) for each in variants])
    if options.features:
        measured["fake_features"] = options.features.extract(output)
        measured["real_features"] = options.features.extract(target)
    arrays = {name: values.float().numpy() for name, values in measured.items()}
    if output.shape[1] == 3:
        for name, pictures in (("fake_lab", output), ("real_lab", target)):
            arrays[name] = np.stack([lab_counts([p]) for p in to_array(pictures, _RGB)])
    if options.labels:
        arrays |= options.labels.records(examples)
    return {**arrays, "good": np.ones(len(examples), bool)}


def _failures(subject: Subject, columns: Columns) -> list[str]:
    """Name what could not be read, by trying once more."""
    places = np.flatnonzero(~np.asarray(columns["good"])).tolist()
    tried = [subject.examples(place, place + 1)[0] for place in places]
    return [
        str(e) if isinstance(e, UserError) else f"{subject.names[p]} was not readable."
        for p, e in zip(places, tried, strict=True)
    ]


def write_scores(evaluation: Evaluation, out: Path) -> None:
    """Write scores.jsonl, pictures.csv and subject.json."""
    identity = {**evaluation.subject.identity, **evaluation.measured_by}
    with replacing(out / "scores.jsonl") as path, path.open("w", encoding="utf-8") as lines:
        for score in evaluation.scores:
            line = {**score.as_json(), "pictures": len(evaluation.names), **identity}
            lines.write(json.dumps(line) + "\n")
    with replacing(out / "pictures.csv") as path, path.open("w", encoding="utf-8", newline="") as table:
        writer = csv.writer(table)
        writer.writerow(["name", *evaluation.by_picture])
        values = evaluation.by_picture.values()
        rows: Iterable[tuple[Any, ...]] = zip(evaluation.names, *values, strict=True)
        writer.writerows([name, *(f"{value:.6g}" for value in row)] for name, *row in rows)
    with replacing(out / "subject.json") as path:
        path.write_text(json.dumps(evaluation.subject.request, indent=1) + "\n", "utf-8")
