"""The generator: an encoder-decoder whose layers of equal size may be joined by skips."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from pix2pix.networks.layers import decoder, encoder
from pix2pix.networks.noise import Noise


class UNet(nn.Module):
    """G(x, z) of the paper's section 3.2.1 for pictures of 2**depth pixels and its multiples.

    With `classes` the output is the probability of each class instead of a picture, from -1 to 1.
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
        upsample: str = "transposed",
        dropout: float = 0.5,
        skips: bool = True,
        classes: bool = False,
    ) -> None:
        super().__init__()
        self.depth, self.skips, self.classes = depth, skips, classes
        self.encoder = encoder(source_channels, width, depth, norm)
        self.decoder = decoder(target_channels, width, depth, norm, upsample, dropout, skips=skips)

    def forward(self, source: Tensor, noise: Noise | None = None) -> Tensor:
        """(B, source channels, H, W) in [-1, 1] -> (B, target channels, H, W) in [-1, 1].

        H and W are multiples of 2**depth. Without noise, no dropout.
        """
        x, skips = source, []
        for down in self.encoder:
            x = down(x)
            skips.append(x)
        x = self.decoder[0](skips.pop(), noise)
        for up in self.decoder[1:]:
            skip = skips.pop()
            x = up(torch.cat([x, skip], 1) if self.skips else x, noise)
        # In float32 whatever came before: 16-bit targets need more than bf16 has.
        x = x.float() if x.dtype in (torch.bfloat16, torch.float16) else x
        return torch.softmax(x, 1) * 2 - 1 if self.classes else torch.tanh(x)
