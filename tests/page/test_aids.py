"""Stamps, mirror symmetry, the grid and selected shapes, on the page."""

from __future__ import annotations

from tests.page.conftest import Open
from tests.page.page_actions import RGB, choose, colours, drag, pixels, spot, until, wait_for, wait_for_result


def test_a_stamp_is_drawn_in_one_press_also_mirrored_and_by_keys(open_page: Open) -> None:
    page = open_page()
    stamp = page.locator("#stamps button").bounding_box()
    assert stamp["y"] + stamp["height"] <= page.viewport_size["height"]
    page.click("#clear")
    page.focus("#stamps button")
    page.keyboard.press("Enter")
    assert page.get_attribute("#stamps button", "aria-pressed") == "true"
    page.mouse.click(*spot(page, 20, 30))
    wait_for_result(page)
    drawn = pixels(page, "drawing")
    assert (drawn[24:36, 16:24] == RGB["window"]).all()
    assert (drawn[36:38, 14:26] == RGB["sky"]).all()
    page.keyboard.press("Control+z")
    until(page, lambda: colours(page) == {RGB["wall"]})
    page.check("#mirror")
    page.focus("#drawing")
    page.keyboard.press("Shift+ArrowLeft")
    page.keyboard.press("Space")
    wait_for_result(page)
    drawn = pixels(page, "drawing")
    assert (drawn == drawn[:, ::-1]).all()
    assert (drawn[30, 22] == RGB["window"]).all()
    assert (drawn[30, 32] == RGB["wall"]).all()


def test_a_shape_snaps_is_moved_copied_and_removed(open_page: Open) -> None:
    page = open_page()
    page.click("#clear")
    page.select_option("#grid", "8")
    choose(page, "rectangle", "door")
    drag(page, (6, 9), (17, 23))
    wait_for_result(page)
    assert (pixels(page, "drawing")[8:24, 8:16] == RGB["door"]).all()
    page.focus("#drawing")
    page.keyboard.press("a")
    drag(page, (10, 10), (25, 20))
    wait_for_result(page)
    drawn = pixels(page, "drawing")
    assert (drawn[16:32, 24:32] == RGB["door"]).all()
    assert (drawn[8:16, 8:16] == RGB["wall"]).all()
    page.keyboard.press("Control+d")
    wait_for(page, "document.querySelector('#announcement').textContent === 'Shape copied'")
    wait_for_result(page)
    assert (pixels(page, "drawing")[24:40, 32:40] == RGB["door"]).all()
    page.keyboard.press("Delete")
    page.keyboard.press("Control+z")
    page.keyboard.press("Control+z")
    wait_for_result(page)
    assert (pixels(page, "drawing") == drawn).all()
