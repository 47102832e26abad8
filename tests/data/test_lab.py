"""Lab made per batch: the colours of before, the digests of before, a quarter of the bytes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from pix2pix.config import Config
from pix2pix.data import lab
from pix2pix.data.batches import Loader, in_order
from pix2pix.data.feed import DeviceFeed, HostFeed
from pix2pix.data.origins import find_data
from pix2pix.data.reading import find_reading
from pix2pix.data.store import Store, open_store
from pix2pix.derive.lab import LAB_RANGES, split_lab
from pix2pix.pictures.codec import Array
from pix2pix.pictures.contract import PictureContract
from pix2pix.pictures.tensors import from_levels, to_levels
from tests.helpers import batch_at, noise, small, write

# Of the pairs of the first version's fixture, taken as photographs at 36 px, by that version.
FIRST_DIGEST = "7d35e538f32243d35e7fd8ebbc9614b3"
PAIRS = Path(__file__).parents[1] / "fixtures" / "first_house" / "pairs"


def photograph(depth: str) -> tuple[Array, PictureContract]:
    """Noise with black, white and greys in it, and its contract."""
    levels = noise(16, 16)
    levels[:4] = np.arange(64, dtype=np.uint8).reshape(4, 16, 1) * 4
    levels[4, 0] = 255
    if depth == "uint16":
        return levels.astype(np.uint16) * 257, PictureContract(depth="uint16", high=65535.0)
    if depth == "float32":
        return levels.astype(np.float32) / 255, PictureContract(depth="float32", low=0.0, high=1.0)
    return levels, PictureContract()


@pytest.mark.parametrize("depth", ["uint8", "uint16", "float32"])
def test_batches_have_the_colours_of_the_formula(depth: str) -> None:
    array, contract = photograph(depth)
    source, target = lab.split(from_levels(to_levels(array[None]), contract), contract)
    (low, high), (_, most) = LAB_RANGES
    lightness, colours = lab.for_digest(array)
    for tensor, expected in (
        (source[0, 0], 2 * (lightness[:, :, 0] - low) / (high - low) - 1),
        (target[0].movedim(0, -1), colours / most),
    ):
        assert tensor.dtype == torch.float32
        np.testing.assert_allclose(tensor.numpy(), expected, rtol=0, atol=3e-6)


def test_training_and_translating_agree() -> None:
    array, _ = photograph("uint8")
    for trained, translated in zip(lab.for_digest(array), split_lab(array), strict=True):
        np.testing.assert_allclose(trained, translated, rtol=0, atol=0.03)  # of 100 and of 220


def open_lab(data: Path, *settings: str) -> tuple[Store, Config]:
    config = small("data.make=lab", *settings, channels=(1, 2))
    pairs = find_data([data], config.data).splits["train"]
    return open_store(pairs, config.data.resize, find_reading(pairs, config)), config


def test_the_digest_is_that_of_the_first_version() -> None:
    assert open_lab(PAIRS)[0].digest == FIRST_DIGEST


def test_photographs_are_stored_once_in_three_bytes_a_pixel(cache: Path) -> None:
    store, config = open_lab(PAIRS)
    pixels = [path for path in cache.iterdir() if path.suffix != ".json"]
    height, width = config.data.resize
    assert sum(path.stat().st_size for path in pixels) == len(store) * height * width * 3


@pytest.mark.parametrize("settings", [{}, {"flip": True, "turns": True}, {"colour": 0.5}])
def test_all_ways_to_a_batch_split_the_same_crops(tmp_path: Path, settings: dict[str, Any]) -> None:
    for n in range(5):
        write(tmp_path / "train" / f"{n}.png", noise(40, 48, seed=n))
    store, config = open_lab(tmp_path, *(f"data.{k}={str(v).lower()}" for k, v in settings.items()))
    loader = Loader(store, config.data, 3, seed=1)
    feeds = (
        [HostFeed(loader)]
        if settings.get("colour")
        else [HostFeed(loader), DeviceFeed(loader, torch.device("cpu"))]
    )
    for start in (0, 3, 6):
        batch = batch_at(loader, start)
        assert (batch.source.shape, batch.target.shape) == ((3, 1, 32, 32), (3, 2, 32, 32))
        for feed in feeds:
            halves = feed.pictures(*feed.tensors(range(start, start + 3)))
            for half, expected in zip(halves, (batch.source, batch.target), strict=True):
                torch.testing.assert_close(half, expected, rtol=0, atol=1e-6)
    whole = next(in_order(store, 2))
    np.testing.assert_allclose(
        whole.source[1, 0], lab.for_digest(store.targets[1])[0][:, :, 0] / 50 - 1, atol=3e-6
    )
