"""Run tests of the page's JavaScript by node's own test runner."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path

import pytest

OLDEST = (20, 19)  # takes .js files with `import` for modules without a package.json


def run_node_tests(files: Iterable[Path], **environment: str) -> None:
    """Fail unless every test in the files passes and none is skipped; skip without a recent node."""
    node, files = shutil.which("node"), sorted(files)
    if node is None or _version(node) < OLDEST:
        pytest.skip(f"needs node {OLDEST[0]}.{OLDEST[1]} or newer")
    done = subprocess.run(
        [node, "--test", "--test-reporter=tap", *map(str, files)],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    counts = {name: int(count) for name, count in re.findall(r"^# (\w+) (\d+)$", done.stdout, re.MULTILINE)}
    assert counts["pass"] == counts["tests"] > len(files), done.stdout


def _version(node: str) -> tuple[int, ...]:
    answer = subprocess.run([node, "--version"], capture_output=True, text=True, check=True).stdout
    return tuple(int(part) for part in re.findall(r"\d+", answer)[:2])
