"""`pix2pix import`, and what the other commands do with what it wrote."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from pix2pix.model_file import read_header
from pix2pix.page.card import make_card
from tests.cli.command import pix2pix
from tests.helpers import noise, write
from tests.importing import theirs


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    torch.save(theirs.unet(7).state_dict(), tmp_path / "latest_net_G.pth")
    return tmp_path / "latest_net_G.pth"


def test_an_imported_model_is_described_translated_and_streamed(file: Path) -> None:
    result = pix2pix("import", file, "-o", "m.safetensors", "--half", "right")
    assert result.exit_code == 0
    facts = dict(line.split(maxsplit=1) for line in result.stdout.splitlines())
    assert "pytorch-CycleGAN-and-pix2pix, unet_128, latest_net_G.pth" in result.stdout
    assert facts["generator"].startswith("unet, width 4")
    assert "0 pairs" not in result.stdout
    assert pix2pix("info", "m.safetensors").stdout == result.stdout
    write(Path("pairs/1.png"), noise(200, 300))
    for name, options in (("whole", ()), ("streamed", ("--stream",))):
        words = ("pairs", "-o", name, "--half", "right", "--mode", "deterministic", *options)
        assert pix2pix("translate", "m.safetensors", *words).exit_code == 0
    whole, streamed = (np.asarray(Image.open(f"{n}/1.png"), int) for n in ("whole", "streamed"))
    assert whole.shape == (200, 150, 3)
    assert np.abs(whole - streamed).max() <= 1


def test_an_imported_model_is_exported_and_shown_on_the_page(file: Path) -> None:
    assert pix2pix("import", file, "-o", "m.safetensors", "--mode", "running").exit_code == 0
    result = pix2pix("export", "m.safetensors", "--torch", "m.pt2")
    assert result.exit_code == 0
    assert "mode running" in result.stdout
    card = make_card("m", read_header(Path("m.safetensors")), [])
    assert (card.mode, card.size_px, card.multiple_px) == ("running", (128, 128), 128)


def test_a_wrong_file_mode_or_half_is_refused_in_a_sentence(file: Path) -> None:
    Path("x.pth").write_text("nothing")
    for words, what in (
        (("x.pth",), "no .pth that can be read"),
        ((file, "--mode", "eval"), "--mode eval is unknown: wanted paper"),
        ((file, "--half", "whole"), "--half whole is unknown: wanted left, right"),
        (("none.pth",), "Cannot read none.pth"),
    ):
        result = pix2pix("import", *words, "-o", "m.safetensors")
        assert (result.exit_code, result.stdout) == (2, "")
        assert what in result.stderr
    assert not Path("m.safetensors").exists()
