"""The working folder of a command, a model in it, and whether a command wrote anything."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.helpers import files_below, write_model


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working folder, with everything that a test makes."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def model(place: Path) -> Path:
    return write_model(place / "model.safetensors", layout="side by side")


@pytest.fixture
def nothing_written(place: Path) -> Callable[[], bool]:
    """Whether the working folder holds the files that it held at the first call, and no other."""
    before: list[set[str]] = []

    def check() -> bool:
        before.append(files_below(place))
        return before[0] == before[-1]

    return check
