"""Pictures, files and models on the page."""

from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
from PIL import Image

from tests.page.conftest import Open
from tests.page.page_actions import (
    RGB,
    choose,
    choose_model,
    colours,
    drag,
    pixels,
    until,
    upload,
    wait_for,
    wait_for_result,
)
from tests.page.page_server import Api, example, png

KEPT_AN_OPENED_DRAWING = """async () => {
    const ended = (request) =>
        new Promise((done) => (request.onsuccess = () => done(request.result)));
    const database = await ended(indexedDB.open("pix2pix /", 1));
    const kept = await ended(database.transaction("drawings").objectStore("drawings").getAll());
    database.close();
    return kept.some(({ strokes }) => strokes.at(-1)?.strokes?.length > 0);
}"""


def test_an_uploaded_label_map_becomes_exact_and_a_photograph_is_reported(open_page: Open) -> None:
    page = open_page()
    blurred = io.BytesIO()
    Image.fromarray(example(3, target=False)).save(blurred, "jpeg", quality=90)
    upload(page, "map.jpg", blurred.getvalue(), "image/jpeg")
    page.locator("#announcement", has_text="Picture loaded").wait_for(state="attached")
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
    wait_for(page, "document.querySelectorAll('.notice').length === 2")
    assert "cannot read this file" in page.inner_text(".notices")


def test_a_drawing_is_saved_opened_shared_and_kept(open_page: Open, tmp_path: Path) -> None:
    page = open_page()
    choose(page, "rectangle", "door")
    drag(page, (8, 8), (24, 20))
    drawn = pixels(page, "drawing")
    with page.expect_download() as download:
        page.click("#save-drawing")
    download.value.save_as(tmp_path / "a.json")
    assert json.loads((tmp_path / "a.json").read_text())["drawing"]["strokes"][-1]["tool"] == "rectangle"
    result = wait_for_result(page)
    with page.expect_download() as download:
        page.click("#save-picture")
    download.value.save_as(tmp_path / "a.png")
    assert np.array_equal(np.array(Image.open(tmp_path / "a.png"))[..., :3], result)
    page.click("#share")
    address = page.input_value("dialog input")
    page.keyboard.press("Escape")

    other = open_page(address=address)
    other.wait_for_selector(".notice")
    wait_for_result(other)
    assert np.array_equal(pixels(other, "drawing"), drawn)
    other.click("#undo")  # their own
    assert other.locator(".notice").count() == 0  # it says what was just done
    wait_for_result(other)
    assert not np.array_equal(pixels(other, "drawing"), drawn)

    page.click("#fresh")
    wait_for(page, "!document.querySelector('#result[aria-label]')")
    assert colours(page) == {RGB["wall"]}
    page.set_input_files("#file", tmp_path / "a.json")
    page.wait_for_selector(".notice")
    wait_for_result(page)
    assert np.array_equal(pixels(page, "drawing"), drawn)
    until(page, lambda: page.evaluate(KEPT_AN_OPENED_DRAWING))
    page.reload()
    page.wait_for_selector("#result[aria-label]")
    assert np.array_equal(pixels(page, "drawing"), drawn)
    page.click("#undo")
    wait_for(page, "!document.querySelector('#result[aria-label]')")
    assert colours(page) == {RGB["wall"]}


def test_random_examples_and_their_targets(open_page: Open) -> None:
    page = open_page()
    seen = set()
    for _ in range(2):
        page.click("#example")
        wait_for(page, "document.querySelector('#announcement').textContent.startsWith('Picture')")
        page.evaluate("document.querySelector('#announcement').textContent = ''")
        seen.add(wait_for_result(page).tobytes())
    assert seen == {example(2, target=True).tobytes(), example(3, target=True).tobytes()}
    page.click("#compare label >> nth=2")
    assert np.array_equal(pixels(page, "compared"), wait_for_result(page))
    page.focus("#split")
    page.keyboard.press("ArrowLeft")
    clipped = "getComputedStyle(document.querySelector('#before')).clipPath"
    wait_for(page, f"{clipped} === 'inset(0px 51% 0px 0px)'")


