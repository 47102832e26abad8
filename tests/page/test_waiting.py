"""What the page says while it waits, and that errors go when the server is back."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from tests.page.conftest import Open
from tests.page.page_actions import choose, drag, wait_for, wait_for_result
from tests.page.page_server import example


def test_a_result_that_is_out_of_date_is_marked(open_page: Open) -> None:
    page = open_page()
    page.uncheck("#live")
    choose(page, "rectangle", "door")
    drag(page, (8, 8), (24, 20))
    page.wait_for_selector("#waiting")
    assert page.inner_text("#waiting") == "The drawing has changed: press Translate."
    page.click("#translate")
    wait_for_result(page)
    page.wait_for_selector("#waiting", state="hidden")


@pytest.mark.slow
def test_a_slow_line_says_what_it_waits_for_and_errors_go_with_the_servers_return(open_page: Open) -> None:
    page = open_page()
    held: list[Any] = []
    page.route("**/translate*", lambda route: held.append(route))
    choose(page, "rectangle", "door")
    drag(page, (8, 8), (24, 20))
    page.wait_for_selector("#waiting")
    assert page.inner_text("#waiting") == "Waiting for the result…"
    for route in held:
        route.abort()
    page.unroute("**/translate*")
    wait_for(page, "document.querySelector('#waiting').textContent.startsWith('The server')")
    page.wait_for_selector("#waiting", state="hidden")
    wait_for_result(page)

    page.route("**/pairs/**", lambda route: route.abort())
    page.click("#example")
    page.wait_for_selector(".notice.error")
    assert "the server does not answer" in page.inner_text(".notice.error")
    page.unroute("**/pairs/**")
    page.wait_for_selector(".notice.error", state="detached")
    result = wait_for_result(page)
    assert any(np.array_equal(result, example(n, target=True)) for n in (2, 3))

    held.clear()
    page.route("**/api/models", lambda route: held.append(route))
    page.reload()
    page.wait_for_selector(".loading")
    assert page.inner_text("#result-stage .loading") == "Loading the models…"
    for route in held:
        route.fulfill(status=502, body=json.dumps({}))
    page.wait_for_selector(".notice.error")
    page.unroute("**/api/models")
    page.wait_for_selector(".notice.error", state="detached")
    page.wait_for_selector("#result[aria-label]")
    assert page.locator(".loading").first.is_hidden()
