"""The page's modules that need no browser, and the length of all its files."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.page.node_tests import run_node_tests
from tests.page.page_server import STATIC

HERE = Path(__file__).parent


def test_modules_pass_their_own_tests() -> None:
    folders = (HERE / name for name in ("paint", "input", "session", "words"))
    run_node_tests(file for folder in folders for file in folder.glob("*.test.js"))


@pytest.mark.parametrize("file", sorted(STATIC.rglob("*.*")))
def test_files_stay_short(file: Path) -> None:
    assert len(file.read_text("utf-8").splitlines()) < 250
