"""A sample of `make fuzz`: 10 damaged files for each parser."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.fuzz.fuzz import parsers

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="mutations run in forks")
ROOT = Path(__file__).parents[2]


@pytest.mark.filterwarnings("ignore")
def test_files_that_are_whole_are_read(tmp_path: Path) -> None:
    (tmp_path / "good").mkdir()
    for _, (data, suffix, parse) in parsers(tmp_path / "good"):
        path = tmp_path / f"good{suffix}"
        path.write_bytes(data)
        parse(path)


def test_damaged_files_end_in_a_sentence_within_memory_and_time() -> None:
    # In a process of its own: a fork of one with threads may wait for a lock that no thread holds any more.
    command = [sys.executable, "-m", "tests.fuzz.fuzz", "--count", "10"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("10 mutations  0 failures") >= 20
