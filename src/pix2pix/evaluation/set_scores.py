"""Scores of all pictures together, from what was measured of each."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

import numpy as np
import torch

from pix2pix.evaluation.columns import Columns
from pix2pix.evaluation.score import Score
from pix2pix.measures.distances import frechet, kid
from pix2pix.measures.features import VGG16_NAME, FeatureNetwork
from pix2pix.measures.histograms import CHANNELS, intersections

_FEW = 2048  # pictures, under which a FID is biased too much to be quoted


def mark_learned(
    scores: Sequence[Score], learned: Collection[str], network: FeatureNetwork | None, notes: list[str]
) -> list[Score]:
    """Return the scores, with a mark at those by a network that the model learned from, and note it."""
    networks = networks_by_score(network.name if network else "")
    marked = [
        replace(score, note=f"{score.note}; the model learned from this network")
        if networks.get(score.name) in learned
        else score
        for score in scores
    ]
    if names := [score.name for score, before in zip(marked, scores, strict=True) if score != before]:
        notes.append(
            f"The model learned from the network of {', '.join(names)}: they repeat its loss and do not say "
            "which of two models is better. Score by another network with --features FILE."
        )
    return marked


def networks_by_score(features: str) -> dict[str, str]:
    """Return which network each score by features is of, where `features` is that of sets."""
    of_sets = dict.fromkeys(("kid", "fid", "memory", "memory_distance"), features)
    return {**of_sets, "st_lpips": VGG16_NAME, "variety_st_lpips": VGG16_NAME}


def means(by_picture: Mapping[str, np.ndarray]) -> list[Score]:
    """Return the mean of each measure of single pictures, with its standard error."""
    return [_mean(n, values) for n, values in by_picture.items() if n != "pixel_accuracy"]  # of all pixels


def _mean(name: str, values: np.ndarray) -> Score:
    finite = values[np.isfinite(values)]  # PSNR of equal pictures is infinite
    if not len(finite):
        return Score(name, math.inf, None, "of every picture")
    note = "mean distance of two samples of one source, over pictures"
    return Score(
        name,
        float(finite.mean()),
        float(finite.std() / math.sqrt(len(finite))),
        note if name.startswith("variety_") else "mean over pictures",
    )


def colours(columns: Columns, good: Sequence[int]) -> list[Score]:
    """Return the shared areas of the Lab marginals of outputs and targets."""
    if "real_lab" not in columns:
        return []
    shared = intersections(columns.total("real_lab", good), columns.total("fake_lab", good))
    return [
        Score(f"histogram_{channel}", shared[channel], None, "shared area of the Lab marginals")
        for channel in CHANNELS
    ]


def distances(columns: Columns, good: Sequence[int], network: FeatureNetwork | None) -> list[Score]:
    """Return KID and FID of outputs and targets; the latter says where it is of too few."""
    if network is None or len(good) < 2 or "real_features" not in columns:
        return []
    real, fake = (torch.from_numpy(np.asarray(columns[n])[good]) for n in ("real_features", "fake_features"))
    distance = kid(real, fake)
    error = distance.standard_error if math.isfinite(distance.standard_error) else None
    few = f"; biased upwards under {_FEW:,} pictures: prefer KID" if len(good) < _FEW else ""
    return [
        Score("kid", distance.value, error, f"features: {network.name}"),
        Score("fid", frechet(real, fake), None, f"features: {network.name}{few}"),
    ]
