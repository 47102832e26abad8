"""Actions on the page: draw in the window, read canvases."""

from __future__ import annotations

import base64
import io
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


def wait_for_result(page: Any, sample: int = 0) -> np.ndarray:
    """Return the result once it is the translation of the current drawing."""
    page.evaluate("() => new Promise(requestAnimationFrame)")  # shows the last stroke
    for _ in range(300):
        drawing, result = pixels(page, "drawing"), pixels(page, "result")
        if np.array_equal(result, 255 - drawing + np.uint8(20 * sample)):
            return result
        page.wait_for_timeout(15)
    raise AssertionError("The result does not follow the drawing.")


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
