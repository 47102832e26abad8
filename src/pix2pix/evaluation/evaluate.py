"""Score a model, or a folder of pictures, by every measure that can be had here.

A report is a folder:

index.html       table, plots and the best and worst pictures; opens from disk
scores.jsonl     one line a score, each with what was measured by what
pictures.csv     the scores of every picture
pictures/        source, output and target of those that the page shows
columns/         what is measured, as it comes: a stopped evaluation goes on there

B batch, C channels, H height, W width, D features, K classes.
"""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pix2pix.errors import UserError
from pix2pix.evaluation.columns import Columns
from pix2pix.evaluation.labels import LabelScores
from pix2pix.evaluation.score import Score
from pix2pix.evaluation.subjects import Example, ModelSubject, Subject, runs_of_one_size, stacked
from pix2pix.files import replacing
from pix2pix.measures import MEASURES
from pix2pix.measures.distances import frechet, kid, nearest
from pix2pix.measures.features import FeatureNetwork, load_vgg16, st_lpips
from pix2pix.measures.histograms import CHANNELS, intersections, lab_counts
from pix2pix.pictures.contract import PictureContract
from pix2pix.pictures.tensors import to_array
from pix2pix.progress import Progress

_BATCH = 16
_FEW = 2048  # pictures, under which a FID is biased too much to be quoted
_RGB = PictureContract()


@dataclass(frozen=True)
class Options:
    """How to score; `labels` is None where there are no label maps to score by."""

    features: FeatureNetwork | None = None
    labels: LabelScores | None = None


@dataclass
class Evaluation:
    """The scores of a subject, those of each picture, and what could not be measured."""

    subject: Subject
    names: list[str]
    scores: list[Score]
    by_picture: dict[str, np.ndarray]
    columns: Columns
    failures: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def evaluate(subject: Subject, out: Path, options: Options, progress: Progress) -> Evaluation:
    """Score every picture of the subject and write what the report is made of into `out`.

    The same call goes on where one was stopped. Raises UserError where nothing can be scored.
    """
    network = options.features
    identity = {
        **subject.identity,
        "features": network.name if network else None,
        "measures": sorted(MEASURES),
        "labels": options.labels.identity if options.labels else None,
    }
    notes: list[str] = []
    perceptual = _perceptual(notes)
    columns = Columns(out / "columns", identity)
    if len(columns):
        progress.log(f"continuing at picture {len(columns):,} of {len(subject.names):,}")
    for start in range(len(columns), len(subject.names), _BATCH):
        stop = min(start + _BATCH, len(subject.names))
        examples = subject.examples(start, stop)
        columns.append(_records(examples, subject, perceptual, options))
        progress.update("scoring", stop, len(subject.names), "pictures")
    failures = [] if columns["good"].all() else _failures(subject, columns)
    good: list[int] = np.flatnonzero(columns["good"]).tolist()
    if not good:
        raise UserError(failures[0], f"None of the {len(failures)} pictures could be scored.")
    names = [subject.names[i] for i in good]
    by_picture = {
        name: np.asarray(columns[name])[good]
        for name in (*MEASURES, "st_lpips", "pixel_accuracy")
        if name in columns
    }
    scores = [*_means(by_picture), *_colours(columns, good)]
    scores += _distances(columns, good, network, notes)
    if options.labels:
        scores += options.labels.summary(columns, good)
    evaluation = Evaluation(subject, names, scores, by_picture, columns, failures, notes)
    if isinstance(subject, ModelSubject) and network:
        _remember(evaluation, subject, network, good, progress)
    return evaluation


def _perceptual(notes: list[str]) -> bool:
    """Return whether ST-LPIPS can be measured; if not, note how to get it."""
    try:
        load_vgg16()
    except UserError as error:
        notes.append(f"Not measured: {error}")
        return False
    return True


def _records(
    examples: Sequence[Example | UserError], subject: Subject, perceptual: bool, options: Options
) -> dict[str, np.ndarray]:
    """Return what is measured of some pictures, a row each; of those that cannot be read it is NaN or 0."""
    rows: list[dict[str, np.ndarray]] = []
    for part in runs_of_one_size([e for e in examples if isinstance(e, Example)]):
        arrays = _measure(part, perceptual, options)
        rows += [{name: values[i] for name, values in arrays.items()} for i in range(len(part))]
    if len(rows) < len(examples):
        black = [torch.full((channels, 64, 64), -1.0) for channels in subject.channels]
        measured = _measure([Example("", black[0], black[1], black[1])], perceptual, options)
        blank = {n: np.full_like(v[0], np.nan if v.dtype.kind == "f" else 0) for n, v in measured.items()}
    remaining = iter(rows)
    ordered = [next(remaining) if isinstance(e, Example) else blank for e in examples]
    return {name: np.stack([row[name] for row in ordered]) for name in ordered[0]}


