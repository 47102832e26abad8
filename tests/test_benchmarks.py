"""The benchmark for a GPU runs whole on a processor, on tiny sizes: ready when one comes."""

from __future__ import annotations

import importlib
import json
import math
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
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


def feature_network(path: Path) -> Path:
    """An ONNX network of pictures of 16 px whose features are the means of the channels."""
    import onnx
    from onnx import TensorProto, helper

    picture = helper.make_tensor_value_info("picture", TensorProto.FLOAT, [1, 3, 16, 16])
    means = helper.make_tensor_value_info("means", TensorProto.FLOAT, [1, 3, 1, 1])
    pooled = helper.make_node("GlobalAveragePool", ["picture"], ["means"])
    model = helper.make_model(
        helper.make_graph([pooled], "features", [picture], [means]),
        opset_imports=[helper.make_opsetid("", 18)],
        ir_version=10,
    )
    onnx.save(model, path)
    return path


def benchmark(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The module gpu.py, as its own stages see it."""
    monkeypatch.syspath_prepend(ROOT / "benchmarks")
    return importlib.import_module("gpu")


def test_a_step_s_share_of_the_peak_is_what_it_computes_a_second_over_what_can_be(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stages = {
        "machine": {"result": {"tflops_bf16": 700.0}},
        "step_1": {"result": {"batch": 1, "milliseconds": 2.0, "images_per_second": 500.0, "gflop": 140.0}},
        "step_16": {"error": "not done after 120 s", "result": {"batch": 16}},
    }
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


def test_a_stage_that_ends_softly_at_its_limit_leaves_what_it_has(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = tmp_path / "kept"
    program = f"""
import pathlib, signal, time
signal.signal(signal.SIGTERM, lambda *_: pathlib.Path({str(kept)!r}).touch() or exit())
print("ready", flush=True)
time.sleep(60)
"""
    command = [sys.executable, "-S", "-c", program]
    found = benchmark(monkeypatch).stopped(command, tmp_path / "log", 1.5)
    assert found == "not done after 2 s"
    assert kept.exists()


def test_two_commands_over_one_folder_tell_of_both(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gpu, seen = benchmark(monkeypatch), []

    def found(name: str, *arguments: object) -> dict[str, str]:
        seen.append(name)
        return {"error": "none"} if name == "losses" else {"some": 1}

    monkeypatch.setattr(gpu, "in_a_process", found)
    folders = [str(tmp_path), "--work", str(tmp_path / "work"), "--out"]
    gpu.main([*folders, str(tmp_path / "one"), "--stages", "machine,losses+compare"])
    gpu.main([*folders, str(tmp_path / "two"), "--stages", "weights,rest"])
    stages = json.loads((tmp_path / "two" / "results.json").read_text())["stages"]
    assert set(seen) == set(stages)
    assert "weights" in stages
    assert [name for name, entry in stages.items() if "error" in entry] == ["losses"]
    # What the first found is not done again; what found nothing, and what was left out, is.
    assert [seen.count(name) for name in ("machine", "compare", "losses", "step_64")] == [1, 1, 2, 1]
    assert not {"training", "ready_16"} & set(stages)


def test_every_stage_is_in_one_of_the_two_calls(monkeypatch: pytest.MonkeyPatch) -> None:
    gpu = benchmark(monkeypatch)
    named = re.split("[,+]", ",".join(gpu.CALLS.values()))
    assert sorted(named) == sorted([*gpu.STAGES, "rest"])


def test_kid_is_that_of_its_definition(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(ROOT / "benchmarks")
    kid = importlib.import_module("kid")
    real, fake = np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]]), np.array([[2.0, 0.0], [0.0, 2.0]])
    # By hand, kernels (ab/2 + 1)**3 of different pairs: 2 (1 + 27/8 + 27/8) / 6 of real ones, 1 of
    # fakes, and 8, 1, 1, 8, 8, 8 between them.
    assert kid.kid(real, fake)["kid_x1000"] == pytest.approx(1000 * (31 / 12 + 1 - 2 * 34 / 6))
    assert kid.kid(9 * real, 9 * fake)["kid"] == pytest.approx(kid.kid(real, fake)["kid"])


def test_features_see_8_bits_at_the_network_s_size(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(ROOT / "benchmarks")
    kid = importlib.import_module("kid")
    flat = torch.full((2, 3, 8, 8), 0.5)
    flat[1] = -1
    found = kid.features(flat, feature_network(tmp_path / "f.onnx"))
    # 0.5 is level 191.25, so 191 is seen.
    assert found == pytest.approx(np.array([[191 / 127.5 - 1] * 3, [-1] * 3]))


@pytest.mark.slow
def test_every_stage_of_the_gpu_benchmark_runs_here(tmp_path: Path) -> None:
    for number in range(12):
        split = "train" if number < 9 else "val"
        write(tmp_path / "pairs" / split / f"{number}.jpg", noise(64, 128, seed=number))
    out = tmp_path / "out"
    command = ["benchmarks/gpu.py", tmp_path / "pairs", "--out", out, "--together"]
    command += ["--work", tmp_path / "work", "--features", feature_network(tmp_path / "f.onnx")]
    run(*command, "--stages", "first")
    printed = run(*command, "--stages", "second")
    stages = json.loads((out / "results.json").read_text())["stages"]
    assert {name: e["error"] for name, e in stages.items() if "error" in e} == {}
    off = stages["compare"]["result"]["largest_relative_difference"]
    assert set(off) == {"loss_d", "loss_l1", "loss_gan", "gradient_generator", "gradient_discriminator"}
    assert max(off.values()) < 1e-4
    assert "translating: times faster" in printed
    for engine, seeds in (("plain", {"0"}), ("fast", {"1", "2"})):
        runs = stages[f"kid_40_{engine}"]["result"]["runs"]
        assert set(runs) == seeds
        assert all(math.isfinite(run[-1]["kid"]) for run in runs.values())
    kept = list(out.iterdir())
    assert len(kept) <= 8
    assert max(path.stat().st_size for path in kept) <= 16 * 2**20

    run("benchmarks/parts.py", out, tmp_path / "joined.safetensors")
    generator, header = load_model(tmp_path / "joined.safetensors", torch.device("cpu"))
    assert header.provenance.images_seen == 30
    assert all(bool(torch.isfinite(t).all()) for t in generator.state_dict().values())
