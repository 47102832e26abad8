"""Small studies, and participants who take part without a browser."""

from __future__ import annotations

from pathlib import Path
from random import Random
from typing import Any

import numpy as np

from pix2pix.evaluation.study.answers import Answers
from pix2pix.evaluation.study.make import make
from pix2pix.evaluation.study.protocol import FILE, Study
from tests.helpers import write


def write_folder(folder: Path, names: list[str], level: int = 0) -> Path:
    """A folder of small pictures that differ."""
    for number, name in enumerate(names):
        write(folder / f"{name}.png", np.full((20, 20, 3), (number, level, 0), np.uint8))
    return folder


def small_study(folder: Path, *algorithms: str, **settings: Any) -> tuple[Path, Study]:
    """A study of 2 + 4 trials with 8 pictures a folder; a red channel tells its sources apart."""
    names = [f"{number:02d}" for number in range(8)]
    real = write_folder(folder / "real", names)
    fakes = {
        name: write_folder(folder / name, names, 100 + number)
        for number, name in enumerate(algorithms or ("ours",))
    }
    out = folder / "study"
    study = make(real, fakes, out, **({"practice": 2, "trials": 4, "size_px": 20} | settings))
    return out, study


def change(folder: Path, **settings: Any) -> Study:
    """Edit study.json, as a user may."""
    study = Study.model_validate_json((folder / FILE).read_text("utf-8")).model_copy(update=settings)
    (folder / FILE).write_text(study.model_dump_json(), "utf-8")
    return study


def take_part(answers: Answers, study: Study, fooled: float, random: Random, stop_at: int = 10**6) -> str:
    """Answer all trials: a fake is called real with this probability, a real picture always."""
    participant = answers.enrol()
    for number in range(min(study.total, stop_at)):
        trial = answers.trial(participant, number)
        assert trial is not None
        wrong = (trial.truth == 1 or study.question == "pair") and random.random() < fooled
        shown = [1000.0 + random.random()] * len(trial.pictures)
        answers.record(participant, number, trial.truth ^ wrong, shown)
    return participant
