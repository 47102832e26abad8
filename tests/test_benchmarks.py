"""The benchmark for a GPU runs whole on a processor, on tiny sizes: ready when one comes."""

from __future__ import annotations

import importlib
import json
import math
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch

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


def benchmark(name: str, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """A module of benchmarks/, as the others there see it."""
    monkeypatch.syspath_prepend(ROOT / "benchmarks")
    return importlib.import_module(name)


@pytest.mark.parametrize(
    ("program", "answer"),
    [
        ("print('well')", {"error": "ended without a result: well\n"}),
        ("import time; time.sleep(60)", {"error": "ended without a result: "}),
        ("open(sys.argv[1], 'w').write('{}')", {}),
        # As a training that is ended at its limit: it saves, and reports what it has.
        (
            "import signal, time\n"
            "signal.signal(signal.SIGTERM, lambda *_: open(sys.argv[1], 'w').write('{}') and exit())\n"
            "print('ready', flush=True); time.sleep(60)",
            {},
        ),
    ],
)
def test_a_stage_ends_at_its_limit_with_what_it_has(
    tmp_path: Path, program: str, answer: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    gpu = benchmark("gpu", monkeypatch)
    script = tmp_path / "script.py"
    script.write_text(f"import sys\n{program}")
    monkeypatch.setattr(gpu, "__file__", str(script))
    arguments = [str(tmp_path / "compare.json")]
    assert gpu.in_a_process("compare", arguments, tmp_path, 1.5) == answer


def test_stages_without_time_are_named_and_the_last_ones_have_theirs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gpu, limits = benchmark("gpu", monkeypatch), {}
    monkeypatch.setattr(gpu, "in_a_process", lambda name, *more: limits.setdefault(name, more[-1]) and {})
    gpu.main([str(tmp_path), "--out", str(tmp_path / "out"), "--minutes", "3"])
    assert limits["training"] <= 180 - gpu.AFTER_TRAINING
    assert set(limits) == set(gpu.STAGES)
    gpu.main([str(tmp_path), "--out", str(tmp_path / "out"), "--minutes", "1"])
    results = json.loads((tmp_path / "out" / "results.json").read_text())
    assert results["training"]["error"] == "no time was left"


def test_kid_is_that_of_its_definition(monkeypatch: pytest.MonkeyPatch) -> None:
    kid = benchmark("kid", monkeypatch)
    real, fake = np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]]), np.array([[2.0, 0.0], [0.0, 2.0]])
    # By hand, kernels (ab/2 + 1)**3 of different pairs: 2 (1 + 27/8 + 27/8) / 6 of real ones, 1 of
    # fakes, and 8, 1, 1, 8, 8, 8 between them.
    assert kid.kid(real, fake)["kid_x1000"] == pytest.approx(1000 * (31 / 12 + 1 - 2 * 34 / 6))
    assert kid.kid(9 * real, 9 * fake)["kid"] == pytest.approx(kid.kid(real, fake)["kid"])


def test_features_see_8_bits_at_the_network_s_size(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kid = benchmark("kid", monkeypatch)
    flat = torch.full((2, 3, 8, 8), 0.5)
    flat[1] = -1
    found = kid.features(flat, feature_network(tmp_path / "f.onnx"))
    # 0.5 is level 191.25, so 191 is seen.
    assert found == pytest.approx(np.array([[191 / 127.5 - 1] * 3, [-1] * 3]))


def test_the_pairs_of_benchmarks_are_found_as_pairs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    measure = benchmark("measure", monkeypatch)
    folder = measure.write_noise_pairs(tmp_path / "pairs", 8, 64)
    config, loader = measure.open_loader(folder, measure.config_for(64, 8, 1))
    assert config.model.source_channels == 3
    assert [crop.shape for crop in loader.crops(range(1))] == [(1, 3, 64, 64)] * 2


@pytest.mark.slow
def test_every_stage_of_the_gpu_benchmark_runs_here(tmp_path: Path) -> None:
    for number in range(12):
        split = "train" if number < 9 else "val"
        write(tmp_path / "pairs" / split / f"{number}.jpg", noise(64, 128, seed=number))
    command = ["benchmarks/gpu.py", tmp_path / "pairs", "--out", tmp_path / "out", "--together"]
    run(*command, "--features", feature_network(tmp_path / "f.onnx"))
    results = json.loads((tmp_path / "out" / "results.json").read_text())
    assert {name: row["error"] for name, row in results.items() if "error" in row} == {}
    off = results["compare"]["largest_relative_difference"]
    assert set(off) == {"loss_d", "loss_l1", "loss_gan", "gradient_generator", "gradient_discriminator"}
    assert max(off.values()) < 1e-4
    assert [results[f"step_{batch}"]["batch"] for batch in (1, 16, 64)] == [1, 16, 64]
    assert results["training"]["images"] == results["kid"]["images"] == 24
    assert math.isfinite(results["kid"]["kid"])
    assert results["translate"]["files"] == 12
