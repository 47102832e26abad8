"""What the rest of the package knows of a generator, whatever its layers are."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from pix2pix.networks.layers import fold_statistics
from pix2pix.networks.noise import Noise


class NoiseShape(NamedTuple):
    """The masks of one noisy layer, and the probability that a feature is dropped."""

    channels: int
    height: int
    width: int
    drop: float


class Generator(nn.Module):
    """G(x, z): a new generator states the numbers below and defines `logits`.

    Heights and widths are multiples of `multiple_px`. With `classes` the output is the probability
    of each class, scaled to [-1, 1]. `work_per_pixel` compares the cost of generators: a U-Net's
    squared width. Norms are `layers.Norm`, which the inference modes switch.
    """

    def __init__(
        self,
        source_channels: int,
        target_channels: int,
        *,
        classes: bool = False,
        multiple_px: int = 1,
        work_per_pixel: int = 1,
    ) -> None:
        super().__init__()
        self.source_channels, self.target_channels = source_channels, target_channels
        self.classes, self.multiple_px, self.work_per_pixel = classes, multiple_px, work_per_pixel

    def noise_shapes(self, height: int, width: int) -> dict[int, NoiseShape]:
        """Return the masks for a source of this size, by the layer's number in the noise's hash."""
        return {}

    def fold_statistics(self) -> None:
        """Move running statistics into the convolutions before them, irreversibly.

        To be called in the mode `running`; statistics of pictures are not known beforehand.
        """
        fold_statistics(self)

    def logits(self, source: Tensor, noise: Noise | None = None) -> Tensor:
        """(B, source channels, H, W) in [-1, 1] -> (B, target channels, H, W); no noise, no dropout."""
        raise NotImplementedError

    def activate(self, logits: Tensor) -> Tensor:
        """Return the target in [-1, 1]: tanh of a picture, probabilities of classes."""
        # In float32 whatever came before: 16-bit targets need more than bf16 has.
        logits = logits.float() if logits.dtype in (torch.bfloat16, torch.float16) else logits
        return torch.softmax(logits, 1) * 2 - 1 if self.classes else torch.tanh(logits)

    def forward(self, source: Tensor, noise: Noise | None = None) -> Tensor:
        """(B, source channels, H, W) in [-1, 1] -> (B, target channels, H, W) in [-1, 1]."""
        return self.activate(self.logits(source, noise))
