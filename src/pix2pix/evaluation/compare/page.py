"""The result of a comparison on disk: the page, JSON lines, and the scores of every picture as CSV."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from pix2pix.errors import UserError
from pix2pix.evaluation.compare.compare import Comparison
from pix2pix.evaluation.compare.resampling import RESAMPLES
from pix2pix.evaluation.compare.stored import StoredReport
from pix2pix.evaluation.model_subject import ModelSubject
from pix2pix.evaluation.report import ends_of
from pix2pix.evaluation.score import json_number, kind_of
from pix2pix.evaluation.subjects import Example, FolderSubject, Subject
from pix2pix.evaluation.table_files import write_csv, write_jsonl
from pix2pix.files import require_own_folder
from pix2pix.pictures import codec
from pix2pix.progress import Progress
from pix2pix.reports.pages import write_page

_SHOWN = 5  # pictures by each score and run on which it is better, and as many on which it is worse
_FACTS = ("model", "fake", "model_digest", "images_seen", "mode", "seed", "features", "learned_from")


def write_comparison(comparison: Comparison, out: Path, progress: Progress) -> Path:
    """Write index.html with its pictures, scores.jsonl and pictures.csv; return the page."""
    refuse_other_folder(out)
    write_jsonl(out / "scores.jsonl", _lines(comparison))
    write_csv(out / "pictures.csv", comparison.names, _columns(comparison))
    subjects = [_open(report, comparison.notes, progress) for report in comparison.reports]
    gains = _gains(comparison)
    cards = _cards(comparison, subjects, gains, out, progress)
    write_page(
        out / "index.html",
        "comparison.html",
        title=" / ".join(report.label for report in comparison.reports),
        comparison=comparison,
        labels=[report.label for report in comparison.reports],
        facts=[_facts(report) for report in comparison.reports],
        resamples=RESAMPLES,
        cards=cards,
        orders=list(gains),
    )
    return out / "index.html"


def refuse_other_folder(out: Path) -> None:
    """Raise UserError for a folder that is neither empty nor a comparison."""
    scores = out / "scores.jsonl"
    first = scores.read_text("utf-8").partition("\n")[0] if scores.is_file() else ""
    require_own_folder(out, '"resamples"' in first, "comparison")


def _facts(report: StoredReport) -> dict[str, Any]:
    return {key.replace("_", " "): value for key, value in _identity(report).items() if key != "versions"}


def _gains(comparison: Comparison) -> dict[str, np.ndarray]:
    """Return by how much each other run is better than the first on each picture: title -> (N,).

    Where neither way of a score is better, it is by how much the score is higher.
    """
    first, *others = comparison.reports
    gains = {}
    for name, values in comparison.by_picture.items():
        sign = -1 if kind_of(name).higher is False else 1
        for report, own in zip(others, values[1:], strict=True):
            with np.errstate(invalid="ignore"):  # infinite PSNR of equal pictures
                gain = sign * (own - values[0])
            gains[f"{name}: {report.label} against {first.label}"] = np.nan_to_num(gain, nan=0.0)
    return gains


def _cards(
    comparison: Comparison,
    subjects: list[Subject | None],
    gains: dict[str, np.ndarray],
    out: Path,
    progress: Progress,
) -> list[dict[str, Any]]:
    """Write the pictures on which runs differ most, and return what the page says of each."""
    if not any(subjects):
        return []
    shown = ends_of([np.argsort(gain, kind="stable") for gain in gains.values()], _SHOWN)
    cards = []
    for done, number in enumerate(shown, 1):
        files = dict[str, str]()
        for title, picture in _pictures(comparison, subjects, int(comparison.places[number])):
            files[title] = f"pictures/{number:06d}-{len(files)}.png"
            codec.write(picture, out / files[title])
        cards.append(
            {
                "name": comparison.names[number],
                "files": files,
                "gains": {title: json_number(gain[number]) for title, gain in gains.items()},
                "scores": {name: v[:, number].tolist() for name, v in comparison.by_picture.items()},
            }
        )
        progress.update("pictures of the page", done, len(shown), "pictures")
    return cards


def _pictures(
    comparison: Comparison, subjects: list[Subject | None], place: int
) -> Iterator[tuple[str, np.ndarray]]:
    """Yield source and target, then the output of each run that could be opened."""
    is_first = True
    for report, subject in zip(comparison.reports, subjects, strict=True):
        example = subject.examples(place, place + 1)[0] if subject else None
        if subject is None or not isinstance(example, Example):
            continue
        seen = subject.views(example)
        if is_first:
            yield from ((half, seen[half]) for half in ("source", "target") if half in seen)
            is_first = False
        yield report.label, seen["output"]


def _open(report: StoredReport, notes: list[str], progress: Progress) -> Subject | None:
    """Return the subject of a report; None and a note where its model or pictures are no longer the same."""
    reason = "its model or pictures have changed since it was scored"
    try:
        subject = _subject_of(json.loads((report.folder / "subject.json").read_text("utf-8")))
        keys = {key: report.about(key) for key in ("files", "model_digest")}
        if keys == {"files": subject.files, "model_digest": subject.identity.get("model_digest")}:
            return subject
    except UserError as error:
        reason = error.message.rstrip(".")
    except (OSError, ValueError, KeyError):
        reason = f"{report.folder / 'subject.json'} does not say where they are. Score it again to see them"
    notes.append(f"No pictures of {report.label}: {reason}.")
    progress.log(notes[-1])
    return None


def _subject_of(request: dict[str, Any]) -> Subject:
    """Return the subject of a request; raises UserError where its model or pictures are gone."""
    if "real" in request:
        return FolderSubject(Path(request["real"]), Path(request["fake"]))
    model, mode = Path(request["model"]), request["mode"]
    return ModelSubject(model, request["data"], request["split"], mode, request["seed"], "auto", "auto")


def _lines(comparison: Comparison) -> Iterator[dict[str, Any]]:
    """Yield what scores.jsonl says of each score of each run but the first."""
    first, *others = comparison.reports
    for score in comparison.scores:
        for number, report in enumerate(others):
            value, low, high = score.differences[number]
            yield {
                "score": score.name,
                "first": first.label,
                "run": report.label,
                "first_value": json_number(score.values[0]),
                "value": json_number(score.values[number + 1]),
                "difference": json_number(value),
                "low": json_number(low),
                "high": json_number(high),
                "verdict": score.verdict(number),
                "pictures": len(comparison.names),
                "resamples": RESAMPLES,
                "data_digest": first.about("data_digest"),
                "first_identity": _identity(first),
                "identity": _identity(report),
            }


def _identity(report: StoredReport) -> dict[str, Any]:
    return {key: report.about(key) for key in (*_FACTS, "versions") if report.about(key) is not None}


def _columns(comparison: Comparison) -> dict[str, np.ndarray]:
    """Return the scores of single pictures by the title of their column."""
    labels = [report.label for report in comparison.reports]
    return {
        f"{name} {label}": values
        for name, by_run in comparison.by_picture.items()
        for label, values in zip(labels, by_run, strict=True)
    }
