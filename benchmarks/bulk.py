"""Whole collections: `pix2pix bulk` next to `pix2pix translate`, once warm, in turns.

command: python benchmarks/bulk.py [--files 2000] [--px 64] [--width 8] [--engine openvino] [--runs 2]

Both have as many threads in all: bulk's workers have one each. Counted is what all pictures take longer
than a quarter of them, so that neither starts nor the compiling of engines count. Processor seconds are
those of all processes, Ray's own among them: other work on the machine disturbs them less than clocks.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import torch
from measure import machine, write_noise_pairs
from PIL import Image

from pix2pix.progress import Progress


def used_seconds():
    """Return the processor seconds of this process and of all that it started and that live."""
    parents, seconds, tick = {}, {}, os.sysconf("SC_CLK_TCK")
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        number = int(folder.name)
        parents[number], seconds[number] = int(fields[1]), sum(map(int, fields[11:15])) / tick
    own = [os.getpid()]
    for number in own:
        own += [child for child, parent in parents.items() if parent == number]
    return sum(seconds.get(number, 0.0) for number in own)


class Clock(Progress):
    """Knows what a job took until its last picture was done."""

    def __init__(self):
        super().__init__()
        self.begun, self.took = (time.perf_counter(), used_seconds()), (0.0, 0.0)

    def update(self, task, done, total, unit="", note=""):
        if done == total:
            self.took = time.perf_counter() - self.begun[0], used_seconds() - self.begun[1]


def by_bulk(model, folder, out, engine, workers):
    from pix2pix.bulk import cluster
    from pix2pix.bulk.job import Request, run
    from pix2pix.bulk.work import Options

    clock = Clock()
    run(Request(folder, out, Path(model), Options(), workers=workers, engine=engine), cluster, clock)
    return clock.took


def by_translate(model, folder, out, engine, threads):
    from pix2pix.device import keep_freed_memory
    from pix2pix.inference.folder import translate_items
    from pix2pix.inference.items import Options, plan
    from pix2pix.inference.translator import Translator

    torch.set_num_threads(threads)
    keep_freed_memory()
    clock, translator = Clock(), Translator.load(model, "cpu", engine=engine)
    items = plan([folder], Path(out), translator)
    translate_items(translator, items, Options(), progress=lambda done, total: clock.update("", done, total))
    return clock.took


def write_pictures(folder, count, px):
    """Write PNGs, a quarter of them in a folder of their own as well."""
    for path in write_noise_pairs(folder / "pairs", count, px).iterdir():
        with Image.open(path) as pair:
            for place in ("all", "few") if int(path.stem) % 4 == 0 else ("all",):
                (folder / place).mkdir(exist_ok=True)
                pair.crop((0, 0, px, px)).save(folder / place / f"{path.stem}.png")


def in_turns(options, folder):
    """Return pictures per second and processor seconds per picture, by what translates, of each run."""
    from translating import write_model

    write_pictures(folder, options.files, options.px)
    write_model(folder / "model.safetensors", options.px, options.width)
    few, figures = len(list((folder / "few").iterdir())), {"translate": [], "bulk": []}
    for turn in range(options.runs):
        for name, of_name in figures.items():
            took = {}
            for place in ("few", "all"):
                out = folder / f"{name}-{place}-{turn}"
                what = [
                    name,
                    folder / "model.safetensors",
                    folder / place,
                    out,
                    options.engine,
                    options.workers,
                ]
                line = [sys.executable, __file__, "--one", *map(str, what)]
                took[place] = json.loads(subprocess.run(line, check=True, stdout=subprocess.PIPE).stdout)
            seconds, used = (late - early for late, early in zip(took["all"], took["few"], strict=True))
            of_name.append(((options.files - few) / seconds, used / (options.files - few)))
    return figures


def main():
    if sys.argv[1:2] == ["--one"]:
        name, *what, share = sys.argv[2:]
        print(json.dumps({"bulk": by_bulk, "translate": by_translate}[name](*what, int(share))))
        return
    parser = argparse.ArgumentParser(description=__doc__)
    for name, default in (("files", 2000), ("px", 64), ("width", 8), ("runs", 2), ("workers", 2)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--engine", default="openvino")
    options = parser.parse_args()
    print(machine(torch.device("cpu")), "load", os.getloadavg()[0])
    with tempfile.TemporaryDirectory() as folder:
        figures = in_turns(options, Path(folder))
    print(f"{options.files} PNG of {options.px} px, width {options.width}, {options.engine}")
    medians = {
        name: [statistics.median(c) for c in zip(*runs, strict=True)] for name, runs in figures.items()
    }
    for name, (rate, used) in medians.items():
        print(
            f"  {name:<10} {rate:7.1f} pictures/s  {used * 1000:6.2f} processor ms a picture  {figures[name]}"
        )
    (rate, used), (usual_rate, usual) = medians["bulk"], medians["translate"]
    print(f"  bulk has {rate / usual_rate:.2f} of translate's rate, {used / usual:.2f} of its processor time")
    print("load", os.getloadavg()[0])


if __name__ == "__main__":
    main()
