"""Endless batches: the order, the crop and the noise of an image follow from its position alone.

Position n counts images seen since the start. Nothing else is remembered, so a run that stopped
after n images goes on exactly as if it had not, by asking for position n.

Of the augmentation the random crop and the mirror are the paper's (appendix 6.2); the others are
off unless switched on. One draw is for both halves of a pair.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from pix2pix.config import DataConfig
from pix2pix.data.store import Store
from pix2pix.pictures import tensors
from pix2pix.pictures.codec import Array
from pix2pix.pictures.conform import like, luma
from pix2pix.pictures.contract import PictureContract
from pix2pix.pictures.missing import missing, with_data, without_data

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


@dataclass(frozen=True)
class Draw:
    """What is done to one pair: the crop's corner in pixels from the top left, mirror, flip,
    quarter turns, and the changes of colour in -1 ... 1.
    """

    top: int
    left: int
    mirrored: bool
    flipped: bool
    turns: int
    colour: Array  # brightness, contrast, saturation

    def place(self, array: Array, size: tuple[int, int]) -> Array:
        """Return the (height, width, C) crop of an (H, W, C) array, mirrored, flipped and turned."""
        cut = array[self.top : self.top + size[0], self.left : self.left + size[1]]
        cut = cut[:, ::-1] if self.mirrored else cut
        cut = cut[::-1] if self.flipped else cut
        return np.rot90(cut, self.turns) if self.turns else cut

    def recolour(self, array: Array, contract: PictureContract, strength: float) -> Array:
        """Return the picture with its brightness, contrast and (of RGB) saturation changed."""
        gone = missing(array, contract.fill)
        if gone.any():
            known = np.where(gone, array[~gone].mean() if not gone.all() else 0, array).astype(array.dtype)
            plain = contract.model_copy(update={"fill": None})
            recoloured = with_data(self.recolour(known, plain, strength), contract.fill)
            return without_data(recoloured, gone, contract.fill)
        brightness, contrast, saturation = 1 + strength * self.colour
        values = (array.astype(np.float32) - contract.low) / (contract.high - contract.low)
        values = (values - values.mean()) * contrast + values.mean() * brightness
        if array.shape[2] == 3:
            grey = luma(values)
            values = grey + (values - grey) * saturation
        values = values.clip(0, 1) * (contract.high - contract.low) + contract.low
        return with_data(like(values, array), contract.fill)


def draw(rng: np.random.Generator, config: DataConfig) -> Draw:
    """Return a draw from an explicit generator; always eight numbers, so that switches shift nothing."""
    top, left, mirror, flip, turn, *colour = rng.random(8)
    (height, width), (outer_height, outer_width) = config.size, config.resize
    return Draw(
        int(top * (outer_height - height + 1)),
        int(left * (outer_width - width + 1)),
        config.mirror and bool(mirror < 0.5),
        config.flip and bool(flip < 0.5),
        int(turn * 4) if config.turns else 0,
        2 * np.array(colour) - 1,
    )


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
