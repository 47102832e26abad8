"""What is killed: each stage works in a process of its own, goes on after a kill, and ends in files.

Nothing here runs in the parent but comparisons: a process that has computed gradients cannot be forked.
"""

from __future__ import annotations

import hashlib
import importlib
import json
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from random import Random

from safetensors import safe_open

from pix2pix.bulk import job, work
from pix2pix.cli.main import app
from pix2pix.data import cache
from pix2pix.evaluation.study.answers import Answers
from pix2pix.evaluation.study.protocol import read_study
from pix2pix.pairs.find import find_pairs
from pix2pix.progress import Progress
from tests.bulk.conftest import Here
from tests.conftest import TINY
from tests.evaluation.study.studies import small_study
from tests.helpers import noise, open_pairs, write, write_model, write_pairs

# Commands import their stages when they are called; a fork has them already.
for module in (
    "pix2pix.training.train",
    "pix2pix.training.plan",
    "pix2pix.training.idle",
    "pix2pix.data.archives",
):
    importlib.import_module(module)

WALL_CLOCK = ("seconds", "images_per_second")
ACKNOWLEDGED = "acknowledged.txt"


@dataclass(frozen=True)
class Stage:
    """`work` does or continues everything in a folder; `ended` names the bytes that it must end with.

    `prepare` makes the inputs, which all runs share; `saved` is a number that no kill may lower.
    """

    prepare: Callable[[Path], object]
    work: Callable[[Path, Path], None]  # inputs, folder
    ended: Callable[[Path], dict[str, str]]
    saved: Callable[[Path], int]


def command(*words: object) -> None:
    """Run `pix2pix ...` and end this process with its exit code."""
    sys.argv = ["pix2pix", *map(str, words)]
    app([str(word) for word in words])


def train(inputs: Path, folder: Path, *settings: str) -> None:
    """Train the smallest networks; the cache is of this run alone."""
    os.environ["PIX2PIX_CACHE"] = str(folder / "cache")
    chosen = [word for setting in (*TINY, *settings) for word in ("--set", setting)]
    command("train", inputs / "pairs", "--run", folder / "run", "--device", "cpu", *chosen)


def run_ended(folder: Path) -> dict[str, str]:
    """Return the digests of a run's model, state, previews and metrics without the clock."""
    run = folder / "run"
    if not (run / "model.safetensors").is_file():
        return {}
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    metrics = [{k: v for k, v in line.items() if k not in WALL_CLOCK} for line in lines]
    with safe_open(run / "checkpoints" / "state.safetensors", "np") as state:
        tensors = {name: state.get_tensor(name).tobytes() for name in sorted(state.keys())}
    files = [run / "model.safetensors", *(run / "previews").iterdir()]
    parts = {path.name: path.read_bytes() for path in files} | tensors
    return {name: _digest(data) for name, data in parts.items()} | {"metrics": json.dumps(metrics)}


def run_saved(folder: Path) -> int:
    """Return the images of the saved state, and read the model whole: it is never half."""
    state, model = (folder / "run" / name for name in ("checkpoints/state.safetensors", "model.safetensors"))
    if model.is_file():
        with safe_open(model, "np") as opened:
            assert all(opened.get_tensor(name).size for name in opened.keys())  # noqa: SIM118
    if not state.is_file():
        return 0
    with safe_open(state, "np") as opened:
        return int(json.loads(opened.metadata()["pix2pix training state"])["images_seen"])


def _cache(inputs: Path, folder: Path) -> None:
    os.environ["PIX2PIX_CACHE"] = str(folder / "cache")
    open_pairs(find_pairs([inputs / "pairs"], "left").splits["train"], (96, 96))
    sys.exit(0)


def cache_ended(folder: Path) -> dict[str, str]:
    """Return the digests of decoded pairs, which are whole by their own checksums."""
    os.environ["PIX2PIX_CACHE"] = str(folder / "cache")
    for entry in cache.entries():
        assert entry.damage(lambda count: None) == "", entry.describe()
    return {path.suffix: _digest(path.read_bytes()) for path in (folder / "cache").glob("[!.]*.*")}


def cache_saved(folder: Path) -> int:
    """Return how many sets are listed; one whose index is there is whole."""
    indexes = list((folder / "cache").glob("[!.]*.json"))
    return len(cache_ended(folder)) if indexes else 0


def _prepare_bulk(inputs: Path) -> None:
    for number in range(40):
        write(inputs / "photos" / f"{number:02d}.png", noise(32, 32, seed=number))
    write_model(inputs / "model.safetensors")


def _bulk(inputs: Path, folder: Path) -> None:
    photos, out, model = str(inputs / "photos"), str(folder / "out"), inputs / "model.safetensors"
    request = job.Request(photos, out, model, work.Options(), engine="torch")
    outcome = job.run(request, Here(), Progress())
    sys.exit(1 if outcome.failures else 0)


def _pictures(folder: Path) -> dict[str, str]:
    return {path.name: _digest(path.read_bytes()) for path in (folder / "out").glob("[!.]*.png")}


def _study(inputs: Path, folder: Path) -> None:
    """Eight participants answer one after the other; what is acknowledged is written down."""
    if not (folder / "study" / "study.json").is_file():
        small_study(folder)
    study, random = read_study(folder / "study"), Random(os.getpid())
    answers = Answers(folder / "study", study)
    standing = {row.participant for row in answers.all()}
    with (folder / ACKNOWLEDGED).open("a", buffering=1) as acknowledged:
        for participant in [*standing, *(answers.enrol() for _ in range(8 - len(standing)))]:
            while (place := answers.place(participant)) and place.next is not None:
                choice = random.randrange(2)
                answers.record(participant, place.next, choice, [1000.0])
                acknowledged.write(f"{participant} {place.next} {choice}\n")
    sys.exit(0)


def _answered(folder: Path) -> dict[tuple[str, int], int | None]:
    if not (folder / "study" / "answers.sqlite").is_file():
        return {}
    rows = Answers(folder / "study", read_study(folder / "study")).all()
    return {(row.participant, row.number): row.answer for row in rows}


def study_saved(folder: Path) -> int:
    """Return how many answers are stored; each acknowledged one is among them, as it was given."""
    stored = _answered(folder)
    path = folder / ACKNOWLEDGED
    for line in path.read_text().splitlines() if path.is_file() else ():
        participant, number, choice = line.split()
        assert stored[participant, int(number)] == int(choice), line
    return sum(answer is not None for answer in stored.values())


def study_ended(folder: Path) -> dict[str, str]:
    """Return how many answers there are: the answers themselves are of each process."""
    return {"answers": str(study_saved(folder)), "trials": str(len(_answered(folder)))}


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _pairs(count: int, size_px: int) -> Callable[[Path], object]:
    return lambda inputs: write_pairs(inputs / "pairs" / "train", count, size_px)


STAGES = {
    "training": Stage(_pairs(12, 32), train, run_ended, run_saved),
    "saving": Stage(
        _pairs(12, 32),
        lambda *place: train(*place, "training.save_images=1", "training.images=20", "model.width=16"),
        run_ended,
        run_saved,
    ),
    "caching": Stage(_pairs(60, 96), _cache, cache_ended, cache_saved),
    "bulk": Stage(_prepare_bulk, _bulk, _pictures, lambda folder: len(_pictures(folder))),
    "study": Stage(lambda inputs: None, _study, study_ended, study_saved),
}
