"""OpenVINO and torch; one small network is compiled for most of the tests."""

import ctypes
import logging
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
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
    """Make the pictures wrong that torch translates in spite of OpenVINO."""
    monkeypatch.setattr("pix2pix.networks.unet.torch.tanh", torch.zeros_like)


def pictures(*sizes: tuple[int, int], channels: int = 3) -> list[Tensor]:
    random = torch.Generator().manual_seed(0)
    return [torch.rand(channels, *size, generator=random) * 2 - 1 for size in sizes]


def largest_difference(outputs: list[Tensor], expected: list[Tensor]) -> float:
    assert [one.shape for one in outputs] == [one.shape for one in expected]
    assert min(float(one.std()) for one in expected) > 0.05
    return max(float((a - b).abs().max()) for a, b in zip(outputs, expected, strict=True))


@pytest.mark.parametrize("mode", MODES)
def test_every_mode_batch_and_size_is_torch_s_own(
    by_torch: Translator, by_openvino: Translator, mode: Any
) -> None:
    sources = pictures((32, 32), (50, 70), (32, 32), (31, 1), (32, 30))
    options: dict[str, Any] = {"mode": mode, "batch": 2, "seed": [1, 2, 3, 4, 4], "sample": 7}
    outputs = by_openvino.translate_tensors(sources, **options)
    assert largest_difference(outputs, by_torch.translate_tensors(sources, **options)) < 1e-3


@pytest.mark.parametrize("mode", MODES)
def test_openvino_translates_in_every_mode(by_openvino: Translator, torch_is_off: None, mode: Any) -> None:
    first, again = (by_openvino.translate_tensors(pictures((32, 32)), mode=mode)[0] for _ in range(2))
    assert first.std() > 0.05
    torch.testing.assert_close(first, again)


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
    outputs, expected = (
        Translator.load(model, "cpu", engine=engine).translate_tensors(sources)
        for engine in ("openvino", "torch")
    )
    assert largest_difference(outputs, expected) < 1e-3


RESNET = ("model.generator=resnet", "model.blocks=2", "training.batch=4")


@pytest.mark.parametrize("settings", [RESNET, (*RESNET, "model.upsample=resize", "model.norm=instance")])
def test_a_resnet_is_torch_s_own_also_where_its_maps_are_too_small_for_a_reflection(
    tmp_path: Path, settings: tuple[str, ...]
) -> None:
    model = settle(write_model(tmp_path / "model.safetensors", *settings))
    sources = pictures((64, 36), (3, 4), (32, 32), (8, 70))
    outputs, expected = (
        Translator.load(model, "cpu", engine=engine).translate_tensors(sources, mode="paper", seed=3)
        for engine in ("openvino", "torch")
    )
    assert largest_difference(outputs, expected) < 1e-3


def test_masks_follow_seed_sample_and_size(by_openvino: Translator, torch_is_off: None) -> None:
    small, large = pictures((32, 32), (64, 64))

    def translated(source: Tensor, **noise: int) -> Tensor:
        return by_openvino.translate_tensors([source], mode="paper", **noise)[0]

    expected = translated(small)
    for others in (translated(small, seed=1), translated(small, sample=1)):
        assert not torch.allclose(others, expected, atol=1e-3)
        torch.testing.assert_close(translated(small), expected)
    assert translated(large).shape == large.shape
    torch.testing.assert_close(translated(small), expected)


