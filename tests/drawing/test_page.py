"""The page in a real browser: Debian's Chromium, driven by Playwright."""

from __future__ import annotations

import base64
import io
import json
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.drawing.page_server import PALETTE, Api, example, png, serving

sync_api = pytest.importorskip("playwright.sync_api")

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
]  # fmt: skip
PHONE = {"viewport": {"width": 360, "height": 740}, "has_touch": True, "is_mobile": True}
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium")

RGB = {name: tuple(bytes.fromhex(colour[1:])) for name, colour in PALETTE.items()}
Open = Callable[..., Any]


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def api() -> Iterator[Api]:
    with serving() as api:
        yield api


@pytest.fixture
def open_page(browser: Any, api: Api) -> Iterator[Open]:
    contexts = []

    def open_page(model: str = "facades", address: str = "", **settings: Any) -> Any:
        """The page with this model, its first translation shown; scripts must not fail on it."""
        settings = {"viewport": {"width": 1300, "height": 850}, "locale": "en-GB"} | settings
        context = browser.new_context(**settings)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(8000)
        page.on("pageerror", lambda error: page.failures.append(error))
        page.failures = []
        page.goto(address or api.address)
        if model != "facades":
            page.wait_for_function("document.querySelector('#model').options.length")
            page.select_option("#model", model)
        page.wait_for_function("name => document.querySelector('#model').value === name", arg=model)
        if model in ("facades", "shoes"):
            page.wait_for_selector("#result[aria-label]")
        return page

    yield open_page
    for context in contexts:
        assert not [str(failure) for page in context.pages for failure in page.failures]
        context.close()


def pixels(page: Any, canvas: str) -> np.ndarray:
    """(H, W, 3) uint8 of a canvas."""
    url = page.eval_on_selector(f"#{canvas}", "canvas => canvas.toDataURL()")
    return np.array(Image.open(io.BytesIO(base64.b64decode(url.split(",")[1]))).convert("RGB"))


def wait_for_result(page: Any, sample: int = 0) -> np.ndarray:
    """The result once it is the translation of what is drawn now."""
    for _ in range(300):
        drawing, result = pixels(page, "drawing"), pixels(page, "result")
        if np.array_equal(result, np.roll(255 - drawing, sample, axis=2)):
            return result
        page.wait_for_timeout(15)
    raise AssertionError("The result does not follow the drawing.")


def spot(page: Any, x: float, y: float) -> tuple[float, float]:
    """Where a point of the 64 px drawing lies in the window."""
    box = page.locator("#stage").bounding_box()
    return box["x"] + box["width"] * x / 64, box["y"] + box["height"] * y / 64


def drag(page: Any, *points: tuple[float, float]) -> None:
    """Press at the first point, move through the others, let go at the last."""
    page.mouse.move(*spot(page, *points[0]))
    page.mouse.down()
    for point in points[1:]:
        page.mouse.move(*spot(page, *point), steps=4)
    page.mouse.up()


def choose(page: Any, tool: str = "", colour: str = "") -> None:
    """A tool and a class, by their radio buttons."""
    if tool:
        page.check(f"#tools input[value={tool}]", force=True)
    if colour:
        page.check(f"#swatches input[value='{PALETTE[colour]}']", force=True)


def colours(page: Any) -> set[tuple[int, ...]]:
    """The colours of the drawing."""
    return set(map(tuple, pixels(page, "drawing").reshape(-1, 3).tolist()))


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
    assert page.inner_text("#said") == "window, rectangle 16 by 12"
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
    wait_for_result(page)
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
    page.wait_for_function("document.querySelector('#drawing').width === 171")
    choose(page, "brush", "window")
    page.fill("#px", "7")
    drag(page, (5, 20), (30, 50), (60, 22))
    choose(page, "polygon", "sky")
    for corner in ((10, 20), (50, 25), (30, 45)):
        page.mouse.click(*spot(page, *corner))
    page.keyboard.press("Enter")
    assert page.inner_text("#said") == "sky, polygon of 3 corners"
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
    assert page.evaluate("document.activeElement.id") == "drawing"
    page.keyboard.press("r")
    page.keyboard.press("3")
    for key in ("Shift+ArrowLeft", "Space", "ArrowRight", "Shift+ArrowDown", "Space"):
        page.keyboard.press(key)
    drawn = np.array(example(1, target=False))
    drawn[32:43, 22:24] = RGB["door"]
    wait_for_result(page)
    assert np.array_equal(pixels(page, "drawing"), drawn)
    assert page.inner_text("#said") == "door, rectangle 2 by 11"
    page.keyboard.press("?")
    assert "Undo" in page.inner_text("dialog[open]")
    page.keyboard.press("Escape")
    assert page.evaluate("document.activeElement.id") == "drawing"
    page.keyboard.press("v")
    wait_for_result(page, sample=1)


