"""Whole collections: `pix2pix bulk` next to `pix2pix translate`, once warm, in turns.

command: python benchmarks/bulk.py [--files 2000] [--px 64] [--width 8] [--engine openvino] [--runs 3]

Both have as many threads in all: bulk's workers have one each. Counted is from a quarter of the pictures
on, when engines are compiled and blocks are on their way, to the last. Processor seconds are those of
all processes, Ray's own among them: other work on the machine disturbs them less than clocks.
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


class Marks(Progress):
    """Keeps when a quarter of the pictures was done, and when all were."""

    def __init__(self):
        super().__init__()
        self.marks = []

    def update(self, task, done, total, unit="", note=""):
        if (not self.marks and done * 4 >= total) or done == total:
            self.marks.append((done, time.perf_counter(), used_seconds()))

    def figures(self):
        """Return pictures per second, and processor seconds per picture."""
        (done, start, before), (total, end, after) = self.marks[0], self.marks[-1]
        return (total - done) / (end - start), (after - before) / (total - done)


def by_bulk(model, folder, out, engine, workers):
    from pix2pix.bulk import cluster
    from pix2pix.bulk.job import Request, run
    from pix2pix.bulk.work import Options

    marks = Marks()
    request = Request(folder, out, Path(model), Options(), workers=workers, engine=engine)
    run(request, cluster, marks)
    return marks.figures()


def by_translate(model, folder, out, engine, threads):
    from pix2pix.device import keep_freed_memory
    from pix2pix.inference.folder import Options, plan, translate_items
    from pix2pix.inference.translator import Translator

    torch.set_num_threads(threads)
    keep_freed_memory()
    marks, translator = Marks(), Translator.load(model, "cpu", engine=engine)
    items = plan([folder], Path(out), translator)
    translate_items(translator, items, Options(), progress=lambda done, total: marks.update("", done, total))
    return marks.figures()


def in_turns(options, folder):
    from translating import write_model

    model, pictures = (
        folder / "model.safetensors",
        write_noise_pairs(folder / "in", options.files, options.px),
    )
    write_model(model, options.px, options.width)
    for path in list(pictures.iterdir()):
        with Image.open(path) as pair:
            pair.crop((0, 0, options.px, options.px)).save(path.with_suffix(".png"))
        path.unlink()
    figures = {"translate": [], "bulk": []}
    for turn in range(options.runs):
        for name, of_name in figures.items():
            what = [name, model, pictures, folder / f"{name}-{turn}", options.engine, options.workers]
            line = [sys.executable, __file__, "--one", *map(str, what)]
            of_name.append(json.loads(subprocess.run(line, check=True, stdout=subprocess.PIPE).stdout))
    return figures


def main():
    if sys.argv[1:2] == ["--one"]:
        name, *what, share = sys.argv[2:]
        print(json.dumps({"bulk": by_bulk, "translate": by_translate}[name](*what, int(share))))
        return
    parser = argparse.ArgumentParser(description=__doc__)
    for name, default in (("files", 2000), ("px", 64), ("width", 8), ("runs", 3), ("workers", 2)):
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
