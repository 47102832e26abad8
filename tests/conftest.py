"""What tests share: a folder of pairs, the smallest configuration, and a cache of their own."""

from __future__ import annotations

import os

# Many threads on small tensors cost more than they give. Set before torch is imported, and handed
# on to the processes that tests start.
os.environ.setdefault("OMP_NUM_THREADS", "1")
# Bit for bit is promised on the processor: a GPU that happens to be there is not asked.
os.environ["CUDA_VISIBLE_DEVICES"] = ""

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import settings
from PIL import Image

from pix2pix.config import Config

# The machines that run tests are shared: an example that takes long is no failure.
settings.register_profile("shared", deadline=None)
settings.load_profile("shared")

TINY = (
    "data.size_px=32",
    "model.source_channels=3",
    "model.target_channels=3",
    "model.width=4",
    "model.discriminator_px=16",
    "model.discriminator_width=4",
    "training.images=40",
    "training.log_images=7",
    "training.validate_images=25",
    "training.save_images=10",
)


@pytest.fixture(autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder for decoded pairs that belongs to the test alone."""
    folder = tmp_path_factory.mktemp("cache")
    monkeypatch.setenv("PIX2PIX_CACHE", str(folder))
    return folder


@pytest.fixture(scope="session", autouse=True)
def no_waiting_for_the_disk() -> Iterator[None]:
    """Flushing protects from power cuts, which no test makes; it took milliseconds for each of thousands."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda file: None)
        yield


@pytest.fixture
def pairs(tmp_path: Path) -> Path:
    """A folder of side-by-side PNGs of 32 px a half: 40 in train/, 4 in val/; source left."""
    return write_split_pairs(tmp_path / "pairs")


def write_split_pairs(folder: Path) -> Path:
    """The folder of `pairs`, for tests that share it."""
    for seed, (split, count) in enumerate({"train": 40, "val": 4}.items()):
        (folder / split).mkdir(parents=True)
        rng = np.random.default_rng(seed)
        for number in range(count):
            Image.fromarray(_pair(rng)).save(folder / split / f"{number:03d}.png")
    return folder


@pytest.fixture
def tiny() -> Callable[..., Config]:
    """`tiny("training.batch=2")`: the smallest networks on 32 px, 40 images, and settings."""
    return lambda *settings: Config.load(None, [*TINY, *settings])


def _pair(rng: np.random.Generator) -> np.ndarray:
    """(32, 64, 3): two flat rectangles on black, and the same in other colours on grey."""
    source = np.zeros((32, 32, 3), np.uint8)
    for _ in range(2):
        top, left = rng.integers(0, 20, 2)
        source[top : top + 12, left : left + 12] = rng.integers(0, 256, 3)
    return np.concatenate([source, 255 - source // 2], axis=1)
