"""What docs/platforms.md says of other systems, on this one with the parts taken away that those lack."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path, PureWindowsPath

import pytest

from pix2pix.doctor import without_home
from pix2pix.pairs.names import name_of
from tests.conftest import TINY
from tests.helpers import files_below, pixels

# Python imports this first, in the process of the test and in those that it starts.
WITHOUT = """
import os, signal, sys, warnings

warnings.filterwarnings("error", category=EncodingWarning, module="pix2pix")
for name in ("fcntl", "resource"):
    sys.modules[name] = None
for name in ("fork", "killpg", "nice", "preadv", "sched_getaffinity"):
    if hasattr(os, name):
        delattr(os, name)
for name in ("setitimer", "SIGPROF", "SIGALRM"):
    if hasattr(signal, name):
        delattr(signal, name)
"""

SCRIPT = """
import multiprocessing, sys
from pathlib import Path
from pix2pix import Config, Translator, train
from pix2pix.pictures.formats import apart
from pix2pix.serve.uploads.decoders import Decoders

def learn(place, settings):
    train([place / "pairs"], Config.load(None, settings), place / "run", device="cpu")

if __name__ == "__main__":
    place, settings = Path(sys.argv[1]), sys.argv[2:]
    picture = place / "pairs" / "val" / "000.png"
    process = multiprocessing.get_context("spawn").Process(target=learn, args=(place, settings))
    process.start()
    process.join()
    assert process.exitcode == 0
    learn(place, settings)
    Translator.load(place / "run").translate(picture).save(place / "out.png")
    decoders = Decoders(1)
    for _ in range(2):
        array = decoders.read_bytes(picture.read_bytes(), "picture", lambda head: None, 60)
        assert array.shape == (32, 64, 3)
    decoders.close()
    assert apart.read(picture, print)[0].shape == (32, 64, 3)
"""
RESERVED = re.compile(r'[<>:"|?*\\\x00-\x1f]|[ .]$|^(con|prn|aux|nul|com\d|lpt\d)(\.|$)', re.IGNORECASE)
LONGEST = 120  # of 260 characters that Windows allows by default; the rest is the user's folder


@pytest.mark.slow
def test_the_parts_that_windows_lacks_are_not_needed(pairs: Path, tmp_path: Path) -> None:
    hooks = tmp_path / "hooks"
    hooks.mkdir()
    (hooks / "sitecustomize.py").write_text(WITHOUT)
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    places = os.pathsep.join([str(hooks), *filter(None, sys.path)])
    done = subprocess.run(
        [sys.executable, "-X", "warn_default_encoding", str(script), str(tmp_path), *TINY],
        env={**os.environ, "PYTHONPATH": places, "LC_ALL": "C", "PYTHONUTF8": "0"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert pixels(tmp_path / "out.png").shape == (32, 64, 3)
    lines = [json.loads(line) for line in (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()]
    assert lines[-1]["images"] == 40
    for name in files_below(tmp_path / "run"):
        assert len(name) < LONGEST
        assert not any(RESERVED.search(part) for part in name.split("/")), name


def test_names_of_pairs_are_the_same_on_windows() -> None:
    folder = PureWindowsPath("C:\\data\\facades\\train")
    assert name_of(folder / "cmp" / "0001.png", folder) == "cmp/0001"


def test_a_home_on_windows_is_not_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Path, "home", lambda: PureWindowsPath("C:\\Users\\ada"))
    assert without_home("C:\\Users\\ada\\pix2pix: 3 GB") == "~\\pix2pix: 3 GB"
    assert without_home("C:\\Users\\adam: 3 GB") == "C:\\Users\\adam: 3 GB"


def test_text_is_utf8_whatever_the_system_writes() -> None:
    ruff = Path(sys.executable).with_name("ruff")
    if not ruff.is_file():
        pytest.skip("no ruff")
    source = Path(__file__).parents[1] / "src"
    checked = subprocess.run(
        [ruff, "check", "--isolated", "--no-cache", "--preview", "--select", "PLW1514", source],
        capture_output=True,
        text=True,
    )
    assert checked.returncode == 0, checked.stdout
