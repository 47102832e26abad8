"""A client that asks an application in the same process."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar

import httpx
import numpy as np
from PIL import Image
from starlette.types import ASGIApp

from pix2pix.pictures.codec import Array
from pix2pix.serve.hosting import host
from pix2pix.serve.service import Service
from pix2pix.serve.uploads.decoders import Decoders
from tests.helpers import noise

T = TypeVar("T")
BASE = "http://127.0.0.1:8000"
SOURCE = noise(32, 32)


class SharedDecoders(Decoders):
    """Decode processes for all tests: their start takes longer than most tests."""

    def close(self) -> None:
        """They end with the tests' own process."""


DECODERS = SharedDecoders()


def open_service(*paths: Path, **options: Any) -> Service:
    """A service on these models; close it in the end."""
    service = Service(host(paths), **options)
    service.decoders = DECODERS
    return service


def ask(app: ASGIApp, work: Callable[[httpx.AsyncClient], Awaitable[T]]) -> T:
    """What the work of a client ends in."""

    async def run() -> T:
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url=BASE) as client:
            return await work(client)

    return asyncio.run(run())


def translate(app: ASGIApp, body: bytes | Array, address: str = "house", **headers: str) -> httpx.Response:
    """POST a picture; `address` is the model's name with parameters."""
    name, _, query = address.partition("?")
    sent = {"content-type": "image/png", **{k.replace("_", "-"): v for k, v in headers.items()}}
    content = body if isinstance(body, bytes) else file_of(body)
    url = f"/api/models/{name}/translate?{query}"
    return ask(app, lambda client: client.post(url, content=content, headers=sent))


def file_of(array: Array, kind: str = "PNG", **options: Any) -> bytes:
    """The bytes of a picture file, as Pillow writes it."""
    out = io.BytesIO()
    Image.fromarray(array[:, :, 0] if array.shape[2] == 1 else array).save(out, kind, **options)
    return out.getvalue()


def picture_of(answer: httpx.Response) -> Array:
    """(H, W, C) of an answer that is a picture."""
    assert answer.status_code == 200, answer.text
    array = np.asarray(Image.open(io.BytesIO(answer.content)))
    return array[:, :, None] if array.ndim == 2 else array


def error_of(answer: httpx.Response) -> str:
    """The sentence of an answer that is an error, in the shape that all have."""
    body = answer.json()
    assert set(body) == {"error", "hint"}
    assert body["error"].endswith(".")
    assert "\n" not in body["error"]
    return str(body["error"])
