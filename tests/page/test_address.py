"""The page's address says what is chosen: a reload and a shared address keep it."""

from __future__ import annotations

from typing import Any

from tests.page.conftest import Open
from tests.page.page_actions import choose, drag, wait_for, wait_for_result
from tests.page.page_server import PALETTE


def shown(page: Any) -> tuple[bool, ...]:
    """Return whether each of the choices is the one that the tests make."""
    return (
        page.is_checked("#tools input[value=brush]"),
        page.is_checked(f"#swatches input[value='{PALETTE['door']}']"),
        page.is_checked("#live"),
        page.is_checked("#modes input[value=paper]"),
    )


def test_reload_and_sharing_keep_tool_class_variant_and_live(open_page: Open) -> None:
    page = open_page()
    choose(page, "brush", "door")
    drag(page, (8, 8), (24, 20))
    page.click("#another")
    page.click("#another")
    wait_for_result(page, sample=2)
    page.uncheck("#live")
    wait_for(
        page,
        "['tool=brush', 'class=door', 'variant=3', 'live=off'].every(part => location.hash.includes(part))",
    )
    page.reload()
    wait_for_result(page, sample=2)
    assert shown(page) == (True, True, False, True)
    page.click("#share")
    address = page.input_value("dialog input")
    page.keyboard.press("Escape")
    other = open_page(address=address)
    wait_for_result(other, sample=2)
    assert shown(other) == (True, True, False, True)
    wait_for(other, "!location.hash.includes('d=')")  # the drawing is the visitor's own from now on

    page.evaluate("location.hash = 'model=facades&mode=deterministic&tool=nonsense&class=sky'")
    wait_for(page, "document.querySelector('#modes input[value=deterministic]').checked")
    wait_for_result(page)
    assert page.is_checked(f"#swatches input[value='{PALETTE['sky']}']")
    assert page.is_checked("#tools input[value=brush]")
