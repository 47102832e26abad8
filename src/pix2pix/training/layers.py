"""Layers of a twin: what `networks/` computes, in the form that a captured step wants.

`Convolution` has two parts backwards, of which the weight's may run in a lane; the compiler leaves
it as it is. `PictureNorm` is instance norm written so that the compiler makes few kernels of it, in
whatever order the memory lies; of torch's own it makes twice as many, and copies between orders.

B batch, C channels, H height, W width.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from pix2pix.networks.layers import EPS, Norm
from pix2pix.training.lanes import Lane, find_lane

_Convolution = nn.Conv2d | nn.ConvTranspose2d


class Convolution(nn.Module):
    """A convolution with the weights of another, and a lane for their gradients.

    Square kernels, strides and paddings alone, as both networks have them.
    """

    def __init__(self, conv: _Convolution) -> None:
        super().__init__()
        self.weight, self.bias = conv.weight, conv.bias
        self.stride, self.padding = conv.stride[0], int(conv.padding[0])
        self.transposed = conv.transposed
        self.lane = Lane()

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, C', H', W')."""
        x = _laid_as(self.weight, x)
        made: Tensor = _convolve(
            x, self.weight, self.bias, self.stride, self.padding, self.transposed, self.lane.number
        )
        return made


class PictureNorm(nn.Module):
    """A norm's weights with statistics of each picture by itself."""

    def __init__(self, norm: Norm) -> None:
        super().__init__()
        self.weight, self.bias = norm.weight, norm.bias

    def forward(self, x: Tensor) -> Tensor:
        """Normalised features, (B, C, H, W)."""
        normalised: Tensor = _PictureNorm.apply(x, self.weight, self.bias)
        return normalised


class _PictureNorm(torch.autograd.Function):
    """Backwards by hand: of the derivative of `var_mean` a compiler makes more passes than two."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        wide = _wide(x)
        variance, mean = torch.var_mean(wide, (2, 3), correction=0, keepdim=True)
        inverse = torch.rsqrt(variance + EPS)
        ctx.save_for_backward(x, weight, mean, inverse)
        scaled = (wide - mean) * inverse * weight[:, None, None] + bias[:, None, None]
        # No `to` where it changes nothing: the same tensor by two names, of which the compiler of
        # torch 2.11 makes gradients of zero.
        return scaled if scaled.dtype == x.dtype else scaled.to(x.dtype)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        x, weight, mean, inverse = ctx.saved_tensors
        g, normal = _wide(gradient), (_wide(x) - mean) * inverse
        of_bias = g.sum((2, 3), keepdim=True)
        of_weight = (g * normal).sum((2, 3), keepdim=True)
        level = (of_bias + normal * of_weight) / (x.shape[2] * x.shape[3])
        gx = (weight[:, None, None] * inverse * (g - level)).to(x.dtype)
        return gx, of_weight.sum(0).flatten(), of_bias.sum(0).flatten()


def _wide(x: Tensor) -> Tensor:
    """In float32, or float64 where it is: sums of thousands of bf16 numbers lose all."""
    return x if x.dtype == torch.float64 else x.float()


@torch.library.custom_op("pix2pix::convolve", mutates_args=())
def _convolve(
    x: Tensor, weight: Tensor, bias: Tensor | None, stride: int, padding: int, transposed: bool, lane: int
) -> Tensor:
    made: Tensor = torch.ops.aten.convolution(x, weight, bias, *_shape(stride, padding, transposed))
    return made


@torch.library.custom_op("pix2pix::convolve_backward", mutates_args=())
def _convolve_backward(
    g: Tensor,
    x: Tensor,
    weight: Tensor,
    stride: int,
    padding: int,
    transposed: bool,
    lane: int,
    wanted: Sequence[bool],
) -> tuple[Tensor, Tensor, Tensor]:
    of_input, of_weight, of_bias = wanted
    its, conv = find_lane(lane), (g, x, weight, stride, padding, transposed)
    if not (its.is_open and of_weight):
        return _gradients(*conv, wanted)
    with its.beside(g, x):
        _, gw, gb = _gradients(*conv, (False, of_weight, of_bias))
    gx, _, _ = _gradients(*conv, (of_input, False, False))
    its.follow()  # what comes in the lane writes to the weight, which has just been read
    return gx, gw, gb


@_convolve.register_fake
def _(
    x: Tensor, weight: Tensor, bias: Tensor | None, stride: int, padding: int, transposed: bool, lane: int
) -> Tensor:
    made: Tensor = torch.ops.aten.convolution(x, weight, bias, *_shape(stride, padding, transposed))
    return made


@_convolve_backward.register_fake
def _(
    g: Tensor,
    x: Tensor,
    weight: Tensor,
    stride: int,
    padding: int,
    transposed: bool,
    lane: int,
    wanted: Sequence[bool],
) -> tuple[Tensor, Tensor, Tensor]:
    return _gradients(g, x, weight, stride, padding, transposed, wanted)


def _laid_as(weight: Tensor, x: Tensor) -> Tensor:
    """In the weight's layout: cuDNN would copy it, in each part of a pass; a compiler need not."""
    last = torch.channels_last
    return x.contiguous(memory_format=last) if weight.is_contiguous(memory_format=last) else x


def _shape(stride: int, padding: int, transposed: bool) -> tuple[Any, ...]:
    """What torch's convolution is told beside its tensors."""
    return [stride] * 2, [padding] * 2, [1, 1], transposed, [0, 0], 1


def _gradients(
    g: Tensor, x: Tensor, weight: Tensor, stride: int, padding: int, transposed: bool, wanted: Sequence[bool]
) -> tuple[Tensor, Tensor, Tensor]:
    """Of input, weight and bias; empty tensors where they are not wanted."""
    sizes = [weight.shape[1 if transposed else 0]]
    if not any(wanted):
        return x.new_empty(0), x.new_empty(0), x.new_empty(0)
    gx, gw, gb = torch.ops.aten.convolution_backward(
        g, x, weight, sizes, *_shape(stride, padding, transposed), wanted
    )
    empty = [x.new_empty(0) if one is None else one for one in (gx, gw, gb)]
    return empty[0], empty[1], empty[2]


def _remember(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
    x, weight, bias, *ctx.shape = inputs
    ctx.with_bias = bias is not None
    ctx.save_for_backward(x, weight)


def _backward(ctx: Any, g: Tensor) -> tuple[Tensor | None, ...]:
    x, weight = ctx.saved_tensors
    g = _laid_as(weight, g)
    of_input, of_weight, of_bias = ctx.needs_input_grad[:3]
    wanted = [of_input, of_weight, of_bias and ctx.with_bias]
    found = _convolve_backward(g, x, weight, *ctx.shape, wanted)
    given = (one if asked else None for one, asked in zip(found, wanted, strict=True))
    return (*given, None, None, None, None)


_convolve.register_autograd(_backward, setup_context=_remember)
