"""The snippets of docs/export.md do what the page says."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from pix2pix.cli.main import app
from pix2pix.inference.translator import Translator
from tests.helpers import noise, pixels, write, write_model

PAGE = Path(__file__).parents[2] / "docs" / "export.md"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run, its exports by the page's own command, and a label map."""
    folder = tmp_path_factory.mktemp("user")
    write_model(folder / "runs" / "facades" / "model.safetensors")
    write(folder / "labels.png", noise(32, 32))
    return folder


def test_the_snippets_translate_as_the_package_does(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    page = PAGE.read_text("utf-8")
    (command,) = re.findall(r"^pix2pix (export .*)$", page, re.MULTILINE)
    done = CliRunner().invoke(app, command.split())
    assert done.exit_code == 0, done.output
    assert re.search(r"4 comparisons: largest difference \d(\.\d)?e-0\d, mean", done.stdout)
    assert "the same as the package" in done.stdout

    names: dict[str, Any] = {}
    for snippet in re.findall(r"```python\n(.*?)```", page, re.DOTALL):
        exec(snippet, names)
    expected = Translator.load("runs/facades").translate("labels.png")
    apart = np.abs(pixels(Path("house.png")).astype(int) - np.asarray(expected).astype(int))
    assert apart.max() <= 1
    torch.testing.assert_close(
        names["target"],
        torch.from_numpy(names["session"].run(None, {"source": names["source"], **names["noise"]})[0]),
        rtol=0,
        atol=1e-4,
    )
