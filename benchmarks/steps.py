"""A training step, its data included: this package and a plain textbook loop.

command: python benchmarks/steps.py [--device cuda] [--json FILE]

Each line is one size. "peak" is the share of the rate of a large matrix product, measured in the
same run (float32 of side 2048 on a processor, bf16 of side 8192 on a GPU).
"""

import argparse
import json
import os
import tempfile
from itertools import islice
from pathlib import Path

# As the command line sets it for itself; read when torch is loaded, so the textbook has it too.
os.environ.setdefault("GOMP_SPINCOUNT", "10000")

import torch
from measure import Steps, config_for, gflop_a_step, machine, matrix_peak, median_seconds, write_noise_pairs
from textbook import Step, endless

from pix2pix.device import keep_freed_memory

PROCESSOR = [(64, 32, 1, 20), (256, 64, 1, 1)]
GPU = [(256, 64, 1, 200), (256, 64, 16, 30), (256, 64, 64, 10)]


def textbook_seconds(paths, px, width, batch, device, times):
    workers = min(8, os.cpu_count()) if device.type == "cuda" else 0
    step = Step(px, width, device, strided=3 if px >= 64 else 1)
    coming = endless(paths, px, batch, workers)
    for x, y in islice(coming, 3):
        step(x, y)
    return median_seconds(lambda: step(*next(coming)), device, groups=5, times=times)


def our_seconds(folder, px, width, batch, device, engine, times):
    ours = Steps(folder, config_for(px, width, batch), device, engine, "auto")
    ours.steps(3)
    seconds = median_seconds(ours.step, device, groups=5, times=times)
    ours.close()
    return seconds


def usual_seconds(folder, size, device):
    px, width, batch, times = size
    return textbook_seconds(sorted(folder.glob("**/*.jpg")), px, width, batch, device, times)


def row(folder, size, device, peak, usual):
    px, width, batch, times = size
    own = {e: our_seconds(folder, px, width, batch, device, e, times) for e in ("plain", "graph")}
    gflop = gflop_a_step(folder, px, width, batch)
    best = own["graph" if device.type == "cuda" else "plain"]
    return {
        "px": px,
        "width": width,
        "batch": batch,
        "gflop": round(gflop, 1),
        **{f"{name}_ms": round(s * 1000, 3) for name, s in own.items()},
        "textbook_ms": round(usual * 1000, 3),
        "times_faster": round(usual / best, 2),
        "images_per_second": round(batch / best, 1),
        "share_of_peak": round(gflop * 1e9 / best / peak, 3),
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    device = torch.device(arguments.device)
    gpu = device.type == "cuda"
    side, dtype = (8192, torch.bfloat16) if gpu else (2048, torch.float32)
    peak = matrix_peak(device, side, dtype)
    about = machine(device) | {"peak_gflops": round(peak / 1e9, 1)}
    print(about)
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        os.environ["PIX2PIX_CACHE"] = f"{folder}/cache"
        sizes = GPU if gpu else PROCESSOR
        pairs = [write_noise_pairs(Path(folder) / str(size[0]), 80, size[0]) for size in sizes]
        # The textbook before our command's setting of the C library's memory, which would help it.
        usual = [usual_seconds(folders, size, device) for folders, size in zip(pairs, sizes, strict=True)]
        keep_freed_memory()
        for folders, size, seconds in zip(pairs, sizes, usual, strict=True):
            rows.append(row(folders, size, device, peak, seconds))
            if len(rows) == 1:
                print("  ".join(rows[0]))
            print("  ".join(f"{v:>{len(k)}}" for k, v in rows[-1].items()), flush=True)
    if arguments.json:
        arguments.json.write_text(json.dumps({"machine": about, "rows": rows}, indent=2) + "\n")


if __name__ == "__main__":
    main()
