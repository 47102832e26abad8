"""From answers to the table, the page and the JSON."""

from __future__ import annotations

import json
from pathlib import Path
from random import Random

import pytest

from pix2pix.errors import UserError
from pix2pix.evaluation.study.answers import Answers
from pix2pix.evaluation.study.report import write_report
from tests.evaluation.study.studies import small_study, take_part


@pytest.mark.parametrize("question", ["picture", "pair"])
def test_rates_are_those_of_the_participants(tmp_path: Path, question: str) -> None:
    folder, study = small_study(tmp_path, "blurry", "sharp", question=question)
    answers, random = Answers(folder, study), Random(0)
    for number in range(12):  # they take turns: algorithms are assigned evenly
        always_fooled = (number < 4, number < 10)[number % 2]
        take_part(answers, study, float(always_fooled), random)
    report, page = write_report(folder)
    blurry, sharp = report.rows
    assert (blurry.participants, sharp.participants) == (6, 6)
    assert blurry.fakes == (24 if question == "pair" else 12)
    assert blurry.fakes_labelled_real.value == pytest.approx(100 * 2 / 6, abs=0.01)
    assert sharp.fakes_labelled_real.value == pytest.approx(100 * 5 / 6, abs=0.01)
    assert 0 <= blurry.fakes_labelled_real.low < 33 < blurry.fakes_labelled_real.high < 100
    assert (blurry.reals_labelled_real is None) == (question == "pair")
    if question == "picture":
        assert blurry.reals_labelled_real == (100, None, None)
    text = page.read_text("utf-8")
    assert f"{sharp.fakes_labelled_real.value:.1f} %" in text
    assert "Display times" in text
    assert (folder / "plotly.min.js").exists()
    stored = json.loads((folder / "report.json").read_text("utf-8"))
    assert stored["rows"][1]["fakes_labelled_real"][0] == sharp.fakes_labelled_real.value


def test_unfinished_participants_are_counted_and_left_out(tmp_path: Path) -> None:
    folder, study = small_study(tmp_path)
    answers, random = Answers(folder, study), Random(0)
    for stop_at in (5, 0, 6):
        take_part(answers, study, 1.0, random, stop_at)
    report, page = write_report(folder)
    assert (report.rows[0].participants, report.rows[0].unfinished) == (1, 2)
    assert report.rows[0].fakes_labelled_real == (100, None, None)
    assert 1000 <= report.shown_ms["median"] <= report.shown_ms["p99"] <= 1001
    assert "2 more did not finish and are left out" in page.read_text("utf-8")


def test_before_anybody_finishes_there_is_a_page_without_figures(tmp_path: Path) -> None:
    folder, study = small_study(tmp_path)
    with pytest.raises(UserError, match=r"no answers yet.*study serve"):
        write_report(folder)
    take_part(Answers(folder, study), study, 0.5, Random(0), stop_at=2)
    report, page = write_report(folder)
    assert (report.rows[0].participants, report.rows[0].fakes_labelled_real, report.shown_ms) == (
        0,
        None,
        None,
    )
    assert "–" in page.read_text("utf-8")
