"""One picture of drawing and result, the time-lapse, and the webcam."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.page.conftest import Open
from tests.page.page_actions import choose, drag, pixels, until, wait_for, wait_for_focus, wait_for_result
from tests.page.page_server import Api, example

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


def test_the_picture_shows_the_result_of_the_last_stroke_also_when_that_comes_late(open_page: Open) -> None:
    page = open_page()
    wait_for_result(page)
    choose(page, "rectangle", "window")
    drag(page, (8, 8), (24, 20))
    page.evaluate("document.querySelector('#postcard').click()")
    colour = "[...document.querySelector('.postcard').getContext('2d').getImageData(655, 130, 1, 1).data]"
    wait_for(page, f"{colour}.slice(0, 3).join() === '255,138,0'")  # the window's inverse, in the result


@pytest.mark.slow  # a video takes as long as it lasts
def test_a_time_lapse_shows_the_drawing_grow(open_page: Open, api: Api, tmp_path: Path) -> None:
    page = open_page()
    page.click("#clear")
    for left in (4, 24):
        choose(page, "rectangle", "door")
        drag(page, (left, 8), (left + 10, 20))
    wait_for_result(page)
    assert page.is_enabled("#postcard")
    page.click("#postcard")
    before = len(api.requests)
    page.click("dialog button:has-text('Record')")
    page.wait_for_selector("dialog video")
    wait_for(page, "document.querySelector('dialog video').videoWidth >= 1024")
    assert len(api.requests) - before == 3  # the first pair and two doors, not the empty sheet
    assert "ready" in page.inner_text("dialog [role=status] >> nth=1")
    video = _saved(page, "dialog video + .row button", tmp_path / "a.webm")
    assert video[:4] == b"\x1aE\xdf\xa3"  # the start of every WebM file


def test_the_webcam_is_translated_live_and_a_photograph_taken(open_page: Open) -> None:
    page = open_page("colour")
    page.click("#webcam")
    rate = "document.querySelector('dialog .quiet')?.textContent"
    wait_for(page, f"/^\\d+\\.\\d pictures a second/.test({rate})")
    short = page.evaluate(
        "Math.min(...['width', 'height'].map(k => document.querySelector('.webcam canvas')[k]))"
    )
    assert short == 64  # as in training
    page.keyboard.press("Enter")  # take the photograph
    page.wait_for_selector("#empty", state="hidden")
    wait_for_result(page)
    assert min(pixels(page, "drawing").shape[:2]) == 64
