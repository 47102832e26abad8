"""One picture of drawing and result."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from tests.page.conftest import Open
from tests.page.page_actions import until, wait_for_focus, wait_for_result
from tests.page.page_server import example

SHARED = """() => {
    window.shared = [];
    navigator.canShare = () => true;
    navigator.share = async ({files}) => void shared.push(...files);
}"""


def _saved(page: Any, button: str, path: Path) -> bytes:
    with page.expect_download() as download:
        page.click(button)
    download.value.save_as(path)
    return path.read_bytes()


def test_drawing_and_result_become_one_picture(open_page: Open, tmp_path: Path) -> None:
    page = open_page()
    wait_for_result(page)
    page.evaluate(SHARED)
    page.focus("#postcard")
    page.keyboard.press("Enter")
    page.fill("dialog input", "My house")
    saved = _saved(page, "dialog button.main", tmp_path / "a.png")
    picture = np.array(Image.open(io.BytesIO(saved)).convert("RGB"))
    width = picture.shape[1]
    assert width >= 1024
    # 64 px at 1024 - 2 * 32 - 72 for two: 444 px each, below the title.
    known = np.array(Image.fromarray(example(1, target=False)).resize((444, 444), Image.Resampling.NEAREST))
    assert np.abs(picture[96:540, 32:476].astype(int) - known).mean() < 2
    inverted = picture[96:540, width - 476 : width - 32].astype(int)
    assert np.abs(inverted - (255 - known.astype(int))).mean() < 6  # smooth
    assert np.ptp(picture[40:90, 32:200]) > 100  # the title
    page.click("dialog button:has-text('Share')")
    until(page, lambda: page.evaluate("shared.length === 1 && shared[0].size > 1000"))
    assert page.evaluate("shared[0].name") == "facades.png"
    page.keyboard.press("Escape")
    wait_for_focus(page, "postcard")
