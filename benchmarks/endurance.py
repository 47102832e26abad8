"""Train for a long time on the smallest networks: do memory and open files stay flat? Is the end the same?

python benchmarks/endurance.py --steps 20000

Each run is a process of its own. A line for each tenth of it: steps, resident memory, open files; then what
two runs of the same command ended with, as digests of the model files.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image

SETTINGS = (
    "data.size_px=32",
    "model.width=4",
    "model.discriminator_px=16",
    "model.discriminator_width=4",
    "training.log_images=100",
    "training.validate_images=1000",
    "training.save_images=1000",
)


def write_pairs(folder: Path) -> None:
    """Write 40 pairs for training and 4 for validation, side by side."""
    rng = np.random.default_rng(0)
    for split, count in (("train", 40), ("val", 4)):
        (folder / split).mkdir(parents=True)
        for number in range(count):
            pair = rng.integers(0, 256, (32, 64, 3), dtype=np.uint8)
            Image.fromarray(pair).save(folder / split / f"{number}.png")


def seen(run: Path) -> int:
    """Return the images of the last line of metrics."""
    path = run / "metrics.jsonl"
    lines = path.read_bytes().splitlines() if path.is_file() else []
    return int(json.loads(lines[-1])["images"]) if lines and lines[-1].endswith(b"}") else 0


def measure(process: subprocess.Popen[bytes], run: Path, steps: int) -> list[tuple[int, float, int]]:
    """Return (steps, resident MB, open files) at each tenth of a run."""
    taken: list[tuple[int, float, int]] = []
    while process.poll() is None:
        time.sleep(0.5)
        if (done := seen(run)) < (len(taken) + 1) * steps // 10:
            continue
        try:
            pages = int(Path(f"/proc/{process.pid}/statm").read_text().split()[1])
            files = len(os.listdir(f"/proc/{process.pid}/fd"))
        except (OSError, IndexError):  # it has just ended
            break
        taken.append((done, pages * os.sysconf("SC_PAGE_SIZE") / 1e6, files))
        print(f"{done:>8,} steps  {taken[-1][1]:8.1f} MB  {files:4} open files", flush=True)
    return taken


def main() -> None:
    """Train twice and print what was measured."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=20_000)
    parser.add_argument("--runs", type=int, default=2)
    arguments = parser.parse_args()
    settings = [word for s in (*SETTINGS, f"training.images={arguments.steps}") for word in ("--set", s)]
    with tempfile.TemporaryDirectory() as place:
        os.environ["PIX2PIX_CACHE"] = str(Path(place) / "cache")
        write_pairs(Path(place) / "pairs")
        for number in range(1, arguments.runs + 1):
            run = Path(place) / f"run-{number}"
            words = ["train", f"{place}/pairs", "--run", str(run), "--device", "cpu", *settings]
            with subprocess.Popen(
                [sys.executable, "-m", "pix2pix", *words],
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            ) as process:
                measure(process, run, arguments.steps)
            digest = hashlib.sha256((run / "model.safetensors").read_bytes()).hexdigest()
            print(f"run {number}: exit code {process.returncode}, model {digest[:16]}", flush=True)


if __name__ == "__main__":
    main()
