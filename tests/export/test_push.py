"""What is put on the hub: the model, its card, and the newest preview."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pix2pix.export.push import push_model
from pix2pix.inference.translator import Translator
from tests.cli.command import pix2pix
from tests.helpers import noise, write, write_model


@pytest.fixture
def pushed(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What reached the hub: by name, its files."""
    reached: dict[str, Any] = {}

    def upload(name: str, files: Mapping[str, Any], *, private: bool) -> str:
        reached[name] = dict(files) | {"private": private}
        return f"https://hub/{name}"

    monkeypatch.setattr("pix2pix.export.push.upload_model", upload)
    return reached


def test_a_run_is_pushed_with_a_card_and_its_newest_preview(tmp_path: Path, pushed: dict[str, Any]) -> None:
    write_model(tmp_path / "run" / "model.safetensors")
    for images in (400, 1200):
        write(tmp_path / "run" / "previews" / f"{images:09d}.png")
    result = pix2pix("push", tmp_path / "run", "me/houses", "--private")
    assert (result.exit_code, result.stdout) == (0, "https://hub/me/houses\n")
    files = pushed["me/houses"]
    assert files["model.safetensors"] == tmp_path / "run" / "model.safetensors"
    assert files["samples.png"].name == "000001200.png"
    assert files["private"]
    card = files["README.md"].decode()
    assert card.startswith("---\nlibrary_name: pix2pix\n")
    for text in (
        "# houses",
        "![samples](samples.png)",
        "after 1,200 images",
        "pix2pix translate hub:me/houses",
        'Translator.from_pretrained("me/houses")',
        "| trained on | 400 pairs, 1,200 images seen |",
        "| val_l1 | 0.25 |",
    ):
        assert text in card
    assert str(tmp_path) not in card


def test_a_model_file_has_a_card_without_pictures(tmp_path: Path, pushed: dict[str, Any]) -> None:
    push_model(write_model(tmp_path / "m.safetensors"), "me/x")
    assert {*pushed["me/x"]} == {"model.safetensors", "README.md", "private"}
    assert b"samples" not in pushed["me/x"]["README.md"]


def test_what_is_no_model_is_refused_before_anything_is_sent(tmp_path: Path, pushed: dict[str, Any]) -> None:
    result = pix2pix("push", tmp_path / "none", "me/x")
    assert result.exit_code == 2
    assert "does not exist" in result.stderr
    assert not pushed


def test_a_model_of_the_hub_translates(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = write_model(tmp_path / "m.safetensors")
    names: list[str] = []

    def download(name: str) -> Path:
        names.append(name)
        return model

    monkeypatch.setattr("pix2pix.inference.translator.download_model", download)
    picture = write(tmp_path / "in.png", noise(32, 48))
    result = pix2pix("translate", "hub:me/houses", picture, "-o", tmp_path / "out.png", "--engine", "torch")
    assert result.exit_code == 0
    translated = Translator.from_pretrained("me/houses", "cpu", engine="torch").translate(picture)
    assert np.asarray(translated).shape == (32, 48, 3)
    assert names == ["me/houses", "me/houses"]
