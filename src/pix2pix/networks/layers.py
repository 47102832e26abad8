"""The layers that both networks are made of (the paper's appendix 6.1), and their initialisation.

Ck in the paper: 4x4 convolution with stride 2 and k filters, norm, activation. The order of writing
is activation, convolution, norm here, because a U-Net's skip carries the value before activation.
A convolution followed by a norm has no bias: the norm would cancel it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from pix2pix.networks.noise import Noise, noisy_dropout

Statistics = Literal["batch", "picture", "running"]
LEAK = 0.2
EPS = 1e-5
_MOMENTUM = 0.1


class Norm(nn.Module):
    """Per-channel normalisation of (B, C, H, W) with learned scale and shift.

    `statistics` says where mean and variance come from: the batch, each picture by itself, or the
    running averages of training (only where `tracks`). Modes set it; training never leaves its own.
    """

    running_mean: Tensor | None
    running_var: Tensor | None

    def __init__(self, channels: int, kind: Literal["batch", "instance"], tracks: bool) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(channels))
        self.bias = nn.Parameter(torch.empty(channels))
        self.training_statistics: Statistics = "batch" if kind == "batch" else "picture"
        self.statistics: Statistics = self.training_statistics
        tracks = tracks and kind == "batch"
        self.register_buffer("running_mean", torch.empty(channels) if tracks else None)
        self.register_buffer("running_var", torch.empty(channels) if tracks else None)

    def forward(self, x: Tensor) -> Tensor:
        """Normalised features of the same shape."""
        if self.statistics == "picture":
            # Not F.instance_norm, which refuses maps of one pixel: small pictures may come to that.
            cudnn = torch.backends.cudnn.enabled
            return torch.instance_norm(x, self.weight, self.bias, None, None, True, _MOMENTUM, EPS, cudnn)
        learning = self.statistics == "batch"
        return F.batch_norm(
            x, self.running_mean, self.running_var, self.weight, self.bias, learning, _MOMENTUM, EPS
        )

    def running_scale_and_shift(self) -> tuple[Tensor, Tensor]:
        """(C,) each: what features are multiplied by and what is added, by running statistics."""
        assert self.running_mean is not None
        assert self.running_var is not None
        scale = self.weight.detach() / (self.running_var + EPS).sqrt()
        return scale, self.bias.detach() - self.running_mean * scale


def make_norm(kind: str, channels: int, tracks: bool = True) -> nn.Module:
    """A Norm of the named kind, or nothing for `none`."""
    if kind == "none":
        return nn.Identity()
    return Norm(channels, "batch" if kind == "batch" else "instance", tracks)


class Down(nn.Module):
    """Leaky ReLU, 4x4 convolution with stride 2, norm: (B, C, H, W) -> (B, C', H/2, W/2)."""

    def __init__(self, channels_in: int, channels_out: int, norm: str, *, first: bool) -> None:
        super().__init__()
        self.first = first
        self.conv = nn.Conv2d(channels_in, channels_out, 4, 2, 1, bias=norm == "none")
        self.norm = make_norm(norm, channels_out)

    def forward(self, x: Tensor) -> Tensor:
        """Half the height and width."""
        x = x if self.first else F.leaky_relu(x, LEAK)
        out: Tensor = self.norm(self.conv(x))
        return out


class Up(nn.Module):
    """ReLU, upsampling by 2, norm, and dropout where `drop` > 0.

    `layer` numbers the noisy layers from the inside out: it is part of the mask's hash.
    """

    products_up_to_px = 0  # see use_products

    def __init__(
        self, channels_in: int, channels_out: int, norm: str, upsample: str, drop: float, layer: int
    ) -> None:
        super().__init__()
        self.resize = upsample == "resize"
        bias = norm == "none"
        # Resize, then convolve: every output pixel sees as many taps, so no checkerboard.
        self.conv: nn.Module = (
            nn.Conv2d(channels_in, channels_out, 3, 1, 1, bias=bias)
            if self.resize
            else nn.ConvTranspose2d(channels_in, channels_out, 4, 2, 1, bias=bias)
        )
        self.norm = make_norm(norm, channels_out)
        self.channels, self.drop, self.layer = channels_out, drop, layer

    def forward(self, x: Tensor, noise: Noise | None) -> Tensor:
        """(B, C, H, W) -> (B, C', 2H, 2W); no noise, no dropout."""
        x = F.relu(x)
        if self.resize:
            x = self.conv(F.interpolate(x, scale_factor=2.0, mode="nearest"))
        elif self.products_up_to_px and x.shape[2] * x.shape[3] <= self.products_up_to_px:
            x = _transposed_by_product(x, self.conv)
        else:
            x = self.conv(x)
        x = self.norm(x)
        return noisy_dropout(x, noise, self.layer, self.drop) if self.drop and noise is not None else x


def _transposed_by_product(x: Tensor, conv: Any) -> Tensor:
    """Compute a transposed convolution as a matrix product and the sum of its overlapping squares."""
    squares = conv.weight.flatten(1).t() @ x.flatten(2)
    summed = F.fold(squares, (2 * x.shape[2], 2 * x.shape[3]), 4, padding=1, stride=2)
    return summed if conv.bias is None else summed + conv.bias[:, None, None]


@contextmanager
def use_products(network: nn.Module, up_to_px: int) -> Iterator[None]:
    """Compute transposed convolutions of at most so many pixels as products inside this block.

    On a processor torch reorders the weights in every call of such a convolution, which is most of
    its work where there are few pixels: products save a tenth of a training step at batch 1. Not
    for translating: there a picture is rounded alike alone and in a batch.
    """
    ups = [module for module in network.modules() if isinstance(module, Up)]
    for up in ups:
        up.products_up_to_px = up_to_px
    try:
        yield
    finally:
        for up in ups:
            up.products_up_to_px = 0


def fold_statistics(network: nn.Module) -> None:
    """Move running statistics into the convolutions before them, irreversibly."""
    for layer in (m for m in network.modules() if isinstance(m, Down | Up)):
        norm = layer.norm
        if isinstance(norm, Norm) and norm.statistics == "running":
            scale, shift = norm.running_scale_and_shift()
            conv: Any = layer.conv
            out_channels = (1, -1, 1, 1) if conv.transposed else (-1, 1, 1, 1)
            folded = conv.weight.detach() * scale.reshape(out_channels)
            learns = conv.weight.requires_grad
            conv.weight, conv.bias = nn.Parameter(folded, learns), nn.Parameter(shift, learns)
            layer.norm = nn.Identity()


def encoder(channels: int, width: int, depth: int, norm: str, inner_norm: str) -> nn.ModuleList:
    """C64-C128-C256-C512-...: `depth` halvings; no norm on the first, `inner_norm` on the last."""
    sizes = [channels, *encoder_channels(width, depth)]
    norms = ["none", *[norm] * (depth - 2), inner_norm]
    return nn.ModuleList(Down(sizes[i], sizes[i + 1], norms[i], first=i == 0) for i in range(depth))


def decoder(
    channels: int, width: int, depth: int, norm: str, upsample: str, dropout: float, *, skips: bool
) -> nn.ModuleList:
    """CD512-CD512-CD512-C512-...-out: `depth` doublings, the last without norm.

    Dropout is in the innermost max(1, depth - 5) layers: three of them at 256 px, as in the paper.
    With `skips` every layer but the first takes the encoder's features of its size in addition.
    """
    ups = nn.ModuleList()
    inner = encoder_channels(width, depth)[::-1]
    for i in range(depth):
        last = i == depth - 1
        taken = inner[i] * (2 if skips and i else 1)
        noisy = i < max(1, depth - 5) and not last
        out = channels if last else inner[i + 1]
        ups.append(Up(taken, out, "none" if last else norm, upsample, dropout if noisy else 0.0, layer=i))
    return ups


def encoder_channels(width: int, depth: int) -> list[int]:
    """Channels after each halving: width, doubled up to 8 times it."""
    return [width * min(8, 2**i) for i in range(depth)]


@torch.no_grad()
def initialise(network: nn.Module, generator: torch.Generator) -> None:
    """Weights N(0, 0.02), norm scales N(1, 0.02), biases 0 (the paper's appendix 6.2)."""
    for module in network.modules():
        if isinstance(module, Norm):
            module.weight.normal_(1.0, 0.02, generator=generator)
            if module.running_mean is not None and module.running_var is not None:
                module.running_mean.zero_()
                module.running_var.fill_(1.0)
        elif isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
            module.weight.normal_(0.0, 0.02, generator=generator)
        if isinstance(bias := getattr(module, "bias", None), Tensor):
            bias.zero_()
