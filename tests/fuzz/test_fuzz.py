"""A sample of `make fuzz`: 20 damaged files for each parser."""

import os
import warnings
from pathlib import Path

import pytest

from tests.fuzz.fuzz import fuzz, parsers

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="mutations run in forks")


@pytest.mark.filterwarnings("ignore")
def test_damaged_files_end_in_a_sentence_within_memory_and_time(tmp_path: Path) -> None:
    (tmp_path / "good").mkdir()
    failures = list[str]()
    for name, parser in parsers(tmp_path / "good"):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            parser[2](_good(tmp_path, parser[0], parser[1]))
        failures += fuzz(name, parser, 20, tmp_path)
    assert failures == []


def _good(folder: Path, data: bytes, suffix: str) -> Path:
    path = folder / f"good{suffix}"
    path.write_bytes(data)
    return path
