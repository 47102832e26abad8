"""The page's modules that need no browser, by node's own test runner."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

HERE = Path(__file__).parent
OLDEST = (20, 19)  # takes .js files with `import` for modules without a package.json


def _node() -> str | None:
    node = shutil.which("node")
    if node is None:
        return None
    told = subprocess.run([node, "--version"], capture_output=True, text=True, check=True).stdout
    version = tuple(int(part) for part in re.findall(r"\d+", told)[:2])
    return node if version >= OLDEST else None


def test_modules_pass_their_own_tests() -> None:
    node = _node()
    if node is None:
        pytest.skip(f"needs node {OLDEST[0]}.{OLDEST[1]} or newer")
    files = sorted(map(str, HERE.glob("*.test.js")))
    done = subprocess.run([node, "--test", *files], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"# pass {_count(done.stdout)}" in done.stdout


def _count(report: str) -> str:
    found = re.search(r"^# tests (\d+)$", report, re.MULTILINE)
    assert found is not None
    assert int(found[1]) > len(list(HERE.glob("*.test.js")))
    return found[1]


@pytest.mark.parametrize("file", sorted((HERE / "../../src/pix2pix/page/static").rglob("*.*")))
def test_files_stay_short(file: Path) -> None:
    assert len(file.read_text("utf-8").splitlines()) < 250
