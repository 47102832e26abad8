"""Reports that `pix2pix evaluate` wrote, read again, and which of their scores can be compared."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pix2pix.errors import UserError
from pix2pix.evaluation.columns import Columns
from pix2pix.evaluation.labels import BY_CLASS
from pix2pix.evaluation.set_scores import networks_by_score
from pix2pix.measures.features import name_in

_AGAIN = "Score it again: pix2pix evaluate MODEL DATA -o REPORT."
_BY_FEATURES = ("kid", "fid", "memory_distance")


@dataclass(frozen=True)
class StoredReport:
    """One report: what was scored by what, the names of its pictures and their scores.

    `places` are those of `names` in the data that was scored, and in `columns`.
    """

    label: str
    folder: Path
    names: list[str]
    places: NDArray[np.int64]
    by_picture: dict[str, NDArray[np.float64]]
    columns: Columns

    def about(self, key: str) -> Any:
        """Return what the report states of itself, such as "mode"; None where it does not."""
        return self.columns.identity.get(key)

    def values(self, name: str, places: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return a score of single pictures at these places."""
        return self.by_picture[name][np.searchsorted(self.places, places)]

    def measured(self, name: str, places: NDArray[np.int64]) -> NDArray[Any]:
        """Return a column at these places, (N, ...); mapped from disk where these are all."""
        column = self.columns[name]
        return column if len(places) == len(column) else column[places]


class Common(NamedTuple):
    """What several reports share: pictures, scores to leave out, and sentences on what differs."""

    places: NDArray[np.int64]
    omitted: frozenset[str]
    notes: list[str]


def read_reports(runs: Sequence[Path]) -> list[StoredReport]:
    """Return the reports of runs: the folder of a report, or of a run with one, or a model next to one.

    Raises UserError for fewer than two, for one that is named twice, and where there is no whole report.
    """
    if len(runs) < 2:
        raise UserError(f"{len(runs)} run was named: wanted two or more.", "pix2pix compare RUN RUN -o OUT")
    folders = [_report_folder(run) for run in runs]
    folder, count = Counter(folder.resolve() for folder in folders).most_common(1)[0]
    if count > 1:
        raise UserError(f"The report {folder} is named {count} times.", "Name each run once.")
    names = [(run.parent if run.suffix == ".safetensors" else run).resolve().name for run in runs]
    unique = len(set(names)) == len(names)
    labels = names if unique else [str(run) for run in runs]
    return [_read(folder, label) for folder, label in zip(folders, labels, strict=True)]


def what_is_common(reports: Sequence[StoredReport]) -> Common:
    """Return what can be compared; raises UserError for other data, another size, and no common picture."""
    first, others = reports[0], reports[1:]
    for other in others:
        _refuse_other_data(first, other)
    omitted, notes = set[str](), list[str]()
    for key, scores, what in (
        ("features", _BY_FEATURES, "Feature networks"),
        ("labels", BY_CLASS, "Scorers or classes"),
    ):
        if any(other.about(key) != first.about(key) for other in others):
            omitted.update(scores)
            stated = _stated(reports, key if key == "features" else "")
            notes.append(f"{what} differ{stated}: {', '.join(scores)} are left out.")
    if learned := _learned_from(reports):
        omitted.update(learned)
        notes.append(
            f"{', '.join(learned)} are left out: a model learned from their network, and would look better "
            "by it than it is. Score all by another network: pix2pix evaluate --features FILE."
        )
    for key, what in (("mode", "Modes"), ("seed", "Seeds of the noise"), ("versions", "Versions")):
        if any(other.about(key) != first.about(key) for other in others):
            notes.append(f"{what} differ{_stated(reports, key)}.")
    places = reduce(np.intersect1d, [report.places for report in reports])
    if not len(places):
        raise UserError("The reports have no picture in common: all that one could score, another could not.")
    if len(places) < max(len(report.places) for report in reports):
        notes.append(f"{len(places):,} pictures are compared: others could not be scored in each run.")
    return Common(places, frozenset(omitted), notes)


def _learned_from(reports: Sequence[StoredReport]) -> list[str]:
    """Return the scores by a network that any of the models learned from."""
    learned = {name for report in reports for name in report.about("learned_from") or ()}
    networks = networks_by_score(name_in(reports[0].about("features") or ""))
    return [score for score, network in networks.items() if network in learned]


def _refuse_other_data(first: StoredReport, other: StoredReport) -> None:
    if other.about("data_digest") != first.about("data_digest"):
        raise UserError(
            f"{other.label} was scored on other pictures than {first.label} (data digests "
            f"{other.about('data_digest')} and {first.about('data_digest')}).",
            "Score both on the same pairs, or against the same folder --real.",
        )
    for key, what in (("size_px", "size (height, width)"), ("fit", "way to fit pictures")):
        if other.about(key) != first.about(key):
            raise UserError(
                f"{other.label} and {first.label} were scored at another {what}: {other.about(key)} and "
                f"{first.about(key)}.",
                "Translate with both, resize to one size, and score the folders: pix2pix evaluate --real A "
                "--fake B.",
            )


def _stated(reports: Sequence[StoredReport], key: str) -> str:
    if not key:
        return ""
    return " (" + "; ".join(f"{report.label}: {_plain(report.about(key))}" for report in reports) + ")"


def _plain(value: Any) -> str:
    return ", ".join(f"{k} {v}" for k, v in value.items()) if isinstance(value, dict) else str(value)


def _report_folder(run: Path) -> Path:
    folder = run.parent if run.is_file() else run
    if not folder.is_dir():
        raise UserError(f"{run} does not exist: wanted the folder of an evaluation, or of a run with one.")
    if _is_report(folder):
        return folder
    inside = sorted(path for path in folder.iterdir() if path.is_dir() and _is_report(path))
    if not inside:
        raise UserError(
            f"{run} holds no finished evaluation.",
            f"Make one: pix2pix evaluate MODEL DATA -o {folder / 'scores'}",
        )
    if len(inside) > 1:
        raise UserError(
            f"{run} holds {len(inside)} evaluations: {', '.join(path.name for path in inside)}.",
            f"Name one of them, such as {inside[0]}.",
        )
    return inside[0]


def _is_report(folder: Path) -> bool:
    # A comparison has the first two as well.
    files = "scores.jsonl", "pictures.csv", "columns/identity.json"
    return all((folder / name).is_file() for name in files)


def _read(folder: Path, label: str) -> StoredReport:
    try:
        columns = Columns.read(folder / "columns")
        places = np.flatnonzero(columns["good"])
        with (folder / "pictures.csv").open(encoding="utf-8", newline="") as table:
            _, *titles = next(rows := csv.reader(table))
            names, values = [], []
            for name, *row in rows:
                names.append(name)
                values.append([float(value) for value in row])
        by_picture = dict(zip(titles, np.array(values).reshape(len(names), -1).T, strict=True))
    except (OSError, ValueError, KeyError, StopIteration, csv.Error) as error:
        raise UserError(f"The report {folder} is not whole: {error}.", _AGAIN) from None
    if len(places) != len(names):
        raise UserError(
            f"The report {folder} is not whole: {len(places)} pictures are measured, {len(names)} are in its "
            "table.",
            _AGAIN,
        )
    return StoredReport(label, folder, names, places, by_picture, columns)
