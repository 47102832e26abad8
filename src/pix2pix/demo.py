"""The demo: make pairs, learn from them, translate held-out maps, show all three side by side.

runs/demo/data/          procedural pairs, made here
runs/demo/training/      the run: its page shows curves and previews while it learns
runs/demo/translated/    held-out maps, translated
runs/demo/index.html     source, output, target
"""

import shutil
import sys
from contextlib import closing
from pathlib import Path

from rich.console import Console

from pix2pix.config import Config
from pix2pix.datasets.sample import draw
from pix2pix.files import list_pictures
from pix2pix.inference.folder import translate_items
from pix2pix.inference.items import Options, plan
from pix2pix.inference.translator import Translator
from pix2pix.pictures import codec, geometry
from pix2pix.progress import Progress
from pix2pix.reports.pages import write_page
from pix2pix.training.train import train

SEED = 0
COUNTS = {"train": 400, "val": 16, "test": 12}


def run_demo(out: Path, device: str, console: Console) -> Path:
    """Run the whole demo into a folder and return its page; the same call goes on where it was.

    Raises UserError where the folder cannot be written.
    """
    config, progress = Config.load("demo"), Progress(console)
    data = out / "data"
    if not data.is_dir():
        with closing(progress):
            draw(data, COUNTS, config.data.size[0], SEED, progress.counter("drawing", "pairs"))
    progress.log(f"while it learns, look at {out / 'training' / 'index.html'}")
    result = train([data], config, out / "training", device=device, console=console)
    if not result.finished:
        progress.log(f"stopped at image {result.images_seen:,}; the same command goes on from there")
        raise KeyboardInterrupt

    sources, targets, outputs = (out / name for name in ("sources", "targets", "translated"))
    _split_halves(data / "test", sources, targets)
    translator = Translator.load(result.model, device)
    items = plan([str(sources)], outputs, translator)
    translate_items(translator, items, Options())
    rows = [[f"{folder.name}/{item.source.name}" for folder in (sources, outputs, targets)] for item in items]
    columns, page = ("source", "output", "target"), out / "index.html"
    write_page(page, "demo.html", title="pix2pix demo", rows=rows, columns=columns, scores=result.scores)
    progress.log(f"the model:    {result.model}")
    progress.log(f"draw with it: {_program()} serve {result.model.parent} --open")
    return page


def _program() -> str:
    """Return how the user can call the command line again: by name if the shell finds it."""
    return "pix2pix" if shutil.which("pix2pix") else sys.argv[0]


def _split_halves(pairs: Path, sources: Path, targets: Path) -> None:
    for path in list_pictures(pairs):
        whole = codec.read(path)
        codec.write(geometry.half(whole, "left", str(path)), sources / path.name)
        codec.write(geometry.half(whole, "right", str(path)), targets / path.name)
