"""Answers in SQLite: even assignment, one answer a trial, continuing."""

from __future__ import annotations

import sqlite3
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from random import Random

import pytest

from pix2pix.errors import UserError
from pix2pix.evaluation.study import answers as module
from pix2pix.evaluation.study.answers import Answers, Place
from tests.evaluation.study.studies import small_study, take_part


def algorithms(answers: Answers) -> Counter[int]:
    """How many participants each algorithm has."""
    return Counter(algorithm for _, algorithm in {(row.participant, row.algorithm) for row in answers.all()})


def test_participants_that_come_at_once_are_spread_evenly(tmp_path: Path) -> None:
    folder, study = small_study(tmp_path, "a", "b", "c")
    with ThreadPoolExecutor(8) as pool:  # each with connections that belong to it
        participants = list(pool.map(lambda _: Answers(folder, study).enrol(), range(30)))
    assert len(set(participants)) == 30
    assert algorithms(Answers(folder, study)) == {0: 10, 1: 10, 2: 10}


def test_who_left_is_replaced_and_who_finished_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, study = small_study(tmp_path, "a", "b")
    answers, random = Answers(folder, study), Random(0)
    minute = 1000
    monkeypatch.setattr(module, "_minute", lambda: minute)
    take_part(answers, study, 0.5, random)  # a finishes
    left = take_part(answers, study, 0.5, random, stop_at=3)  # b leaves in the middle
    minute += module.IDLE_MINUTES
    take_part(answers, study, 0.5, random)
    assert algorithms(answers) == {0: 1, 1: 2}
    # Coming back is possible, and counts again.
    assert answers.place(left) == Place(3, answers.place(left).right)
    answers.enrol()
    assert algorithms(answers) == {0: 2, 1: 2}


def test_answers_come_in_order_and_the_first_one_counts(tmp_path: Path) -> None:
    folder, study = small_study(tmp_path)
    answers = Answers(folder, study)
    participant = answers.enrol()
    truth = answers.trial(participant, 0).truth
    assert answers.record(participant, 1, 0, [1000]) is None
    assert answers.record(participant, 0, truth, [1000.123]) is True
    assert answers.record(participant, 0, 1 - truth, [5]) is True  # sent again
    assert answers.place(participant).next == 1
    row = answers.all()[0]
    assert (row.answer, row.shown_ms) == (truth, (1000.12,))
    assert answers.record("nobody", 0, 0, [1]) is None
    assert answers.place("nobody") is None
    assert answers.trial(participant, 6) is None


def test_right_answers_are_counted_without_practice(tmp_path: Path) -> None:
    folder, study = small_study(tmp_path)
    answers = Answers(folder, study)
    participant = take_part(answers, study, 0.0, Random(0))
    assert answers.place(participant) == Place(None, 4)
    wrong = take_part(answers, study, 1.0, Random(0))
    assert answers.place(wrong) == Place(None, 2)


def test_nothing_but_answers_and_a_minute_is_stored(tmp_path: Path) -> None:
    folder, study = small_study(tmp_path)
    Answers(folder, study)
    with closing(sqlite3.connect(folder / module.FILE)) as connection:
        columns = [
            row[1]
            for table in ("participants", "trials")
            for row in connection.execute(f"PRAGMA table_info({table})")
        ]
        (mode,) = connection.execute("PRAGMA journal_mode").fetchone()
    connection.close()
    assert mode == "wal"
    assert columns == [
        *("id", "algorithm", "active_minute"),
        *("participant", "number", "pictures", "truth", "answer", "shown_ms"),
    ]


def test_a_commit_waits_for_the_disk(tmp_path: Path) -> None:
    folder, study = small_study(tmp_path)
    connection = Answers(folder, study)._connect()
    assert connection.execute("PRAGMA synchronous").fetchone() == (2,)  # FULL
    connection.close()


def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    folder, study = small_study(tmp_path)
    (folder / module.FILE).write_text("no database " * 100)
    with pytest.raises(UserError, match="cannot be used for answers"):
        Answers(folder, study)
