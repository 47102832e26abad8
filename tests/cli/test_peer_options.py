"""What a user of pytorch-CycleGAN-and-pix2pix types out of habit."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from pix2pix.cli.peer_options import OPTIONS
from pix2pix.config import Config
from tests.cli.command import pix2pix

GUIDE = (Path(__file__).parents[2] / "docs" / "from-pytorch-cyclegan-and-pix2pix.md").read_text("utf-8")


def in_the_guide(heading: str) -> set[str]:
    """The other program's options in the table below a heading."""
    table = GUIDE.partition(f"## {heading}\n")[2].partition("\n## ")[0]
    left = [line.split("|")[1] for line in table.splitlines() if line.startswith("|")]
    return set(re.findall(r"--\w+", " ".join(left)))


@pytest.mark.parametrize(
    ("command", "heading"), [("train", "Options of train.py"), ("translate", "Options of test.py")]
)
def test_the_guide_and_the_command_line_know_the_same_options(command: str, heading: str) -> None:
    assert in_the_guide(heading) == set(OPTIONS[command])


def test_every_setting_that_is_advised_exists() -> None:
    texts = [text for options in OPTIONS.values() for text in options.values()]
    settings = re.findall(r"--set (\S+=[\w.]*\w)", " ".join(texts))
    assert len(settings) > 15
    for setting in settings:
        Config.load(None, [setting])


def test_all_options_typed_are_named_at_once() -> None:
    words = ["--dataroot", "facades", "--name", "x", "--direction=BtoA", "--gpu_ids", "-1", "--seed", "1"]
    result = pix2pix("train", *words)
    assert result.exit_code == 2
    assert result.stderr.startswith("pix2pix: --dataroot, --name, --direction and --gpu_ids are of pytorch-")
    assert "--direction is --set data.source=right for BtoA" in result.stderr


def test_options_with_the_same_answer_are_answered_together() -> None:
    result = pix2pix("train", "facades", "--n_epochs", "100", "--n_epochs_decay", "100")
    assert "Here: --n_epochs and --n_epochs_decay are --epochs 200 --set" in result.stderr


def test_an_option_is_answered_by_the_command_it_was_typed_to() -> None:
    assert "--half right" in pix2pix("translate", "m.safetensors", "p", "--direction", "BtoA").stderr
    assert "the folder A alone" in pix2pix("data", "combine", "--fold_A", "a", "--fold_B", "b").stderr


def test_other_unknown_options_are_answered_as_before() -> None:
    result = pix2pix("train", "facades", "--steps", "3")
    assert result.exit_code == 2
    assert "No such option: --steps" in result.stderr
    assert "CycleGAN" not in result.stderr
