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
_FORMAT = 2  # of the columns: those of another are measured anew
_RGB = PictureContract()
Measure = Callable[[Tensor, Tensor], Tensor]  # (output, target), (B, C, H, W) in [-1, 1] -> (B,)
Row = dict[str, np.ndarray]  # what is measured of one picture, by name
_BY_PICTURE = (*MEASURES, "lpips", "st_lpips", "variety_l1", "variety_st_lpips", "pixel_accuracy")


@dataclass(frozen=True)
class Options:
    """How to score: the feature network, how to score by label maps, and LPIPS; None of what is not there.

    `target_features` computes those of targets where it is more than the network: it may know some of them.
    """

    features: FeatureNetwork | None = None
    labels: LabelScores | None = None
    lpips: Measure | None = None
    target_features: Callable[[Tensor], Tensor] | None = None


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
    network, labels, notes = options.features, options.labels, list[str]()
    measured_by = {
        "features": network.identity if network else None,
        "labels": labels.identity if labels else None,
    }
    columns = _measured(subject, out, options, measured_by, notes, progress)
    failures = [] if columns["good"].all() else _failures(subject, columns, labels)
    good: list[int] = np.flatnonzero(columns["good"]).tolist()
    by_picture = {n: np.asarray(columns[n])[good] for n in _BY_PICTURE if n in columns}
    scores = [*means(by_picture), *colours(columns, good), *distances(columns, good, network)]
    if labels:
        scores += labels.summary(columns, good)
        measured_by["scorer"] = labels.scorer
    names = [subject.names[i] for i in good]
    evaluation = Evaluation(subject, names, good, scores, by_picture, columns, measured_by, failures, notes)
    if isinstance(subject, ModelSubject) and network and subject.training and "fake_features" in columns:
        near = find_nearest(subject, network, columns, good, progress)
        if near:
            evaluation.nearest, by_picture["memory_distance"] = near.places, near.distances
            scores.append(near.score)
        else:
            notes.append("Not measured: memory, as no training target can be read.")
    if isinstance(subject, ModelSubject) and network and not subject.can_copy:
        notes.append("Not measured: memory, as DATA has no training pairs.")
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
    """Measure the pictures that are not yet measured; return the columns of all.

    Raises UserError where none can be measured, at once where the label maps are of another palette.
    """
    measures = _measures(subject, options, notes)
    identity = {
        **subject.identity,
        **measured_by,
        "files": subject.files,
        "samples": subject.samples,
        "measures": sorted(measures),
        "format": _FORMAT,
    }
    columns = Columns(out / "columns", identity)
    if len(columns):
        progress.log(f"continuing at picture {len(columns):,} of {len(subject.names):,}")
    rows: list[Row | UserError] = []  # which wait for the first that can be measured
    # A stop loses no more work where each picture takes many passes.
    batch, count = max(1, _BATCH // subject.samples), len(subject.names)
    progress.update("scoring", len(columns), count, "pictures")
    for start in range(len(columns), count, batch):
        stop = min(start + batch, count)
        read = subject.examples(start, stop)
        examples = [_with_classes(example, options.labels) for example in read]
        rows += _rows(examples, subject, measures, options)
        like = next((r for r in rows if not isinstance(r, UserError)), None)
        like = columns.record(0) if like is None and len(columns) else like
        if like is not None:
            columns.append(_filled(rows, like))
            rows = []
        elif len(rows) >= min(_BATCH, count) and (other := _of_other_labels(examples, read)):
            raise UserError(str(other[0]), "None of the first pictures could be scored.")
        progress.update("scoring", stop, count, "pictures")
    if rows:
        raise UserError(str(rows[0]), f"None of the {len(rows)} pictures could be scored.")
    return columns


def _measures(subject: Subject, options: Options, notes: list[str]) -> dict[str, Measure]:
    """Return the measures of whole pictures that can be had; note how to get what is missing."""
    if subject.is_one_hot:  # distances of probabilities say little
        notes.append("The model finds classes: they are scored by the classes alone, not as pictures.")
        return {}
    measures: dict[str, Measure] = {**MEASURES, **({"lpips": options.lpips} if options.lpips else {})}
    try:
        load_vgg16()
    except UserError as error:
        notes.append(f"Not measured: {error}")
        return measures
    return {**measures, "st_lpips": st_lpips}


def _with_classes(example: Example | UserError, labels: LabelScores | None) -> Example | UserError:
    return labels.with_classes(example) if labels and isinstance(example, Example) else example


def _of_other_labels(
    examples: Sequence[Example | UserError], read: Sequence[Example | UserError]
) -> list[Example | UserError]:
    """Return the refusals of label maps among examples that could be read."""
    return [e for e, r in zip(examples, read, strict=True) if e is not r and isinstance(e, UserError)]


def _rows(
    examples: Sequence[Example | UserError],
    subject: Subject,
    measures: Mapping[str, Measure],
    options: Options,
) -> list[Row | UserError]:
    """Return what is measured of some pictures, or why it is not."""
    rows = iter(
        {name: values[i] for name, values in arrays.items()}
        for part in runs_of_one_size([e for e in examples if isinstance(e, Example)])
        for arrays in (_measure(part, subject, measures, options),)
        for i in range(len(part))
    )
    return [next(rows) if isinstance(e, Example) else e for e in examples]


def _filled(rows: Sequence[Row | UserError], like: Row) -> dict[str, np.ndarray]:
    """Return the records of rows (B, ...); of a picture that could not be measured they are NaN or 0."""
    blank = {n: np.full_like(v, np.nan if v.dtype.kind == "f" else 0) for n, v in like.items()}
    records = [blank if isinstance(row, UserError) else row for row in rows]
    return {name: np.stack([record[name] for record in records]) for name in like}


@torch.inference_mode()
def _measure(
    examples: Sequence[Example], subject: Subject, measures: Mapping[str, Measure], options: Options
) -> Row:
    """Return what is measured of examples of one size: (B, ...) by name."""
    output, target = (half.to(subject.device) for half in stacked(examples))
    measured = {n: measure(output, target) for n, measure in measures.items() if n in MEASURES}
    variants = [e.variants for e in examples if e.variants is not None]
    if variants:
        measured["variety_l1"] = torch.stack([l1_variety(each) for each in variants])
    arrays: Row = {}
    if not subject.is_one_hot:
        arrays = _measure_whole([subject.as_seen(e) for e in examples], subject.device, measures, options)
    arrays |= {name: values.float().cpu().numpy() for name, values in measured.items()}
    if options.labels:
        arrays |= options.labels.records(examples)
    return {**arrays, "good": np.ones(len(examples), bool)}


def _measure_whole(
    seen: Sequence[Example], device: torch.device, measures: Mapping[str, Measure], options: Options
) -> Row:
    """Return what is measured of whole pictures as a person sees them: (B, ...) by name."""
    output, target = (half.to(device) for half in stacked(seen))
    measured = {n: measure(output, target) for n, measure in measures.items() if n not in MEASURES}
    variants = [e.variants.to(device) for e in seen if e.variants is not None]
    if variants and "st_lpips" in measures:
        measured["variety_st_lpips"] = torch.stack([st_lpips_variety(each) for each in variants])
    if options.features:
        measured["fake_features"] = options.features.extract(output)
        measured["real_features"] = (options.target_features or options.features.extract)(target)
    arrays = {name: values.float().cpu().numpy() for name, values in measured.items()}
    if output.shape[1] == 3:
        for name, pictures in (("fake_lab", output), ("real_lab", target)):
            arrays[name] = np.stack([lab_counts([p]) for p in to_array(pictures, _RGB)])
    return arrays


def _failures(subject: Subject, columns: Columns, labels: LabelScores | None) -> list[str]:
    """Name what could not be read, by trying once more."""
    places = np.flatnonzero(~np.asarray(columns["good"])).tolist()
    tried = [_with_classes(subject.examples(place, place + 1)[0], labels) for place in places]
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
