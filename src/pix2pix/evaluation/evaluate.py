"""Score a model, or a folder of pictures, by every measure that can be had here.

A report is a folder:

index.html       table, plots and the best and worst pictures; opens from disk
scores.jsonl     one line a score, each with what was measured by what
pictures.csv     the scores of every picture
pictures/        source, output and target of those that the page shows
columns/         what is measured, as it comes: a stopped evaluation goes on there
subject.json     what to open again, so that `pix2pix compare` can show any picture
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pix2pix.errors import UserError
from pix2pix.evaluation.columns import Columns
from pix2pix.evaluation.labels import OtherPaletteError
from pix2pix.evaluation.memory import find_nearest
from pix2pix.evaluation.per_picture import BY_PICTURE, Options, PictureMeasures, Row, records
from pix2pix.evaluation.score import Score
from pix2pix.evaluation.set_scores import colours, distances, mark_learned, means
from pix2pix.evaluation.subjects import Subject
from pix2pix.evaluation.table_files import write_csv, write_jsonl
from pix2pix.files import require_own_folder, write_text
from pix2pix.progress import Progress

_BATCH = 16
_FORMAT = 2  # of the columns: those of another are measured anew


@dataclass(frozen=True)
class Evaluation:
    """The scores of a subject, those of each picture, and what could not be measured.

    `places` are those of `names` in the subject. `nearest` are places in the subject's training pairs, one
    for each name; None where the model's training pairs are not known.
    """

    subject: Subject
    names: list[str]
    places: list[int]
    scores: list[Score]
    by_picture: dict[str, np.ndarray]
    columns: Columns
    measured_by: dict[str, Any]
    failures: list[str]
    notes: list[str]
    nearest: np.ndarray | None


def evaluate(subject: Subject, out: Path, options: Options, progress: Progress) -> Evaluation:
    """Score every picture of the subject and write what the report is made of into `out`.

    The same call goes on where one was stopped. Raises UserError where nothing can be scored, and for a
    folder of something else.
    """
    require_own_folder(out, (out / "columns" / "identity.json").is_file(), "evaluation")
    network, labels = options.features, options.labels
    measured_by: dict[str, Any] = {
        "features": network.identity if network else None,
        "labels": labels.identity if labels else None,
    }
    measures = PictureMeasures(subject, options)
    columns, notes = _measured(subject, measures, out, measured_by, progress), measures.notes
    good: list[int] = np.flatnonzero(columns["good"]).tolist()
    by_picture = {name: np.asarray(columns[name])[good] for name in BY_PICTURE if name in columns}
    scores = [*means(by_picture), *colours(columns, good), *distances(columns, good, network)]
    if labels:
        scores += labels.summary(columns, good)
        measured_by["scorer"] = labels.scorer
    if near := find_nearest(subject, network, columns, good, notes, progress):
        by_picture["memory_distance"] = near.distances
        scores.append(near.score)
    scores = mark_learned(scores, subject.identity.get("learned_from", ()), network, notes)
    failures = _failures(subject, measures, columns)
    names = [subject.names[i] for i in good]
    nearest = near.places if near else None
    return Evaluation(
        subject, names, good, scores, by_picture, columns, measured_by, failures, notes, nearest
    )


def _measured(
    subject: Subject, measures: PictureMeasures, out: Path, measured_by: Mapping[str, Any], progress: Progress
) -> Columns:
    """Measure the pictures that are not yet measured; return the columns of all.

    Raises UserError where none can be measured, at once where the label maps are of another palette.
    """
    how = {"samples": subject.samples, "measures": measures.names, "format": _FORMAT}
    columns = Columns(out / "columns", {**subject.identity, **measured_by, "files": subject.files, **how})
    if len(columns):
        progress.log(f"continuing at picture {len(columns):,} of {len(subject.names):,}")
    rows: list[Row | UserError] = []  # which wait for the first that can be measured
    # A stop loses no more work where each picture takes many passes.
    batch, count = max(1, _BATCH // subject.samples), len(subject.names)
    progress.update("scoring", len(columns), count, "pictures")
    for start in range(len(columns), count, batch):
        stop = min(start + batch, count)
        rows += measures.rows(start, stop)
        measured = [row for row in rows if not isinstance(row, UserError)]
        if measured or len(columns):
            columns.append(records(rows, measured[0] if measured else columns.record(0)))
            rows = []
        elif len(rows) >= min(_BATCH, count) and (
            other := [r for r in rows if isinstance(r, OtherPaletteError)]
        ):
            raise UserError(str(other[0]), "None of the first pictures could be scored.")
        progress.update("scoring", stop, count, "pictures")
    if rows:
        raise UserError(str(rows[0]), f"None of the {len(rows)} pictures could be scored.")
    return columns


def _failures(subject: Subject, measures: PictureMeasures, columns: Columns) -> list[str]:
    """Name what could not be read, by trying once more."""
    places = np.flatnonzero(~np.asarray(columns["good"])).tolist()
    tried = [(place, measures.examples(place, place + 1)[0]) for place in places]
    return [
        str(example) if isinstance(example, UserError) else f"{subject.names[place]} was not readable."
        for place, example in tried
    ]


def write_scores(evaluation: Evaluation, out: Path) -> None:
    """Write scores.jsonl, pictures.csv and subject.json."""
    about = {"pictures": len(evaluation.names), **evaluation.subject.identity, **evaluation.measured_by}
    write_jsonl(out / "scores.jsonl", [{**score.as_json(), **about} for score in evaluation.scores])
    write_csv(out / "pictures.csv", evaluation.names, evaluation.by_picture)
    write_text(out / "subject.json", json.dumps(evaluation.subject.request, indent=1) + "\n")
