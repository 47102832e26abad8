"""The noise z: dropout masks as a pure function of where they apply.

The paper feeds z "only in the form of dropout" (section 3.2). Here a mask is a counter-based 32-bit
hash of (seed, sample, layer, channel, row, column), so that eager, compiled, captured, exported and
tiled runs draw the same mask in any memory layout, and a stopped run draws on where it stopped.

B batch, C channels, H height, W width. All hashing is on int64 tensors that hold 32-bit values; the
multipliers are below 2**31, so no product leaves 63 bits and nothing relies on overflow.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

# z as a generator takes it: the (B,) keys of `noise_keys`; or, where no hash can be computed, what
# each noisy layer is multiplied by, (B, C, H, W) by the layer's number.
Noise = Tensor | Mapping[int, Tensor]

_BITS = 0xFFFFFFFF
_GOLDEN = 0x9E3779B9  # keeps 0 from being a fixed point of the mixing below
Hash = Any  # a tensor, or a plain number where one is the same for all: Python's wide integers


@dataclass(frozen=True)
class NoiseInput:
    """The masks of one noisy layer, (B, channels, H / divisor, W / divisor) for a source of (B, C, H, W).

    `input` names them where they are the input of a graph, `layer` is the layer's number in the hash,
    `drop` the probability that a feature is 0.
    """

    input: str
    layer: int
    channels: int
    divisor: int
    drop: float


def _mix(h: Hash) -> Hash:
    h = ((h ^ (h >> 16)) * 0x21F0AAAD) & _BITS
    h = ((h ^ (h >> 15)) * 0x735A2D97) & _BITS
    return h ^ (h >> 15)


def _absorb(h: Hash, counter: Hash) -> Hash:
    return _mix(((h ^ counter) + _GOLDEN) & _BITS)


def noise_keys(seed: int | Tensor, samples: Tensor) -> Tensor:
    """Return the (B,) int64 keys of B samples: all that a generator needs to know of z.

    `samples` is (B,) int64: the position in images seen while training, the variant's number when
    translating. `seed` is a 32-bit number, or (B,) int64 of them. Pictures with the same key get
    the same noise.
    """
    keys: Tensor = _absorb(samples & _BITS, _absorb(0, seed & _BITS))
    return keys


def keep_mask(
    keys: Tensor, layer: int, shape: tuple[int, int, int], drop: float, first_row: int = 0
) -> Tensor:
    """Return which features stay: (B, C, H, W) bool, True with probability 1 - drop.

    `shape` is (C, H, W); rows and columns count from the top left, so a larger picture sees the
    mask of a smaller one in its corner. A part of a picture begins at its `first_row`.
    """
    x = _absorb(keys, layer)
    for size, first in zip(shape, (0, first_row, 0), strict=True):
        x = _absorb(x[..., None], torch.arange(first, first + size, device=keys.device))
    kept: Tensor = x >= int(drop * 2**32)
    return kept


def noisy_dropout(x: Tensor, noise: Noise, layer: int, drop: float, first_row: int = 0) -> Tensor:
    """Drop some of (B, C, H, W) features, and scale the others by 1 / (1 - drop)."""
    if not isinstance(noise, Tensor):
        return x * noise[layer]
    channels, height, width = x.shape[1:]
    kept = keep_mask(noise, layer, (channels, height, width), drop, first_row)
    return x * kept.to(x.dtype) * (1 / (1 - drop))


def keep_factors(
    noise: Sequence[NoiseInput], source: Tensor, *, seed: int | None = None, sample: int = 0
) -> list[Tensor]:
    """Return the noise inputs for a source of (B, C, H, W); without `seed`, no dropout.

    The masks are those that the package draws for this seed and this variant.
    """
    batch, _, height, width = source.shape
    if seed is not None:
        return factors_of(noise, noise_keys(seed, torch.full((batch,), sample)), height, width)
    return [torch.ones(batch, n.channels, height // n.divisor, width // n.divisor) for n in noise]


def factors_of(noise: Sequence[NoiseInput], keys: Tensor, height: int, width: int) -> list[Tensor]:
    """Return the noise inputs for the (B,) keys of `noise_keys`: 0 or 1 / (1 - drop)."""
    return [
        keep_mask(keys, n.layer, (n.channels, height // n.divisor, width // n.divisor), n.drop).float()
        / (1 - n.drop)
        for n in noise
    ]
