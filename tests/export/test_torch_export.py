import json
from pathlib import Path

import pytest
import torch

from pix2pix.errors import UserError
from pix2pix.export.compare import Exported
from pix2pix.export.torch_export import export_torch
from pix2pix.inference.translator import Translator
from pix2pix.networks.noise import NoiseInput, keep_factors
from tests.helpers import files_below, settle, write_model


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("programs")


@pytest.fixture(scope="module")
def model(folder: Path) -> Path:
    return settle(write_model(folder / "model.safetensors"))


@pytest.fixture(scope="module")
def exported(folder: Path, model: Path) -> Exported:
    return export_torch(model, folder / "model.pt2", dynamic=True)


@pytest.mark.parametrize(("batch", "height", "width"), [(1, 32, 32), (3, 32, 64), (1, 96, 32)])
def test_a_program_of_any_batch_and_size_is_the_packages_own(
    model: Path, exported: Exported, batch: int, height: int, width: int
) -> None:
    source = torch.rand(batch, 3, height, width) * 2 - 1
    noise = [NoiseInput(**one) for one in exported.facts["noise"]]
    program = torch.export.load(exported.path).module()
    output = program(source, *keep_factors(noise, source, seed=5))
    expected = Translator.load(model, "cpu").translate_tensors(list(source), seed=5)
    torch.testing.assert_close(output, torch.stack(expected), rtol=0, atol=1e-6)


@pytest.mark.parametrize("dynamic", [True, False])
def test_a_program_of_a_resnet_is_the_packages_own(tmp_path: Path, dynamic: bool) -> None:
    settings = "model.generator=resnet", "model.blocks=2"
    model = settle(write_model(tmp_path / "model.safetensors", *settings))
    exported = export_torch(model, tmp_path / "model.pt2", mode="deterministic", dynamic=dynamic)
    source = torch.rand(1, 3, *((52, 36) if dynamic else (32, 32))) * 2 - 1
    (expected,) = Translator.load(model, "cpu").translate_tensors(list(source), mode="deterministic")
    output = torch.export.load(exported.path).module()(source)
    torch.testing.assert_close(output[0], expected, rtol=0, atol=1e-6)


def test_a_program_of_one_size_says_what_it_is(folder: Path, model: Path) -> None:
    exported = export_torch(model, folder / "fixed.pt2", mode="running")
    extra = {"pix2pix.json": ""}
    program = torch.export.load(exported.path, extra_files=extra).module()
    assert json.loads(extra["pix2pix.json"]) == exported.facts
    assert (exported.facts["mode"], exported.facts["dynamic"]) == ("running", False)
    source = torch.rand(1, 3, 32, 32)
    (expected,) = Translator.load(model, "cpu").translate_tensors(list(source), mode="running")
    torch.testing.assert_close(program(source)[0], expected, rtol=0, atol=1e-5)


def test_a_file_that_is_no_pt2_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"does not end in \.pt2"):
        export_torch(tmp_path / "none.safetensors", tmp_path / "model.pt")
    assert not files_below(tmp_path)
