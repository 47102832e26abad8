"""The benchmark for a GPU runs whole on a processor, on tiny sizes: ready when one comes."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from pix2pix.model_file import load_model
from tests.helpers import noise, write

ROOT = Path(__file__).parents[1]


def run(*command: object) -> str:
    done = subprocess.run(
        [sys.executable, *map(str, command)], capture_output=True, text=True, check=True, cwd=ROOT
    )
    return done.stdout


@pytest.mark.slow
def test_every_stage_of_the_gpu_benchmark_runs_here(tmp_path: Path) -> None:
    for number in range(12):
        write(tmp_path / "pairs" / f"{number}.jpg", noise(64, 128, seed=number))
    out = tmp_path / "out"
    printed = run("benchmarks/gpu.py", tmp_path / "pairs", "--out", out, "--together")
    stages = json.loads((out / "results.json").read_text())["stages"]
    assert {name: e["error"] for name, e in stages.items() if "error" in e} == {}
    off = stages["compare"]["result"]["largest_relative_difference"]
    assert set(off) == {
        "loss_d", "d_right", "loss_l1", "loss_gan", "gradient_generator", "gradient_discriminator"
    }  # fmt: skip
    assert max(off.values()) < 1e-4
    assert "translating: times faster" in printed
    kept = list(out.iterdir())
    assert len(kept) <= 8
    assert max(path.stat().st_size for path in kept) <= 16 * 2**20

    run("benchmarks/parts.py", out, tmp_path / "joined.safetensors")
    generator, header = load_model(tmp_path / "joined.safetensors", torch.device("cpu"))
    assert header.provenance.images_seen == 30
    assert all(bool(torch.isfinite(t).all()) for t in generator.state_dict().values())
