"""What is exported: the generator in one mode, its noise as inputs, and what it says of itself.

The graph runs the code of `networks/` and nothing else. What is left out is the hash of the noise:
whoever runs the graph draws the masks (`keep_factors` here) or leaves dropout off with ones.

B batch, C channels, H height, W width.
"""

from __future__ import annotations

import copy
import hashlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from pix2pix.config import Mode
from pix2pix.model_file import Header, versions
from pix2pix.networks import UNet
from pix2pix.networks.modes import fold_statistics, set_mode, uses_noise
from pix2pix.networks.noise import keep_mask, noise_keys

FORMAT = 1


@dataclass(frozen=True)
class NoiseInput:
    """One input of masks, (B, channels, H / divisor, W / divisor).

    `layer` is its number in the hash of the noise, `drop` the probability that a feature is 0.
    """

    input: str
    layer: int
    channels: int
    divisor: int
    drop: float


class Graph(nn.Module):
    """A generator in a mode, ready to be written down; the one given stays as it is.

    Raises UserError for a mode that the generator does not have.
    """

    def __init__(self, generator: UNet, mode: Mode) -> None:
        super().__init__()
        self.generator = copy.deepcopy(generator)
        set_mode(self.generator, mode)
        fold_statistics(self.generator)
        self.multiple_px = 2**generator.depth
        self.noise = noise_inputs(generator, mode)
        self.eval()

    def forward(self, source: Tensor, *keep: Tensor) -> Tensor:
        """(B, C, H, W) in [-1, 1], a factor for each noise input -> (B, C', H, W) in [-1, 1]."""
        layers = [noise.layer for noise in self.noise]
        target: Tensor = self.generator(source, dict(zip(layers, keep, strict=True)) or None)
        return target


def noise_inputs(generator: UNet, mode: Mode) -> tuple[NoiseInput, ...]:
    """The inputs of masks that the generator has in a mode, from the inside out."""
    ups: list[Any] = [up for up in generator.decoder if uses_noise(mode) and up.drop]
    return tuple(
        NoiseInput(
            f"keep_{up.layer}", up.layer, up.conv.out_channels,
            2 ** (generator.depth - 1 - up.layer), up.drop,
        )
        for up in ups
    )  # fmt: skip


def keep_factors(
    noise: Sequence[NoiseInput], source: Tensor, *, seed: int | None = None, sample: int = 0
) -> list[Tensor]:
    """What the noise inputs of a (B, C, H, W) source are fed; no `seed`, no dropout.

    The masks are those that the package draws for this seed and variant.
    """
    batch, _, height, width = source.shape
    keys = noise_keys(seed or 0, torch.full((batch,), sample))
    factors = []
    for one in noise:
        shape = one.channels, height // one.divisor, width // one.divisor
        if seed is None:
            factors.append(torch.ones(batch, *shape))
        else:
            factors.append(keep_mask(keys, one.layer, shape, one.drop).float() / (1 - one.drop))
    return factors


def traced(graph: Graph, size: tuple[int, int], dynamic: bool) -> tuple[tuple[Tensor, ...], Any]:
    """The arguments that a graph is traced with, and which of their axes are free (or None).

    Free axes are traced at lengths that differ, and differ from 1, which tracing takes for fixed.
    """
    first: Any = graph.generator.encoder[0]
    multiple = graph.multiple_px
    batch, height, width = (2, 2 * multiple, 3 * multiple) if dynamic else (1, *size)
    source = torch.zeros(batch, first.conv.in_channels, height, width)
    arguments = source, *keep_factors(graph.noise, source)
    if not dynamic:
        return arguments, None
    count, rows, columns = (torch.export.Dim(name) for name in ("batch", "rows", "columns"))

    def axes(divisor: int) -> dict[int, Any]:
        return {0: count, 2: multiple // divisor * rows, 3: multiple // divisor * columns}

    shapes = {"source": axes(1), "keep": tuple(axes(one.divisor) for one in graph.noise)}
    return arguments, shapes


def about(
    graph: Graph, header: Header, model: Path, *, mode: Mode, precision: str, dynamic: bool
) -> dict[str, Any]:
    """What a graph says of itself, as JSON holds it."""
    image = header.image.model_dump(mode="json")
    return {
        "format": FORMAT,
        "mode": mode,
        "precision": precision,
        "size_px": list(header.config.data.size),
        "multiple_px": graph.multiple_px,
        "dynamic": dynamic,
        "noise": [asdict(one) for one in graph.noise],
        "source": image["source"],
        "target": image["target"],
        "made": image["made"],
        "photograph": image["photograph"],
        "model_digest": _digest(model),
        "versions": versions(),
    }


def _digest(model: Path) -> str:
    with model.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()
