"""The page of an ablation: which tables it shows, and pictures of every row for the same sources."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from pix2pix.evaluation.ablate.layout import Request
from pix2pix.evaluation.ablate.run import ablate


@pytest.mark.slow
def test_the_page_shows_the_tables_whose_rows_are_there_with_pictures_of_each_row(
    request_for: Callable[..., Request],
) -> None:
    request = request_for("generators")
    ablate(request)
    page = (request.out / "index.html").read_text()
    assert re.findall(r"<h2>(.+?)</h2>", page) == ["Generators", "What all rows share"]
    assert "U-Net, L1 + cGAN" in page
    pictures = re.findall(r'<img src="([^"]+)"', page)
    assert len(pictures) == 4 * (4 + 2)  # all of the four validation pairs; source and target
    linked = [*pictures, *re.findall(r'href="(scores/[^"]+)"', page)]
    assert all((request.out / path).is_file() for path in linked)
    assert not re.findall(r"https?://", page)
    ablate(request_for("losses"))
    ablate(request)  # another table is shown once all its rows are there
    page = (request.out / "index.html").read_text()
    assert re.findall(r"<h2>(.+?)</h2>", page) == ["Losses", "Generators", "What all rows share"]
