"""`python -m pix2pix`: the command line, also under torchrun."""

from pix2pix.cli.main import run

run()
