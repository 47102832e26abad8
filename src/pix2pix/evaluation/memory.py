"""Does the model copy? The nearest training target of each output in feature space."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from typing import NamedTuple

import numpy as np
import torch

from pix2pix.errors import UserError
from pix2pix.evaluation.columns import Columns
from pix2pix.evaluation.model_subject import ModelSubject
from pix2pix.evaluation.score import Score
from pix2pix.evaluation.subjects import Subject
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
    subject: Subject,
    network: FeatureNetwork | None,
    columns: Columns,
    good: Sequence[int],
    notes: list[str],
    progress: Progress,
) -> Nearest | None:
    """Return the nearest training target of each output; targets that cannot be read are left out.

    None without features, and with a note where no target is there or can be read.
    """
    if not isinstance(subject, ModelSubject) or network is None:
        return None
    if not subject.can_copy:
        notes.append("Not measured: memory, as DATA has no training pairs.")
    if not subject.training or "fake_features" not in columns:
        return None
    known = _training_features(subject, network, columns, progress)
    readable = np.flatnonzero(known["good"])
    if not len(readable):
        notes.append("Not measured: memory, as no training target can be read.")
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
    about = {
        "features": network.identity,
        "files": subject.training_files,
        "size_px": list(subject.config.size),
        "format": columns.identity["format"],
    }
    known, blank = Columns(columns.folder / "training", about), columns["real_features"][0]
    pairs = subject.training
    reading = in_parallel(pairs[len(known) :], subject.target_as_seen)  # ahead of the network
    while read := [target for _, target in islice(reading, _BATCH)]:
        targets = [target for target in read if not isinstance(target, UserError)]
        rows = np.zeros((len(read), *blank.shape), blank.dtype)
        good = np.array([not isinstance(target, UserError) for target in read])
        if targets:
            extracted = network.extract(torch.stack(targets).to(subject.device))
            rows[good] = extracted.float().cpu().numpy()
        known.append({"features": rows, "good": good})
        progress.update("features of training targets", len(known), len(pairs), "pictures")
    return known
