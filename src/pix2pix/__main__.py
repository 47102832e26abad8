"""`python -m pix2pix`: the command line, also under torchrun."""

from pix2pix.cli import app

app()
