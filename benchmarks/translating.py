"""Translating on a processor: one picture's pass, and whole commands on a folder of JPEGs.

command: python benchmarks/translating.py [--width 64] [--px 256] [--files 100] [--runs 3]

A pass is printed as a multiple of the time that its FLOPs take at the rate of a product of float32
matrices of side 2048, measured around each pass. The command, start-up included, is compared with a
textbook script with the same weights: one picture after the other, as torch sets itself up. Dropout
is off in both, so that their outputs can be compared.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from measure import config_for, machine, write_noise_pairs
from PIL import Image
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from pix2pix.inference.translator import Translator
from pix2pix.model_file import Header, ImageContract, Provenance, save_model, versions
from pix2pix.networks import build_generator
from pix2pix.networks.layers import Norm
from pix2pix.networks.modes import in_mode
from pix2pix.pictures.contract import PictureContract

SIDE = 2048
TEXTBOOK = "import sys, translating; translating.textbook(*sys.argv[1:])"


def write_model(path, px, width):
    config = config_for(px, width, 1).with_channels(3, 3)
    rgb = PictureContract()
    about = Provenance(images_seen=0, pairs=0, data_digest="", scores={}, versions=versions())
    image = ImageContract(source=rgb, target=rgb, layout="two folders", half="left")
    generator = build_generator(config).requires_grad_(False)
    for weight in generator.parameters():
        weight.mul_(3)  # fresh weights give nearly flat grey
    save_model(path, generator, Header(config=config, image=image, mode="deterministic", provenance=about))
    return generator


def textbook_weights(ours, theirs):
    """Return the textbook's network with these weights; its skips are the first channels, ours the last."""

    def modules(network, *kinds):
        return [[m for m in network.modules() if isinstance(m, kind)] for kind in kinds]

    convs, ups, norms = modules(theirs, nn.Conv2d, nn.ConvTranspose2d, nn.BatchNorm2d)
    own = modules(ours, nn.Conv2d, nn.ConvTranspose2d, Norm)
    for layer, source in zip((*convs, *ups, *norms), (*own[0], *own[1], *own[2]), strict=True):
        layer.weight.data = source.weight.data
        if layer.bias is not None:
            layer.bias.data = source.bias.data
    for up in ups[1:]:
        up.weight.data = up.weight.data.roll(len(up.weight) // 2, 0)
    return theirs


def textbook(weights, px, width, folder, out):
    """Run the textbook script: load, then translate file after file."""
    from textbook import generator, translate

    network = generator(int(width), int(px).bit_length() - 1)
    network.load_state_dict(torch.load(weights))
    for module in network.modules():
        module.training = not isinstance(module, nn.Dropout)  # statistics of the picture
    paths = sorted(Path(folder).glob("*.jpg"))
    saving = {"quality": 95, "subsampling": 0}  # as the command does: outputs can be compared
    translate(network, paths, Path(out), int(px), torch.device("cpu"), **saving)


def seconds(work):
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def passes(model, px, runs):
    """Print the median over runs of each engine's seconds by those of the matrix product around it."""
    a, b = torch.randn(SIDE, SIDE), torch.randn(SIDE, SIDE)
    x = torch.rand(1, 3, px, px) * 2 - 1
    works = {}
    for engine in ("torch", "openvino"):
        translator = Translator.load(model, "cpu", engine=engine)
        works[engine] = lambda t=translator: t._passes(x, None, "deterministic")
    with FlopCounterMode(display=False) as counter, in_mode(translator.generator, "deterministic"):
        translator.generator(x)
    share = counter.get_total_flops() / (2 * SIDE**3)
    times = {engine: [] for engine in works}
    with torch.inference_mode():
        for _ in range(3):
            a @ b, *(work() for work in works.values())
        for _ in range(runs):
            for engine, work in works.items():
                before, took, after = seconds(lambda: a @ b), seconds(work), seconds(lambda: a @ b)
                times[engine].append((took / ((before + after) / 2) / share, took))
    print(f"one picture of {px} px, {counter.get_total_flops() / 1e9:.1f} GFLOP")
    for engine, pairs in times.items():
        ratio, took = (statistics.median(column) for column in zip(*pairs, strict=True))
        print(f"  {engine:<10} {ratio:5.2f} times the products' time  {took * 1000:7.1f} ms")


def commands(model, weights, px, width, files, runs, temporary):
    folder = write_noise_pairs(temporary / "pictures", files, px)
    for path in folder.glob("*.jpg"):
        with Image.open(path) as whole:
            whole.crop((0, 0, px, px)).save(path, quality=95)
    python, outs = sys.executable, {}
    own = [python, "-m", "pix2pix", "translate", model, folder]
    lines = {"textbook": [python, "-c", TEXTBOOK, weights, px, width, folder]}
    lines |= {engine: [*own, "--engine", engine, "-o"] for engine in ("torch", "auto")}
    times = {name: [] for name in lines}
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    for _ in range(runs):
        for name, line in lines.items():
            outs[name] = temporary / name
            command = [str(part) for part in (*line, outs[name])]
            start, used = time.perf_counter(), os.times()
            subprocess.run(command, check=True, env=environment, capture_output=True)
            took, spent = time.perf_counter() - start, os.times()
            cpu = sum(spent[2:4]) - sum(used[2:4])
            times[name].append((took, cpu))
    print(f"{files} JPEGs of {px} px, whole commands, median of {runs}")
    usual = [statistics.median(column) for column in zip(*times["textbook"], strict=True)]
    for name, pairs in times.items():
        took, cpu = (statistics.median(column) for column in zip(*pairs, strict=True))
        print(
            f"  {name:<10} {took:6.2f} s  {usual[0] / took:5.2f} times as fast  "
            f"processor time {cpu:6.2f} s, {usual[1] / cpu:5.2f} times less"
        )
    for name in ("torch", "auto"):
        print(f"  {name} and textbook differ by {apart(outs[name], outs['textbook'])}")


def apart(folder, other):
    """Return the largest and the mean difference of two folders' pictures, in levels of 255."""
    differences = []
    for path in sorted(folder.glob("*.jpg")):
        one, two = (np.asarray(Image.open(f / path.name), int) for f in (folder, other))
        differences.append(np.abs(one - two))
    return (
        f"{max(int(one.max()) for one in differences)} levels at most, {np.mean(differences):.3f} in the mean"
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    for name, default in (("width", 64), ("px", 256), ("files", 100), ("runs", 3)):
        parser.add_argument(f"--{name}", type=int, default=default)
    options = parser.parse_args()
    os.environ.setdefault("GOMP_SPINCOUNT", "10000")
    print(machine(torch.device("cpu")), "load", os.getloadavg()[0])
    with tempfile.TemporaryDirectory() as folder:
        model, weights = Path(folder) / "model.safetensors", Path(folder) / "textbook.pt"
        from textbook import generator

        theirs = generator(options.width, options.px.bit_length() - 1)
        textbook_weights(write_model(model, options.px, options.width), theirs)
        torch.save(theirs.state_dict(), weights)
        passes(model, options.px, 5 * options.runs)
        commands(model, weights, options.px, options.width, options.files, options.runs, Path(folder))
    print("load", os.getloadavg()[0])


if __name__ == "__main__":
    main()
