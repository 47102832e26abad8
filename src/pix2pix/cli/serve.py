"""`pix2pix serve`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from typer import Option

from pix2pix.cli.common import extra
from pix2pix.cli.options import Device, Host, OpenPage, Port, models_argument
from pix2pix.page.shipped import HOUSES

Models = Annotated[list[Path] | None, models_argument("Files of models, or folders of runs.")]
Origins = Annotated[
    list[str] | None, Option("--origin", metavar="URL", help="Let this site's pages ask; repeatable.")
]
Examples = Annotated[
    Path | None, Option(metavar="DIR", help="Known pairs to offer.  [default: those of the run]")
]
Memory = Annotated[float, Option(metavar="GB", min=0.001, help="What all loaded models may take.")]
Queue = Annotated[int, Option(min=1, help="Requests under way; more get 503.")]
Megapixels = Annotated[float, Option(min=0.001, help="Largest picture, its sides filled up to multiples.")]
TokenFile = Annotated[
    Path | None, Option(metavar="FILE", help="Refuse requests without the token in this file.")
]


def serve(
    models: Models = None,
    host: Host = "127.0.0.1",
    port: Port = None,
    origins: Origins = None,
    examples: Examples = None,
    memory: Memory = 4.0,
    queue: Queue = 128,
    max_megapixels: Megapixels = 4.0,
    device: Device = "auto",
    token_file: TokenFile = None,
    open_page: OpenPage = False,
) -> None:
    """Serve models: a page to draw on, and an API that translates pictures.

    \b
    pix2pix serve --open
    pix2pix serve runs/facades --open
    pix2pix serve runs/facades runs/shoes --port 8080 --memory 1
    """
    with extra("serve", "Serving"):
        from pix2pix.serve.server import ServerOptions
        from pix2pix.serve.server import serve as serve_models

    if not models:
        print(
            "no model is named, so the page draws with the one that comes with the package:\n"
            f"procedural houses, {HOUSES}; yours: pix2pix serve runs/NAME"
        )
    options = ServerOptions(
        host, port, device, memory, queue, max_megapixels, origins or (), examples, open_page, token_file
    )
    serve_models(models or [HOUSES], options)
