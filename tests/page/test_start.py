"""An empty sheet is not translated: it invites to draw, and offers examples."""

from __future__ import annotations

import numpy as np

from tests.page.conftest import Open
from tests.page.page_actions import choose, drag, pixels, wait_for, wait_for_result
from tests.page.page_server import Api, example

NO_RESULT = "!document.querySelector('#result[aria-label]')"


def test_an_empty_sheet_invites_in_place_of_a_result(open_page: Open, api: Api) -> None:
    page = open_page("shoes")
    assert page.inner_text("#invite").startswith("Draw a few lines")
    assert page.inner_text("#start").strip() == "The result appears here as soon as you draw."
    assert not page.is_visible("#start-title")  # this model has no examples
    assert page.is_disabled("#translate")
    assert not [request for request in api.requests if "shoes" in request["path"]]
    drag(page, (8, 8), (40, 30))
    wait_for_result(page)
    assert not page.is_visible("#start")
    assert not page.is_visible("#invite")
    choose(page, "eraser")
    page.fill("#px", "40")
    drag(page, (8, 8), (40, 30))
    wait_for(page, NO_RESULT)
    assert page.is_visible("#invite")


def test_a_cleared_sheet_offers_examples(open_page: Open) -> None:
    page = open_page()
    page.click("#clear")
    wait_for(page, NO_RESULT)
    assert page.is_visible("#invite")
    assert page.inner_text("#start").startswith("The sheet is all wall: the result appears")
    assert page.inner_text("#start").splitlines()[-1] == "Or start from one of these:"
    page.click("#start-examples button >> nth=1")
    assert np.array_equal(wait_for_result(page), example(2, target=True))
    assert not page.is_visible("#start")
    page.click("#fresh")
    wait_for(page, NO_RESULT)
    page.select_option("#language", "zh")
    assert all(text > "一" for text in page.inner_text("#start").split("\n") if text)
    assert np.ptp(pixels(page, "drawing"), axis=(0, 1)).max() == 0
