"""The generators of pytorch-CycleGAN-and-pix2pix as they are published, for comparison: names included."""

from __future__ import annotations

import copy
from collections.abc import Iterator

import torch
from torch import Tensor, nn


class Block(nn.Module):
    """One level of the U-Net, around the next one; all but the outermost hand on what came in as well."""

    def __init__(self, layers: list[nn.Module], outermost: bool) -> None:
        super().__init__()
        self.model, self.outermost = nn.Sequential(*layers), outermost

    def forward(self, x: Tensor) -> Tensor:
        return self.model(x) if self.outermost else torch.cat([x, self.model(x)], 1)


class Named(nn.Module):
    """A network whose layers are called `model`."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, x: Tensor) -> Tensor:
        return self.model(x)


class Residual(nn.Module):
    def __init__(self, layers: list[nn.Module]) -> None:
        super().__init__()
        self.conv_block = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.conv_block(x)


NORMS = {"batch": nn.BatchNorm2d, "instance": nn.InstanceNorm2d, "none": lambda channels: nn.Identity()}


def unet(downs: int, norm: str = "batch", width: int = 4, source: int = 3, target: int = 3) -> nn.Module:
    bias, normed = norm == "instance", NORMS[norm]
    wide = [width * min(8, 2**level) for level in range(downs)]

    def down(level: int) -> nn.Module:
        channels = wide[level - 1] if level else source
        return nn.Conv2d(channels, wide[level], 4, 2, 1, bias=bias)

    def up(level: int) -> nn.Module:
        inner = wide[level] * (1 if level == downs - 1 else 2)
        outer = wide[level - 1] if level else target
        return nn.ConvTranspose2d(inner, outer, 4, 2, 1, bias=bias or not level)

    last = downs - 1
    upwards = [nn.ReLU(True), up(last), normed(wide[last - 1])]
    network = Block([nn.LeakyReLU(0.2, True), down(last), *upwards], False)
    for level in range(last - 1, 0, -1):
        # The widest levels between the bottleneck and the last five.
        dropout = [nn.Dropout(0.5)] if level > 3 else []
        layers = [nn.LeakyReLU(0.2, True), down(level), normed(wide[level]), network]
        upwards = [nn.ReLU(True), up(level), normed(wide[level - 1])]
        network = Block([*layers, *upwards, *dropout], False)
    return filled(Named(Block([down(0), network, nn.ReLU(True), up(0), nn.Tanh()], True)))


def resnet(
    blocks: int,
    norm: str = "batch",
    width: int = 4,
    source: int = 3,
    target: int = 3,
    *,
    dropout: bool = True,
) -> nn.Module:
    bias, normed = norm == "instance", NORMS[norm]
    layers = [nn.ReflectionPad2d(3), nn.Conv2d(source, width, 7, bias=bias), normed(width), nn.ReLU(True)]
    for channels in (width, 2 * width):
        conv = nn.Conv2d(channels, 2 * channels, 3, 2, 1, bias=bias)
        layers += [conv, normed(2 * channels), nn.ReLU(True)]
    for _ in range(blocks):
        convs = [nn.Conv2d(4 * width, 4 * width, 3, bias=bias) for _ in range(2)]
        first = [nn.ReflectionPad2d(1), convs[0], normed(4 * width), nn.ReLU(True)]
        second = [nn.ReflectionPad2d(1), convs[1], normed(4 * width)]
        layers.append(Residual([*first, *([nn.Dropout(0.5)] if dropout else []), *second]))
    for channels in (4 * width, 2 * width):
        conv = nn.ConvTranspose2d(channels, channels // 2, 3, 2, 1, output_padding=1, bias=bias)
        layers += [conv, normed(channels // 2), nn.ReLU(True)]
    layers += [nn.ReflectionPad2d(3), nn.Conv2d(width, target, 7), nn.Tanh()]
    return filled(Named(nn.Sequential(*layers)))


def discriminator(width: int = 4) -> nn.Module:
    """That of 70 x 70 patches."""
    layers: list[nn.Module] = [nn.Conv2d(6, width, 4, 2, 1), nn.LeakyReLU(0.2, True)]
    for channels, stride in ((width, 2), (2 * width, 2), (4 * width, 1)):
        conv = nn.Conv2d(channels, 2 * channels, 4, stride, 1, bias=False)
        layers += [conv, nn.BatchNorm2d(2 * channels), nn.LeakyReLU(0.2, True)]
    return Named(nn.Sequential(*layers, nn.Conv2d(8 * width, 1, 4, 1, 1)))


@torch.no_grad()
def filled(network: nn.Module) -> nn.Module:
    """Draw weights that leave all values in the middle of tanh, and statistics as if it had learned."""
    generator = torch.Generator().manual_seed(0)
    for name, tensor in network.state_dict().items():
        if name.endswith("running_var"):
            tensor.uniform_(0.5, 2, generator=generator)
        elif tensor.ndim == 1:
            tensor.normal_(1.0 if name.endswith("weight") else 0.0, 0.1, generator=generator)
        elif tensor.ndim == 4:
            tensor.normal_(0, 1.5 / tensor[0].numel() ** 0.5, generator=generator)
    return network.requires_grad_(False)


def dropouts(network: nn.Module) -> Iterator[nn.Dropout]:
    return (module for module in network.modules() if isinstance(module, nn.Dropout))


def without_dropout(network: nn.Module, x: Tensor) -> Tensor:
    """By the statistics of the picture: how their test.py runs it, but for dropout."""
    network = copy.deepcopy(network).train()  # which keeps its running statistics
    for dropout in dropouts(network):
        dropout.eval()
    return network(x.clone())
