import gc
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from pix2pix.config import Mode
from pix2pix.inference import executor as passes_module
from pix2pix.inference.executor import Passes
from pix2pix.model_file import load_model
from pix2pix.networks import Generator
from pix2pix.networks.modes import inference
from pix2pix.networks.noise import noise_keys
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
        fine, rough = (Passes(generator, CPU, p)(x, None, "deterministic") for p in ("fp32", "bf16"))
    assert rough.dtype == torch.float32
    assert 0 < float((fine - rough).abs().mean()) < 0.03


def test_a_precision_lasts_while_a_gpu_is_being_launched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    generator, _ = load_model(write_model(tmp_path / "model.safetensors"), CPU)
    held = Passes(generator, CPU, "fp32")
    held.device = SimpleNamespace(type="cuda")  # type: ignore[assignment]
    for name in ("computing", "on_device"):
        monkeypatch.setattr(f"pix2pix.inference.executor.{name}", lambda *_: nullcontext())
    with held._launching():
        assert passes_module._LAUNCHING.locked()
    assert not passes_module._LAUNCHING.locked()


class FakeGPU:
    """What `Passes` asks of torch.cuda, on the processor: a replay is the pass itself."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, generator: Generator) -> None:
        self.asked: list[str] = []
        self.passes = Passes(generator, torch.device("cuda", 1), "fp32")
        its = self

        class Graph:
            def replay(self) -> None:
                its.asked.append("replay")
                held = next(c for c in its.passes._captured.values() if c.graph is self)
                mode = next(m for (_, m), c in its.passes._captured.items() if c is held)
                with inference(generator, mode):
                    held.output.copy_(generator(held.source, held.keys))

        @contextmanager
        def current(device: torch.device) -> Iterator[None]:
            assert device == torch.device("cuda", 1)
            self.asked.append("current")
            yield

        @contextmanager
        def graph(into: Graph, capture_error_mode: str) -> Iterator[None]:
            assert self.asked[-1] == "current"
            assert not gc.isenabled()
            self.asked.append("capture")
            yield

        monkeypatch.setattr(torch.cuda, "device", current)
        monkeypatch.setattr(torch.cuda, "CUDAGraph", Graph)
        monkeypatch.setattr(torch.cuda, "graph", graph)
        monkeypatch.setattr(torch.cuda, "empty_cache", lambda: self.asked.append("empty"))
        monkeypatch.setattr("pix2pix.inference.executor.computing", lambda *its: nullcontext())

    def __call__(self, x: torch.Tensor, keys: torch.Tensor | None, mode: Mode) -> torch.Tensor:
        with torch.inference_mode():
            return self.passes(x, keys, mode)


@pytest.fixture
def gpu(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeGPU:
    return FakeGPU(monkeypatch, load_model(write_model(tmp_path / "model.safetensors"), CPU)[0])


def test_a_shape_is_captured_when_it_comes_again_and_replayed_with_what_is_new(gpu: FakeGPU) -> None:
    generator = gpu.passes._generator
    keys = noise_keys(0, torch.zeros(1, dtype=torch.int64))
    for number in range(4):
        x = torch.rand(1, 3, 32, 32) * 2 - 1
        with torch.inference_mode(), inference(generator, "paper"):
            wanted = generator(x, keys + number)
        assert torch.equal(gpu(x, keys + number, "paper"), wanted)
    known = [word for word in gpu.asked if word != "current"]
    assert known == ["capture", "replay", "replay", "replay"]
    assert gpu.asked.count("current") == 4


def test_an_output_is_not_written_over_by_the_next(gpu: FakeGPU) -> None:
    pictures = [torch.rand(1, 3, 32, 32) for _ in range(3)]
    outputs = [gpu(x, None, "deterministic") for x in pictures]
    assert not torch.equal(outputs[1], outputs[2])


def test_only_so_many_shapes_are_kept(gpu: FakeGPU) -> None:
    for count in (*range(1, 11), *range(1, 11)):
        gpu(torch.rand(count, 3, 32, 32), None, "deterministic")
    assert [shape[0] for shape, _ in gpu.passes._captured] == list(range(3, 11))


def test_large_pictures_are_not_captured(gpu: FakeGPU, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pix2pix.inference.executor._SMALL", 32 * 64)
    for _ in range(3):
        gpu(torch.rand(1, 3, 32, 96), None, "deterministic")
    assert set(gpu.asked) == {"current"}


def test_where_a_capture_finds_no_memory_passes_go_on_without(
    gpu: FakeGPU, monkeypatch: pytest.MonkeyPatch
) -> None:
    x = torch.rand(1, 3, 32, 32)
    for _ in range(2):
        gpu(x, None, "deterministic")

    def full(*its: object, **more: object) -> object:
        raise torch.OutOfMemoryError("CUDA out of memory.")

    monkeypatch.setattr(torch.cuda, "graph", full)
    for _ in range(3):
        output = gpu(x.flip(2).repeat(2, 1, 1, 1), None, "deterministic")
    assert output.shape == (2, 3, 32, 32)
    assert gpu.asked.count("empty") == 1
    assert not gpu.passes._captured
