"""Tracing costs seconds, so tests share a few exports, each of several kinds of model at once."""

import json
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from pix2pix.errors import UserError
from pix2pix.export.compare import Exported
from pix2pix.export.onnx import export_onnx, quantised
from pix2pix.inference.translator import Translator
from pix2pix.networks.noise import NoiseInput, keep_factors
from pix2pix.pictures.contract import LabelClass, PictureContract
from tests.helpers import files_below, settle, write_model

CLASSES = tuple(LabelClass(name=f"c{n}", colour=(n, n, n)) for n in range(5))
GREY_16 = PictureContract(channels=1, depth="uint16", high=65535)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("exports")


@pytest.fixture(scope="module")
def paper(folder: Path) -> Exported:
    """The paper's network in float32, of any size."""
    model = write_model(folder / "paper.safetensors")
    return export_onnx(model, folder / "paper.onnx", dynamic=True)


@pytest.fixture(scope="module")
def running(folder: Path) -> Exported:
    """One-hot labels to 16 bits, by running statistics, in int8, of one size."""
    model = write_model(
        folder / "running.safetensors",
        "training.batch=4",
        source=PictureContract(classes=CLASSES, one_hot=True),
        target=GREY_16,
    )
    settle(model)
    return export_onnx(model, folder / "running.onnx", precision="int8")


@pytest.fixture(scope="module")
def plain(folder: Path) -> Exported:
    """An encoder-decoder without skips, resized upwards, to classes, without noise, in float16."""
    model = write_model(
        folder / "plain.safetensors",
        "model.generator=encoder_decoder",
        "model.upsample=resize",
        "model.norm=instance",
        "data.target_one_hot=true",
        "data.target_labels=facades",
        source=PictureContract(channels=1),
        target=PictureContract(classes=CLASSES, one_hot=True),
    )
    settle(model)
    return export_onnx(model, folder / "plain.onnx", mode="deterministic", precision="fp16", dynamic=True)


def session(exported: Exported) -> onnxruntime.InferenceSession:
    return onnxruntime.InferenceSession(exported.path, providers=["CPUExecutionProvider"])


def nodes(exported: Exported) -> Counter[str]:
    return Counter(node.op_type for node in onnx.load(exported.path).graph.node)


def run(exported: Exported, source: Tensor, **noise: Any) -> Tensor:
    inputs = [NoiseInput(**one) for one in exported.facts["noise"]]
    keep = keep_factors(inputs, source, **noise)
    names = ["source", *(one.input for one in inputs)]
    values = [tensor.numpy() for tensor in (source, *keep)]
    (target,) = session(exported).run(None, dict(zip(names, values, strict=True)))
    return torch.from_numpy(target)


def translator_of(exported: Exported) -> Translator:
    return Translator.load(exported.path.with_suffix(".safetensors"), "cpu")


def pictures(*shape: int) -> Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(sum(shape))) * 2 - 1


@pytest.mark.parametrize("name", ["paper", "running", "plain"])
def test_files_are_valid_and_say_what_they_are(name: str, request: pytest.FixtureRequest) -> None:
    exported: Exported = request.getfixturevalue(name)
    onnx.checker.check_model(exported.path, full_check=True)
    runtime = session(exported)
    assert json.loads(runtime.get_modelmeta().custom_metadata_map["pix2pix"]) == exported.facts
    assert {i.name: i.shape for i in runtime.get_inputs()} == exported.inputs
    assert [output.name for output in runtime.get_outputs()] == ["target"]
    assert exported.size_bytes == exported.path.stat().st_size
    assert str(Path(__file__).parent.parent).encode() not in exported.path.read_bytes()