def touch(fingers: Any, page: Any, kind: str, *points: tuple[float, float]) -> None:
    """A touch event with fingers at these points of the drawing."""
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
    dock = page.locator(".kit").bounding_box()
    assert page.locator("#result-stage").bounding_box()["y"] + 200 < dock["y"]


def upload(page: Any, name: str, body: bytes, kind: str = "image/png") -> None:
    page.set_input_files("#file", {"name": name, "mimeType": kind, "buffer": body})


def test_an_uploaded_label_map_becomes_exact_and_a_photograph_is_told(open_page: Open) -> None:
    page = open_page()
    blurred = io.BytesIO()
    Image.fromarray(example(3, target=False)).save(blurred, "jpeg", quality=90)
    upload(page, "map.jpg", blurred.getvalue(), "image/jpeg")
    page.wait_for_function(
        "document.querySelector('#said').textContent.trim() === 'Picture loaded'"
    )
    wait_for_result(page)
    assert colours(page) <= set(RGB.values())
    assert (pixels(page, "drawing")[45:60, 31:37] == RGB["door"]).all()
    assert page.locator(".notice").count() == 0
    noise = np.random.default_rng(0).integers(0, 256, (90, 120, 3), dtype=np.uint8)
    upload(page, "photo.png", png(noise))
    page.wait_for_selector(".notice.error")
    assert "looks like a photograph" in page.inner_text(".notice.error")
    assert pixels(page, "drawing").shape[:2] == (90, 120)
    upload(page, "notes.png", b"no picture at all")
    page.wait_for_function("document.querySelectorAll('.notice').length === 2")
    assert "no picture" in page.inner_text(".notices")


def test_a_drawing_is_saved_opened_shared_and_kept(open_page: Open, tmp_path: Path) -> None:
    page = open_page()
    choose(page, "rectangle", "door")
    drag(page, (8, 8), (24, 20))
    drawn = pixels(page, "drawing")
    with page.expect_download() as download:
        page.click("#save-drawing")
    download.value.save_as(tmp_path / "a.json")
    assert (
        json.loads((tmp_path / "a.json").read_text())["drawing"]["strokes"][-1]["tool"]
        == "rectangle"
    )
    with page.expect_download() as download:
        page.click("#save-picture")
    download.value.save_as(tmp_path / "a.png")
    assert np.array_equal(np.array(Image.open(tmp_path / "a.png"))[..., :3], wait_for_result(page))
    page.click("#share")
    address = page.input_value("dialog input")
    page.keyboard.press("Escape")

    other = open_page(address=address)
    other.wait_for_selector(".notice")
    wait_for_result(other)
    assert np.array_equal(pixels(other, "drawing"), drawn)
    other.click("#undo")  # their own
    wait_for_result(other)
    assert not np.array_equal(pixels(other, "drawing"), drawn)

    page.click("#fresh")
    wait_for_result(page)
    assert colours(page) == {RGB["wall"]}
    page.set_input_files("#file", tmp_path / "a.json")
    page.wait_for_selector(".notice")
    wait_for_result(page)
    assert np.array_equal(pixels(page, "drawing"), drawn)
    page.wait_for_timeout(600)
    page.reload()
    page.wait_for_selector("#result[aria-label]")
    assert np.array_equal(pixels(page, "drawing"), drawn)
    page.click("#undo")
    wait_for_result(page)
    assert colours(page) == {RGB["wall"]}


def test_random_examples_and_their_targets(open_page: Open) -> None:
    page = open_page()
    seen = set()
    for _ in range(2):
        page.click("#example")
        page.wait_for_function("document.querySelector('#said').textContent.startsWith('Picture')")
        page.evaluate("document.querySelector('#said').textContent = ''")
        seen.add(wait_for_result(page).tobytes())
    assert seen == {example(2, target=True).tobytes(), example(3, target=True).tobytes()}
    page.click("#compare label >> nth=2")
    assert np.array_equal(pixels(page, "compared"), wait_for_result(page))
    page.focus("#split")
    page.keyboard.press("ArrowLeft")
    assert (
        page.eval_on_selector("#before", "e => getComputedStyle(e).clipPath")
        == "inset(0px 51% 0px 0px)"
    )


def test_variants_and_modes(open_page: Open, api: Api) -> None:
    page = open_page()
    page.click("#four")
    page.wait_for_function("document.querySelectorAll('#strip canvas')[3].width === 64")
    page.click("#strip button >> nth=2")
    wait_for_result(page, sample=2)
    page.click("#another")
    wait_for_result(page, sample=3)
    page.click("#modes label >> nth=1")
    wait_for_result(page)
    assert api.asked[-1]["mode"] == "deterministic"
    assert page.is_disabled("#another")
    assert page.is_disabled("#modes input >> nth=2")


