"""What other runtimes run: the generator in one mode, its noise as inputs, and its description.

The graph runs the code of `networks/` and nothing else. The hash of the noise is left out: the
program that runs the graph draws the masks, or passes ones for no dropout.
"""

from typing import Any

import torch
from torch import Tensor, nn

from pix2pix.config import Mode
from pix2pix.networks import Generator
from pix2pix.networks.modes import set_mode, share_weights, uses_noise
from pix2pix.networks.noise import keep_factors

# Maps of smaller pictures may be of one pixel, whose borders are not reflected.
_LEAST_SAMPLE_PX = 32


def sample_side(multiple_px: int) -> int:
    """Return the side of the smallest square on which a graph is traced or tried."""
    return -(-_LEAST_SAMPLE_PX // multiple_px) * multiple_px


class Graph(nn.Module):
    """A generator in a mode, ready to be exported; the original stays as it is.

    Dynamic, it takes any batch and any multiples of `multiple_px`; else one picture of `size_px`,
    (height, width). Raises UserError for a mode that the generator does not have.
    """

    def __init__(self, generator: Generator, mode: Mode, size_px: tuple[int, int], *, dynamic: bool) -> None:
        super().__init__()
        self.generator = share_weights(generator)
        set_mode(self.generator, mode)
        self.generator.fold_statistics()
        self.mode, self.size_px, self.dynamic = mode, size_px, dynamic
        self.source_channels, self.multiple_px = generator.source_channels, generator.multiple_px
        self.noise = generator.noise if uses_noise(mode) else ()
        self.eval()

    def forward(self, source: Tensor, *keep: Tensor) -> Tensor:
        """(B, C, H, W) in [-1, 1] and a factor for each noise input -> (B, C', H, W) in [-1, 1]."""
        factors = {noise_input.layer: factor for noise_input, factor in zip(self.noise, keep, strict=True)}
        target: Tensor = self.generator(source, factors or None)
        return target

    def shapes(self) -> dict[str, list[int | str]]:
        """Return every input and its shape; a free axis is a word."""
        return {
            "source": self._shape(self.source_channels, 1),
            **{n.input: self._shape(n.channels, n.divisor) for n in self.noise},
        }

    def arguments(self) -> tuple[tuple[Tensor, ...], dict[str, Any] | None]:
        """Return what the graph is traced with, and which of its axes are free, if any."""
        step = self.multiple_px
        # torch.export fixes axes of length 1 and merges axes of equal length.
        lengths = (2, 2 * step, 3 * step) if self.dynamic else (1, *self.size_px)
        source = torch.zeros(lengths[0], self.source_channels, *lengths[1:])
        arguments = source, *keep_factors(self.noise, source)
        if not self.dynamic:
            return arguments, None
        batch, rows, columns = (torch.export.Dim(name) for name in ("batch", "rows", "columns"))
        free: list[dict[int, Any]] = [
            {0: batch, 2: step // divisor * rows, 3: step // divisor * columns}
            for divisor in (1, *(noise_input.divisor for noise_input in self.noise))
        ]
        return arguments, {"source": free[0]} | ({"keep": tuple(free[1:])} if self.noise else {})

    def _shape(self, channels: int, divisor: int) -> list[int | str]:
        if not self.dynamic:
            return [1, channels, *(side // divisor for side in self.size_px)]
        step = self.multiple_px // divisor
        return ["batch", channels, f"{step}*rows", f"{step}*columns"]
