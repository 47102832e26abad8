"""A sample of `make faults`, in a process of its own: one that has computed gradients cannot be forked."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def faults(*words: str) -> list[str]:
    """The lines that `make faults` prints for these."""
    command = [sys.executable, "-m", "tests.faults", *words]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.splitlines()


def test_what_is_killed_goes_on_as_if_it_had_not_been() -> None:
    lines = faults("--kills", "4", "training", "caching", "bulk", "study")
    assert [line.split("  ")[0] for line in lines] == [
        f"kill -9, {name}" for name in ("training", "caching", "bulk", "study")
    ]
    assert "1 kill" in lines[0]
    assert all("as it was" in line for line in lines)


@pytest.mark.slow
def test_bad_disks_clocks_and_neighbours_lose_nothing() -> None:
    assert len(faults("full disk", "read-only disk", "slow disk", "two runs in one folder")) == 4
