"""Small things on the page: tools, words, modes and what can be compared."""

from __future__ import annotations

import pytest

from tests.page.conftest import Open
from tests.page.page_actions import choose, choose_model, drag, spot, wait_for
from tests.page.page_server import PALETTE, Api


def test_the_pick_gives_back_the_tool_and_words_say_what_they_do(open_page: Open) -> None:
    page = open_page()
    for tool in ("brush", "fill"):
        choose(page, tool)
        choose(page, "pick")
        page.mouse.click(*spot(page, 12, 60))
        assert page.is_checked(f"#tools input[value={tool}]")
        assert page.is_checked(f"#swatches input[value='{PALETTE['door']}']")
    clear, fresh = (page.get_attribute(f"#{name}", "aria-label") for name in ("clear", "fresh"))
    assert (clear, fresh) == ("Clear, keeping the size", "New drawing, in the trained size")
    assert "Running is not offered: this model kept no statistics" in page.inner_text("#mode-hint")
    page.select_option("#language", "zh")
    assert page.inner_text("#swatches").split()[::2] == ["天空", "墙", "门", "窗"]
    assert "训练统计" in page.inner_text("#mode-hint")
    assert page.get_attribute("#clear", "aria-label") == "清空（尺寸不变）"

    choose_model(page, "colour")
    wait_for(page, "document.title.startsWith('colour')")
    assert page.is_disabled("#compare input[value=drawing]")
    page.keyboard.press("c")
    assert page.is_hidden("#divider")
    page.select_option("#language", "en")
    assert page.inner_text("#compare").split() == ["Off", "Photograph", "Target"]


def test_variants_say_how_far_they_are_apart_and_where(open_page: Open, api: Api) -> None:
    page = open_page()
    api.levels = 4
    choose(page, "rectangle", "wall")  # no level overflows
    drag(page, (0.5, 0.5), (63.9, 63.9))
    page.click("#four")
    spread = page.locator("#strip .spread", has_text="These four differ by 4.5 of 255 levels")
    spread.wait_for()
    assert "same" not in spread.inner_text()
    assert spread.locator("canvas").get_attribute("width") == "64"
    api.levels = 1
    page.click("#four")
    page.click("#four")
    page.locator("#strip .spread", has_text="differ by 1.1 of 255 levels").wait_for()
    assert "model.dropout" in page.inner_text("#strip .spread")
    page.select_option("#language", "zh")
    assert "看起来一样" in page.inner_text("#strip .spread")
    page.click("#clear")
    page.wait_for_selector("#strip", state="hidden")  # there is nothing to choose from
    choose(page, "rectangle", "door")
    drag(page, (8, 8), (20, 20))
    page.wait_for_selector("#strip .spread")


def test_a_model_without_noise_says_so_and_offers_no_variants(open_page: Open, api: Api) -> None:
    page = open_page("still")
    page.wait_for_selector("#result[aria-label]")
    assert page.inner_text("#mode-hint").startswith("As in the paper, but this model has no dropout")
    assert page.is_disabled("#another")
    assert page.is_disabled("#four")
    page.goto(f"{api.address}#model=still&variant=3")
    page.reload()
    page.wait_for_selector("#result[aria-label]")
    assert {request["sample"] for request in api.requests if "still" in request["path"]} == {"0"}
    page.select_option("#language", "zh")
    assert "没有变体。不提供" in page.inner_text("#mode-hint")  # no space after a full stop


@pytest.mark.parametrize("width", [1030, 1200, 1300])
def test_the_buttons_of_the_result_stay_in_one_row(open_page: Open, width: int) -> None:
    page = open_page(viewport={"width": width, "height": 750})
    for language in ("en", "zh"):
        page.select_option("#language", language)
        tops = "all => [...new Set(all.map(button => Math.round(button.getBoundingClientRect().top)))]"
        assert len(page.eval_on_selector_all("#result-buttons button", tops)) == 1
