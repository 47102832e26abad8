"""All scores of several runs on the pictures that all could score, and how they differ from the first run."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pix2pix.evaluation.compare.resampling import Difference, Resamples, Values
from pix2pix.evaluation.compare.stored import StoredReport, what_is_common
from pix2pix.evaluation.score import kind_of
from pix2pix.measures.distances import frechet, kid, scaled
from pix2pix.measures.histograms import intersections
from pix2pix.measures.segmentation import scores as class_scores

_CLASS_TOTALS = "fake_confusion"


@dataclass(frozen=True)
class ComparedScore:
    """One score of every run; `differences` are those of all but the first, from the first."""

    name: str
    values: list[float]
    differences: list[Difference]

    def verdict(self, other: int) -> str:
        """Return what the interval of the n-th difference says: better, worse, or no clear difference."""
        low, high = self.differences[other].low, self.differences[other].high
        if low is None or high is None:
            return ""
        if low <= 0 <= high:
            return "no clear difference"
        higher = kind_of(self.name).higher
        if higher is None:
            return "higher" if low > 0 else "lower"
        return "better" if (low > 0) == higher else "worse"


@dataclass(frozen=True)
class Comparison:
    """What several reports have in common, and how they differ.

    `by_picture` are the scores of single pictures: name -> (runs, N).
    """

    reports: list[StoredReport]
    places: NDArray[np.int64]
    names: list[str]
    scores: list[ComparedScore]
    by_picture: dict[str, Values]
    notes: list[str]


def compare(reports: Sequence[StoredReport]) -> Comparison:
    """Compare reports with the first of them; raises UserError where their data differ."""
    places, omitted, notes = what_is_common(reports)
    shared = set.intersection(*(set(report.by_picture) for report in reports)) - omitted
    titles = [title for title in reports[0].by_picture if title in shared]
    by_picture = {t: np.stack([report.values(t, places) for report in reports]) for t in titles}
    resamples = Resamples(len(places))
    # Pixel accuracy is of all pixels, with the other scores by classes.
    scores = [_means(t, values, resamples) for t, values in by_picture.items() if t != "pixel_accuracy"]
    if "kid" not in omitted and all("fake_features" in report.columns for report in reports):
        scores += _distances(reports, places, resamples)
    if all("real_lab" in report.columns for report in reports):
        counts = [_lab_counts(report, places) for report in reports]
        scores += _of_sums(counts, _colours, resamples)
    if "class_iou" not in omitted and all(_CLASS_TOTALS in report.columns for report in reports):
        counts = [report.measured(_CLASS_TOTALS, places) for report in reports]
        scores += _of_sums(counts, _by_classes, resamples)
    if infinite := [t for t, values in by_picture.items() if np.isinf(values).any()]:
        notes.append(
            f"{', '.join(infinite)}: pictures on which it is infinite in a run, as its output is the target, "
            "are left out of all runs where any are left."
        )
    if any(score.name == "fid" for score in scores):
        notes.append(
            "FID has no interval: a resample has fewer different pictures, of which FID is larger. Go by KID."
        )
    names = dict(zip(reports[0].places.tolist(), reports[0].names, strict=True))
    return Comparison(list(reports), places, [names[p] for p in places.tolist()], scores, by_picture, notes)


def _means(name: str, values: Values, resamples: Resamples) -> ComparedScore:
    """Compare means over the same pictures in all runs: those that have a finite score in each.

    PSNR of equal pictures is infinite. Where no picture is left, each run has its own mean.
    """
    finite = np.isfinite(values).all(0)
    if finite.any():
        values = np.where(finite, values, np.nan)
    means = [float(own[np.isfinite(own)].mean()) if np.isfinite(own).any() else np.inf for own in values]
    return ComparedScore(name, means, [resamples.of_means(values[0], other) for other in values[1:]])


def _distances(
    reports: Sequence[StoredReport], places: NDArray[np.int64], resamples: Resamples
) -> list[ComparedScore]:
    def features(report: StoredReport, name: str) -> Tensor:
        return torch.from_numpy(np.asarray(report.columns[name])[places])

    if len(places) < 2:
        return []
    real = features(reports[0], "real_features")
    fakes = [features(report, "fake_features") for report in reports]
    kids = [kid(real, fake).value for fake in fakes]
    fids = [frechet(real, fake) for fake in fakes]
    in_units = [scaled(real, fake) for fake in fakes]
    by_kid = [resamples.of_kid(unit_real, in_units[0][1], other) for unit_real, other in in_units[1:]]
    return [
        ComparedScore("kid", kids, by_kid),
        ComparedScore("fid", fids, [Difference(fid - fids[0]) for fid in fids[1:]]),
    ]


def _of_sums(
    counts: Sequence[NDArray[np.number]], scores: Callable[[Values], dict[str, float]], resamples: Resamples
) -> list[ComparedScore]:
    values = [scores(each.sum(0, dtype=float)) for each in counts]
    differences = [resamples.of_sums(counts[0], other, scores) for other in counts[1:]]
    return [
        ComparedScore(name, [value[name] for value in values], [each[name] for each in differences])
        for name in values[0]
    ]


def _lab_counts(report: StoredReport, places: NDArray[np.int64]) -> NDArray[np.number]:
    """Return the counts of targets and outputs: (N, 2, channels, bins)."""
    return np.stack([report.measured(n, places) for n in ("real_lab", "fake_lab")], axis=1)


def _colours(total: Values) -> dict[str, float]:
    shared = intersections(*total.astype(np.int64))
    return {f"histogram_{channel}": share for channel, share in shared.items()}


def _by_classes(total: Values) -> dict[str, float]:
    return class_scores(torch.from_numpy(total))
