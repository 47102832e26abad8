"""OpenVINO beside torch; one small network is compiled for most of the tests."""

import ctypes
import logging
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from pix2pix.errors import UserError
from pix2pix.inference import openvino
from pix2pix.inference.translator import Translator
from pix2pix.pictures.contract import LabelClass, PictureContract
from tests.helpers import settle, write_model

MODES: tuple[Any, ...] = ("paper", "deterministic", "running")
CLASSES = tuple(LabelClass(name=f"c{n}", colour=(n, n, n)) for n in range(5))


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("run") / "model.safetensors"
    return settle(write_model(path, "training.batch=4"))


@pytest.fixture(scope="module")
def by_torch(model: Path) -> Translator:
    return Translator.load(model, "cpu", engine="torch")


@pytest.fixture(scope="module")
def by_openvino(model: Path) -> Translator:
    """With the network of every mode."""
    translator = Translator.load(model, "cpu", engine="openvino")
    for mode in MODES:
        translator.translate_tensors(pictures((32, 32)), mode=mode)
    return translator


@pytest.fixture
def torch_is_off(monkeypatch: pytest.MonkeyPatch) -> None:
    """What torch translates in spite of OpenVINO comes out wrong."""
    monkeypatch.setattr("pix2pix.networks.unet.torch.tanh", torch.zeros_like)


def pictures(*sizes: tuple[int, int], channels: int = 3) -> list[Tensor]:
    random = torch.Generator().manual_seed(0)
    return [torch.rand(channels, *size, generator=random) * 2 - 1 for size in sizes]


def largest_difference(found: list[Tensor], wanted: list[Tensor]) -> float:
    assert [one.shape for one in found] == [one.shape for one in wanted]
    assert min(float(one.std()) for one in wanted) > 0.05
    return max(float((a - b).abs().max()) for a, b in zip(found, wanted, strict=True))


@pytest.mark.parametrize("mode", MODES)
def test_every_mode_batch_and_size_is_torch_s_own(
    by_torch: Translator, by_openvino: Translator, mode: Any
) -> None:
    sources = pictures((32, 32), (50, 70), (32, 32), (31, 1), (32, 30))
    given: dict[str, Any] = {"mode": mode, "batch": 2, "seed": [1, 2, 3, 4, 4], "sample": 7}
    found = by_openvino.translate_tensors(sources, **given)
    assert largest_difference(found, by_torch.translate_tensors(sources, **given)) < 1e-3


@pytest.mark.parametrize("mode", MODES)
def test_openvino_is_what_translates(by_openvino: Translator, torch_is_off: None, mode: Any) -> None:
    first, again = (by_openvino.translate_tensors(pictures((32, 32)), mode=mode)[0] for _ in range(2))
    assert first.std() > 0.05
    assert torch.equal(first, again)


def test_labels_to_classes_are_torch_s_own(tmp_path: Path) -> None:
    model = write_model(
        tmp_path / "model.safetensors",
        "model.generator=encoder_decoder",
        "model.upsample=resize",
        "model.norm=instance",
        "data.target_one_hot=true",
        "data.target_labels=facades",
        source=PictureContract(classes=CLASSES, one_hot=True),
        target=PictureContract(classes=CLASSES, one_hot=True),
    )
    sources = pictures((32, 32), (32, 64), channels=5)
    found, wanted = (
        Translator.load(model, "cpu", engine=engine).translate_tensors(sources)
        for engine in ("openvino", "torch")
    )
    assert largest_difference(found, wanted) < 1e-3


def test_masks_follow_seed_sample_and_size(by_openvino: Translator, torch_is_off: None) -> None:
    small, large = pictures((32, 32), (64, 64))

    def translated(source: Tensor, **noise: int) -> Tensor:
        return by_openvino.translate_tensors([source], mode="paper", **noise)[0]

    wanted = translated(small)
    for others in (translated(small, seed=1), translated(small, sample=1)):
        assert not torch.equal(others, wanted)
        assert torch.equal(translated(small), wanted)
    assert translated(large).shape == large.shape
    assert torch.equal(translated(small), wanted)


