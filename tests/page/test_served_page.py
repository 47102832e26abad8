"""The page on the real service: what it shows is what the package computes."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pix2pix.inference.translator import Translator
from pix2pix.pictures.contract import LabelClass, PictureContract
from tests.helpers import write_model
from tests.page.page_actions import pixels, until

uvicorn = pytest.importorskip("uvicorn")
pytest.importorskip("fastapi")

CLASSES = (LabelClass(name="wall", colour=(13, 61, 251)), LabelClass(name="door", colour=(165, 0, 0)))


@pytest.fixture
def model(tmp_path: Path) -> Path:
    source = PictureContract(classes=CLASSES, one_hot=True)
    return write_model(tmp_path / "facades.safetensors", source=source)


@pytest.fixture
def address(model: Path) -> Iterator[str]:
    from pix2pix.serve.app import create_app, page_files
    from pix2pix.serve.hosting import host
    from pix2pix.serve.service import Service
    from pix2pix.serve.sockets import listen

    service = Service(host([model]), device="cpu")
    listening = listen("127.0.0.1", 0)
    app = create_app(service, page_files())
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
    thread.start()
    yield f"http://127.0.0.1:{listening.getsockname()[1]}/"
    server.should_exit = True
    thread.join()
    listening.close()


def test_a_rectangle_is_translated_as_the_package_does(browser: Any, model: Path, address: str) -> None:
    page = browser.new_page()
    refused: list[str] = []
    page.on("console", lambda message: message.type == "error" and refused.append(message.text))
    page.goto(address)
    page.wait_for_selector("#start")  # an empty sheet: no example came with the model
    page.keyboard.press("r")
    page.keyboard.press("2")
    box = page.locator("#stage").bounding_box()
    page.mouse.move(box["x"] + box["width"] / 4, box["y"] + box["height"] / 4)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 3 / 4, box["y"] + box["height"] / 2)
    page.mouse.up()
    drawn = np.full((32, 32, 3), CLASSES[0].colour, np.uint8)
    drawn[8:16, 8:24] = CLASSES[1].colour
    translated = np.array(Translator.load(model, "cpu").translate(drawn))
    until(page, lambda: np.array_equal(pixels(page, "result"), translated))  # it follows the drawing
    assert np.array_equal(pixels(page, "drawing"), drawn)
    assert refused == []
    page.close()