@pytest.mark.parametrize(("batch", "height", "width"), [(1, 32, 32), (3, 32, 32), (2, 64, 160)])
@pytest.mark.parametrize(("seed", "sample"), [(0, 0), (9, 2)])
def test_any_batch_and_size_with_noise_is_the_packages_own(
    paper: Exported, batch: int, height: int, width: int, seed: int, sample: int
) -> None:
    source = pictures(batch, 3, height, width)
    expected = translator_of(paper).translate_tensors(list(source), seed=seed, sample=sample)
    output = run(paper, source, seed=seed, sample=sample)
    torch.testing.assert_close(output, torch.stack(expected), rtol=0, atol=1e-5)
    assert output.std() > 0.1


def test_a_resnet_of_any_size_is_the_packages_own(tmp_path: Path) -> None:
    settings = "model.generator=resnet", "model.blocks=2"
    model = settle(write_model(tmp_path / "resnet.safetensors", *settings))
    exported = export_onnx(model, tmp_path / "resnet.onnx", dynamic=True)
    assert exported.inputs["keep_1"] == ["batch", 16, "1*rows", "1*columns"]
    source = pictures(2, 3, 20, 64)
    expected = translator_of(exported).translate_tensors(list(source), seed=4)
    torch.testing.assert_close(run(exported, source, seed=4), torch.stack(expected), rtol=0, atol=1e-5)


def test_ones_are_the_mode_without_noise(paper: Exported) -> None:
    source = pictures(1, 3, 32, 32)
    expected = translator_of(paper).translate_tensors(list(source), mode="deterministic")
    torch.testing.assert_close(run(paper, source), expected[0][None], rtol=0, atol=1e-5)
    assert (run(paper, source) - run(paper, source, seed=0)).abs().max() > 0.01


def test_the_graph_is_the_network_and_nothing_more(paper: Exported) -> None:
    assert nodes(paper) == {
        "Conv": 5,
        "ConvTranspose": 5,
        "LeakyRelu": 4,
        "Relu": 5,
        "Concat": 4,
        "Tanh": 1,
        "InstanceNormalization": 3 + 4,
        "Mul": 1,
    }


def test_running_statistics_are_part_of_the_convolutions(running: Exported) -> None:
    kinds = nodes(running)
    assert not {name for name in kinds if "Norm" in name}
    assert (kinds["Conv"], kinds["ConvTranspose"]) == (5, 5)
    assert running.inputs == {"source": [1, 5, 32, 32]}


def test_a_graph_of_one_size_and_16_bits_is_the_packages_own(running: Exported) -> None:
    source = pictures(1, 5, 32, 32)
    expected = translator_of(running).translate_tensors(list(source))
    mse = float((run(running, source) - expected[0]).square().mean())
    assert mse < 4e-4
    assert running.difference.psnr_db >= 45
    assert running.facts["target"]["depth"] == "uint16"


def test_probabilities_of_classes_are_the_packages_own(plain: Exported) -> None:
    source = pictures(2, 1, 64, 32)
    output = run(plain, source)
    expected = translator_of(plain).translate_tensors(list(source), mode="deterministic")
    torch.testing.assert_close(output, torch.stack(expected), rtol=0, atol=0.01)
    torch.testing.assert_close(output.sum(1), torch.full((2, 64, 32), 2.0 - 5), rtol=0, atol=1e-5)
    assert nodes(plain)["Resize"] == 5


def stored(exported: Exported) -> list[str]:
    """How the weights of each convolution are stored, in the order in which they run."""
    graph = onnx.load(exported.path).graph
    kinds = {t.name.removesuffix(".stored"): t.data_type for t in graph.initializer}
    convolutions = [n for n in graph.node if n.op_type in ("Conv", "ConvTranspose")]
    return [onnx.TensorProto.DataType.Name(kinds[n.input[1]]) for n in convolutions]


def test_fewer_bits_are_stored_as_promised(paper: Exported, running: Exported, plain: Exported) -> None:
    assert stored(paper) == ["FLOAT"] * 10
    assert stored(plain) == ["FLOAT"] * 2 + ["FLOAT16"] * 6 + ["FLOAT"] * 2
    assert stored(running) == ["FLOAT16"] * 2 + ["INT8"] * 6 + ["FLOAT16"] * 2


