"""An exported page before its network is there."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import numpy as np
import pytest

from tests.page.conftest import Open
from tests.page.page_actions import pixels, wait_for
from tests.page.page_server import card, example

MEGABYTE = bytes(1_000_000)
PARTS = [
    {"file": f"part-{n}.bin", "bytes": len(MEGABYTE), "sha256": hashlib.sha256(MEGABYTE).hexdigest()}
    for n in range(4)
]
RUNTIME = {"wasm": {"module": "x.js", "binary": {"parts": PARTS, "bytes": 4_000_000, "gzip": False}}}


def exported() -> dict[str, Any]:
    """Return a model whose network is to be downloaded; the first example has its result."""
    pairs = card("", "labels")["examples"]
    network = {"parts": [], "bytes": 0, "gzip": False, "noise": []}
    pairs[0]["result"] = "pairs/1?target"
    return card("exported", "labels", translate=None, network=network, examples=pairs)


@pytest.mark.slow
def test_the_first_result_comes_with_the_page_and_the_target_is_in_reach(open_page: Open) -> None:
    page = open_page()
    parts: list[Any] = []
    page.route("**/api/models", lambda route: route.fulfill(body=json.dumps({"models": [exported()]})))
    page.route("**/runtime.json", lambda route: route.fulfill(body=json.dumps(RUNTIME)))
    page.context.route("**/part-*.bin", lambda route: parts.append(route))
    page.reload()
    page.wait_for_selector("#result[aria-label]")
    assert np.array_equal(pixels(page, "result"), example(1, target=True))
    for wait_ms in (0, 1100):
        while not parts:
            page.wait_for_timeout(20)
        page.wait_for_timeout(wait_ms)
        parts.pop().fulfill(body=MEGABYTE)
    page.wait_for_selector("#shipped")
    assert page.locator(".loading").first.is_hidden()
    assert page.inner_text("#shipped").startswith("This result came with the page")
    wait_for(page, "document.querySelector('#fetching-words').textContent.endsWith('s left')")
    assert page.inner_text("#fetching-words").startswith("Fetching the network, 2.0 of 4.0 MB, about ")
    page.click("#compare label >> nth=2")
    assert np.array_equal(pixels(page, "compared"), example(1, target=True))
    page.select_option("#language", "zh")
    assert page.inner_text("#shipped").startswith("此结果")
    assert page.locator("#fetching").bounding_box()["height"] < 120  # the result stays in sight
