"""Put the model of a run into the package: weights as halves, where it comes from, a few examples.

make houses
python tools/ship_houses.py runs/houses runs/houses-learned

The second run is the one that the first began with: `recipes/houses.toml`.
"""

import shutil
import sys
from pathlib import Path

import torch

from pix2pix.files import list_pictures
from pix2pix.model_file import load_model, read_header, save_model
from pix2pix.page.shipped import HOUSES
from pix2pix.pictures import codec

EXAMPLES = 12


def ship(run: Path, learned: Path, out: Path = HOUSES) -> None:
    """Write model.safetensors and examples/ of a run into a folder, in place of those there."""
    generator, header = load_model(run, torch.device("cpu"))
    # Not by the first run's path: its folder does not travel.
    began = f"a model of {read_header(learned).provenance.images_seen:,} images seen, with the discriminator"
    provenance = header.provenance.model_copy(update={"initialised_from": began})
    header = header.model_copy(update={"provenance": provenance})
    save_model(out / "model.safetensors", generator, header, half=True)
    shutil.rmtree(out / "examples", ignore_errors=True)
    for source in list_pictures(run / "examples" / "source")[:EXAMPLES]:
        target = run / "examples" / "target" / source.name
        codec.write(codec.read(source), out / "examples" / "source" / source.name)  # labels must not change
        codec.write(codec.read(target), out / "examples" / "target" / f"{source.stem}.jpg")


if __name__ == "__main__":
    ship(Path(sys.argv[1]), Path(sys.argv[2]))
