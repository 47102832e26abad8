"""The layers that both networks are made of (the paper's appendix 6.1), and their initialisation.

Ck in the paper: 4x4 convolution with stride 2 and k filters, norm, activation. Here the order is
activation, convolution, norm, because a U-Net's skip carries the value before activation.
A convolution followed by a norm has no bias: the norm would cancel it.

B batch, C channels, H height, W width.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.fusion import fuse_conv_bn_weights

from pix2pix.networks.noise import Noise, noisy_dropout

Statistics = Literal["batch", "picture", "running"]
NormKind = Literal["batch", "instance", "none"]
LEAK = 0.2
EPS = 1e-5
_MOMENTUM = 0.1


class Average:
    """Mean and variance of each channel over the frames of a clip, the weight of older ones falling.

    `keep` is the share that older frames keep at each further one. The variance is that of all pixels
    of these frames, so it holds also what their means differ by: a frame is never far outside of it.
    """

    def __init__(self, keep: float) -> None:
        self._keep = keep
        self._frames: tuple[Tensor, Tensor] | None = None

    def add(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Add a frame (1, C, H, W); return mean and variance, (C,) each."""
        variance, mean = torch.var_mean(x.float(), (0, 2, 3), correction=0)
        if self._frames is not None:
            old_mean, old_variance = self._frames
            share, step = 1 - self._keep, mean - old_mean
            mean = old_mean + share * step
            variance = self._keep * (old_variance + share * step.square()) + share * variance
        self._frames = mean, variance
        return self._frames

    def restart(self) -> None:
        """Forget all frames."""
        self._frames = None


class Norm(nn.Module):
    """Normalise each channel of (B, C, H, W), with learned scale and shift.

    `statistics` says where mean and variance come from: the batch, each picture by itself, or the
    running averages of training (only where `tracks`). Modes set it; training keeps its own. A map
    that may have one pixel is `centred` first, else the rounding of its mean would be amplified.
    `over_time` averages the statistics of pictures that are frames of a clip.
    """

    running_mean: Tensor | None
    running_var: Tensor | None

    def __init__(
        self, channels: int, kind: Literal["batch", "instance"], tracks: bool, centred: bool = False
    ) -> None:
        super().__init__()
        self.centred = centred
        self.weight = nn.Parameter(torch.empty(channels))
        self.bias = nn.Parameter(torch.empty(channels))
        self.training_statistics: Statistics = "batch" if kind == "batch" else "picture"
        self.statistics: Statistics = self.training_statistics
        self.over_time: Average | None = None
        for name in ("running_mean", "running_var"):
            self.register_buffer(name, torch.empty(channels) if tracks and kind == "batch" else None)

    def forward(self, x: Tensor) -> Tensor:
        """Return normalised features of the same shape."""
        if self.statistics == "picture":
            # A map of one pixel is zero by its own statistics, and would not be by those of others.
            if self.over_time is not None and x.shape[2] * x.shape[3] > 1:
                return self.by(x, *self.over_time.add(x))
            x = x - x.mean((2, 3), keepdim=True) if self.centred else x
            # Not F.instance_norm, which refuses maps of one pixel: small pictures may come to that.
            cudnn = torch.backends.cudnn.enabled
            return torch.instance_norm(x, self.weight, self.bias, None, None, True, _MOMENTUM, EPS, cudnn)
        learning = self.statistics == "batch"
        return F.batch_norm(
            x, self.running_mean, self.running_var, self.weight, self.bias, learning, _MOMENTUM, EPS
        )

    def by(self, x: Tensor, mean: Tensor, variance: Tensor) -> Tensor:
        """Normalise by these statistics, (C,) each: those of a picture of which x is a part."""
        if self.centred:
            x, mean = x - mean[:, None, None], torch.zeros_like(mean)
        return F.batch_norm(x, mean, variance, self.weight, self.bias, False, _MOMENTUM, EPS)


def make_norm(kind: NormKind, channels: int, tracks: bool = True, centred: bool = False) -> nn.Module:
    """Return a Norm of the named kind, or a layer that does nothing for `none`."""
    if kind == "none":
        return nn.Identity()
    return Norm(channels, kind, tracks, centred)


def fold_statistics(layer: Any) -> None:
    """Move the running statistics of `layer.norm` into `layer.conv` before it, irreversibly.

    Norms that take their statistics from the picture stay.
    """
    conv, norm = layer.conv, layer.norm
    if getattr(norm, "statistics", None) == "running":
        averages = norm.running_mean, norm.running_var, EPS, norm.weight, norm.bias
        conv.weight, conv.bias = fuse_conv_bn_weights(conv.weight, conv.bias, *averages, conv.transposed)
        layer.norm = nn.Identity()


class Down(nn.Module):
    """Leaky ReLU, 4x4 convolution with stride 2, norm: (B, C, H, W) -> (B, C', H/2, W/2)."""

    def __init__(
        self, channels_in: int, channels_out: int, norm: NormKind, *, first: bool, innermost: bool = False
    ) -> None:
        super().__init__()
        self.first = first
        self.conv = nn.Conv2d(channels_in, channels_out, 4, 2, 1, bias=norm == "none")
        self.norm = make_norm(norm, channels_out, centred=innermost)

    def forward(self, x: Tensor) -> Tensor:
        """Halve height and width."""
        features: Tensor = self.norm(self.conv(x if self.first else F.leaky_relu(x, LEAK)))
        return features


class Up(nn.Module):
    """ReLU, upsampling by 2, norm, and dropout where `drop` > 0.

    `layer` numbers the noisy layers from the inside out: it is part of the mask's hash.
    """

    products_up_to_px = 0  # see use_products

    def __init__(
        self, channels_in: int, channels_out: int, norm: NormKind, upsample: str, drop: float, layer: int
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
        self.drop, self.layer = drop, layer

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


def reflect(x: Tensor, px: int) -> Tensor:
    """Reflect the borders of (B, C, H, W) by `px`; repeat the outermost pixels of what is too small."""
    padded: Tensor = F.pad(x, (px, px, px, px), mode=padding_mode(x.shape[2], x.shape[3], px))
    return padded


def padding_mode(height: int, width: int, px: int) -> Literal["reflect", "replicate"]:
    """Return how the borders of a map are padded: a reflection needs more pixels than it adds."""
    return "reflect" if min(height, width) > px else "replicate"


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


@torch.no_grad()
def initialise(network: nn.Module, generator: torch.Generator) -> None:
    """Draw weights N(0, 0.02), norm scales N(1, 0.02), biases 0 (the paper's appendix 6.2)."""
    for name, weight in network.named_parameters():
        if name.endswith("bias"):
            weight.zero_()
        else:
            weight.normal_(0.0 if weight.ndim > 1 else 1.0, 0.02, generator=generator)
    for name, average in network.named_buffers():
        average.fill_(float(name.endswith("running_var")))
