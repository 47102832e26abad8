from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from rich.console import Console

from pix2pix.config import Config
from pix2pix.training.collapse import COLLAPSED, notice, signs_in
from pix2pix.training.train import train

Line = dict[str, float]


def series(losses: list[float], spreads: list[float]) -> list[Line]:
    """A line of the loss every 100 images, a line of validation every 400."""
    lines: list[Line] = []
    for number, loss in enumerate(losses, start=1):
        lines.append({"images": 100 * number, "loss_d": loss})
        if number % 4 == 0:
            lines.append({"images": 100 * number, "output_spread": spreads[number // 4 - 1]})
    return lines


@pytest.mark.parametrize(
    ("losses", "spreads", "words"),
    [
        ([0.5] * 12, [0.9] * 3, []),
        ([0.001] * 12, [0.9] * 3, ["D's loss has been below 0.01 for 800 images"]),
        ([0.001] * 11 + [0.2], [0.9] * 3, []),
        ([0.5] + [0.001] * 11, [0.9] * 3, ["D's loss"]),  # before the three validations
        ([0.001] * 8, [0.9] * 2, []),  # not for long
        ([0.5] * 12, [0.001] * 3, ["outputs are alike whatever the source is, for 800 images"]),
        ([0.5] * 12, [0.001, 0.5, 0.001], []),
        ([0.5] * 16, [0.5, 0.001, 0.001, 0.001], ["outputs are alike"]),
        ([0.001] * 12, [0.001] * 3, ["outputs are alike", "D's loss"]),
    ],
)
def test_signs_are_those_that_last(losses: list[float], spreads: list[float], words: list[str]) -> None:
    signs = signs_in(series(losses, spreads))
    assert len(signs) == len(words)
    for sign, start in zip(signs, words, strict=True):
        assert sign.startswith(start)


def test_without_a_discriminator_only_outputs_count() -> None:
    lines = [{"images": 100.0 * n, "output_spread": 0.0} for n in range(3)]
    assert len(signs_in(lines)) == 1
    assert signs_in([]) == []


def test_a_collapse_that_lasts_is_said_once_in_a_while() -> None:
    noticed, lines = [], list[Line]()
    for number in range(30):
        line: Line = {"images": 100 * number, "output_spread": 0.001 if number != 25 else 0.5}
        lines.append(line)
        if signs_in(lines):
            line[COLLAPSED] = 1
        if sentence := notice(lines):
            noticed.append(number)
            assert "training.learning_rate" in sentence
    assert noticed == [2, 12, 22, 28]


def test_a_run_that_collapses_says_so(tmp_path: Path, pairs: Path, tiny: Callable[..., Config]) -> None:
    """A rate that saturates tanh: every output is the same flat picture."""
    every = ("training.validate_images=10", "training.log_images=5", "training.images=60")
    config = tiny("training.learning_rate=1", "objective.l1=0", *every)
    printed = io.StringIO()
    train([pairs], config, tmp_path / "run", console=Console(file=printed, width=500))
    assert printed.getvalue().count("the run seems to have collapsed") == 1
    lines = [json.loads(line) for line in (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()]
    assert lines[-1][COLLAPSED] == 1
    assert lines[-1]["output_spread"] < 0.03
    train([pairs], tiny(*every), tmp_path / "healthy", console=Console(file=printed, width=500))
    assert printed.getvalue().count("the run seems to have collapsed") == 1
