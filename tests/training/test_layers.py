"""The twin's layers compute what torch's do, forwards and backwards."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from pix2pix.networks.layers import Norm
from pix2pix.training import layers
from pix2pix.training.layers import Convolution, PictureNorm, _convolve


def convolution(transposed: bool, bias: bool) -> nn.Conv2d | nn.ConvTranspose2d:
    torch.manual_seed(0)
    kind = nn.ConvTranspose2d if transposed else nn.Conv2d
    return kind(3, 5, 4, 2, 1, bias=bias).double()


def gradients(layer: nn.Module, x: Tensor) -> list[Tensor | None]:
    learning = [t for t in (x, *layer.parameters()) if t.requires_grad]
    found = iter(torch.autograd.grad((layer(x) ** 2).sum(), learning))
    return [next(found) if t.requires_grad else None for t in (x, *layer.parameters())]


@pytest.mark.parametrize(("transposed", "bias"), list(itertools.product([False, True], repeat=2)))
@pytest.mark.parametrize(("asked", "learns"), [(True, True), (False, True), (True, False)])
def test_a_convolution_and_its_gradients_are_torch_s(
    transposed: bool, bias: bool, asked: bool, learns: bool
) -> None:
    theirs = convolution(transposed, bias).requires_grad_(learns)
    ours = Convolution(theirs)
    x = torch.randn(2, 3, 8, 12, dtype=torch.float64).requires_grad_(asked)
    assert torch.equal(ours(x), theirs(x))
    for mine, wanted in zip(gradients(ours, x), gradients(theirs, x), strict=True):
        assert (mine is None) is (wanted is None)
        assert mine is None or torch.allclose(mine, wanted, rtol=0, atol=1e-12)


@pytest.mark.filterwarnings("ignore:The .grad attribute")
@pytest.mark.parametrize("memory", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("transposed", [False, True])
def test_a_compiler_is_told_the_truth_of_a_convolution(transposed: bool, memory: torch.memory_format) -> None:
    """Shapes, types and how the memory lies, of outputs and gradients; nothing is written to."""
    layer = Convolution(convolution(transposed, bias=True))
    weight = layer.weight.detach().contiguous(memory_format=memory).requires_grad_()
    x = torch.randn(2, 3, 8, 12, dtype=torch.float64).contiguous(memory_format=memory)
    arguments = (x.requires_grad_(), weight, layer.bias, 2, 1, transposed, layer.lane.number)
    torch.library.opcheck(_convolve, arguments)


def test_inputs_and_gradients_come_in_the_weight_s_layout(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else cuDNN copies them, in each part of a pass."""
    last, seen = torch.channels_last, list[bool]()

    def noted(g: Tensor, x: Tensor, *its: Any) -> tuple[Tensor, Tensor, Tensor]:
        seen.extend(t.is_contiguous(memory_format=last) for t in (g, x))
        return gradients_of(g, x, *its)

    gradients_of = layers._gradients
    monkeypatch.setattr(layers, "_gradients", noted)
    for memory, wanted in ((torch.contiguous_format, False), (last, True)):
        layer = Convolution(convolution(transposed=False, bias=True).to(memory_format=memory))
        made = layer(torch.randn(2, 3, 8, 12, dtype=torch.float64).requires_grad_())
        made.backward(torch.randn_like(made, memory_format=torch.contiguous_format))
        assert seen == [wanted, wanted]
        seen.clear()


def test_a_picture_s_norm_and_its_gradients_are_those_of_instance_norm() -> None:
    theirs = Norm(4, "instance", tracks=False).double()
    with torch.no_grad():
        theirs.weight.normal_()
        theirs.bias.normal_()
    ours = PictureNorm(theirs)
    x = (torch.randn(3, 4, 5, 6, dtype=torch.float64) + 2).requires_grad_()
    torch.testing.assert_close(ours(x), theirs(x), rtol=0, atol=1e-12)
    for mine, wanted in zip(gradients(ours, x), gradients(theirs, x), strict=True):
        torch.testing.assert_close(mine, wanted, rtol=0, atol=1e-10)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:.*should not be instantiated")
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32, torch.float64])
def test_a_compiler_keeps_the_gradients_of_a_picture_s_norm(dtype: torch.dtype) -> None:
    norm = Norm(4, "instance", tracks=False).to(torch.promote_types(dtype, torch.float32))
    with torch.no_grad():
        norm.weight.normal_()
        norm.bias.normal_()
    ours = PictureNorm(norm)
    x = torch.randn(2, 4, 6, 6, dtype=dtype).requires_grad_()

    def loss(x: Tensor) -> Tensor:
        return F.leaky_relu(ours(x * 2), 0.2).square().sum()

    compiled = torch.compile(loss, backend="aot_eager", fullgraph=True, dynamic=False)
    learning = (x, norm.weight, norm.bias)
    found, wanted = (torch.autograd.grad(its(x), learning) for its in (compiled, loss))
    for mine, theirs in zip(found, wanted, strict=True):
        assert float(theirs.abs().max()) > 0
        torch.testing.assert_close(mine, theirs)


def test_a_picture_s_norm_of_bf16_reckons_in_float32() -> None:
    norm = PictureNorm(Norm(1, "instance", tracks=False))
    with torch.no_grad():
        norm.weight.fill_(1)
        norm.bias.zero_()
    x = (torch.rand(1, 1, 64, 64) + 8).bfloat16()  # in bf16 a sum of them would stop growing
    normal = norm(x).detach()
    assert normal.dtype == torch.bfloat16
    assert abs(float(normal.float().mean())) < 1e-2
    assert float(normal.float().std()) == pytest.approx(1, abs=1e-2)
