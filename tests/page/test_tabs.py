"""Two tabs of one page: each keeps its own drawing."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.page.conftest import Open
from tests.page.page_actions import choose, drag, pixels, until, wait_for_result

COUNT = """async () => {
    const ended = (request) =>
        new Promise((done) => (request.onsuccess = () => done(request.result)));
    const database = await ended(indexedDB.open("pix2pix /", 1));
    const kept = await ended(database.transaction("drawings").objectStore("drawings").getAll());
    database.close();
    return kept.filter(({ strokes }) => strokes.at(-1).tool === "rectangle").length;
}"""


@pytest.mark.slow
def test_two_tabs_keep_both_drawings(open_page: Open) -> None:
    first = open_page()
    second = another(first)
    drawn = []
    for page, colour in ((first, "door"), (second, "window")):
        choose(page, "rectangle", colour)
        drag(page, (8, 8), (24, 20))
        wait_for_result(page)
        drawn.append(pixels(page, "drawing"))
    until(first, lambda: first.evaluate(COUNT) == 2)
    first.reload()
    first.wait_for_selector("#result[aria-label]")
    assert np.array_equal(pixels(first, "drawing"), drawn[0])
    second.close()
    first.close()
    last = another(first)
    assert np.array_equal(pixels(last, "drawing"), drawn[1])
    last.click(".notice[data-name=tabs] .button")
    until(last, lambda: np.array_equal(pixels(last, "drawing"), drawn[0]))
    last.click("#undo")
    assert np.array_equal(pixels(last, "drawing"), drawn[1])


def another(page: Any) -> Any:
    """Open the page in another tab of the same visitor."""
    other = page.context.new_page()
    other.failures = []
    other.goto(page.url.split("#")[0])
    other.wait_for_selector("#result[aria-label]")
    return other
