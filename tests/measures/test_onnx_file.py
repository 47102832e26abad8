"""Networks as ONNX files: any batch, and files that are none."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor

from pix2pix.errors import UserError
from pix2pix.measures.onnx_file import OnnxNetwork


class Halved(torch.nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x / 2


@pytest.fixture(scope="module")
def halved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("onnx") / "halved.onnx"
    torch.onnx.export(Halved().eval(), (torch.zeros(1, 3, 8, 8),), path, dynamo=True, verbose=False)
    return path


def test_a_network_of_one_picture_runs_on_any_number(halved: Path) -> None:
    pictures = torch.rand(3, 3, 8, 8)
    torch.testing.assert_close(OnnxNetwork(halved, "--scorer")(pictures), pictures / 2)


def test_pictures_of_another_size_are_refused_in_one_sentence(halved: Path) -> None:
    with pytest.raises(UserError, match=r"cannot take RGB pictures of 16 x 8 px: its input is"):
        OnnxNetwork(halved, "--scorer")(torch.rand(2, 3, 8, 16))


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("none.onnx", r"^--scorer .*none\.onnx does not exist: wanted a network"),
        ("folder", r"^--scorer .*folder is a folder: wanted a network"),
        ("text.onnx", r"^--scorer .*text\.onnx is no ONNX network, or one of operators [^:]*have\. Export"),
    ],
)
def test_what_is_no_network_is_refused_in_one_sentence(tmp_path: Path, name: str, sentence: str) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "text.onnx").write_text("no network")
    with pytest.raises(UserError, match=sentence):
        OnnxNetwork(tmp_path / name, "--scorer")
