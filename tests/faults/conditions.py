"""Disks, clocks and neighbours that are not as they should be: a run goes on, or says why not."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path

from tests.faults.processes import Ended, Process
from tests.faults.stages import STAGES, Stage, cache_ended, train
from tests.helpers import noise, write

Outcome = tuple[str, list[str]]  # what was done, and what was wrong with it
TRAINING = STAGES["training"]
SMALL_DISK = "900k"  # the pairs and the page fit, two states do not


@contextmanager
def inputs_of(stage: Stage) -> Iterator[tuple[Path, Path]]:
    """Yield the inputs of a stage and an empty folder."""
    with tempfile.TemporaryDirectory() as place:
        inputs, folder = Path(place) / "inputs", Path(place) / "folder"
        inputs.mkdir()
        folder.mkdir()
        stage.prepare(inputs)
        yield inputs, folder


def start(inputs: Path, folder: Path, printed: Path | None = None) -> Process:
    """Train in a process."""
    return Process(printed or folder, partial(train, inputs, folder))


def whole(inputs: Path) -> dict[str, str]:
    """Return what an undisturbed run ends with."""
    with tempfile.TemporaryDirectory() as place:
        start(inputs, Path(place)).wait()
        return TRAINING.ended(Path(place))


def refused(ended: Ended, *words: str) -> list[str]:
    """Return what is wrong with a refusal: exit code 2, one sentence with one of the words, no traceback."""
    good = ended.code == 2 and "Traceback" not in ended.printed and any(w in ended.printed for w in words)
    return [] if good else [f"exit code {ended.code}: {ended.printed[-1500:]}"]


def same(inputs: Path, folder: Path, ended: Ended) -> list[str]:
    """Return what is wrong with a run that had to end like an undisturbed one."""
    if ended.code != 0:
        return [f"exit code {ended.code}: {ended.printed[-1500:]}"]
    return [] if TRAINING.ended(folder) == whole(inputs) else ["it ended otherwise"]


def mounted(folder: Path, *options: str) -> bool:
    """Mount a small disk in memory, or return False where that is not allowed."""
    words = ["mount", "-t", "tmpfs", "-o", ",".join(options), "tmpfs", str(folder)]
    return shutil.which("mount") is not None and subprocess.run(words, capture_output=True).returncode == 0


def full_disk() -> Outcome:
    """A disk that fills up while the run saves; with room the same command goes on."""
    with inputs_of(TRAINING) as (inputs, folder):
        if not mounted(folder, f"size={SMALL_DISK}"):
            return "skipped: no disk can be mounted here", []
        try:
            (folder / "other").write_bytes(bytes(100_000))
            faults = refused(start(inputs, folder, inputs).wait(), "Cannot write", "free")
            faults += [f"left {path}" for path in folder.rglob(".unfinished-*")]
            subprocess.run(["mount", "-o", "remount,size=50m", str(folder)], check=True)
            return "refused; with room it went on", faults or same(
                inputs, folder, start(inputs, folder, inputs).wait()
            )
        finally:
            subprocess.run(["umount", "-l", str(folder)], check=False)


def read_only_disk() -> Outcome:
    """A disk that becomes read-only between two starts, and writable again."""
    with inputs_of(TRAINING) as (inputs, folder):
        if not mounted(folder, "size=50m"):
            return "skipped: no disk can be mounted here", []
        try:
            start(inputs, folder, inputs).kill_after(2.0)
            subprocess.run(["mount", "-o", "remount,ro", str(folder)], check=True)
            faults = refused(start(inputs, folder, inputs).wait(), "Read-only", "Cannot write")
            subprocess.run(["mount", "-o", "remount,rw", str(folder)], check=True)
            return "refused; writable again it went on", faults or same(
                inputs, folder, start(inputs, folder, inputs).wait()
            )
        finally:
            subprocess.run(["umount", "-l", str(folder)], check=False)


def slow_disk() -> Outcome:
    """Each flush to the disk takes 0.2 s; killed within one, the run goes on."""

    def work(inputs: Path, folder: Path) -> None:
        flush = os.fsync
        os.fsync = lambda descriptor: (time.sleep(0.2), flush(descriptor))[1]
        train(inputs, folder)

    with inputs_of(TRAINING) as (inputs, folder):
        for seconds in (2.0, 2.5):
            Process(folder, partial(work, inputs, folder)).kill_after(seconds)
        ended = Process(folder, partial(work, inputs, folder)).wait()
        return "killed twice, went on", same(inputs, folder, ended)


def clock_set_back() -> Outcome:
    """The clock jumps ten days back while a run is trained, and it is started again on that day."""
    libraries = [*Path("/usr/lib").rglob("libfaketimeMT.so.1")]
    if not libraries:
        return "skipped: libfaketime is not installed", []

    def work(inputs: Path, folder: Path, clock: Path) -> None:
        os.environ |= {
            "LD_PRELOAD": str(libraries[0]),
            "FAKETIME_TIMESTAMP_FILE": str(clock),
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        }
        places = f"Path({str(inputs)!r}), Path({str(folder)!r})"
        code = f"from tests.faults.stages import train, Path; train({places})"
        os.execv(sys.executable, [sys.executable, "-c", code])

    with inputs_of(TRAINING) as (inputs, folder):
        clock = folder / "clock"
        clock.write_text("+0")
        process = Process(folder, partial(work, inputs, folder, clock))
        while not (folder / "run" / "metrics.jsonl").is_file() and os.path.exists(f"/proc/{process.pid}"):
            time.sleep(0.01)
        clock.write_text("-10d")
        process.kill_after(0.5)
        ended = Process(folder, partial(work, inputs, folder, clock)).wait()
        return "killed after it, went on", same(inputs, folder, ended)


def two_runs() -> Outcome:
    """Two processes train in one folder: one does, the other says that it cannot."""
    with inputs_of(TRAINING) as (inputs, folder):
        ends = [process.wait() for process in [start(inputs, folder), start(inputs, folder)]]
        refusals = [ended for ended in ends if ended.code != 0]
        faults = [fault for ended in refusals for fault in refused(ended, "Another process is training")]
        done = next((ended for ended in ends if ended.code == 0), ends[0])
        return f"{len(refusals)} refused, the other trained", faults or same(inputs, folder, done)


def replaced_pictures() -> Outcome:
    """Pictures are replaced while they are decoded: the cache holds what the files hold in the end."""
    stage = STAGES["caching"]
    with inputs_of(stage) as (inputs, folder):
        process, replaced = Process(folder, partial(stage.work, inputs, folder)), 0
        for number in range(0, 60, 3):
            with suppress(FileNotFoundError):
                write(inputs / "pairs" / "train" / f"{number}.png", noise(96, 192, seed=900 + number))
                replaced += 1
            time.sleep(0.005)
        first = process.wait()
        faults = (
            [] if first.code == 0 or "changed while the pairs" in first.printed else [first.printed[-1500:]]
        )
        shutil.copytree(inputs, folder / "fresh")
        for place in (inputs, folder / "fresh"):
            again = Process(folder, partial(stage.work, place, folder / place.name)).wait()
            faults += [] if again.code == 0 else [again.printed[-1500:]]
        pixels = [cache_ended(folder / place.name) for place in (inputs, folder / "fresh")]
        keys = (".source", ".target")
        if any(pixels[0].get(key) != pixels[1].get(key) for key in keys):
            faults.append("decoded pairs are not those of the files")
        return f"{replaced} of 60 replaced", faults


CONDITIONS: dict[str, Callable[[], Outcome]] = {
    "full disk": full_disk,
    "read-only disk": read_only_disk,
    "slow disk": slow_disk,
    "clock set back": clock_set_back,
    "two runs in one folder": two_runs,
    "pictures replaced": replaced_pictures,
}
