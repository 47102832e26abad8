"""The generator of Johnson et al. (2016): residual blocks at a quarter of the picture's size."""

from typing import Any

from torch import Tensor, nn
from torch.nn import functional as F

from pix2pix.config import Config
from pix2pix.errors import UserError
from pix2pix.networks.generator import Generator, check_size
from pix2pix.networks.layers import NormKind, fold_statistics, make_norm, reflect
from pix2pix.networks.noise import Noise, NoiseInput, noisy_dropout
from pix2pix.networks.plan import Layer, Read

_MULTIPLE_PX = 4  # it halves a picture twice


class ResNet(Generator):
    """G(x, z) of `model.blocks` residual blocks (9 for 256 px, 6 for 128 px).

    c7s1-64, d128, d256, R256 x blocks, u128, u64, then 7 x 7 to the target's channels without norm.
    Borders are reflected where the size stays. Dropout is inside each block, after its first ReLU.
    """

    def __init__(self, config: Config) -> None:
        model, width = config.model, config.model.width
        _check(config)
        noisy = range(model.blocks) if model.dropout else ()
        super().__init__(
            model.source_channels,
            model.target_channels,
            classes=config.data.target_one_hot,
            multiple_px=_MULTIPLE_PX,
            # Multiplications of a pixel: 18 (blocks + 1) width^2, those of a U-Net 23 width^2.
            work_per_pixel=18 * (model.blocks + 1) * width**2 // 23,
            noise=[NoiseInput(f"keep_{i}", i, 4 * width, _MULTIPLE_PX, model.dropout) for i in noisy],
        )
        self.first = _same(model.source_channels, width, 7, model.norm)
        self.downs = nn.ModuleList(_half(n * width, 2 * n * width, model.norm) for n in (1, 2))
        self.blocks = nn.ModuleList(
            Block(4 * width, model.norm, model.dropout, layer) for layer in range(model.blocks)
        )
        self.ups = nn.ModuleList(
            _double(2 * n * width, n * width, model.norm, model.upsample) for n in (2, 1)
        )
        self.last = _same(width, model.target_channels, 7, "none")

    def logits(self, source: Tensor, noise: Noise | None = None) -> Tensor:
        """(B, source channels, H, W) in [-1, 1] -> (B, target channels, H, W); no noise, no dropout."""
        x = source
        for layer in (self.first, *self.downs):
            x = F.relu(layer(x))
        for block in self.blocks:
            x = block(x, noise)
        for up in self.ups:
            x = F.relu(up(x))
        logits: Tensor = self.last(x)
        return logits

    def plan(self) -> tuple[Layer, ...]:
        """Return the layers in their order; see `plan`."""
        layers: list[Layer] = []

        def add(step: Any, *reads: Read, noise: NoiseInput | None = None) -> Read:
            layers.append(Layer(reads, step.conv, step.norm, noise, step.reflect_px, step.resize))
            return Read(len(layers), F.relu)

        x = Read(0)
        for down in (self.first, *self.downs):
            x = add(down, x)
        noise = dict(enumerate(self.noise))
        blocks: Any = self.blocks
        for number, block in enumerate(blocks):
            second = add(block.second, add(block.first, x, noise=noise.get(number)))
            layers.append(Layer((x, Read(second.map))))
            x = Read(len(layers))
        for up in (*self.ups, self.last):
            x = add(up, x)
        return tuple(layers)

    def fold_statistics(self) -> None:
        """Move running statistics into the convolutions before them, irreversibly."""
        for layer in self.modules():
            if isinstance(layer, ConvNorm):
                fold_statistics(layer)


class ConvNorm(nn.Module):
    """Upsampling by 2 (`resize`), reflected borders (`reflect_px`), convolution, norm."""

    def __init__(self, conv: nn.Module, norm: nn.Module, reflect_px: int = 0, resize: bool = False) -> None:
        super().__init__()
        self.conv, self.norm, self.reflect_px, self.resize = conv, norm, reflect_px, resize

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, C', H', W'), without an activation."""
        if self.resize:
            x = F.interpolate(x, scale_factor=2.0, mode="nearest")
        if self.reflect_px:
            x = reflect(x, self.reflect_px)
        features: Tensor = self.norm(self.conv(x))
        return features


class Block(nn.Module):
    """Two 3 x 3 convolutions whose result is added to what came in; `layer` is part of the mask's hash."""

    def __init__(self, channels: int, norm: NormKind, drop: float, layer: int) -> None:
        super().__init__()
        self.first, self.second = (_same(channels, channels, 3, norm) for _ in range(2))
        self.drop, self.layer = drop, layer

    def forward(self, x: Tensor, noise: Noise | None) -> Tensor:
        """(B, C, H, W) -> the same shape; no noise, no dropout."""
        inner = F.relu(self.first(x))
        if self.drop and noise is not None:
            inner = noisy_dropout(inner, noise, self.layer, self.drop)
        features: Tensor = x + self.second(inner)
        return features


def _same(channels_in: int, channels_out: int, kernel: int, norm: NormKind) -> ConvNorm:
    conv = nn.Conv2d(channels_in, channels_out, kernel, bias=norm == "none")
    return ConvNorm(conv, make_norm(norm, channels_out), reflect_px=kernel // 2)


def _half(channels_in: int, channels_out: int, norm: NormKind) -> ConvNorm:
    conv = nn.Conv2d(channels_in, channels_out, 3, 2, 1, bias=norm == "none")
    return ConvNorm(conv, make_norm(norm, channels_out))


def _double(channels_in: int, channels_out: int, norm: NormKind, upsample: str) -> ConvNorm:
    resize, bias = upsample == "resize", norm == "none"
    conv: nn.Module = (
        nn.Conv2d(channels_in, channels_out, 3, 1, 1, bias=bias)
        if resize
        else nn.ConvTranspose2d(channels_in, channels_out, 3, 2, 1, output_padding=1, bias=bias)
    )
    return ConvNorm(conv, make_norm(norm, channels_out), resize=resize)


def _check(config: Config) -> None:
    """Raise UserError for sizes and depths that a ResNet does not have."""
    if config.model.depth not in (0, 2):
        raise UserError(
            f"model.depth = {config.model.depth} is not possible: a resnet halves pictures twice.",
            "Leave model.depth out, and set model.blocks.",
        )
    check_size(config, _MULTIPLE_PX, "a resnet halves pictures twice")
