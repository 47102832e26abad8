from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor

from pix2pix.config import Mode
from pix2pix.errors import UserError
from pix2pix.inference import executor
from pix2pix.inference.executor import EXECUTORS, Passes, pick_executor
from pix2pix.model_file import load_model
from pix2pix.networks import Generator
from pix2pix.networks.noise import noise_keys
from tests.helpers import write_model

CPU = torch.device("cpu")


@pytest.fixture
def generator(tmp_path: Path) -> Generator:
    return load_model(write_model(tmp_path / "model.safetensors"), CPU)[0]


def grey(source: Tensor, keys: Tensor | None, mode: Mode) -> Tensor | None:
    """Leave pictures higher than 32 px to torch."""
    return torch.zeros_like(source) if source.shape[2] == 32 else None


def test_a_pass_is_the_generator_s_in_the_mode(generator: Generator) -> None:
    passes = Passes(generator, CPU, "fp32")
    x, keys = torch.rand(2, 3, 32, 64) * 2 - 1, noise_keys(0, torch.zeros(2, dtype=torch.int64))
    with torch.inference_mode():
        paper, still = passes(x, keys, "paper"), passes(x, None, "deterministic")
        again = passes(x, keys, "paper")
    torch.testing.assert_close(paper, again)
    assert not torch.allclose(paper, still, atol=1e-3)
    alone = passes(x[1:], keys[1:], "paper")
    assert torch.allclose(alone, paper[1:], atol=1e-5)


def test_bf16_is_near_float32_and_comes_out_in_float32(generator: Generator) -> None:
    x = torch.rand(1, 3, 32, 32) * 2 - 1
    with torch.inference_mode():
        fine, rough = (Passes(generator, CPU, p)(x, None, "deterministic") for p in ("fp32", "bf16"))
    assert rough.dtype == torch.float32
    assert 0 < float((fine - rough).abs().mean()) < 0.03


def test_a_precision_lasts_while_a_gpu_is_being_launched(
    generator: Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    def locked(*_: object) -> Tensor:
        assert executor._LAUNCHING.locked()
        return torch.zeros(1)

    passes = Passes(generator, CPU, "fp32", ("locked", locked))
    passes.device = SimpleNamespace(type="cuda")  # type: ignore[assignment]
    for name in ("computing", "on_device"):
        monkeypatch.setattr(executor, name, lambda *_: nullcontext())
    passes(torch.zeros(1, 3, 32, 32), None, "deterministic")
    assert not executor._LAUNCHING.locked()


def test_torch_runs_what_an_executor_leaves(generator: Generator) -> None:
    passes = Passes(generator, CPU, "fp32", ("grey", grey))
    with torch.inference_mode():
        assert not passes(torch.rand(1, 3, 32, 32), None, "deterministic").any()
        assert passes.ran_by == "grey"
        assert passes(torch.rand(1, 3, 64, 32), None, "deterministic").std() > 0.05
    assert passes.ran_by == "torch"


def test_a_mode_that_the_model_lacks_is_refused_whoever_runs_it(tmp_path: Path) -> None:
    model = write_model(tmp_path / "model.safetensors", "model.norm=instance")
    passes = Passes(load_model(model, CPU)[0], CPU, "fp32", ("grey", grey))
    with pytest.raises(UserError, match="running"):
        passes(torch.rand(1, 3, 32, 32), None, "running")


def test_auto_is_the_first_executor_that_can_run(
    generator: Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    def build(generator: Generator, device: torch.device, precision: str, *rest: Any) -> Any:
        return grey if precision == "fp32" else None

    monkeypatch.setitem(EXECUTORS, "openvino", lambda *_: None)
    monkeypatch.setitem(EXECUTORS, "grey", build)
    assert pick_executor("auto", generator, CPU, "fp32") == ("grey", grey)
    assert pick_executor("auto", generator, CPU, "bf16") == ("torch", None)
    assert pick_executor("torch", generator, CPU, "fp32") == ("torch", None)
    with pytest.raises(UserError, match="--engine grey cannot run this model on cpu in bf16"):
        pick_executor("grey", generator, CPU, "bf16")
    with pytest.raises(UserError, match="--engine onnx is unknown: wanted auto, torch, openvino, grey"):
        pick_executor("onnx", generator, CPU, "fp32")