def test_not_live_waits_for_the_button(open_page: Open, api: Api) -> None:
    page = open_page()
    page.uncheck("#live")
    choose(page, "rectangle", "door")
    drag(page, (8, 8), (24, 20))
    page.wait_for_timeout(100)
    assert len(api.asked) == 1
    page.click("#translate")
    wait_for_result(page)
    assert len(api.asked) == 2


def test_errors_are_told_and_a_full_queue_is_asked_again(open_page: Open, api: Api) -> None:
    page = open_page()
    api.refusals = [
        (503, {"error": "The queue is full.", "hint": "Wait."}, {"Retry-After": "1"}),
    ]
    choose(page, "rectangle", "door")
    drag(page, (8, 8), (24, 20))
    page.wait_for_selector(".notice.error")
    assert "much to do" in page.inner_text(".notice.error")
    wait_for_result(page)
    assert page.locator(".notice").count() == 0
    api.refusals = [(413, {"error": "The picture has 9 megapixels.", "hint": "Send less."}, {})]
    page.click("#undo")
    page.wait_for_selector(".notice.error")
    assert page.inner_text(".notice.error p") == "The picture has 9 megapixels. Send less."


def test_drawings_of_models_are_kept_apart(open_page: Open, api: Api) -> None:
    page = open_page()
    choose(page, "rectangle", "door")
    drag(page, (8, 8), (24, 20))
    drawn = pixels(page, "drawing")
    page.select_option("#model", "shoes")
    page.wait_for_function("document.body.dataset.kind === 'sketch'")
    drag(page, (8, 8), (40, 30))
    wait_for_result(page)
    assert len(colours(page)) > 2  # smooth lines
    choose(page, "eraser")
    page.fill("#px", "20")
    drag(page, (8, 8), (40, 30))
    wait_for_result(page)
    assert colours(page) == {(255, 255, 255)}
    page.select_option("#model", "facades")
    page.wait_for_function("document.body.dataset.kind === 'labels'")
    wait_for_result(page)
    assert np.array_equal(pixels(page, "drawing"), drawn)
    assert api.asked[-1]["path"] == "/api/models/facades/translate"


def test_a_photograph_is_asked_for_and_shown_as_the_network_sees_it(
    open_page: Open, api: Api
) -> None:
    page = open_page("colour")
    assert page.is_visible("#empty")
    assert not [asked for asked in api.asked if "colour" in asked["path"]]
    photograph = np.random.default_rng(0).integers(0, 256, (100, 64, 3), dtype=np.uint8)
    upload(page, "a.png", png(photograph))
    page.wait_for_selector("#empty", state="hidden")
    result = wait_for_result(page)
    assert result.shape == (100, 64, 3)
    assert np.ptp(pixels(page, "drawing"), axis=2).max() == 0
    assert api.asked[-1]["make"] == "true"
    page.click("#compare label >> nth=2")
    assert np.array_equal(pixels(page, "compared"), photograph)


def test_a_hole_is_painted_and_rubbed_out(open_page: Open) -> None:
    page = open_page("inpaint")
    photograph = np.random.default_rng(0).integers(0, 120, (64, 64, 3), dtype=np.uint8)
    upload(page, "a.png", png(photograph))
    page.wait_for_selector("#empty", state="hidden")
    wait_for_result(page)
    hole = (pixels(page, "drawing") == 127).all(axis=2)
    assert hole[16:48, 16:48].all()
    assert hole.sum() == 32 * 32
    choose(page, "eraser")
    page.fill("#px", "64")
    drag(page, (10, 32), (54, 32))
    wait_for_result(page)
    assert np.array_equal(pixels(page, "drawing"), photograph)


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
    """Needs axe-core, which is no part of this package: PIX2PIX_AXE=.../axe.min.js."""
    script = os.environ.get("PIX2PIX_AXE")
    if script is None:
        pytest.skip("needs PIX2PIX_AXE, the path of axe-core's axe.min.js")
    for settings in ({}, {"color_scheme": "dark"}, PHONE):
        page = open_page(**settings)
        page.evaluate(Path(script).read_text("utf-8"))
        for button in ("", "#keys", "#share", "#four"):
            if button:
                page.click(button)
            found = page.evaluate(
                "axe.run().then(r => r.violations.map(v => v.id + ' ' + v.nodes[0].target))"
            )
            assert found == []
            page.keyboard.press("Escape")
