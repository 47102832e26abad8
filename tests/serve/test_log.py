import logging

import pytest

from pix2pix.serve import log
from pix2pix.serve.log import OncePerMinute


def record(text: str, *arguments: object, error: BaseException | None = None) -> logging.LogRecord:
    raised = (type(error), error, None) if error else None
    return logging.LogRecord("a", logging.WARNING, "", 0, text, arguments, raised)


def test_one_kind_of_trouble_is_logged_once_a_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr(log.time, "monotonic", lambda: now[0])
    once = OncePerMinute()
    passed = [once.filter(record("%d are open", n)) for n in range(10_000)]
    assert sum(passed) == 1
    assert once.filter(record("another kind"))
    assert once.filter(record("%d are open", 1, error=OSError()))
    now[0] += 61
    again = record("%d are open", 7)
    assert once.filter(again)
    assert again.getMessage() == "7 are open (and 9,999 times before)"


def test_what_follows_the_first_line_makes_no_other_kind() -> None:
    once = OncePerMinute()
    kept = [once.filter(record(f"socket.accept() out of system resource\nsocket: <{n}>")) for n in range(9)]
    assert sum(kept) == 1


def test_kinds_without_end_fill_no_memory() -> None:
    once = OncePerMinute()
    for n in range(5_000):
        once.filter(record(f"kind {n}"))
    assert len(once._seen) <= 1_000
