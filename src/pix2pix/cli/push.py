"""The command that publishes a model. Exit codes as in `main.py`: 0 good, 2 refused."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from typer import Argument, Option

from pix2pix.cli.common import loading


def push(
    run: Annotated[Path, Argument(help="Folder of a run, or a model.safetensors.")],
    name: Annotated[str, Argument(metavar="OWNER/NAME", help="Where on the Hugging Face hub.")],
    private: Annotated[
        bool, Option("--private", help="Make it for you alone, where it is made by this call.")
    ] = False,
) -> None:
    """Put a model on the Hugging Face hub, with a card: what it is, scores, samples.

    Log in by `hf auth login` first.

    \b
    pix2pix push runs/facades me/facades
    pix2pix translate hub:me/facades labels/ -o houses
    """
    with loading():
        from pix2pix.export.push import push_model

    print(push_model(run, name, private=private))
