from __future__ import annotations

from pathlib import Path

import pytest

from pix2pix.inference.translator import Translator
from tests.helpers import write_model


@pytest.fixture(scope="session")
def translator(tmp_path_factory: pytest.TempPathFactory) -> Translator:
    """A translator of pairs side by side that has learned nothing."""
    folder = tmp_path_factory.mktemp("model")
    return Translator.load(write_model(folder / "m.safetensors", layout="side by side"), "cpu")


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "out"
