from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from pix2pix import passes as passes_module
from pix2pix.model_file import load_model
from pix2pix.networks.noise import noise_keys
from pix2pix.passes import Passes
from tests.helpers import write_model

CPU = torch.device("cpu")


def test_a_pass_is_the_generator_s_in_the_mode(tmp_path: Path) -> None:
    generator, _ = load_model(write_model(tmp_path / "model.safetensors"), CPU)
    passes = Passes(generator, CPU, "fp32")
    x, keys = torch.rand(2, 3, 32, 64) * 2 - 1, noise_keys(0, torch.zeros(2, dtype=torch.int64))
    with torch.inference_mode():
        paper, still = passes(x, keys, "paper"), passes(x, None, "deterministic")
        again = passes(x, keys, "paper")
    assert torch.equal(paper, again)
    assert not torch.allclose(paper, still, atol=1e-3)
    alone = passes(x[1:], keys[1:], "paper")
    assert torch.allclose(alone, paper[1:], atol=1e-5)


def test_bf16_is_near_float32_and_comes_out_in_float32(tmp_path: Path) -> None:
    generator, _ = load_model(write_model(tmp_path / "model.safetensors"), CPU)
    x = torch.rand(1, 3, 32, 32) * 2 - 1
    with torch.inference_mode():
        fine, rough = (
            Passes(generator, CPU, p)(x, None, "deterministic") for p in ("fp32", "bf16")
        )
    assert rough.dtype == torch.float32
    assert 0 < float((fine - rough).abs().mean()) < 0.03


def test_a_precision_lasts_while_a_gpu_is_being_launched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    generator, _ = load_model(write_model(tmp_path / "model.safetensors"), CPU)
    held = Passes(generator, CPU, "fp32")
    held.device = SimpleNamespace(type="cuda")  # type: ignore[assignment]
    monkeypatch.setattr("pix2pix.passes.computing", lambda *_: nullcontext())
    with held._launching():
        assert passes_module._LAUNCHING.locked()
    assert not passes_module._LAUNCHING.locked()
