"""The page on a phone: what is needed lies in the dock, and nothing lies over the result."""

from __future__ import annotations

from typing import Any

from tests.page.conftest import Open
from tests.page.page_actions import PHONE, choose_model, upload, wait_for, wait_for_result

SMALL = PHONE | {"viewport": {"width": 390, "height": 844}}


def overlap(page: Any, one: str, other: str) -> bool:
    """Return whether two elements share a part of the window."""
    a, b = page.locator(one).bounding_box(), page.locator(other).bounding_box()
    sides = (("x", "width"), ("y", "height"))
    return all(a[at] < b[at] + b[size] and b[at] < a[at] + a[size] for at, size in sides)


def test_a_phone_has_variants_examples_saving_and_all_classes_in_its_dock(open_page: Open) -> None:
    page = open_page("city", **SMALL)
    labels = page.eval_on_selector_all("#reach > button", "all => all.map(b => b.innerText.trim())")
    assert labels == ["Random", "Another", "Four", "Save"]
    for name in ("example", "another", "four", "save-picture"):
        box = page.locator(f"#{name}").bounding_box()
        assert min(box["width"], box["height"]) >= 44
        assert box["y"] + box["height"] <= 844
    assert not overlap(page, "#result-stage", ".toolbar")
    icons = page.eval_on_selector_all(".icon-button use, .reach use", "all => all.map(u => u.href.baseVal)")
    assert len(icons) == len(set(icons))
    page.check("#tools input[value=brush]", force=True)
    assert page.locator("#px").bounding_box()["width"] >= 160
    assert page.is_visible("#swatches input >> nth=0")  # for keys and screen readers
    page.click("#all-classes")
    page.locator("#swatches label", has_text="class 19").click()
    assert page.get_attribute("#all-classes", "aria-expanded") == "false"
    assert page.is_checked("#swatches input[value='#000013']")
    page.click("#four")
    wait_for(page, "document.querySelectorAll('#strip canvas')[3].width === 64")
    page.wait_for_selector("#strip .spread p")
    assert not overlap(page, "#strip", ".toolbar")
    page.select_option("#language", "zh")
    labels = page.eval_on_selector_all("#reach > button", "all => all.map(b => b.innerText.trim())")
    assert labels == ["随机", "换一个", "四个", "保存"]


def test_notices_cover_neither_the_result_nor_its_buttons(open_page: Open) -> None:
    for settings in ({}, SMALL):
        page = open_page(**settings)
        upload(page, "notes.png", b"no picture at all")
        page.wait_for_selector(".notice.error")
        for other in (".top", "#result-stage", "#save-picture", "#translate"):
            assert not overlap(page, ".notice", other), other
        page.click(".notice .icon-button")
        choose_model(page, "inpaint")
        wait_for(page, "document.querySelector('#drawing-title').textContent === 'Photograph'")
        page.select_option("#language", "zh")
        assert page.inner_text("#drawing-title") == "照片"
        choose_model(page, "facades")
        wait_for_result(page)
        assert page.inner_text("#drawing-title") == "绘图"
