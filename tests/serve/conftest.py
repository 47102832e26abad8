"""Two served models, shared by all tests: a service costs threads."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.types import ASGIApp

from pix2pix.serve.app import create_app, page_files
from pix2pix.serve.service import Service
from pix2pix.serve.uploads.decoders import Decoders
from tests.helpers import write, write_model
from tests.serve.helpers import DECODERS, open_service


@pytest.fixture(scope="session", autouse=True)
def ended_decoders() -> Iterator[None]:
    """End the decode processes that tests share."""
    yield
    Decoders.close(DECODERS)


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with two models of 32 px, house and shoe, an example and a page."""
    folder = tmp_path_factory.mktemp("served")
    for seed, name in enumerate(("house", "shoe")):
        write_model(folder / f"{name}.safetensors", f"training.seed={seed}")
    for half in ("source", "target"):
        write(folder / "examples" / half / "1.png")
    (folder / "page" / "words").mkdir(parents=True)
    (folder / "page" / "index.html").write_text("<!doctype html><title>Draw</title>")
    (folder / "page" / "main.js").write_text("export default 1")
    (folder / "page" / "words" / "en.mjs").write_text("export default {}")
    return folder


@pytest.fixture(scope="session")
def service(models: Path) -> Iterator[Service]:
    """Both models, with limits of 0.2 megapixels and 8 requests."""
    served = open_service(
        models / "house.safetensors", models / "shoe.safetensors", device="cpu", megapixels=0.2, queue=8
    )
    yield served
    served.close()


@pytest.fixture(scope="session")
def app(service: Service, models: Path) -> ASGIApp:
    """The application around it."""
    return create_app(service, page_files(models / "page"))
