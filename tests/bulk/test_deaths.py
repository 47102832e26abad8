"""Rows that kill: found, left out, and nothing else is lost."""

import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from pix2pix.bulk.deaths import Counts, Turns, guarded, loading
from pix2pix.errors import UserError


class Death(BaseException):
    """Stands for the end of a process."""


def until_it_ends(ledger: Counts, names: str, killers: str) -> tuple[list[Any], int]:
    """The rows that come out, and how many processes died, where Ray starts each again."""
    deaths = 0

    def action(rows: list[Any]) -> Iterator[list[Any]]:
        if any(row["name"] in killers and not row.get("error") for row in rows):
            raise Death
        yield rows

    while True:
        try:
            rows = [{"name": name} for name in names]
            blocks = list(guarded(ledger, "reading", rows, action, Turns()))
            return [row for block in blocks for row in block], deaths
        except Death:
            deaths += 1


def test_rows_that_kill_nobody_stay_together() -> None:
    rows, deaths = until_it_ends(Counts(), "abc", "")
    assert (rows, deaths) == ([{"name": name} for name in "abc"], 0)


def test_a_row_that_kills_fails_and_the_others_are_done() -> None:
    rows, deaths = until_it_ends(Counts(), "abcd", "c")
    assert [row["name"] for row in rows] == list("abcd")
    assert [row["name"] for row in rows if "error" in row] == ["c"]
    assert "c killed the process that was reading it." in rows[2]["error"]
    assert deaths == 4


def test_each_of_two_rows_that_kill_is_found() -> None:
    rows, deaths = until_it_ends(Counts(), "abcd", "bd")
    assert [row["name"] for row in rows if "error" in row] == ["b", "d"]
    assert deaths == 6


def test_one_death_is_nobodys_fault() -> None:
    ledger = Counts()
    ledger.begin("reading a 2")  # died once, for whatever reason
    assert until_it_ends(ledger, "ab", "") == ([{"name": "a"}, {"name": "b"}], 0)
    assert ledger.begin("reading a 2") == 0  # and that is forgotten


def test_one_death_of_a_row_alone_is_not_its_fault() -> None:
    """Readers of other rows use up the memory of the same machine."""
    ledger = Counts()
    for key in ("reading ab 2", "reading ab 2", "reading ab"):
        ledger.begin(key)
    rows = [{"name": "ab"}, {"name": "c"}]
    blocks = list(guarded(ledger, "reading", rows, lambda rows: [rows], Turns()))
    assert blocks == [[{"name": "ab"}], [{"name": "c"}]]


def test_a_row_that_killed_is_not_tried_again_elsewhere() -> None:
    """A block that is lost after it was read is read again."""
    ledger = Counts()
    until_it_ends(ledger, "abc", "b")
    for _ in range(2):
        ledger.begin("reading a 3")
    rows, deaths = until_it_ends(ledger, "abc", "b")
    assert [row["name"] for row in rows if "error" in row] == ["b"]
    assert deaths == 0


def test_a_worker_that_dies_of_the_model_again_and_again_is_refused() -> None:
    ledger = Counts()
    for _ in range(3):
        with pytest.raises(Death), loading(ledger, "this"):
            raise Death
    with loading(ledger, "other"):
        pass
    with pytest.raises(UserError, match="died 3 times while it loaded the model"), loading(ledger, "this"):
        pass


def test_a_model_that_was_loaded_ends_the_count() -> None:
    ledger = Counts()
    for _ in range(9):
        with loading(ledger, "this"):
            pass


def test_who_works_alone_waits_for_the_others_and_keeps_them_out() -> None:
    turns, events = Turns(), list[str]()
    inside, leave = threading.Event(), threading.Event()

    def together(name: str) -> None:
        with turns.together():
            inside.set()
            leave.wait(5)
            events.append(name)

    def alone() -> None:
        with turns.alone():
            events.append("alone begins")
            later.start()
            time.sleep(0.05)
            events.append("alone ends")

    first, second = threading.Thread(target=together, args=("first",)), threading.Thread(target=alone)
    later = threading.Thread(target=together, args=("later",))
    first.start()
    inside.wait(5)
    second.start()
    time.sleep(0.05)
    assert events == []
    leave.set()
    for thread in (first, second, later):
        thread.join(5)
    assert events == ["first", "alone begins", "alone ends", "later"]
