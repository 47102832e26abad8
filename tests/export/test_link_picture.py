"""What programs show of a link to an exported page."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pix2pix.errors import UserError
from pix2pix.export.link_picture import check_address, tags, write_picture
from tests.helpers import noise


def blocks(picture: Image.Image) -> float:
    """The share of neighbours in a row that are equal, as in an enlargement without mixing."""
    levels = np.array(picture.convert("L")).astype(int)
    return float((abs(np.diff(levels)) < 3).mean())


@pytest.mark.parametrize("is_label_map", [True, False])
def test_a_source_and_its_translation_are_side_by_side(tmp_path: Path, is_label_map: bool) -> None:
    both = [Image.fromarray(noise(32, 32, 3, seed=seed)) for seed in (1, 2)]
    write_picture(both[0], both[1], tmp_path / "link.jpg", is_label_map=is_label_map)
    with Image.open(tmp_path / "link.jpg") as sheet:
        assert sheet.size == (1200, 630)
        shown = [sheet.crop((left, 55, left + 520, 575)) for left in (40, 640)]
    for known, picture in zip(both, shown, strict=True):
        assert (
            np.abs(np.array(picture.resize((32, 32), Image.Resampling.BOX)).astype(int) - known).mean() < 20
        )
    assert (blocks(shown[0]) > 0.7) == is_label_map
    assert blocks(shown[1]) < 0.5  # photographs are mixed, whatever they were made of


def test_the_tags_hold_absolute_addresses_and_no_markup() -> None:
    head = tags(check_address("https://example.org/draw"), ['a"<b>'], has_picture=True)
    assert '<meta property="og:image" content="https://example.org/draw/link.jpg">' in head
    assert 'content="a&quot;&lt;b&gt; · pix2pix"' in head
    assert "image" not in tags("https://example.org/", ["a"], has_picture=False)


@pytest.mark.parametrize(
    "url",
    [
        "example.org",
        "file:///tmp",
        "https://",
        "https://example.org/?a",
        "https://[x",
        "https://example.org:x/",
        "https://example.org/a/index.html",
    ],
)
def test_what_is_no_address_is_refused(url: str) -> None:
    with pytest.raises(UserError, match="is not the address"):
        check_address(url)