def test_twins_share_what_was_compiled(
    by_openvino: Translator, torch_is_off: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(openvino, "_made", None)  # a second one would fail
    by_openvino.twin().translate_tensors(pictures((32, 32)))


def test_torch_translates_until_there_is_enough_work(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    monkeypatch.setattr(openvino, "_made", lambda generator, mode: asked.append(mode))
    monkeypatch.setattr(openvino, "_WORTH", 3 * 32 * 32 * 4**2)
    translator = Translator.load(model, "cpu")
    for _ in range(2):
        translator.translate_tensors(pictures((32, 32)))
    assert not asked
    for _ in range(3):
        translator.translate_tensors(pictures((32, 32)))
    assert asked == ["running"]  # once
    Translator.load(model, "cpu", engine="torch").translate_tensors(pictures(*[(32, 32)] * 9))
    assert asked == ["running"]


def test_without_openvino_torch_translates_and_says_nothing(
    model: Path, by_torch: Translator, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setitem(sys.modules, "openvino", None)
    monkeypatch.setattr(openvino, "_WORTH", 0)
    found = Translator.load(model, "cpu").translate_tensors(pictures((32, 32)))
    assert largest_difference(found, by_torch.translate_tensors(pictures((32, 32)))) < 1e-5
    assert not caplog.records
    with pytest.raises(UserError, match=r"pip install 'pix2pix\[fast\]'"):
        Translator.load(model, "cpu", engine="openvino")


def _refuses(*_: object) -> None:
    raise AttributeError("no such frontend")


@pytest.mark.parametrize(
    ("compiled", "said"),
    [
        (_refuses, "cannot run this model, so torch does (no such frontend)"),
        (lambda *_: (object(), 0.0011), "differs from torch by 0.0011"),
        (lambda *_: (object(), float("nan")), "differs from torch by nan"),
    ],
)
def test_what_is_not_torch_s_own_is_left_to_torch_in_one_sentence(
    model: Path,
    by_torch: Translator,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    compiled: Any,
    said: str,
) -> None:
    monkeypatch.setattr(openvino, "_compiled", compiled)
    translator = Translator.load(model, "cpu", engine="openvino")
    with caplog.at_level(logging.WARNING):
        for _ in range(2):
            found = translator.translate_tensors(pictures((32, 32)))
    assert largest_difference(found, by_torch.translate_tensors(pictures((32, 32)))) < 1e-5
    assert len(caplog.messages) == 1
    assert said in caplog.messages[0]


def test_what_openvino_has_no_memory_for_is_left_to_torch(model: Path, by_torch: Translator) -> None:
    translator = Translator.load(model, "cpu", engine="openvino")

    def run(source: Tensor, keys: Tensor | None) -> Tensor:
        raise RuntimeError("bad allocation")

    translator._passes._runs["running"] = run
    found = translator.translate_tensors(pictures((32, 32)))
    assert largest_difference(found, by_torch.translate_tensors(pictures((32, 32)))) < 1e-5


def test_what_openvino_fails_at_is_left_to_torch_once_and_for_all(
    model: Path, by_torch: Translator, caplog: pytest.LogCaptureFixture
) -> None:
    translator, calls = Translator.load(model, "cpu", engine="openvino"), []

    def run(source: Tensor, keys: Tensor | None) -> Tensor:
        calls.append(source)
        raise RuntimeError("no such kernel")

    lanes = translator, translator.twin()
    for lane in lanes:
        lane._passes._runs["running"] = run
    for lane in (*lanes, *lanes, translator.twin()):
        found = lane.translate_tensors(pictures((32, 32)))
        assert largest_difference(found, by_torch.translate_tensors(pictures((32, 32)))) < 1e-5
    assert len(calls) == 2
    assert len(caplog.messages) == 1
    assert "torch does (no such kernel)" in caplog.messages[0]


def test_a_mode_that_the_model_lacks_is_refused(tmp_path: Path) -> None:
    model = write_model(tmp_path / "model.safetensors", "model.norm=instance")
    with pytest.raises(UserError, match="running"):
        Translator.load(model, "cpu", engine="openvino").translate_tensors(pictures((32, 32)), mode="running")


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"engine": "onnx"}, "--engine onnx is unknown: wanted auto, torch, openvino"),
        ({"engine": "openvino", "precision": "bf16"}, "in fp32, not on cpu in bf16"),
    ],
)
def test_engines_that_cannot_be_had_are_refused(model: Path, given: Any, said: str) -> None:
    with pytest.raises(UserError, match=said):
        Translator.load(model, "cpu", **given)


def test_openvino_is_loaded_without_its_telemetry(by_openvino: Translator) -> None:
    assert not [name for name in sys.modules if name.startswith("openvino_telemetry")]


def test_the_network_is_made_without_free_axes(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only exporting needs them: loading what reckons with them takes longer than compiling."""
    monkeypatch.setattr(torch.export, "Dim", None)
    translator = Translator.load(model, "cpu", engine="openvino")
    translator.translate_tensors(pictures((32, 32)))
    assert translator.processor
    assert translator.processor._networks["running"]


@pytest.mark.skipif(sys.platform != "linux", reason="reads the stack for signals of Linux")
def test_the_thread_that_asks_keeps_its_stack_for_signals(model: Path) -> None:
    """OpenVINO frees the one that it sets: the next Ctrl-C would be a segmentation fault."""

    def stack() -> bytes:
        found = ctypes.create_string_buffer(24)  # address, flags, size
        ctypes.CDLL(None).sigaltstack(None, found)
        return found.raw

    before = stack()
    Translator.load(model, "cpu", engine="openvino").translate_tensors(pictures((32, 32)))
    assert stack() == before
