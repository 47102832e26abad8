"""Ablations that are scored without a feature network, so that tests are equal on every machine."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from pix2pix.config import Config
from pix2pix.errors import UserError
from pix2pix.evaluation.ablate.layout import Request


@pytest.fixture(autouse=True)
def no_features(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing() -> None:
        raise UserError("ST-LPIPS needs stlpips-pytorch.", "Install it: pip install 'pix2pix[metrics]'")

    monkeypatch.setattr("pix2pix.evaluation.per_picture.load_vgg16", missing)
    monkeypatch.setattr("pix2pix.evaluation.ablate.run.find_features", lambda file: None)


@pytest.fixture
def request_for(tmp_path: Path, pairs: Path, tiny: Callable[..., Config]) -> Callable[..., Request]:
    """`request_for("losses", "training.images=8", seeds=2)`: the smallest networks on 32 px."""

    def make(over: str, *settings: str, **more: object) -> Request:
        config = tiny("training.images=8", "training.save_images=4", *settings)
        return Request([str(pairs)], config, tmp_path / "ablation", over, device="cpu", **more)

    return make
