import io
import threading

import pytest
from rich.console import Console

from pix2pix import progress
from pix2pix.errors import UserError
from pix2pix.progress import Progress, describe_losses, duration, in_parallel
from tests.helpers import Clock

HIDE, SHOW = "\x1b[?25l", "\x1b[?25h"  # the cursor


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(progress, "time", clock)
    return clock


def log() -> tuple[Progress, io.StringIO]:
    """A progress whose console is no terminal, and what it prints."""
    printed = io.StringIO()
    return Progress(Console(file=printed, width=40)), printed


def terminal() -> tuple[Progress, io.StringIO]:
    printed = io.StringIO()
    return Progress(Console(file=printed, force_terminal=True, width=80)), printed


def test_a_log_gets_a_line_now_and_then_and_one_at_the_end(clock: Clock) -> None:
    progress, printed = log()
    for done in range(1, 31):
        clock.now += 1
        progress.update("reading", done, 30, "pairs")
    assert printed.getvalue().splitlines() == [
        "reading: 1 of 30 pairs",
        "reading: 11 of 30 pairs  19 s left",
        "reading: 21 of 30 pairs  9 s left",
        "reading: 30 of 30 pairs",
    ]


def test_the_time_left_is_that_of_this_task_and_this_start(clock: Clock) -> None:
    progress, printed = log()
    for task, done in (("reading", 10), ("reading", 40), ("training", 500), ("training", 600)):
        progress.update(task, done, 1_000, "pairs")
        clock.now += 60
    assert [line.partition("pairs")[2].strip() for line in printed.getvalue().splitlines()] == [
        "",
        "32 min left",
        "",
        "4 min left",
    ]
    assert duration(7_500) == "2 h 5 min"


def test_a_line_carries_its_note_and_counts_thousands(clock: Clock) -> None:
    progress, printed = log()
    progress.update("training", 1200, 80_000, "images", "L1 0.123")
    assert printed.getvalue() == "training: 1,200 of 80,000 images  L1 0.123\n"


def test_a_log_has_no_control_characters(clock: Clock) -> None:
    progress, printed = log()
    for done in (1, 2):
        progress.update("reading", done, 2, "pairs")
    progress.close()
    assert printed.getvalue().replace("\n", "").isprintable()


def test_a_sentence_is_one_line_as_it_is() -> None:
    progress, printed = log()
    sentence = "left out: /data/[bold]my pictures[/bold]/:smile:/" + "x" * 60
    progress.log(sentence)
    assert printed.getvalue() == sentence + "\n"


def test_progress_without_a_console_prints_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    progress = Progress()
    progress.log("hello")
    for done in (1, 2):
        progress.update("reading", done, 2, "pairs")
    progress.close()
    assert capfd.readouterr() == ("", "")


def test_a_terminal_gets_a_bar_that_goes_when_the_task_is_done() -> None:
    progress, printed = terminal()
    for done in (0, 5, 10):
        progress.update("reading", done, 10, "pairs", "a note")
    assert "reading" in printed.getvalue()
    assert "a note" in printed.getvalue()
    assert printed.getvalue().count(HIDE) == printed.getvalue().count(SHOW) == 1


def test_a_bar_that_stops_half_way_gives_the_cursor_back() -> None:
    progress, printed = terminal()
    progress.update("reading", 1, 10, "pairs")
    assert SHOW not in printed.getvalue()
    progress.close()
    progress.close()
    assert printed.getvalue().count(SHOW) == 1


def test_each_task_has_its_own_bar() -> None:
    progress, printed = terminal()
    for task in ("reading", "training"):
        for done in (1, 2):
            progress.update(task, done, 2, "pairs")
    assert printed.getvalue().count(HIDE) == printed.getvalue().count(SHOW) == 2
    assert printed.getvalue().index("reading") < printed.getvalue().index("training")


def test_a_line_is_printed_above_a_bar() -> None:
    progress, printed = terminal()
    progress.update("reading", 1, 10, "pairs")
    progress.log("left out: a.png")
    progress.close()
    assert "left out: a.png" in printed.getvalue()


def test_losses_are_printed_by_their_short_names() -> None:
    losses = {"loss_d": 0.5, "loss_gan": 1.25, "loss_l1": 0.0625, "d_right": 0.75, "other": 9.0}
    assert describe_losses(12.34, losses) == "12.3 images/s  D 0.500  G 1.250  L1 0.062  D right 0.750"
    assert describe_losses(2, {}) == "2.0 images/s"


def test_a_counter_reports_on_one_task(clock: Clock) -> None:
    progress, printed = log()
    progress.counter("copying", "pairs")(2, 3)
    assert printed.getvalue() == "copying: 2 of 3 pairs\n"
    assert progress.done == 2


def test_items_come_in_order_each_with_its_result_or_its_error() -> None:
    def half(number: int) -> int:
        if number % 2:
            raise UserError(f"{number} is odd.")
        return number // 2

    reported: list[tuple[int, int]] = []
    results = list(in_parallel(range(600), half, lambda done, total: reported.append((done, total))))
    assert [item for item, _ in results] == list(range(600))
    assert [result for _, result in results[::2]] == list(range(300))
    assert all(str(error) == f"{item} is odd." for item, error in results[1::2])
    assert reported == [(done, 600) for done in range(1, 601)]


def test_what_is_queued_is_dropped_when_the_caller_stops() -> None:
    started, gate = [], threading.Event()

    def work(number: int) -> None:
        started.append(number)
        if number:
            gate.wait(10)

    results = in_parallel(range(200), work)
    assert next(results) == (0, None)
    threading.Timer(0.2, gate.set).start()
    results.close()
    assert len(started) < 200


def test_a_defect_is_not_kept_as_a_result() -> None:
    with pytest.raises(ZeroDivisionError):
        list(in_parallel([0], lambda number: 1 // number))
