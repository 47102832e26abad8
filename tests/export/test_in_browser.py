"""The exported page in a real browser: the package's own pictures, also without a network.

Takes Chromium, Playwright, and npm with a network for the real runtime; skipped without.
"""

from __future__ import annotations

import base64
import io
import shutil
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from pix2pix.errors import UserError
from pix2pix.export.runtime import load_runtime
from pix2pix.export.web import export_web
from pix2pix.inference.translator import Translator
from pix2pix.pictures.contract import LabelClass, PictureContract
from pix2pix.progress import Progress
from tests.helpers import noise, write_model
from tests.page.page_actions import drag

pytestmark = pytest.mark.slow

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-sync",
    "--disable-background-networking",
    "--disable-component-update",
]
COLOURS = np.array([(0, 0, 255), (13, 61, 251), (165, 0, 0)], np.uint8)
CLASSES = tuple(LabelClass(name=f"class {n}", colour=tuple(c)) for n, c in enumerate(COLOURS.tolist()))
MODELS: dict[str, dict[str, Any]] = {
    "labels": {"source": PictureContract(classes=CLASSES, one_hot=True)},
    "colours": {},
    "grey": {"source": PictureContract(channels=1), "target": PictureContract(channels=1)},
    "lab": {
        "source": PictureContract(channels=1, depth="float32", high=100.0),
        "target": PictureContract(channels=2, depth="float32", low=-110.0, high=110.0),
        "photograph": PictureContract(),
    },
    "downscale": {"photograph": PictureContract()},
}
MAKE = {"lab": "lab", "downscale": "downscale:4"}
# Translates a picture by the model of a number, as the page does, and gives a PNG.
TRANSLATE = """
async ([number, picture, request]) => {
  const { createTranslator } = await import(new URL("./model/local.js", location).href);
  const { models } = await (await fetch("models.json")).json();
  const translator = createTranslator(models[number]);
  await translator.prepare(() => {});
  const image = await createImageBitmap(await (await fetch(picture)).blob());
  const canvas = new OffscreenCanvas(image.width, image.height);
  canvas.getContext("2d").drawImage(image, 0, 0);
  const { signal } = new AbortController();
  const { bitmap } = await translator.translate(canvas, { ...request, signal });
  translator.close();
  const { width, height } = bitmap;
  const shown = Object.assign(document.createElement("canvas"), { width, height });
  shown.getContext("2d").drawImage(bitmap, 0, 0);
  return shown.toDataURL();
}
"""
RESULT = "document.getElementById('time').textContent"
# Whether of all large files that were ever fetched only those of a list are kept.
ONLY = """
async (there) => {
  const name = (await caches.keys()).find((name) => name.endsWith("large"));
  const kept = await (await caches.open(name)).keys();
  return kept.length && kept.every(({ url }) => there.some((file) => url.endsWith(file)));
}
"""


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    place = tmp_path_factory.mktemp("models")
    for name, contracts in MODELS.items():
        make = [f"data.make={MAKE[name]}"] if name in MAKE else []
        write_model(place / name / "model.safetensors", "data.size_px=64", *make, **contracts)
    return [place / name for name in MODELS]


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The real onnxruntime-web, by npm."""
    place = tmp_path_factory.mktemp("npm")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PIX2PIX_CACHE", str(place))
        try:
            load_runtime(None, Progress())
        except UserError as error:
            pytest.skip(str(error))
    (archive,) = place.iterdir()
    return archive


@pytest.fixture(scope="module")
def exported(models: list[Path], package: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    # The weights of models that have learned nothing are coarser than fp16 takes.
    place = tmp_path_factory.mktemp("site")
    return export_web(models, place, precision="fp32", runtime=package).path


@pytest.fixture
def site(exported: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(exported, tmp_path / "site"))


class Quiet(SimpleHTTPRequestHandler):
    """A host of static files that does not talk."""

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def host(site: Path) -> Iterator[ThreadingHTTPServer]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(site)))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    stop(server)
    thread.join()


def stop(server: ThreadingHTTPServer) -> None:
    server.shutdown()
    server.server_close()


@pytest.fixture
def page(host: ThreadingHTTPServer) -> Iterator[Any]:
    """The page with the result of a first stroke, in a browser that was never there."""
    playwright = pytest.importorskip("playwright.sync_api")
    if CHROMIUM is None:
        pytest.skip("there is no chromium")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        page = browser.new_page()
        page.goto(f"http://127.0.0.1:{host.server_address[1]}/")
        draw(page)
        yield page
        browser.close()


def draw(page: Any) -> None:
    """Draw a stroke, as an empty sheet is not translated, and wait for the result."""
    drag(page, (10, 10), (50, 50))
    page.wait_for_function(RESULT, timeout=60_000)


def in_page(page: Any, number: int, picture: NDArray[np.uint8], **request: Any) -> NDArray[Any]:
    file = io.BytesIO()
    Image.fromarray(picture).save(file, "png")
    address = "data:image/png;base64," + base64.b64encode(file.getvalue()).decode()
    options = {"seed": 0, "sample": 0, "mode": "paper"} | request
    answer = page.evaluate(TRANSLATE, [number, address, options])
    shown = Image.open(io.BytesIO(base64.b64decode(answer.partition(",")[2])))
    return np.asarray(shown.convert("RGB")).astype(np.int16)


def picture(name: str, height: int, width: int) -> NDArray[np.uint8]:
    if name == "labels":
        return COLOURS[noise(height, width, 1)[:, :, 0] % len(COLOURS)]
    return noise(height, width)


def test_the_page_gives_the_pictures_of_the_package(page: Any, models: list[Path]) -> None:
    for number, model in enumerate(models):
        translator = Translator.load(model)
        for size in ((64, 64), (50, 83)):
            drawing = picture(model.name, *size)
            for mode, seed, sample in (("paper", 2**32 - 1, 3), ("deterministic", 0, 0)):
                output = in_page(page, number, drawing, mode=mode, seed=seed, sample=sample)
                source = translator.source(drawing, "it", model.name == "downscale")
                expected = translator.translate_sources([source], mode=mode, seed=seed, sample=sample)[0]
                off = np.abs(output - expected.astype(np.int16)).max(2)
                assert (off <= 2).mean() >= 0.999, (model.name, size, mode, off.max())


def test_the_next_visit_needs_no_network(page: Any, host: ThreadingHTTPServer, models: list[Path]) -> None:
    page.evaluate("navigator.serviceWorker.ready")
    before = in_page(page, 0, picture("labels", 64, 64), seed=1)
    stop(host)
    page.reload()
    page.wait_for_function(RESULT, timeout=60_000)
    assert np.array_equal(in_page(page, 0, picture("labels", 64, 64), seed=1), before)


def test_a_new_export_is_seen_at_once_and_the_old_one_forgotten(
    page: Any, site: Path, models: list[Path], package: Path, tmp_path: Path
) -> None:
    page.evaluate("navigator.serviceWorker.ready")
    other = Path(shutil.copytree(models[0], tmp_path / "renamed"))
    export_web([other], site, precision="fp32", mode="deterministic", runtime=package)
    page.reload()
    draw(page)
    assert page.inner_text("#model-name") == "renamed"
    there = [file.relative_to(site).as_posix() for file in site.glob("*/*.bin")]
    page.wait_for_function(ONLY, arg=there, timeout=10_000)
