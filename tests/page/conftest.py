"""The page in a real browser: Debian's Chromium, driven by Playwright."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.page.page_actions import choose_model, wait_for
from tests.page.page_server import Api, serving

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream",
]
Open = Callable[..., Any]


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Start Chromium for one module: its event loop would disturb tests that run their own."""
    sync_api = pytest.importorskip("playwright.sync_api")
    path = shutil.which("chromium") or shutil.which("chromium-browser")
    if path is None:
        pytest.skip("needs Chromium")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def api() -> Iterator[Api]:
    with serving() as api:
        yield api


@pytest.fixture
def open_page(browser: Any, api: Api) -> Iterator[Open]:
    contexts = []

    def open_page(model: str = "facades", address: str = "", *, waits: bool = True, **settings: Any) -> Any:
        """Open the page with this model and wait for its first translation; scripts must not fail."""
        settings = {"viewport": {"width": 1300, "height": 850}, "locale": "en-GB"} | settings
        context = browser.new_context(**settings)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(30_000)
        page.on("pageerror", lambda error: page.failures.append(error))
        page.failures = []
        page.goto(address or api.address)
        if model != "facades":
            choose_model(page, model)
        wait_for(page, "name => document.title.startsWith(name)", model)
        if model == "facades" and waits:
            page.wait_for_selector("#result[aria-label]")
        return page

    yield open_page
    for context in contexts:
        assert not [str(failure) for page in context.pages for failure in page.failures]
        context.close()
