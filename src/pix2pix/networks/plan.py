"""A generator as a list of layers that are computed some rows at a time: what streaming runs.

Maps are numbered: 0 is the source, n what the n-th layer computes, counted from 1. A map is stored
as its convolution gives it. Whoever reads it applies its norm, its noise and an activation: the
statistics of a norm are known only when the whole map is.

C channels, H height, W width; rows are (1, C, rows, W), always of the map's whole width.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from pix2pix.networks.layers import padding_mode
from pix2pix.networks.noise import NoiseInput


@dataclass(frozen=True)
class Read:
    """A map that a layer reads, and the activation that the layer applies to it."""

    map: int
    activation: Callable[[Tensor], Tensor] | None = None


@dataclass(frozen=True)
class Layer:
    """One map, of earlier ones: the convolution of their channels, or without `conv` their sum.

    `reflect_px` reflects borders before the convolution, `resize` doubles the size before it;
    `norm` and `noise` are those of the map that it computes.
    """

    reads: tuple[Read, ...]
    conv: nn.Module | None = None
    norm: nn.Module | None = None
    noise: NoiseInput | None = None
    reflect_px: int = 0
    resize: bool = False

    def shape(self, read: tuple[int, int, int]) -> tuple[int, int, int]:
        """Return (C, H, W) of the map, for that of a map that the layer reads."""
        channels, height, width = read
        if self.conv is None:
            return channels, height, width
        conv: Any = self.conv
        scale = 2 if self.resize or conv.transposed else 1
        step = 1 if conv.transposed else conv.stride[0]
        return conv.out_channels, height * scale // step, width * scale // step

    def rows_read(self, start: int, stop: int, height: int) -> tuple[int, int]:
        """Return which rows of maps of this height the rows from `start` to `stop` depend on."""
        if self.conv is None:
            return start, stop
        first, last = self._window(start, stop)
        if self.resize:
            first, last = first // 2, -(-last // 2)
        return max(first, 0), min(last, height)

    def rows(self, x: Tensor, first: int, height: int, start: int, stop: int) -> Tensor:
        """Return the rows from `start` to `stop`, of the rows `x` from `first` on of a map of `height`."""
        if self.conv is None:
            return x
        conv: Any = self.conv
        if self.resize:
            x, first, height = F.interpolate(x, scale_factor=2.0, mode="nearest"), 2 * first, 2 * height
        if conv.transposed:
            across, more = (0, conv.padding[1]), (0, conv.output_padding[1])
            y = F.conv_transpose2d(x, conv.weight, conv.bias, conv.stride, across, more)
            skipped = start - (first * conv.stride[0] - conv.padding[0])
            return y[:, :, skipped : skipped + stop - start]
        across = (0, conv.padding[1])
        if self.reflect_px:
            # By the whole map: both axes are padded alike, see `layers.reflect`.
            mode = padding_mode(height, x.shape[3], self.reflect_px)
            x = F.pad(x, (self.reflect_px, self.reflect_px, 0, 0), mode=mode)
            x = _reflected_rows(x, first, height, self._window(start, stop), mode)
        else:
            top, bottom = self._window(start, stop)
            x = x[:, :, max(top, 0) - first : min(bottom, height) - first]
            if top < 0 or bottom > height:
                x = F.pad(x, (0, 0, max(-top, 0), max(bottom - height, 0)))
        return F.conv2d(x, conv.weight, conv.bias, conv.stride, across)

    def _window(self, start: int, stop: int) -> tuple[int, int]:
        """Return the rows under the kernel, which may lie outside of the map."""
        conv: Any = self.conv
        kernel, stride = conv.kernel_size[0], conv.stride[0]
        padding = self.reflect_px or conv.padding[0]
        if conv.transposed:
            return -((kernel - 1 - start - padding) // stride), (stop - 1 + padding) // stride + 1
        return start * stride - padding, (stop - 1) * stride - padding + kernel


def _reflected_rows(x: Tensor, first: int, height: int, window: tuple[int, int], mode: str) -> Tensor:
    """Return the rows of a window, those outside of the map taken from inside."""
    rows = torch.arange(*window, device=x.device)
    if mode == "reflect":
        rows = (height - 1) - ((height - 1) - rows.abs()).abs()
    return x[:, :, rows.clamp(0, height - 1) - first]
