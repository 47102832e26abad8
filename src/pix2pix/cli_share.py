"""The commands that hand a model on: thin, each imports its stage when it is called."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pix2pix.errors import UserError


def serve(
    models: Annotated[
        list[Path],
        typer.Argument(metavar="MODEL...", help="Files of models, or folders of runs."),
    ],
    host: Annotated[
        str, typer.Option(help="Address to listen at; 0.0.0.0 lets other machines in.")
    ] = "127.0.0.1",
    port: Annotated[
        int | None,
        typer.Option(min=0, max=65535, help="0 takes any free one.  [default: 8000 or the next]"),
    ] = None,
    origins: Annotated[
        list[str] | None,
        typer.Option("--origin", metavar="URL", help="Let this site's pages ask; repeatable."),
    ] = None,
    examples: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Known pairs to offer.  [default: those of the run]"),
    ] = None,
    memory: Annotated[
        float, typer.Option(metavar="GB", min=0.001, help="What all loaded models may take.")
    ] = 4.0,
    queue: Annotated[int, typer.Option(min=1, help="Requests under way; more get 503.")] = 128,
    max_megapixels: Annotated[
        float, typer.Option(min=0.001, help="Largest picture, its sides filled up to multiples.")
    ] = 4.0,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:1, mps.")] = "auto",
    open_page: Annotated[bool, typer.Option("--open", help="Open the page in a browser.")] = False,
) -> None:
    """Serve models: a page to draw on, and an API that translates pictures.

    \b
    pix2pix serve runs/facades --open
    pix2pix serve runs/facades runs/shoes --port 8080 --memory 1
    """
    try:
        from pix2pix.serve.run import Options
        from pix2pix.serve.run import serve as serve_models
    except ModuleNotFoundError as error:
        if str(error.name).startswith("pix2pix"):
            raise
        raise UserError(
            f"Serving needs the package {error.name}.",
            "Install it with pip install 'pix2pix[serve]'.",
        ) from None
    serve_models(
        models,
        Options(
            host, port, device, memory, queue, max_megapixels, origins or (), examples, open_page
        ),
    )
