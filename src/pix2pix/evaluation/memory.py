"""Does the model copy? The nearest training target of each output in feature space."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch

from pix2pix.errors import UserError
from pix2pix.evaluation.columns import Columns
from pix2pix.evaluation.score import Score
from pix2pix.evaluation.subjects import ModelSubject
from pix2pix.measures.distances import nearest
from pix2pix.measures.features import FeatureNetwork
from pix2pix.progress import Progress, in_parallel

_BATCH = 16


class Nearest(NamedTuple):
    """The place of the nearest training pair of each output, (N,), its distance, and their mean."""

    places: np.ndarray
    distances: np.ndarray
    score: Score


def find_nearest(
    subject: ModelSubject, network: FeatureNetwork, columns: Columns, good: Sequence[int], progress: Progress
) -> Nearest | None:
    """Return the nearest training target of each output; targets that cannot be read are left out.

    None where none can be read.
    """
    known = _training_features(subject, network, columns, progress)
    readable = np.flatnonzero(known["good"])
    if not len(readable):
        return None
    targets = torch.from_numpy(np.asarray(known["features"])[readable])
    fakes, real = (torch.from_numpy(np.asarray(columns[n])[good]) for n in ("fake_features", "real_features"))
    place, distance = nearest(fakes, targets)
    unseen = nearest(real, targets)[1]
    note = f"to the nearest training target; real pictures are {float(unseen.mean()):.3f} away"
    score = Score("memory", float(distance.mean()), None, note)
    return Nearest(readable[place.numpy()], distance.numpy(), score)


@torch.inference_mode()
def _training_features(
    subject: ModelSubject, network: FeatureNetwork, columns: Columns, progress: Progress
) -> Columns:
    """Return the features of training targets, kept with the report: none is computed twice."""
    pairs = subject.training
    known = Columns(
        columns.folder / "training",
        {
            "features": network.identity,
            "files": subject.training_files,
            "size_px": list(subject.config.size),
            "format": columns.identity["format"],
        },
    )
    missing, blank = pairs[len(known) :], columns["real_features"][0]
    batch: list[torch.Tensor | None] = []
    for done, (_, loaded) in enumerate(in_parallel(missing, subject.target_as_seen), len(known) + 1):
        batch.append(None if isinstance(loaded, UserError) else loaded)
        if len(batch) == _BATCH or done == len(pairs):
            targets = [target for target in batch if target is not None]
            rows = iter(
                network.extract(torch.stack(targets).to(subject.device)).float().cpu().numpy()
                if targets
                else ()
            )
            features = [np.zeros_like(blank) if target is None else next(rows) for target in batch]
            good = np.array([target is not None for target in batch])
            known.append({"features": np.stack(features), "good": good})
            batch = []
            progress.update("features of training targets", done, len(pairs), "pictures")
    return known
