"""The model that the package carries: small, by the committed recipe, and good at what it never saw."""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from pix2pix.config import Config
from pix2pix.datasets.sample import make_drawing, make_pair
from pix2pix.inference.translator import Translator
from pix2pix.model_file import model_path, read_header
from pix2pix.page.card import make_card, model_names
from pix2pix.page.examples import find_examples
from pix2pix.page.shipped import HOUSES
from tests.helpers import files_below

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def translator() -> Translator:
    return Translator.load(HOUSES, "cpu")


def test_it_is_small_and_by_the_recipe_of_the_package() -> None:
    assert model_path(HOUSES).stat().st_size < 8e6
    header = read_header(HOUSES)
    last = ["objective.gan=0", "training.images=8000"]
    assert header.config == Config.load("houses", last).with_channels(12, 3)
    assert header.provenance.pairs == 3000
    assert header.provenance.images_seen == 8000
    assert "9,000 images seen" in str(header.provenance.initialised_from)


def test_a_page_offers_its_classes_and_examples() -> None:
    header = read_header(HOUSES)
    examples = find_examples(HOUSES, header.image)
    card = make_card(*model_names([HOUSES]), header, examples)
    assert (card.name, card.kind, card.size_px) == ("houses", "labels", (256, 256))
    assert [swatch.name for swatch in card.palette][:4] == ["background", "wall", "door", "window"]
    assert card.palette[card.ground].name == "wall"
    assert not card.has_noise
    assert len(examples) == 12
    assert all(example.target for example in examples)


@pytest.mark.parametrize(("make", "largest"), [(make_pair, 0.05), (make_drawing, 0.05)])
def test_it_paints_houses_and_drawings_that_it_never_saw(
    translator: Translator, make: Callable[..., tuple[np.ndarray, np.ndarray]], largest: float
) -> None:
    source, target = make(1, 3, 256)
    output = np.asarray(translator.translate(source))
    assert np.abs(output / 127.5 - target / 127.5).mean() < largest
    # Sharp: neighbours differ as they do in the target.
    steps = [np.abs(np.diff(picture.astype(float), axis=1)).mean() for picture in (output, target)]
    assert steps[0] > 0.9 * steps[1]


def test_the_wheel_holds_it() -> None:
    patterns = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["setuptools"][
        "package-data"
    ]
    package = ROOT / "src" / "pix2pix"
    packed = {path.resolve() for pattern in patterns["pix2pix"] for path in package.glob(pattern)}
    assert {(HOUSES / name).resolve() for name in files_below(HOUSES)} <= packed
