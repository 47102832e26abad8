"""What the version before this cut wrote still loads and goes on: models, a half-trained run.

`fixtures/first_house` was written by it: pairs of label maps and houses of 64 px; a run of 20
images and the weights after 40; models of pictures, of labels and of classes, each with its
translations of the upper 50 rows of `pairs/val/0.png` in every mode.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from safetensors.torch import load_file

from pix2pix import Config, Translator, train

FIXTURES = Path(__file__).parent / "fixtures" / "first_house"
MODELS = {
    "model": FIXTURES / "run" / "model.safetensors",
    "labels": FIXTURES / "labels.safetensors",
    "classes": FIXTURES / "classes.safetensors",
}
TRANSLATIONS = sorted(path.stem for path in FIXTURES.glob("*-*.png"))


@pytest.mark.parametrize("translation", TRANSLATIONS)
def test_a_model_of_before_translates_as_before(translation: str) -> None:
    name, _, mode = translation.partition("-")
    pair = np.asarray(Image.open(FIXTURES / "pairs" / "val" / "0.png"))
    source = pair[:50, 64:] if name == "classes" else pair[:50, :64]
    translated = Translator.load(MODELS[name], "cpu", engine="torch").translate(source, mode=mode)
    found = np.asarray(translated, np.int16)
    wanted = np.asarray(Image.open(FIXTURES / f"{translation}.png"), np.int16)
    if name == "classes":  # a pixel between two classes may fall to either
        assert (found != wanted).any(-1).mean() < 0.01
    else:
        assert np.abs(found - wanted).max() <= 1


def test_a_half_trained_run_of_before_goes_on(tmp_path: Path) -> None:
    run = tmp_path / "run"
    shutil.copytree(FIXTURES / "run", run)
    config = Config.load(run / "config.toml", ["training.images=40"])
    result = train([FIXTURES / "pairs"], config, run, device="cpu", engine="plain")
    assert result.images_seen == 40
    found, wanted = load_file(result.model), load_file(FIXTURES / "continued.safetensors")
    assert found.keys() == wanted.keys()
    for name, tensor in wanted.items():
        np.testing.assert_allclose(found[name], tensor, rtol=0, atol=1e-4, err_msg=name)
    lines = (run / "metrics.jsonl").read_text().splitlines()
    assert len(lines) == len((FIXTURES / "continued.jsonl").read_text().splitlines())
