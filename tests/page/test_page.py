"""Drawing on the page, by mouse, keys and fingers."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.page.conftest import Open
from tests.page.page_actions import (
    PHONE,
    RGB,
    choose,
    colours,
    drag,
    pixels,
    spot,
    wait_for,
    wait_for_focus,
    wait_for_result,
)
from tests.page.page_server import PALETTE, example


def test_a_first_visit_shows_an_example_and_what_to_do(open_page: Open) -> None:
    page = open_page()
    assert np.array_equal(wait_for_result(page), example(1, target=True))
    assert page.inner_text("#invite").startswith("Choose a class")
    assert page.inner_text("#time") == "7 ms, server"


def test_a_rectangle_changes_the_result(open_page: Open) -> None:
    page = open_page()
    before = wait_for_result(page)
    choose(page, "rectangle", "window")
    drag(page, (8, 8), (24, 20))
    after = wait_for_result(page)
    changed = (before != after).any(axis=2)
    assert changed[8:20, 8:24].all()
    assert changed.sum() == 12 * 16
    assert page.inner_text("#announcement") == "window, rectangle 16 by 12"
    assert not page.is_visible("#invite")


def test_undo_redo_and_clear(open_page: Open) -> None:
    page = open_page()
    choose(page, "rectangle", "door")
    drag(page, (8, 8), (24, 20))
    drawn = pixels(page, "drawing")
    page.click("#undo")
    assert np.array_equal(wait_for_result(page), example(1, target=True))
    page.keyboard.press("Control+Shift+Z")
    wait_for_result(page)
    assert np.array_equal(pixels(page, "drawing"), drawn)
    page.click("#clear")
    wait_for(page, "!document.querySelector('#result[aria-label]')")
    assert colours(page) == {RGB["wall"]}
    page.keyboard.press("Control+z")
    wait_for_result(page)
    assert np.array_equal(pixels(page, "drawing"), drawn)
    for _ in range(2):
        page.click("#undo")
    assert page.is_disabled("#undo")


def test_all_tools_leave_nothing_but_colours_of_classes(open_page: Open) -> None:
    page = open_page()
    page.select_option("#size", "custom")
    page.fill("dialog input >> nth=0", "171")
    page.fill("dialog input >> nth=1", "100")
    page.keyboard.press("Enter")
    wait_for(page, "document.querySelector('#drawing').width === 171")
    choose(page, "brush", "window")
    page.fill("#px", "7")
    drag(page, (5, 20), (30, 50), (60, 22))
    choose(page, "polygon", "sky")
    for corner in ((10, 20), (50, 25), (30, 45)):
        page.mouse.click(*spot(page, *corner))
    page.keyboard.press("Enter")
    assert page.inner_text("#announcement") == "sky, polygon of 3 corners"
    choose(page, "fill", "door")
    page.mouse.click(*spot(page, 2, 20))
    wait_for_result(page)
    assert colours(page) == set(RGB.values())
    choose(page, "pick")
    page.mouse.click(*spot(page, 30, 30))
    assert page.is_checked(f"#swatches input[value='{PALETTE['sky']}']")


def test_a_brush_paints_while_it_moves_and_escape_gives_up(open_page: Open) -> None:
    page = open_page()
    choose(page, "brush", "door")
    page.mouse.move(*spot(page, 8, 8))
    page.mouse.down()
    page.mouse.move(*spot(page, 30, 8), steps=5)
    assert (wait_for_result(page)[8, 20] == 255 - np.array(RGB["door"])).all()
    page.keyboard.press("Escape")
    assert np.array_equal(wait_for_result(page), example(1, target=True))
    page.mouse.up()
    assert np.array_equal(wait_for_result(page), example(1, target=True))


def test_with_keys_alone(open_page: Open) -> None:
    page = open_page()
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")  # skip to the drawing
    wait_for_focus(page, "drawing")
    page.keyboard.press("r")
    page.keyboard.press("3")
    for key in ("Shift+ArrowLeft", "Space", "ArrowRight", "Shift+ArrowDown", "Space"):
        page.keyboard.press(key)
    drawn = np.array(example(1, target=False))
    drawn[32:43, 22:24] = RGB["door"]
    wait_for_result(page)
    assert np.array_equal(pixels(page, "drawing"), drawn)
    page.locator("#announcement", has_text="door, rectangle 2 by 11").wait_for(state="attached")
    page.keyboard.press("?")
    page.locator("dialog[open]", has_text="Undo").wait_for()
    page.keyboard.press("Escape")
    wait_for_focus(page, "drawing")
    page.keyboard.press("v")
    wait_for_result(page, sample=1)


def touch(fingers: Any, page: Any, kind: str, *points: tuple[float, float]) -> None:
    """Send a touch event with fingers at these points of the drawing."""
    places = [dict(zip("xy", spot(page, *p), strict=True), id=i) for i, p in enumerate(points)]
    fingers.send("Input.dispatchTouchEvent", {"type": f"touch{kind}", "touchPoints": places})


def test_one_finger_draws_and_two_zoom(open_page: Open) -> None:
    page = open_page(**PHONE)
    fingers = page.context.new_cdp_session(page)
    choose(page, "rectangle", "window")
    touch(fingers, page, "Start", (8, 8))
    touch(fingers, page, "Move", (20, 16))
    touch(fingers, page, "End")
    assert (wait_for_result(page)[8:16, 8:20] == 255 - np.array(RGB["window"])).all()
    drawn = pixels(page, "drawing")
    touch(fingers, page, "Start", (20, 32))
    touch(fingers, page, "Start", (20, 32), (40, 32))
    touch(fingers, page, "Move", (10, 32), (50, 32))
    touch(fingers, page, "End")
    assert page.inner_text("#zoom-now") == "200 %"
    assert np.array_equal(pixels(page, "drawing"), drawn)


def test_on_a_phone_everything_is_in_reach(open_page: Open) -> None:
    page = open_page(**PHONE)
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    height = page.viewport_size["height"]
    for selector in ("#stage", "#result-stage", "#tools", "#undo", "#swatches"):
        box = page.locator(selector).bounding_box()
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= 360
        assert box["y"] + box["height"] <= height
    dock = page.locator(".toolbar").bounding_box()
    assert page.locator("#result-stage").bounding_box()["y"] + 200 < dock["y"]


def test_in_chinese_and_dark(open_page: Open) -> None:
    page = open_page(locale="zh-CN", color_scheme="dark")
    assert page.inner_text("#result-title") == "结果"
    assert page.evaluate("document.documentElement.lang") == "zh-Hans"
    page.click("#theme")
    page.select_option("#language", "en")
    page.reload()
    page.wait_for_selector("#result[aria-label]")
    assert page.inner_text("#result-title") == "Result"
    assert page.evaluate("document.documentElement.dataset.theme") == "light"


@pytest.mark.slow
def test_axe_finds_no_violation(open_page: Open) -> None:
    """Check accessibility by axe-core, which is not part of this package: PIX2PIX_AXE=.../axe.min.js."""
    script = os.environ.get("PIX2PIX_AXE")
    if script is None:
        pytest.skip("needs PIX2PIX_AXE, the path of axe-core's axe.min.js")
    for settings in ({}, {"color_scheme": "dark"}, PHONE):
        page = open_page(**settings)
        page.evaluate(Path(script).read_text("utf-8"))
        states = {"": "", "#keys": "dialog", "#share": "dialog", "#four": "#strip", "#postcard": "dialog"}
        states |= {"#model": "dialog", "#about": "#about-model", "#clear": "#stage"}
        for button, opened in states.items():
            if button:
                page.click(button)
                page.wait_for_selector(opened)
            violations = page.evaluate(
                "axe.run().then(r => r.violations.map(v => v.id + ' ' + v.nodes[0].target))"
            )
            assert violations == [], button
            page.keyboard.press("Escape")
            wait_for(page, "!document.querySelector('dialog')")
