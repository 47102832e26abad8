"""Endless batches: the order, the crop and the noise of an image follow from its position alone.

Position n counts images seen since the start. Nothing else is remembered, so a run that stopped
after n images goes on exactly as if it had not, by asking for position n.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from pix2pix.config import DataConfig
from pix2pix.data.store import Store
from pix2pix.data.transforms import Draw, draw
from pix2pix.pictures import tensors
from pix2pix.pictures.codec import Array

_ORDER, _CROP = 1, 2  # streams of random numbers that must not be the same


@dataclass(frozen=True)
class Batch:
    """B pairs: (B, C, H, W) float32 in [-1, 1] twice, names, and positions (B,) int64."""

    source: Tensor
    target: Tensor
    names: list[str]
    positions: Tensor

    def to(self, device: torch.device) -> "Batch":
        """Return the same batch on another device."""
        source, target, positions = (
            t.to(device, non_blocking=True) for t in (self.source, self.target, self.positions)
        )
        return Batch(source, target, self.names, positions)


class Loader:
    """Endless shuffled batches of a store, each epoch in a new order fixed by the seed."""

    def __init__(self, store: Store, config: DataConfig, batch: int, seed: int) -> None:
        self.store, self.config, self.batch, self.seed = store, config, batch, seed
        # Two orders are enough: a batch may straddle the border of two epochs.
        self._order = lru_cache(2)(self._shuffle)

    def pick(self, position: int) -> tuple[int, Draw]:
        """Return which pair of the store is the image at a position, and what is done to it."""
        epoch, place = divmod(position, len(self.store))
        rng = np.random.default_rng([self.seed, _CROP, position])
        return int(self._order(epoch)[place]), draw(rng, self.config)

    def crops(self, positions: range) -> list[Array]:
        """Return what is stored of the pairs, cropped: (B, C, H, W) each, in the levels that are stored.

        Plane by plane: a mirrored row of one channel is copied five times as fast as one of three.
        """
        pairs = [self._crop(n) for n in positions]
        return [
            np.stack([np.ascontiguousarray(np.moveaxis(crop, -1, 0)) for crop in half])
            for half in zip(*pairs, strict=True)
        ]

    def _crop(self, position: int) -> list[Array]:
        (index, drawn), config = self.pick(position), self.config
        crops = [drawn.place(half[index], config.size) for half in self.store.halves]
        if config.colour:
            which = 0 if config.colour_half == "source" else -1
            contract = self.store.reading.stored[which]
            crops[which] = drawn.recolour(crops[which], contract, config.colour)
        return crops

    def _shuffle(self, epoch: int) -> Array:
        return np.random.default_rng([self.seed, _ORDER, epoch]).permutation(len(self.store))


def whole(store: Store, indices: Sequence[int]) -> Batch:
    """Return the batch of these pairs of a store as they are, without crop and mirror."""
    levels = [tensors.to_levels(half[list(indices)]) for half in store.halves]
    halves = store.reading.tensors(tensors.from_levels, levels)
    return Batch(*halves, [store.names[i] for i in indices], torch.tensor(indices, dtype=torch.int64))


def in_order(store: Store, batch: int) -> Iterator[Batch]:
    """Yield every pair of a store once, whole, in the order of names: for validation and previews."""
    for start in range(0, len(store), batch):
        yield whole(store, range(start, min(start + batch, len(store))))
