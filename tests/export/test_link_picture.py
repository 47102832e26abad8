"""What programs show of a link to an exported page."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pix2pix.errors import UserError
from pix2pix.export.link_picture import check_address, tags, write_picture
from pix2pix.inference.translator import Translator
from pix2pix.model_file import read_header
from pix2pix.page.examples import find_examples
from tests.helpers import noise, write, write_model


def test_an_example_and_its_translation_are_side_by_side(tmp_path: Path) -> None:
    model = write_model(tmp_path / "model.safetensors")
    write(tmp_path / "examples" / "source" / "a.png", noise(32, 32, 3))
    image = read_header(model).image
    (example,) = find_examples(model, image)
    write_picture(model, image, example, "deterministic", tmp_path / "link.jpg")
    picture = np.array(Image.open(tmp_path / "link.jpg")).astype(float)
    assert picture.shape == (630, 1200, 3)
    translation = Translator.load(model).translate(example.source.read(), mode="deterministic")
    assert isinstance(translation, Image.Image)
    for left, known in ((40, Image.fromarray(example.source.read())), (640, translation)):
        enlarged = np.array(known.resize((520, 520), Image.Resampling.LANCZOS)).astype(float)
        assert np.abs(picture[55:575, left : left + 520] - enlarged).mean() < 8


def test_the_tags_hold_absolute_addresses_and_no_markup() -> None:
    head = tags(check_address("https://example.org/draw"), ['a"<b>'], has_picture=True)
    assert '<meta property="og:image" content="https://example.org/draw/link.jpg">' in head
    assert 'content="a&quot;&lt;b&gt; · pix2pix"' in head
    assert "image" not in tags("https://example.org/", ["a"], has_picture=False)


@pytest.mark.parametrize("url", ["example.org", "file:///tmp", "https://", "https://example.org/?a"])
def test_what_is_no_address_is_refused(url: str) -> None:
    with pytest.raises(UserError, match="is not the address"):
        check_address(url)