def test_variants_and_modes(open_page: Open, api: Api) -> None:
    page = open_page()
    page.click("#four")
    wait_for(page, "document.querySelectorAll('#strip canvas')[3].width === 64")
    page.click("#strip button >> nth=2")
    wait_for_result(page, sample=2)
    page.click("#another")
    wait_for_result(page, sample=3)
    page.click("#modes label >> nth=1")
    until(page, lambda: any(request["mode"] == "deterministic" for request in api.requests))
    wait_for_result(page)
    assert page.is_disabled("#another")
    assert page.is_disabled("#modes input >> nth=2")


def test_not_live_waits_for_the_button(open_page: Open, api: Api) -> None:
    page = open_page()
    page.uncheck("#live")
    choose(page, "rectangle", "door")
    drag(page, (8, 8), (24, 20))
    page.wait_for_timeout(100)
    assert len(api.requests) == 1
    page.click("#translate")
    wait_for_result(page)
    assert len(api.requests) == 2


def test_errors_are_shown_and_a_full_queue_is_tried_again(open_page: Open, api: Api) -> None:
    page = open_page()
    api.refusals = [(503, {"error": "The queue is full.", "hint": "Wait."}, {"Retry-After": "1"})]
    choose(page, "rectangle", "door")
    drag(page, (8, 8), (24, 20))
    page.wait_for_selector(".notice.error")
    assert "is busy" in page.inner_text(".notice.error")
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
    choose_model(page, "shoes")
    wait_for(page, "document.body.dataset.kind === 'sketch'")
    drag(page, (8, 8), (40, 30))
    wait_for_result(page)
    assert len(colours(page)) > 2  # smooth lines
    choose(page, "eraser")
    page.fill("#px", "20")
    drag(page, (8, 8), (40, 30))
    wait_for(page, "!document.querySelector('#result[aria-label]')")
    assert colours(page) == {(255, 255, 255)}
    choose_model(page, "facades")
    wait_for(page, "document.body.dataset.kind === 'labels'")
    wait_for_result(page)
    assert np.array_equal(pixels(page, "drawing"), drawn)
    assert api.requests[-1]["path"] == "/api/models/facades/translate"


def test_a_photograph_is_shown_as_the_network_sees_it(open_page: Open, api: Api) -> None:
    page = open_page("colour")
    assert page.is_visible("#empty")
    assert not [request for request in api.requests if "colour" in request["path"]]
    photograph = np.random.default_rng(0).integers(0, 256, (100, 64, 3), dtype=np.uint8)
    upload(page, "a.png", png(photograph))
    page.wait_for_selector("#empty", state="hidden")
    result = wait_for_result(page)
    assert result.shape == (100, 64, 3)
    assert np.ptp(pixels(page, "drawing"), axis=2).max() == 0
    assert api.requests[-1]["make"] == "true"
    page.click("#compare label >> nth=2")
    assert np.array_equal(pixels(page, "compared"), photograph)


def test_a_hole_is_painted_and_rubbed_out(open_page: Open) -> None:
    page = open_page("inpaint")
    page.uncheck("#keep-rest")
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


def test_keys_do_only_what_their_buttons_would_do(open_page: Open, api: Api) -> None:
    page = open_page()
    page.click("#modes label >> nth=1")
    until(page, lambda: any(request["mode"] == "deterministic" for request in api.requests))
    wait_for_result(page)
    count, drawn = len(api.requests), pixels(page, "drawing")
    page.eval_on_selector("#example", "button => (button.hidden = true)")
    page.focus("#drawing")
    for key in ("v", "n"):
        page.keyboard.press(key)
    page.wait_for_timeout(100)
    assert len(api.requests) == count
    assert np.array_equal(pixels(page, "drawing"), drawn)
    page.eval_on_selector("#example", "button => (button.hidden = false)")
    page.keyboard.press("n")
    page.locator("#announcement", has_text="Picture").wait_for(state="attached")


def test_another_language_replaces_all_texts(open_page: Open) -> None:
    page = open_page()
    wait_for_result(page)
    page.select_option("#language", "zh")
    texts = ["#invite", "#time"]
    labels = ["#drawing", "#result"]
    shown = [page.inner_text(at) for at in texts]
    shown += [page.get_attribute(at, "aria-label") or "" for at in labels]
    for text in shown:
        assert any(letter > "\u3000" for letter in text), text
