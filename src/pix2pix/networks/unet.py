"""The paper's generator: an encoder-decoder whose layers of equal size may be joined by skips."""

import math
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from pix2pix.config import Config
from pix2pix.networks.generator import Generator, check_size
from pix2pix.networks.layers import LEAK, Down, NormKind, Up, fold_statistics
from pix2pix.networks.noise import Noise, NoiseInput
from pix2pix.networks.plan import Layer, Read

_LEAST_DEPTH, _LARGEST_DEPTH = 5, 10  # where the depth follows from the training size


def fitting_depth(config: Config) -> int:
    """Return how often a picture is halved: model.depth, or what data.size_px allows.

    Raises UserError where data.size_px cannot be halved as often.
    """
    size = config.data.size
    halvings = (math.gcd(*size) & -math.gcd(*size)).bit_length() - 1  # x & -x is the lowest bit of x
    depth: int = config.model.depth or min(max(halvings, _LEAST_DEPTH), _LARGEST_DEPTH)
    because = f"the generator halves pictures {depth} times"
    check_size(config, 2**depth, because, ", or set a smaller model.depth")
    return depth


class UNet(Generator):
    """G(x, z) of the paper's section 3.2.1, which halves a picture `fitting_depth` times.

    encoder    C64-C128-C256-C512-C512-...: no norm on the first layer
    decoder    CD512-CD512-CD512-C512-...-C64, then the target's channels without norm

    Dropout is in the innermost max(1, depth - 5) layers: three of them at 256 px, as in the paper. From
    the second layer on (`model.dropout_from`) it is where another program has it.
    Without `skips` it is the paper's encoder-decoder (figures 3 and 5): all passes the bottleneck.
    """

    def __init__(self, config: Config, *, skips: bool) -> None:
        model, depth = config.model, fitting_depth(config)
        channels = [model.source_channels, *(model.width * min(8, 2**i) for i in range(depth))]
        sizes = [*channels[:0:-1], model.target_channels]
        first = min(model.dropout_from, depth - 2)
        noisy = range(first, min(first + max(1, depth - 5), depth - 1)) if model.dropout else ()
        super().__init__(
            model.source_channels,
            model.target_channels,
            classes=config.data.target_one_hot,
            multiple_px=2**depth,
            work_per_pixel=model.width**2,
            noise=[
                NoiseInput(f"keep_{i}", i, sizes[i + 1], 2 ** (depth - 1 - i), model.dropout) for i in noisy
            ],
        )
        self.skips = skips
        # A bottleneck of one pixel in training would become zero by its own statistics.
        inner_norm: NormKind = "none" if min(config.data.size) == 2**depth else model.norm
        norms: list[NormKind] = ["none", *[model.norm] * (depth - 2), inner_norm]
        self.encoder = nn.ModuleList(
            Down(channels[i], channels[i + 1], norms[i], first=i == 0, innermost=i == depth - 1)
            for i in range(depth)
        )
        self.decoder = nn.ModuleList(
            Up(
                sizes[i] * (2 if skips and i else 1),
                sizes[i + 1],
                model.norm if i < depth - 1 else "none",
                model.upsample,
                model.dropout if i in noisy else 0.0,
                layer=i,
            )
            for i in range(depth)
        )

    def logits(self, source: Tensor, noise: Noise | None = None) -> Tensor:
        """(B, source channels, H, W) in [-1, 1] -> (B, target channels, H, W); no noise, no dropout."""
        features = [source]
        for down in self.encoder:
            features.append(down(features[-1]))
        x = features.pop()
        for up in self.decoder:
            x = up(x, noise)
            skip = features.pop()
            if self.skips and features:
                x = torch.cat([x, skip], 1)
        return x

    def plan(self) -> tuple[Layer, ...]:
        """Return the layers in their order; see `plan`."""
        encoder: Any = self.encoder
        decoder: Any = self.decoder
        depth, noise = len(encoder), {n.layer: n for n in self.noise}
        leaky = partial(F.leaky_relu, negative_slope=LEAK)
        layers = [
            Layer((Read(i, leaky if i else None),), down.conv, down.norm) for i, down in enumerate(encoder)
        ]
        for i, up in enumerate(decoder):
            skip = (Read(depth - i, F.relu),) if self.skips and i else ()
            reads = Read(depth + i, F.relu), *skip
            layers.append(Layer(reads, up.conv, up.norm, noise.get(i), resize=up.resize))
        return tuple(layers)

    def fold_statistics(self) -> None:
        """Move running statistics into the convolutions before them, irreversibly."""
        for layer in (*self.encoder, *self.decoder):
            fold_statistics(layer)
