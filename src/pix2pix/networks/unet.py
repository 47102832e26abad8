"""The paper's generator: an encoder-decoder whose layers of equal size may be joined by skips."""

from __future__ import annotations

import torch
from torch import Tensor

from pix2pix.config import Config
from pix2pix.networks.generator import Generator, NoiseShape
from pix2pix.networks.layers import Up, decoder, encoder
from pix2pix.networks.noise import Noise


class UNet(Generator):
    """G(x, z) of the paper's section 3.2.1, which halves a picture `depth` times.

    Without `skips` it is the paper's encoder-decoder (figures 3 and 5): all passes the bottleneck.
    """

    def __init__(
        self,
        source_channels: int,
        target_channels: int,
        *,
        width: int = 64,
        depth: int = 8,
        norm: str = "batch",
        inner_norm: str = "none",
        upsample: str = "transposed",
        dropout: float = 0.5,
        skips: bool = True,
        classes: bool = False,
    ) -> None:
        super().__init__(
            source_channels, target_channels, classes=classes, multiple_px=2**depth, work_per_pixel=width**2
        )
        self.skips = skips
        self.encoder = encoder(source_channels, width, depth, norm, inner_norm)
        self.decoder = decoder(target_channels, width, depth, norm, upsample, dropout, skips=skips)

    @classmethod
    def from_config(cls, config: Config, *, skips: bool) -> UNet:
        """Build what the section [model] states."""
        model, data = config.model, config.data
        # Normalised by its own statistics, a map of 1 x 1 would be zero.
        one_px = min(data.size) == 2**config.depth
        return cls(
            model.source_channels,
            model.target_channels,
            width=model.width,
            depth=config.depth,
            norm=model.norm,
            inner_norm="none" if one_px else model.norm,
            upsample=model.upsample,
            dropout=model.dropout,
            skips=skips,
            classes=data.target_one_hot,
        )

    def noise_shapes(self, height: int, width: int) -> dict[int, NoiseShape]:
        """Return the masks of the decoder's innermost layers."""
        shapes, multiple = {}, self.multiple_px
        for layer, up in enumerate(self.decoder):
            scale = 2 ** (layer + 1)
            if isinstance(up, Up) and up.drop:
                shapes[layer] = NoiseShape(
                    up.channels, height * scale // multiple, width * scale // multiple, up.drop
                )
        return shapes

    def logits(self, source: Tensor, noise: Noise | None = None) -> Tensor:
        """(B, source channels, H, W) in [-1, 1] -> (B, target channels, H, W); no noise, no dropout."""
        skips: list[Tensor] = []
        x = source
        for down in self.encoder:
            x = down(x)
            skips.append(x)
        x = self.decoder[0](skips.pop(), noise)
        for up in self.decoder[1:]:
            skip = skips.pop()
            x = up(torch.cat([x, skip], 1) if self.skips else x, noise)
        logits: Tensor = x
        return logits
