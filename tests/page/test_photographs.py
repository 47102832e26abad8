"""Photographs on the page: results of their own size, holes that leave the rest alone, and edges."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from tests.page.conftest import Open
from tests.page.page_actions import choose_model, colours, pixels, until, upload, wait_for, wait_for_result
from tests.page.page_server import png

WIDE = "document.querySelector('#result').width === 300"


def photograph(height: int, width: int) -> np.ndarray:
    """Return a smooth picture with dark and light parts, none of them as grey as a hole."""
    rows, columns = np.mgrid[:height, :width]
    planes = [columns * 60 / width + 20, rows * 60 / height + 20, columns * 0 + 60]
    picture = np.stack(planes, axis=2)
    picture[(rows - height / 2) ** 2 + (columns - width / 2) ** 2 < (height / 3) ** 2] += 100
    return picture.astype(np.uint8)


def saved(page: Any, folder: Path) -> np.ndarray:
    with page.expect_download() as download:
        page.click("#save-picture")
    download.value.save_as(folder / "saved.png")
    return np.array(Image.open(folder / "saved.png").convert("RGB"))


def test_colours_and_fillings_have_the_size_of_the_photograph(open_page: Open, tmp_path: Path) -> None:
    page = open_page("colour")
    own = photograph(300, 300)
    upload(page, "a.png", png(own))
    page.locator(".notice", has_text="keeps the photograph").wait_for()
    wait_for(page, WIDE)
    assert pixels(page, "drawing").shape == (64, 64, 3)
    coloured = saved(page, tmp_path)
    light = [np.array(Image.fromarray(picture).convert("L"), np.int16) for picture in (own, coloured)]
    assert coloured.shape == own.shape
    assert abs(light[0] - light[1]).mean() < 6  # lightness and luma are not quite the same

    choose_model(page, "inpaint")
    wait_for(page, "document.title.startsWith('inpaint')")
    upload(page, "a.png", png(own))
    wait_for(page, WIDE)
    filled = saved(page, tmp_path)
    changed = (filled != own).any(axis=2)
    assert changed[75:225, 75:225].mean() > 0.9
    changed[75:225, 75:225] = False
    assert not changed.any()
    page.uncheck("#keep-rest")
    wait_for_result(page)
    page.check("#keep-rest")
    wait_for(page, WIDE)
    page.select_option("#language", "zh")
    assert page.inner_text("#keep-field") == "保留照片的其余部分"


def test_a_hole_leaves_the_rest_alone_even_where_it_is_as_grey(open_page: Open) -> None:
    page = open_page("inpaint")
    own = photograph(64, 64)
    own[::2] = 0x7F
    upload(page, "a.png", png(own))
    hole = np.zeros((64, 64), bool)
    hole[16:48, 16:48] = True
    expected = np.where(hole[:, :, None], 0x80, own)  # the server inverts
    wait_for(page, "document.querySelector('#result').width === 64")
    page.wait_for_timeout(50)
    wait_for(page, "!document.querySelector('#result-stage[aria-busy=true]')")
    assert np.array_equal(pixels(page, "result"), expected)


def test_a_photograph_for_a_model_of_sketches_becomes_edges(open_page: Open) -> None:
    page = open_page("shoes")
    upload(page, "a.png", png(photograph(64, 96) + 50))
    notice = page.locator(".notice", has_text="draws from lines")
    notice.wait_for()
    assert page.locator(".notice.error").count() == 0
    notice.get_by_text("Make edges of it").click()
    until(page, lambda: colours(page) == {(0, 0, 0), (255, 255, 255)})
    wait_for_result(page)
    assert page.locator(".notice").count() == 0
    inked = (pixels(page, "drawing") == 0).all(axis=2)
    assert inked.shape == (64, 96)
    assert 40 < inked.sum() < 400  # a circle
    page.click("#undo")
    assert len(colours(page)) > 2
