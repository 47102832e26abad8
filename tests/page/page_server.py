"""The page's files, and an API that needs no network.

A translation is the picture inverted, and 20 levels brighter with every variant, or as the Api says.
"""

from __future__ import annotations

import io
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import numpy as np
from PIL import Image

STATIC = Path(__file__).parents[2] / "src" / "pix2pix" / "page" / "static"
PALETTE = {"sky": "#0006d9", "wall": "#0d3dfb", "door": "#a50000", "window": "#0075ff"}

STAMPS = [
    {
        "name": "window + sky",
        "parts": [
            {"colour": "#0075ff", "box": [-4, -6, 8, 12]},
            {"colour": "#0006d9", "box": [-6, 6, 12, 2]},
        ],
    }
]


@dataclass
class Api:
    """The requests that the server got, and the answers that it gives before it works again."""

    address: str
    levels: int = 20  # by which a variant is brighter than the one before
    requests: list[dict[str, str]] = field(default_factory=list)
    refusals: list[tuple[int, dict[str, str], dict[str, str]]] = field(default_factory=list)


def card(name: str, kind: str, **changes: Any) -> dict[str, Any]:
    """Return a model of 64 px as the page sees it, with three known pairs."""
    palettes = {
        "labels": [{"name": n, "colour": c} for n, c in PALETTE.items()],
        "sketch": [{"name": "black", "colour": "#000000"}, {"name": "white", "colour": "#ffffff"}],
        "mask": [{"name": "hole", "colour": "#7f7f7f"}],
        "photograph": [],
    }
    pairs = [{"name": str(n), "source": f"pairs/{n}", "target": f"pairs/{n}?target"} for n in "123"]
    return {
        "name": name,
        "kind": kind,
        "size_px": [64, 64],
        "multiple_px": 64,
        "max_px": 256,
        "palette": palettes[kind],
        "ground": {"labels": 1, "sketch": 1}.get(kind, -1),
        "made": "",
        "modes": ["paper", "deterministic"],
        "mode": "paper",
        "has_noise": True,
        "about": {
            "pairs": 400,
            "images_seen": 80000,
            "scores": {"val_l1": 0.21234, "val_psnr_db": 28.71},
            "licence": "",
            "weights": 54_410_000,
            "started_from": "a model of 9,000 images seen, with the discriminator",
            "imported_from": "",
        },
        "examples": pairs,
        "stamps": STAMPS if kind == "labels" else [],
        "translate": f"api/models/{name}/translate",
        "network": None,
    } | changes


CARDS = [
    card("facades", "labels"),
    card("shoes", "sketch", examples=[]),
    card("colour", "photograph", examples=[], made="lab"),
    card("inpaint", "mask", examples=[], made="inpaint:centre"),
    card("still", "labels", has_noise=False),
    card("city", "labels", palette=[{"name": f"class {n}", "colour": f"#0000{n:02x}"} for n in range(20)]),
]


def png(array: np.ndarray) -> bytes:
    """Return (H, W, 3) uint8 as a PNG file."""
    out = io.BytesIO()
    Image.fromarray(array).save(out, "png")
    return out.getvalue()


def example(number: int, target: bool) -> np.ndarray:
    """Return a wall with a door, another one for each number; the target is its inverse."""
    picture = np.full((64, 64, 3), [0x0D, 0x3D, 0xFB], np.uint8)
    picture[40:, 10 * number : 10 * number + 8] = [0xA5, 0, 0]
    return 255 - picture if target else picture


class _Handler(SimpleHTTPRequestHandler):
    api: Api
    protocol_version = "HTTP/1.1"  # the page has fifty files: a connection for each would be slow

    def __init__(self, *args: Any) -> None:
        super().__init__(*args, directory=str(STATIC))

    def log_message(self, *args: Any) -> None:
        pass

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        if url.path == "/api/models":
            self._answer(200, json.dumps({"models": CARDS}).encode(), {})
        elif url.path.startswith("/pairs/"):
            self._answer(200, png(example(int(url.path[7:]), url.query == "target")), {})
        else:
            super().do_GET()

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        query = {key: values[0] for key, values in parse_qs(urlsplit(self.path).query).items()}
        self.api.requests.append({"path": urlsplit(self.path).path} | query)
        if self.api.refusals:
            status, problem, headers = self.api.refusals.pop(0)
            self._answer(status, json.dumps(problem).encode(), headers)
            return
        picture = np.array(Image.open(io.BytesIO(body)).convert("RGB"))
        result = 255 - picture + np.uint8(self.api.levels * int(query["sample"]))
        self._answer(200, png(result), {"X-Milliseconds": "7"})

    def _answer(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)


@contextmanager
def serving() -> Iterator[Api]:
    """Run the server on a free port of this machine until the block ends."""
    handler = type("Handler", (_Handler,), {})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    handler.api = Api(f"http://127.0.0.1:{server.server_address[1]}/")
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield handler.api
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
