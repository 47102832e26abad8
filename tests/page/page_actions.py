"""Actions on the page: draw in the window, read canvases."""

from __future__ import annotations

import base64
import io
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from PIL import Image

from tests.page.page_server import PALETTE

RGB = {name: tuple(bytes.fromhex(colour[1:])) for name, colour in PALETTE.items()}
PHONE = {"viewport": {"width": 360, "height": 740}, "has_touch": True, "is_mobile": True}


def pixels(page: Any, canvas: str) -> np.ndarray:
    """Return (H, W, 3) uint8 of a canvas, after the next frame has brought the drawing to it."""
    url = page.eval_on_selector(
        f"#{canvas}", "c => new Promise(done => requestAnimationFrame(() => done(c.toDataURL())))"
    )
    return np.array(Image.open(io.BytesIO(base64.b64decode(url.split(",")[1]))).convert("RGB"))


def until(page: Any, holds: Callable[[], bool]) -> None:
    """Wait until something holds that the page cannot tell; half a minute is enough on any machine."""
    end = time.monotonic() + 30
    while not holds():
        assert time.monotonic() < end, "The page does not come to what was expected."
        page.wait_for_timeout(15)


def wait_for(page: Any, condition: str, arg: Any = None) -> None:
    """Wait until a condition holds in the page.

    Playwright's own waiting evaluates texts in the page whenever it looks again, which the page's
    content security policy forbids.
    """
    until(page, lambda: page.evaluate(condition, arg))


def wait_for_focus(page: Any, element: str) -> None:
    wait_for(page, "id => document.activeElement.id === id", element)


def wait_for_result(page: Any, sample: int = 0) -> np.ndarray:
    """Return the result once it is the translation of the current drawing."""
    page.evaluate("() => new Promise(requestAnimationFrame)")  # shows the last stroke

    def follows() -> bool:
        return np.array_equal(pixels(page, "result"), 255 - pixels(page, "drawing") + np.uint8(20 * sample))

    until(page, follows)
    return pixels(page, "result")


def spot(page: Any, x: float, y: float) -> tuple[float, float]:
    """Return where a point of the 64 px drawing lies in the window."""
    box = page.locator("#stage").bounding_box()
    return box["x"] + box["width"] * x / 64, box["y"] + box["height"] * y / 64


def drag(page: Any, *points: tuple[float, float]) -> None:
    """Press at the first point, move through the others, release at the last."""
    page.mouse.move(*spot(page, *points[0]))
    page.mouse.down()
    for point in points[1:]:
        page.mouse.move(*spot(page, *point), steps=4)
    page.mouse.up()


def choose_model(page: Any, name: str) -> None:
    """Choose a model in the gallery."""
    wait_for(page, "!document.querySelector('#model').disabled")
    page.click("#model")
    page.click(f".gallery button[value={name}]")


def choose(page: Any, tool: str = "", colour: str = "") -> None:
    """Choose a tool and a class by their radio buttons."""
    if tool:
        page.check(f"#tools input[value={tool}]", force=True)
    if colour:
        page.check(f"#swatches input[value='{PALETTE[colour]}']", force=True)


def colours(page: Any) -> set[tuple[int, ...]]:
    """Return the colours of the drawing."""
    return set(map(tuple, pixels(page, "drawing").reshape(-1, 3).tolist()))


def upload(page: Any, name: str, body: bytes, kind: str = "image/png") -> None:
    page.set_input_files("#file", {"name": name, "mimeType": kind, "buffer": body})
