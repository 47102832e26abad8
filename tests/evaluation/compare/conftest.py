"""Evaluations of small folders of pictures, for the tests of comparisons."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from pix2pix.evaluation.evaluate import evaluate, write_scores
from pix2pix.evaluation.per_picture import Options
from pix2pix.evaluation.subjects import FolderSubject
from pix2pix.measures.features import FeatureNetwork
from pix2pix.pictures import codec
from pix2pix.progress import Progress

Score = Callable[..., Path]


def pooled(name: str = "pooled") -> FeatureNetwork:
    """Cheap features that differ for different pictures: 4 x 4 means of each channel."""
    return FeatureNetwork(name, lambda x: torch.nn.functional.adaptive_avg_pool2d(x, 4).flatten(1))


def write_pictures(folder: Path, count: int = 12, noise: int = 0, side: int = 16) -> Path:
    """Write coloured blocks; `noise` is how far each pixel may be from them."""
    random, other = np.random.default_rng(0), np.random.default_rng(noise)
    for number in range(count):
        blocks = random.integers(0, 256, (4, 4, 3)).repeat(side // 4, 0).repeat(side // 4, 1)
        noisy = blocks + other.integers(-noise, noise + 1, blocks.shape)
        codec.write(noisy.clip(0, 255).astype(np.uint8), folder / f"{number:02d}.png")
    return folder


@pytest.fixture
def score(tmp_path: Path) -> Score:
    """`score("a", noise=9)`: the report of noisy pictures against the same real ones, as a folder."""
    real = write_pictures(tmp_path / "real")

    def scored(
        name: str,
        noise: int,
        network: FeatureNetwork | None = None,
        against: Path = real,
        broken: str | None = None,
    ) -> Path:
        count = len(list(against.iterdir()))
        fake, out = write_pictures(tmp_path / f"fake-{name}", count, noise), tmp_path / "reports" / name
        if broken:
            (fake / broken).write_text("no picture")
        evaluation = evaluate(FolderSubject(against, fake), out, Options(network or pooled()), Progress())
        write_scores(evaluation, out)
        return out

    return scored


@pytest.fixture(autouse=True)
def no_vgg16(monkeypatch: pytest.MonkeyPatch) -> None:
    """As without the extra `metrics`, so that tests are equal on every machine."""
    from pix2pix.measures import features

    features.load_vgg16.cache_clear()
    monkeypatch.setattr(features, "find_spec", lambda name: None)