def test_arithmetic_is_in_float32_whatever_is_stored(running: Exported, plain: Exported) -> None:
    for exported in (running, plain):
        casts = [n for n in onnx.load(exported.path).graph.node if n.op_type == "Cast"]
        assert {a.i for n in casts for a in n.attribute} == {onnx.TensorProto.FLOAT}


def test_a_graph_with_a_wrong_weight_is_refused(
    folder: Path, monkeypatch: pytest.MonkeyPatch, paper: Exported
) -> None:
    wrong = onnx.load(paper.path)
    del wrong.metadata_props[:]
    values = onnx.numpy_helper.to_array(wrong.graph.initializer[0]).copy()
    values[0] += np.float32(0.5)
    name = wrong.graph.initializer[0].name
    wrong.graph.initializer[0].CopyFrom(onnx.numpy_helper.from_array(values, name))
    monkeypatch.setattr("pix2pix.export.onnx._traced", lambda graph: wrong)
    before = files_below(folder)
    with pytest.raises(UserError, match="does not compute what the model computes"):
        export_onnx(folder / "paper.safetensors", folder / "wrong.onnx", dynamic=True)
    assert files_below(folder) == before


def test_a_graph_that_no_file_can_hold_is_refused(
    folder: Path, monkeypatch: pytest.MonkeyPatch, paper: Exported
) -> None:
    monkeypatch.setattr("pix2pix.export.onnx._LARGEST_BYTES", 1000)
    monkeypatch.setattr("pix2pix.export.onnx._traced", lambda graph: onnx.load(paper.path))
    with pytest.raises(UserError, match=r"In fp32 the weights take .* GB.*int8"):
        export_onnx(folder / "paper.safetensors", folder / "large.onnx", dynamic=True)
    assert not (folder / "large.onnx").exists()


@pytest.mark.parametrize("package", ["onnx", "onnxscript", "onnxruntime"])
def test_a_missing_package_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, package: str) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(UserError, match=rf"package {package}.*pip install 'pix2pix\[export\]'"):
        export_onnx(tmp_path / "model.safetensors", tmp_path / "model.onnx")


@pytest.mark.parametrize(
    ("out", "precision", "message"),
    [("model.pt", "fp32", r"does not end in \.onnx"), ("model.onnx", "int4", "fp32, fp16, int8")],
)
def test_requests_that_cannot_be_met_are_refused_at_once(
    tmp_path: Path, out: str, precision: Any, message: str
) -> None:
    with pytest.raises(UserError, match=message):
        export_onnx(tmp_path / "none.safetensors", tmp_path / out, precision=precision)
    assert not files_below(tmp_path)


def weights(*shape: int) -> NDArray[np.float32]:
    return np.random.default_rng(0).normal(0, 0.02, shape).astype(np.float32)


@pytest.mark.parametrize("axis", [0, 1])
def test_no_weight_moves_by_more_than_half_a_level_of_its_channel(axis: int) -> None:
    values = weights(6, 5, 4, 4) * np.float32(10) ** np.arange(5)[:, None, None]
    levels, scales = quantised(values, axis)
    assert (levels.dtype, scales.dtype) == (np.int8, np.float32)
    assert scales.shape == ((6, 1, 1, 1) if axis == 0 else (1, 5, 1, 1))
    assert (np.abs(levels * scales - values) <= scales * 0.5001).all()


def test_the_largest_weight_of_a_channel_keeps_its_value() -> None:
    values = weights(3, 2, 4, 4)
    levels, scales = quantised(values, 0)
    assert np.abs(levels).max((1, 2, 3)).tolist() == [127] * 3
    largest = np.abs(values).max((1, 2, 3))
    np.testing.assert_allclose(np.abs(levels * scales).max((1, 2, 3)), largest, rtol=1e-6)


def test_a_channel_of_zeros_stays_one() -> None:
    values = weights(2, 2, 4, 4)
    values[1] = 0
    levels, scales = quantised(values, 0)
    assert np.isfinite(scales).all()
    assert not (levels * scales)[1].any()
