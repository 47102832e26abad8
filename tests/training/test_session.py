"""Decoding the pairs of a run, and going on where it stopped."""

import json
import shutil
from collections.abc import Callable
from contextlib import suppress
from io import StringIO
from pathlib import Path
from typing import cast

import pytest
import torch
from rich.console import Console

from pix2pix.config import Config
from pix2pix.errors import UserError
from pix2pix.training.train import train
from tests.training.test_train import (
    CrashError,
    assert_same_run,
    contents,
    crash_at,
    interrupt_at,
    metrics,
    weights,
)

Tiny = Callable[..., Config]


def rates(run: Path) -> dict[int, float]:
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    return {line["images"]: line["learning_rate"] for line in lines if "learning_rate" in line}


LINEAR = ("training.schedule=linear", "training.log_images=1", "training.learning_rate=0.01")


@pytest.fixture
def half_decayed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, pairs: Path, tiny: Tiny) -> Path:
    """A run of 40 images that was stopped after 30, where the learning rate is half of the first."""
    with monkeypatch.context() as patch:
        interrupt_at(patch, 30)
        train([pairs], tiny(*LINEAR), tmp_path / "run")
    assert rates(tmp_path / "run")[30] == pytest.approx(0.005)
    return tmp_path / "run"


def test_a_bad_pair_is_left_out_and_named_or_stops_at_once(tmp_path: Path, pairs: Path, tiny: Tiny) -> None:
    bad = pairs / "train" / "007.png"
    bad.write_bytes(bad.read_bytes()[:40])
    with pytest.raises(UserError, match=r"007\.png"):
        train([pairs], tiny("training.images=1"), tmp_path / "strict", strict=True)
    assert not (tmp_path / "strict").exists()
    result = train([pairs], tiny("training.images=1"), tmp_path / "run")
    assert len(result.failures) == 1
    assert str(bad) in result.failures[0]


def test_without_validation_pairs_there_are_previews_of_training_pairs(
    tmp_path: Path, pairs: Path, tiny: Tiny
) -> None:
    for path in (pairs / "val").iterdir():
        path.unlink()
    result = train([pairs], tiny(), tmp_path / "run")
    assert result.scores == {}
    assert len(list((tmp_path / "run" / "previews").iterdir())) == 2


def test_validation_pairs_that_are_all_bad_are_named_and_nothing_is_scored(
    tmp_path: Path, pairs: Path, tiny: Tiny
) -> None:
    broken = sorted((pairs / "val").iterdir())
    for path in broken:
        path.write_text("no picture")
    result = train([pairs], tiny(), tmp_path / "run")
    assert result.finished
    assert result.scores == {}
    for path, failure in zip(broken, result.failures, strict=True):
        assert failure.startswith(f"{path} is not a picture")
    assert list((tmp_path / "run" / "previews").iterdir())
    with pytest.raises(UserError, match="is not a picture"):
        train([pairs], tiny(), tmp_path / "strict", strict=True)


def test_a_run_that_goes_on_in_another_way_says_so_and_keeps_it(
    tmp_path: Path, pairs: Path, tiny: Tiny
) -> None:
    def printed(images: int, engine: str = "plain", precision: str = "fp32") -> str:
        console = Console(file=StringIO(), width=200)
        config = tiny(f"training.images={images}")
        train([pairs], config, tmp_path / "run", engine=engine, precision=precision, console=console)
        return cast(StringIO, console.file).getvalue()

    def kept() -> str:
        return str(json.loads((tmp_path / "run" / "environment.json").read_text())["engine"])

    assert "note" not in printed(10)
    assert "note" not in printed(20)
    assert kept() == "plain, fp32"
    notes = printed(30, engine="graph", precision="bf16")
    assert "trained by plain, fp32 and goes on with graph unrecorded, bf16" in notes
    assert kept() == "graph unrecorded, bf16; until image 20 plain, fp32"
    printed(40, engine="graph", precision="bf16")
    assert kept() == "graph unrecorded, bf16; until image 20 plain, fp32"
    assert "trained by graph unrecorded, bf16 and goes on with plain, fp32" in printed(50)


def test_more_images_continue_a_finished_run(tmp_path: Path, pairs: Path, tiny: Tiny) -> None:
    train([pairs], tiny("training.images=25"), tmp_path / "longer")
    train([pairs], tiny("training.images=40"), tmp_path / "longer")
    train([pairs], tiny("training.images=40"), tmp_path / "whole")
    longer, whole = (weights(tmp_path / run / "model.safetensors") for run in ("longer", "whole"))
    assert all(torch.equal(longer[name], whole[name]) for name in whole)
    assert metrics(tmp_path / "longer") == metrics(tmp_path / "whole")


def test_a_longer_run_reports_that_its_rate_goes_up(half_decayed: Path, pairs: Path, tiny: Tiny) -> None:
    console = Console(file=StringIO(), width=300)
    train([pairs], tiny(*LINEAR, "training.images=60"), half_decayed, console=console)
    printed = cast(StringIO, console.file).getvalue()
    assert "raised from 40 to 60: the learning rate goes up from 0.005 to 0.01" in printed
    assert "training.extend=decay" in printed
    assert rates(half_decayed)[31] == pytest.approx(0.01 * 2 * (1 - 31 / 60))


def test_a_longer_run_decays_from_where_it_stood_however_often_it_is_stopped(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, half_decayed: Path, pairs: Path, tiny: Tiny
) -> None:
    longer = tiny(*LINEAR, "training.images=60", "training.extend=decay")
    shutil.copytree(half_decayed, tmp_path / "whole")
    train([pairs], longer, tmp_path / "whole")
    assert rates(tmp_path / "whole")[31] == pytest.approx(0.005 * 29 / 30)
    assert rates(tmp_path / "whole")[60] == 0
    for images_seen in (31, 33, 51):  # before the first save of the longer run, and after it
        with monkeypatch.context() as patch, suppress(CrashError):
            crash_at(patch, images_seen)
            train([pairs], longer, half_decayed)
    train([pairs], longer, half_decayed)
    assert_same_run(tmp_path / "whole", half_decayed)


def test_a_learning_rate_of_zero_has_nothing_to_decay_from(tmp_path: Path, pairs: Path, tiny: Tiny) -> None:
    train([pairs], tiny(*LINEAR), tmp_path / "run")
    before = contents(tmp_path / "run")
    with pytest.raises(UserError, match="has fallen to 0") as caught:
        train([pairs], tiny(*LINEAR, "training.images=60", "training.extend=decay"), tmp_path / "run")
    assert "training.extend=restart" in caught.value.hint
    assert contents(tmp_path / "run") == before


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ("training.images=20", "already seen 40 images"),
        ("training.learning_rate=0.1", r"training\.learning_rate is 0\.0002 there and 0\.1 here"),
        ("model.width=5", r"model\.width is 4 there and 5 here"),
        ("training.seed=1", r"training\.seed is 0 there and 1 here"),
    ],
)
def test_a_run_of_something_else_is_refused_and_left_as_it_is(
    tmp_path: Path, pairs: Path, tiny: Tiny, setting: str, words: str
) -> None:
    run = tmp_path / "run"
    train([pairs], tiny(), run)
    before = contents(run)
    with pytest.raises(UserError, match=words) as caught:
        train([pairs], tiny(setting), run)
    assert str(run) in str(caught.value)
    assert contents(run) == before
