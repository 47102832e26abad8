"""The commands `pix2pix data ...`."""

from pix2pix.cli.common import command_group
from pix2pix.cli.data.cache import cache
from pix2pix.cli.data.check import check, palette
from pix2pix.cli.data.fetch import fetch, sample
from pix2pix.cli.data.prepare import combine, frames, resize, split

data_app = command_group("Fetch data sets, and make them of what you have.")
for _command in (fetch, check, palette, split, combine, resize, frames, sample, cache):
    data_app.command()(_command)
