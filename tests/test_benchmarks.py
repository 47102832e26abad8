"""The benchmark for a GPU runs whole on a processor, on tiny sizes: ready when one comes."""

from __future__ import annotations

import importlib
import json
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType

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


def benchmark(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The module gpu.py, as its own stages see it."""
    monkeypatch.syspath_prepend(ROOT / "benchmarks")
    return importlib.import_module("gpu")


def test_a_step_s_share_of_the_peak_is_what_it_computes_a_second_over_what_can_be(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stages = {
        "machine": {"result": {"tflops_bf16": 700.0}},
        "step_1": {"result": {"batch": 1, "milliseconds": 2.0, "images_per_second": 500.0,
                              "gflop": 140.0}},
        "step_16": {"error": "not done after 120 s", "result": {"batch": 16}},
    }  # fmt: skip
    # 140e9 in 0.002 s are 70e12 a second, a tenth of 700e12.
    shares = re.findall(r"step_(\d+): share.* ([\d.]+)", benchmark(monkeypatch).table(stages))
    assert shares == [("1", "0.100")]


@pytest.mark.parametrize(
    ("program", "seconds", "error"),
    [
        ("print('well')", 60, None),
        ("import sys; sys.exit('a word')", 60, "exit 1: a word"),
        ("import os; os._exit(7)", 60, "exit 7: "),
        ("import time; time.sleep(60)", 0.2, "not done after 0 s"),
    ],
)
def test_a_stage_that_ends_without_a_word_is_not_done(
    tmp_path: Path, program: str, seconds: float, error: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    command = [sys.executable, "-S", "-c", program]
    found = benchmark(monkeypatch).stopped(command, tmp_path / "log", seconds)
    assert found is None if error is None else found.startswith(error)


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
        "loss_d", "loss_l1", "loss_gan", "gradient_generator", "gradient_discriminator"
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
