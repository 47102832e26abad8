"""`pix2pix ablate`: what it prints, how it ends, and requests that cannot be met, in one sentence each."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from pix2pix.errors import UserError
from pix2pix.evaluation.ablate import run as module
from pix2pix.measures import features
from pix2pix.training.state import State
from pix2pix.training.step import plain_step
from tests.cli.command import pix2pix
from tests.conftest import TINY


@pytest.fixture(autouse=True)
def no_wheel(monkeypatch: pytest.MonkeyPatch) -> None:
    features.load_vgg16.cache_clear()
    monkeypatch.setattr(features, "find_spec", lambda name: None)


def ablate(pairs: Path, out: Path, *more: str) -> tuple[int, str]:
    settings = [part for setting in (*TINY, "training.images=8") for part in ("--set", setting)]
    arguments = ["ablate", str(pairs), "-o", str(out), "--device", "cpu", *settings, *more]
    result = pix2pix(*arguments)
    return result.exit_code, result.output.replace("\n", " ")


def test_rows_are_counted_and_printed_without_a_scorer(tmp_path: Path, pairs: Path) -> None:
    code, output = ablate(pairs, tmp_path / "out", "--over", "patches")
    assert code == 0
    assert "row 2 of 3: 16 x 16 px, seed 0, about" in output
    assert "page: " in output
    assert "0.65 / 0.21 / 0.17" not in output  # the paper's FCN-score, of which nothing here is measured
    assert (tmp_path / "out" / "index.html").is_file()


def test_a_dry_run_lists_rows_and_writes_nothing(tmp_path: Path, pairs: Path) -> None:
    code, output = ablate(pairs, tmp_path / "out", "--over", "losses", "--seeds", "2", "--dry-run")
    assert code == 0
    assert "l1_cgan-1" in output
    assert "time" in output
    assert not (tmp_path / "out").exists()


def test_a_row_that_breaks_is_named_at_the_end(
    tmp_path: Path, pairs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    train = module.train

    def breaking(data: object, config: object, folder: Path, **how: object) -> object:
        if folder.name == "patch_1-0":
            raise UserError("Training broke before image 3.")
        return train(data, config, folder, **how)

    monkeypatch.setattr(module, "train", breaking)
    code, output = ablate(pairs, tmp_path / "out", "--over", "patches")
    assert code == 1
    assert "1 row was not trained:   1 x 1 px, seed 0: Training broke before image 3." in output


def test_a_stopped_one_says_where_and_ends_with_130(
    tmp_path: Path, pairs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(state: State, *inputs: object) -> object:
        signal.raise_signal(signal.SIGINT)
        return plain_step(state, *inputs)

    monkeypatch.setattr("pix2pix.training.step.plain_step", interrupted)
    code, output = ablate(pairs, tmp_path / "out", "--over", "patches")
    assert code == 130
    assert "stopped in 1 x 1 px, seed 0 at image 1; the same command goes on from there" in output


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        (["--over", "loss"], "--over loss is unknown: wanted losses, generators, patches"),
        (["--over", "losses", "--set", "objective.l1=0"], "cannot change objective.l1"),
        (["--over", "losses", "--scorer", "nothing", "--labels", "facades"], "nothing does not exist"),
        (["--over", "losses", "--scorer", "nothing"], "--labels facades"),
    ],
)
def test_what_cannot_be_done_is_refused_before_anything_is_written(
    tmp_path: Path, pairs: Path, more: list[str], sentence: str
) -> None:
    code, output = ablate(pairs, tmp_path / "out", *more)
    assert code == 2
    assert sentence in output
    assert "Traceback" not in output
    assert not (tmp_path / "out").exists()
