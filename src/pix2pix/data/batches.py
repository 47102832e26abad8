"""Batches for ever: the order, the crop and the noise of an image follow from its position alone.

Position n counts images seen since the start. Nothing else is remembered, so a run that stopped
after n images goes on exactly as if it had not, by asking for position n.
"""

from __future__ import annotations

from collections.abc import Iterator
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

    def to(self, device: torch.device) -> Batch:
        """The same batch on another device."""
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

    def start(self, position: int) -> Iterator[Batch]:
        """Batches from the image at `position` on, for ever."""
        while True:
            yield self.at(position)
            position += self.batch

    def at(self, position: int) -> Batch:
        """The batch of images position ... position + batch - 1."""
        positions = range(position, position + self.batch)
        source, target = self.crops(positions)
        reading = self.store.reading
        return Batch(
            tensors.from_planes(tensors.to_levels(source), reading.source),
            tensors.from_planes(tensors.to_levels(target), reading.target),
            [self.store.names[self.pick(n)[0]] for n in positions],
            torch.tensor(positions, dtype=torch.int64),
        )

    def pick(self, position: int) -> tuple[int, Draw]:
        """Which pair of the store is the image at a position, and what is done to it."""
        epoch, place = divmod(position, len(self.store))
        rng = np.random.default_rng([self.seed, _CROP, position])
        return int(self._order(epoch)[place]), draw(rng, self.config)

    def crops(self, positions: range) -> tuple[Array, Array]:
        """Sources and targets, (B, C, H, W) each, in the levels that are stored.

        Plane by plane: a mirrored row of one channel is copied five times as fast as one of three.
        """
        pairs = [self._crop(n) for n in positions]
        source, target = (
            np.stack([np.ascontiguousarray(np.moveaxis(half, -1, 0)) for half in halves])
            for halves in zip(*pairs, strict=True)
        )
        return source, target

    def _crop(self, position: int) -> tuple[Array, Array]:
        (index, drawn), size = self.pick(position), self.config.size
        source = drawn.place(self.store.sources[index], size)
        target = drawn.place(self.store.targets[index], size)
        return self._recoloured(drawn, source, target) if self.config.colour else (source, target)

    def _recoloured(self, drawn: Draw, source: Array, target: Array) -> tuple[Array, Array]:
        reading, strength = self.store.reading, self.config.colour
        if self.config.colour_half == "source":
            return drawn.recolour(source, reading.source, strength), target
        return source, drawn.recolour(target, reading.target, strength)

    def _shuffle(self, epoch: int) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
        return np.random.default_rng([self.seed, _ORDER, epoch]).permutation(len(self.store))


def in_order(store: Store, batch: int) -> Iterator[Batch]:
    """Every pair of a store once, whole, in the order of names: for validation and previews."""
    for start in range(0, len(store), batch):
        index = range(start, min(start + batch, len(store)))
        yield Batch(
            tensors.to_tensor(store.sources[index.start : index.stop], store.reading.source),
            tensors.to_tensor(store.targets[index.start : index.stop], store.reading.target),
            [store.names[i] for i in index],
            torch.tensor(index, dtype=torch.int64),
        )