@torch.inference_mode()
def _measure(examples: Sequence[Example], perceptual: bool, options: Options) -> dict[str, np.ndarray]:
    """Return what is measured of examples of one size: (B, ...) by name."""
    output, target = stacked(examples)
    measured: dict[str, Tensor] = {name: measure(output, target) for name, measure in MEASURES.items()}
    if perceptual:
        measured["st_lpips"] = st_lpips(output, target)
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


_UNITS = {"l1": ("of [-1, 1]", False), "psnr_db": ("dB", True), "ssim": ("", True), "st_lpips": ("", False)}


def _means(by_picture: Mapping[str, np.ndarray]) -> list[Score]:
    scores = []
    for name, values in by_picture.items():
        if name == "pixel_accuracy":
            continue
        finite = values[np.isfinite(values)]  # PSNR of equal pictures is infinite
        unit, higher = _UNITS.get(name, ("", None))
        if not len(finite):
            scores.append(Score(name, math.inf, unit, higher, None, "of every picture"))
            continue
        error, mean = float(finite.std() / math.sqrt(len(finite))), float(finite.mean())
        scores.append(Score(name, mean, unit, higher, error, "mean over pictures"))
    return scores


def _colours(columns: Columns, good: Sequence[int]) -> list[Score]:
    if "real_lab" not in columns:
        return []
    real, fake = (np.asarray(columns[n])[good].sum(0) for n in ("real_lab", "fake_lab"))
    shared = intersections(real, fake)
    return [
        Score(f"histogram_{channel}", shared[channel], "", True, None, "shared area of the Lab marginals")
        for channel in CHANNELS
    ]


def _distances(
    columns: Columns, good: Sequence[int], network: FeatureNetwork | None, notes: list[str]
) -> list[Score]:
    if network is None or len(good) < 2:
        return []
    real, fake = (torch.from_numpy(np.asarray(columns[n])[good]) for n in ("real_features", "fake_features"))
    distance = kid(real, fake)
    if len(good) < _FEW:
        notes.append(
            f"FID of {len(good):,} pictures is biased upwards (under {_FEW:,}): compare it only with figures "
            "of equally many pictures, and prefer KID."
        )
    return [
        Score("kid", distance.value, "", False, distance.standard_error, f"features: {network.name}"),
        Score("fid", frechet(real, fake), "", False, None, f"features: {network.name}"),
    ]


def _remember(
    evaluation: Evaluation,
    subject: ModelSubject,
    network: FeatureNetwork,
    good: Sequence[int],
    progress: Progress,
) -> None:
    """Find the nearest training target of each output: does the model copy?"""
    if not subject.training:
        return
    known: list[Tensor] = []
    for start in range(0, len(subject.training), _BATCH):
        pairs = subject.training[start : start + _BATCH]
        targets = torch.stack([subject.tensors_of(pair)[1] for pair in pairs])
        with torch.inference_mode():
            known.append(network.extract(targets).float())
        progress.update(
            "features of training targets",
            min(start + _BATCH, len(subject.training)),
            len(subject.training),
            "pictures",
        )
    fakes = torch.from_numpy(np.asarray(evaluation.columns["fake_features"])[good])
    real = torch.from_numpy(np.asarray(evaluation.columns["real_features"])[good])
    place, distance = nearest(fakes, torch.cat(known))
    evaluation.by_picture["memory_distance"] = distance.numpy()
    evaluation.by_picture["memory_place"] = place.numpy()
    _, unseen = nearest(real, torch.cat(known))
    evaluation.scores.append(
        Score(
            "memory",
            float(distance.mean()),
            "of features",
            None,
            None,
            f"to the nearest training target; real pictures are {float(unseen.mean()):.3f} away",
        )
    )


def write_scores(evaluation: Evaluation, out: Path) -> None:
    """Write scores.jsonl and pictures.csv."""
    identity = evaluation.subject.identity
    with replacing(out / "scores.jsonl") as path, path.open("w", encoding="utf-8") as lines:
        for score in evaluation.scores:
            line = {"score": score.name, "value": _json(score.value), "pictures": len(evaluation.names)}
            if score.standard_error is not None:
                line["standard_error"] = _json(score.standard_error)
            lines.write(json.dumps({**line, "note": score.note, **identity}) + "\n")
    columns = {n: v for n, v in evaluation.by_picture.items() if n != "memory_place"}
    with replacing(out / "pictures.csv") as path, path.open("w", encoding="utf-8", newline="") as table:
        writer = csv.writer(table)
        writer.writerow(["name", *columns])
        rows: Iterable[tuple[Any, ...]] = zip(evaluation.names, *columns.values(), strict=True)
        writer.writerows([name, *(f"{value:.6g}" for value in values)] for name, *values in rows)


def _json(value: float) -> float | None:
    return float(f"{value:.6g}") if math.isfinite(value) else None
