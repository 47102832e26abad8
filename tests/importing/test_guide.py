"""The guide for users of pytorch-CycleGAN-and-pix2pix: every command and setting in it exists."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer

from pix2pix.cli.main import app
from pix2pix.config import Config

TEXT = (Path(__file__).parents[2] / "docs" / "from-pytorch-cyclegan-and-pix2pix.md").read_text("utf-8")
COMMANDS = re.findall(r"(?:^|`)(pix2pix (?:data )?\w+ [A-Z\w/-].*?)(?:`|$)", TEXT, re.MULTILINE)


def parsed(words: list[str]) -> Iterator[tuple[str, object]]:
    """The options of a command line, checked as if it were run."""
    group = typer.main.get_command(app)
    while hasattr(group, "commands"):
        group = group.commands[words.pop(0)]
    yield from group.make_context("pix2pix", words).params.items()


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_of_the_guide_is_understood(command: str) -> None:
    assert dict(parsed(shlex.split(command)[1:]))


def test_the_guide_shows_the_commands_that_move_a_model_over() -> None:
    shown = {command.split()[1] for command in COMMANDS}
    assert shown >= {"train", "import", "translate", "serve", "export", "evaluate", "data"}


def test_every_setting_of_the_guide_exists() -> None:
    pairs = set(re.findall(r"\b((?:data|model|training|objective)\.(?!safetensors)\w+)(=[\w.]+)?", TEXT))
    assert len(pairs) > 20
    known = {f"{section}.{key}" for section, part in Config() for key in type(part).model_fields}
    for key, value in pairs:
        assert key in known
        if value:
            Config.load(None, [key + value])
