"""What is added from outside by one function and one line of registration."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from pix2pix import Config, train
from pix2pix.config import DataConfig
from pix2pix.data import origins
from pix2pix.data.pairs import Half, Pair, PairSet, split_up
from tests.helpers import SMALL, noise, write


def test_a_place_where_pictures_come_from(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def numbered(data: Sequence[str], config: DataConfig) -> PairSet | None:
        """Pairs of noise, `noise:COUNT`."""
        if not data[0].startswith("noise:"):
            return None
        files = [write(tmp_path / f"{n}.png", noise(32, 64, seed=n)) for n in range(int(data[0][6:]))]
        return split_up(
            {"train": [Pair(p.stem, Half(p, "left"), Half(p, "right")) for p in files]}, "side by side"
        )

    monkeypatch.setattr(origins, "ORIGINS", [numbered, *origins.ORIGINS])
    pairs = origins.find_data(["noise:3"], DataConfig())
    assert [pair.name for pair in pairs.splits["train"]] == ["0", "1", "2"]
    config = Config.load(None, [*SMALL, "training.images=2"])
    assert train(["noise:3"], config, tmp_path / "run", device="cpu").images_seen == 2