def test_translators_of_the_same_weights_share_the_compiled_network(
    by_openvino: Translator, torch_is_off: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(openvino, "_compiled", None)  # compiling again would fail
    other = by_openvino.share()
    other.translate_tensors(pictures((32, 32)))
    assert other.how.startswith("openvino, fp32, on cpu")


def test_threads_translate_at_once_each_by_its_own_request(
    by_torch: Translator, by_openvino: Translator, torch_is_off: None
) -> None:
    sources = pictures((32, 32), (32, 64), (64, 32), (64, 64))

    def translated(n: int) -> Tensor:
        return translators[n].translate_tensors([sources[n]] * 5, mode="paper", seed=n, batch=1)[-1]

    translators = [by_openvino.share() for _ in sources]
    alone = [translated(n) for n in range(4)]
    with ThreadPoolExecutor(4) as threads:
        assert largest_difference(list(threads.map(translated, range(4))), alone) < 1e-5


def test_torch_translates_until_there_is_enough_work(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    compiled = []
    monkeypatch.setattr(openvino, "_compiled", lambda graph: compiled.append(graph.mode))
    monkeypatch.setattr(openvino, "_WORTH_COMPILING", 3 * 32 * 32 * 4**2)
    translator = Translator.load(model, "cpu")
    for _ in range(2):
        translator.translate_tensors(pictures((32, 32)))
    assert not compiled
    for _ in range(3):
        translator.translate_tensors(pictures((32, 32)))
    assert compiled == ["running"]  # once
    Translator.load(model, "cpu", engine="torch").translate_tensors(pictures(*[(32, 32)] * 9))
    assert compiled == ["running"]


def test_without_openvino_torch_translates_silently(
    model: Path, by_torch: Translator, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setitem(sys.modules, "openvino", None)
    monkeypatch.setattr(openvino, "_WORTH_COMPILING", 0)
    outputs = Translator.load(model, "cpu").translate_tensors(pictures((32, 32)))
    assert largest_difference(outputs, by_torch.translate_tensors(pictures((32, 32)))) < 1e-5
    assert not caplog.records
    with pytest.raises(UserError, match=r"pip install 'pix2pix\[fast\]'"):
        Translator.load(model, "cpu", engine="openvino")


def _refuses(*_: object) -> None:
    raise AttributeError("no such frontend")


@pytest.mark.parametrize(
    ("replaced", "by", "reason"),
    [
        ("_compiled", _refuses, "no such frontend"),
        ("_TOLERANCE", 0, "it differs from torch by "),
        ("_TOLERANCE", float("nan"), "it differs from torch by "),
    ],
)
def test_a_network_that_differs_or_fails_is_left_to_torch_with_one_note(
    model: Path,
    by_torch: Translator,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    replaced: str,
    by: Any,
    reason: str,
) -> None:
    monkeypatch.setattr(openvino, replaced, by)
    translator = Translator.load(model, "cpu", engine="openvino")
    with caplog.at_level(logging.WARNING):
        for _ in range(2):
            outputs = translator.translate_tensors(pictures((32, 32)))
    assert largest_difference(outputs, by_torch.translate_tensors(pictures((32, 32)))) < 1e-5
    assert len(caplog.messages) == 1
    assert f"cannot run this model, so torch does ({reason}" in caplog.messages[0]


def failing(translator: Translator, monkeypatch: pytest.MonkeyPatch, error: str) -> list[Tensor]:
    """Make every pass by OpenVINO fail; return the sources of those passes."""
    calls: list[Tensor] = []

    def run(self: object, source: Tensor, keys: Tensor | None) -> Tensor:
        calls.append(source)
        raise RuntimeError(error)

    translator.translate_tensors(pictures((32, 32)))
    monkeypatch.setattr(openvino._Network, "__call__", run)
    return calls


def test_torch_translates_where_openvino_has_no_memory(
    model: Path, by_torch: Translator, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    translator = Translator.load(model, "cpu", engine="openvino")
    calls = failing(translator, monkeypatch, "bad allocation")
    for _ in range(2):
        outputs = translator.translate_tensors(pictures((32, 32)))
        assert largest_difference(outputs, by_torch.translate_tensors(pictures((32, 32)))) < 1e-5
    assert len(calls) == 2  # memory may be free again
    assert not caplog.messages
    assert translator.how.startswith("torch, fp32, on cpu")


def test_a_mode_that_openvino_fails_at_is_left_to_torch_with_one_note(
    model: Path, by_torch: Translator, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    translator = Translator.load(model, "cpu", engine="openvino")
    calls = failing(translator, monkeypatch, "no such kernel")
    for one in (translator, translator.share(), translator, translator.share()):
        outputs = one.translate_tensors(pictures((32, 32)))
        assert largest_difference(outputs, by_torch.translate_tensors(pictures((32, 32)))) < 1e-5
    assert len(calls) == 1
    assert len(caplog.messages) == 1
    assert "torch does (no such kernel)" in caplog.messages[0]


def test_memory_for_a_network_is_requested_before_it_is_compiled(model: Path) -> None:
    answers = iter([False, True])
    translator = Translator.load(model, "cpu", engine="openvino", may_compile=lambda: next(answers))
    for engine in ("torch", "openvino", "openvino"):
        translator.translate_tensors(pictures((32, 32)))
        assert translator.how.startswith(engine)


def test_a_mode_that_the_model_lacks_is_refused(tmp_path: Path) -> None:
    model = write_model(tmp_path / "model.safetensors", "model.norm=instance")
    with pytest.raises(UserError, match="running"):
        Translator.load(model, "cpu", engine="openvino").translate_tensors(pictures((32, 32)), mode="running")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"engine": "onnx"}, "--engine onnx is unknown: wanted auto, torch, openvino"),
        ({"engine": "openvino", "precision": "bf16"}, "in fp32, not on cpu in bf16"),
    ],
)
def test_engines_that_cannot_run_are_refused(model: Path, options: Any, message: str) -> None:
    with pytest.raises(UserError, match=message):
        Translator.load(model, "cpu", **options)


def test_openvino_is_imported_with_its_telemetry_off(tmp_path: Path) -> None:
    """Telemetry writes into the user's home and starts a process when OpenVINO is imported."""
    script = (
        "import os, multiprocessing as m; from pix2pix.inference.openvino import import_quietly;"
        "assert import_quietly().Core; assert not m.active_children(); assert 'CI' not in os.environ"
    )
    environment = {k: v for k, v in os.environ.items() if k not in ("CI", "TF_BUILD", "JENKINS_URL")}
    environment |= {"HOME": str(tmp_path), "PYTHONPATH": os.pathsep.join(sys.path)}
    subprocess.run([sys.executable, "-c", script], env=environment, check=True)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("ci", [None, "yes"])
def test_the_switch_of_its_telemetry_is_as_before(monkeypatch: pytest.MonkeyPatch, ci: str | None) -> None:
    monkeypatch.delenv("CI", raising=False)
    if ci:
        monkeypatch.setenv("CI", ci)
    seen: list[str] = []
    monkeypatch.setattr("importlib.import_module", lambda name: seen.append(os.environ["CI"]))
    openvino.import_quietly()
    assert (seen, os.environ.get("CI")) == (["true"], ci)


def test_the_network_is_compiled_without_free_axes(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only exporting needs them: importing their arithmetic takes longer than compiling."""
    monkeypatch.setattr(torch.export, "Dim", None)
    translator = Translator.load(model, "cpu", engine="openvino")
    translator.translate_tensors(pictures((32, 32)))
    assert translator.how.startswith("openvino")


@pytest.mark.skipif(sys.platform != "linux", reason="reads the stack for signals of Linux")
def test_the_calling_thread_keeps_its_stack_for_signals(model: Path) -> None:
    """OpenVINO frees the one that it sets: the next Ctrl-C would be a segmentation fault."""

    def stack() -> bytes:
        buffer = ctypes.create_string_buffer(24)  # address, flags, size
        ctypes.CDLL(None).sigaltstack(None, buffer)
        return buffer.raw

    before = stack()
    Translator.load(model, "cpu", engine="openvino").translate_tensors(pictures((32, 32)))
    assert stack() == before
