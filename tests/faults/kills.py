"""Kill -9 at random moments: what is started again ends as if it had never been killed."""

from __future__ import annotations

import shutil
import sys
import tempfile
from functools import partial
from pathlib import Path
from random import Random
from typing import NamedTuple

from tests.faults.processes import Process
from tests.faults.stages import STAGES, Stage


class Killed(NamedTuple):
    """Kills of one stage, the runs that they hit, and what was wrong after them, in sentences."""

    kills: int
    runs: int
    faults: list[str]


def kill(name: str, kills: int, random: Random) -> Killed:
    """Run a stage again and again, until it was killed so many times and has ended after the last one."""
    stage, done, runs, faults = STAGES[name], 0, 0, list[str]()
    with tempfile.TemporaryDirectory() as place:
        inputs = Path(place) / "inputs"
        inputs.mkdir()
        stage.prepare(inputs)
        whole = _folder(place, "whole")
        seconds = _finish(stage, inputs, whole, faults)
        expected = stage.ended(whole)
        while done < kills and not faults:
            folder, runs = _folder(place, f"run-{runs}"), runs + 1
            done += _kill_until_it_ends(stage, inputs, folder, seconds, kills - done, random, faults)
            if not faults and (ended := stage.ended(folder)) != expected:
                differing = sorted(n for n in expected | ended if expected.get(n) != ended.get(n))
                faults.append(f"run {runs} ended otherwise: {', '.join(differing[:5])}")
            if not faults:
                shutil.rmtree(folder)
            print(f"{name}: {done} of {kills} kills", file=sys.stderr, flush=True)
    return Killed(done, runs, faults)


def _folder(place: str, name: str) -> Path:
    folder = Path(place) / name
    folder.mkdir()
    return folder


def _finish(stage: Stage, inputs: Path, folder: Path, faults: list[str]) -> float:
    """Let a stage end, and return its seconds."""
    ended = Process(folder, partial(stage.work, inputs, folder)).wait()
    if ended.code != 0:
        faults.append(f"exit code {ended.code}: {ended.printed[-2000:]}")
    return ended.seconds


def _kill_until_it_ends(
    stage: Stage, inputs: Path, folder: Path, seconds: float, most: int, random: Random, faults: list[str]
) -> int:
    """Start a run and kill it, at most so many times; return the kills. It has ended then."""
    kills = 0
    while kills < most:
        saved = stage.saved(folder)
        ended = Process(folder, partial(stage.work, inputs, folder)).kill_after(random.uniform(0, seconds))
        if ended.code == 0:
            return kills
        if ended.code != -9:
            faults.append(f"exit code {ended.code} after {kills} kills: {ended.printed[-2000:]}")
            return kills
        kills += 1
        if (now := stage.saved(folder)) < saved:
            faults.append(f"{saved} were saved before kill {kills} and {now} after it")
    _finish(stage, inputs, folder, faults)
    return kills
