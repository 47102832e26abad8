"""The discriminator: one logit for every N x N patch (the paper's sections 3.2.2 and 6.1.2)."""

import torch
from torch import Tensor, nn

from pix2pix.networks.layers import LEAK, make_norm


class PatchGAN(nn.Module):
    """D on patches of `strided` halvings: 0 is the PixelGAN, 3 the 70 x 70 of the paper.

    No norm on the first layer and on the logits. No running statistics: D is never used alone.
    """

    def __init__(self, channels: int, *, strided: int = 3, width: int = 64, norm: str = "batch") -> None:
        super().__init__()
        # C64-C128-...: the strided layers, one more of stride 1, and the logits.
        sizes = [width * min(8, 2**i) for i in range(max(strided, 1) + 1)]
        kernel, pad = (4, 1) if strided else (1, 0)
        layers: list[nn.Module] = []
        for i, size in enumerate(sizes):
            stride = 2 if i < strided else 1
            kind = norm if i else "none"
            layers += [
                nn.Conv2d(channels, size, kernel, stride, pad, bias=kind == "none"),
                make_norm(kind, size, tracks=False),
                nn.LeakyReLU(LEAK),
            ]
            channels = size
        self.layers = nn.Sequential(*layers, nn.Conv2d(channels, 1, kernel, 1, pad))

    def forward(self, pictures: Tensor) -> Tensor:
        """(B, C, H, W) in [-1, 1] -> (B, 1, rows, columns) logits, one a patch."""
        return self.features(pictures)[-1]

    def features(self, pictures: Tensor) -> list[Tensor]:
        """(B, C, H, W) in [-1, 1] -> the activations of each layer, the logits last."""
        features, x = [], pictures
        for layer in self.layers:
            x = layer(x)
            if isinstance(layer, nn.LeakyReLU):
                features.append(x)
        # Losses are in float32 whatever came before.
        return [*features, x.float() if x.dtype in (torch.bfloat16, torch.float16) else x]
