"""Means and spreads over seeds, and the table of a terminal."""

from __future__ import annotations

import pytest

from pix2pix.config import Config
from pix2pix.evaluation.ablate.rows import ablation_tables
from pix2pix.evaluation.ablate.tables import Cell, ScoredRun, as_text, columns_of, lines_of
from pix2pix.evaluation.score import Score

LOSSES = ablation_tables(Config())["losses"]
REAL = {"pixel_accuracy": 0.6, "class_accuracy": 0.4, "class_iou": 0.3}


def scored(row: str, seed: int, accuracy: float, real: dict[str, float] | None = None) -> ScoredRun:
    scores = [Score("pixel_accuracy", accuracy), Score("kid", 2.5)]
    return ScoredRun(row, seed, scores, real or {}, 4, {})


def test_a_row_is_the_mean_of_its_seeds_with_their_deviation() -> None:
    runs = {f"l1-{seed}": scored("l1", seed, value) for seed, value in ((1, 0.5), (0, 0.4))}
    line = next(line for line in lines_of(LOSSES, runs) if line.row == "l1")
    assert line.runs == ("l1-0", "l1-1")
    assert line.cells["pixel_accuracy"].mean == pytest.approx(0.45)
    assert line.cells["pixel_accuracy"].spread == pytest.approx(0.0707, abs=1e-4)


def test_a_single_seed_has_no_spread() -> None:
    line = next(line for line in lines_of(LOSSES, {"l1-0": scored("l1", 0, 0.4)}) if line.row == "l1")
    assert str(line.cells["pixel_accuracy"]) == "0.400"


def test_real_pictures_are_the_last_line() -> None:
    lines = lines_of(LOSSES, {"l1-0": scored("l1", 0, 0.4, REAL)})
    assert lines[-1].label == "real pictures"
    assert lines[-1].cells["class_iou"].mean == 0.3
    assert lines[-1].paper["class_iou"] == 0.21


def test_rows_that_are_not_trained_are_listed_with_the_paper_s_numbers_alone() -> None:
    lines = lines_of(LOSSES, {"l1-0": scored("l1", 0, 0.4)})
    assert [line.row for line in lines] == ["l1", "gan", "cgan", "l1_gan", "l1_cgan"]
    assert (lines[1].runs, dict(lines[1].cells)) == ((), {})
    assert list(columns_of(lines)) == ["pixel_accuracy", "kid"]


def test_a_terminal_sees_ours_next_to_the_paper_s() -> None:
    text = as_text(lines_of(LOSSES, {"l1-0": scored("l1", 0, 0.4)}))
    assert text[0].endswith(" paper (first three)")
    assert text[1].split() == ["L1", "0.400", "2.50", "0.42", "/", "0.15", "/", "0.11"]


def test_a_terminal_sees_none_of_the_paper_s_where_nothing_is_comparable() -> None:
    runs = {"l1-0": ScoredRun("l1", 0, [Score("kid", 2.5)], {}, 4, {})}
    text = as_text(lines_of(LOSSES, runs))
    assert text[0].split() == ["KID"]
    assert text[1].split() == ["L1", "2.50"]


@pytest.mark.parametrize(
    ("cell", "text"), [(Cell(0.5), "0.500"), (Cell(13.6, 0.25), "13.60 ± 0.25"), (Cell(1090.4), "1090")]
)
def test_digits_fit_the_size(cell: Cell, text: str) -> None:
    assert str(cell) == text
