"""The page with nothing to show: no photograph, no result, no server."""

from __future__ import annotations

from tests.page.conftest import Open
from tests.page.page_actions import choose_model, drag, pixels, upload, wait_for, wait_for_result
from tests.page.page_server import example, png


def test_without_a_photograph_there_is_nothing_to_save_and_messages_go(open_page: Open) -> None:
    page = open_page()
    upload(page, "notes.png", b"no picture at all")
    page.wait_for_selector(".notice.error")
    assert "notes.png" in page.inner_text(".notice.error")
    choose_model(page, "colour")
    wait_for(page, "document.title.startsWith('colour')")
    assert page.locator(".notice").count() == 0
    for name in ("translate", "another", "four", "copy", "save-picture", "share", "save-drawing"):
        assert page.is_disabled(f"#{name}"), name
    assert page.locator("#result[aria-label]").count() == 0
    assert page.inner_text("#time") == ""
    assert page.inner_text("#start").strip() == "The result appears here as soon as there is a photograph."


def test_clearing_rubs_out_the_hole_before_the_photograph(open_page: Open) -> None:
    page = open_page("inpaint")
    page.uncheck("#keep-rest")
    upload(page, "photo.png", png(example(1, target=True)))
    wait_for_result(page)
    page.click("#clear")
    assert (pixels(page, "drawing") == example(1, target=True)).all()
    page.click("#clear")
    assert page.is_visible("#empty")


def test_a_server_that_is_gone_takes_no_icon_and_leaves_no_old_result(open_page: Open) -> None:
    page = open_page()
    page.route("**/*", lambda route: route.abort())
    choose_model(page, "shoes")
    wait_for(page, "document.title.startsWith('shoes')")
    drag(page, (8, 8), (40, 30))
    page.wait_for_selector(".notice.error")
    widths = "[...document.querySelectorAll('.tool svg')].map((svg) => svg.getBBox().width)"
    assert min(page.evaluate(widths)) > 0
    assert page.locator("#result[aria-label]").count() == 0
    page.unroute("**/*")
    page.click("#translate")
    wait_for_result(page)
    wait_for(page, "!document.querySelector('.notice')")


def test_damaged_choices_of_earlier_visits_are_forgotten(open_page: Open) -> None:
    page = open_page()
    page.evaluate("localStorage.setItem(`pix2pix ${location.pathname}`, '{damaged')")
    page.reload()
    wait_for(page, "document.title.startsWith('facades')")
    drag(page, (8, 8), (40, 30))
    wait_for_result(page)
    assert not page.failures
