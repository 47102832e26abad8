"""`pix2pix import`: models of other programs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from typer import Argument, Option

from pix2pix.cli.common import choice, loading, mode_choice, print_facts


def import_(
    file: Annotated[Path, Argument(help="A generator of pytorch-CycleGAN-and-pix2pix: latest_net_G.pth.")],
    out: Annotated[Path, Option("--out", "-o", metavar="MODEL", help="Model file to write.")],
    mode: Annotated[
        str | None,
        Option(
            help="The model's own: paper as their test.py, running as with --eval, deterministic.  "
            "[default: paper]"
        ),
    ] = None,
    half: Annotated[
        str, Option(help="Half of side-by-side pairs that is the source: right for --direction BtoA.")
    ] = "left",
) -> None:
    """Make a model file of a generator that another program trained.

    \b
    pix2pix import checkpoints/facades_pix2pix/latest_net_G.pth -o facades.safetensors --half right
    pix2pix translate facades.safetensors datasets/facades/test -o results --half right
    """
    side = choice("--half", half, ("left", "right"))
    chosen = mode_choice(mode)
    with loading():
        from pix2pix.importing.importer import import_model
        from pix2pix.inference.describe import describe_model

    import_model(file, out, mode=chosen, half=side)
    print_facts(describe_model(out))
