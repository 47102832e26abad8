"""Whole participants in a real browser, at a desk and on a phone."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
import uvicorn

from pix2pix.evaluation.study.answers import Answers
from pix2pix.evaluation.study.app import create_app
from pix2pix.evaluation.study.protocol import Study
from pix2pix.evaluation.study.report import write_report
from pix2pix.serve.guard import Guard
from pix2pix.serve.sockets import address_of, listen
from tests.evaluation.study.studies import change, small_study
from tests.page.page_actions import wait_for

DESK = {"viewport": {"width": 1200, "height": 800}}
PHONE = {
    "viewport": {"width": 360, "height": 640},
    "device_scale_factor": 2,
    "has_touch": True,
    "is_mobile": True,
}
FRAME_MS = 1000 / 60


@contextmanager
def running(folder: Path, study: Study) -> Iterator[str]:
    """The study behind an address, with the guard that it has."""
    listening = listen("127.0.0.1", 0)
    app = Guard(create_app(folder, study), (), True)
    server = uvicorn.Server(uvicorn.Config(app, log_level="error", access_log=False))
    thread = threading.Thread(target=server.run, args=([listening],))
    thread.start()
    try:
        yield address_of(listening)
    finally:
        server.should_exit = True
        thread.join(30)


@contextmanager
def opened(browser: Any, address: str, **settings: Any) -> Iterator[Any]:
    """The page in a browser of its own; scripts must not fail."""
    failures: list[Any] = []
    with closing(browser.new_context(**settings)) as context:
        page = context.new_page()
        page.set_default_timeout(30_000)
        page.on("pageerror", lambda error: failures.append(error))
        page.goto(address)
        yield page
    assert not [str(failure) for failure in failures]


def begin(page: Any) -> None:
    page.click("#agree")
    page.click("#start")


def wait_for_question(page: Any) -> None:
    page.wait_for_selector("#answer-0:not([disabled])")


def answer_trials(page: Any, study: Study, trials: range, answers: list[int], touch: bool) -> None:
    """Answer these trials, by arrow keys or by touch."""
    for trial in trials:
        if trial == study.practice:
            page.click("#start")
        wait_for_question(page)
        assert f"{trial + 1} of {study.total}" in page.text_content("#count")
        if touch:
            page.tap(f"#answer-{answers[trial]}")
        else:
            page.keyboard.press(("ArrowLeft", "ArrowRight")[answers[trial]])
        wait_for(page, "answered => document.getElementById('done').value >= answered", trial + 1)


@pytest.mark.parametrize(
    ("settings", "question"),
    [
        (DESK, "picture"),
        pytest.param(PHONE, "picture", marks=pytest.mark.slow),
        pytest.param(PHONE, "pair", marks=pytest.mark.slow),
    ],
)
def test_a_whole_participant(tmp_path: Path, browser: Any, settings: Any, question: str) -> None:
    folder, _ = small_study(tmp_path, question=question)
    study = change(folder, show_ms=250, pause_ms=50)
    answers = [0, 1, 1, 0, 0, 1]
    with running(folder, study) as address, opened(browser, address, **settings) as page:
        page.wait_for_selector("#agree")
        assert page.text_content("#consent-text") == study.consent
        assert Answers(folder, study).all() == []  # before consent there is no participant
        begin(page)
        answer_trials(page, study, range(1), answers, "has_touch" in settings)
        feedback = page.wait_for_selector("#feedback:not(:empty)").text_content()
        answer_trials(page, study, range(1, study.total), answers, "has_touch" in settings)
        score = page.wait_for_selector("#score:not(:empty)").text_content()
        page.reload()  # one session a browser
        assert page.wait_for_selector("#score:not(:empty)").text_content() == score
    rows = Answers(folder, study).all()
    assert [row.answer for row in rows] == answers
    right = [row.answer == row.truth for row in rows]
    assert feedback.startswith("✓ Right" if right[0] else "✗ Wrong")
    assert f"right in {sum(right[2:])} of 4 trials" in score
    for row in rows:
        assert len(row.shown_ms) == (2 if question == "pair" else 1)
        # A frame early by the clock's jitter; late as busy machines are.
        assert all(ms > 250 - FRAME_MS for ms in row.shown_ms)
    assert min(row.shown_ms[0] for row in rows) < Study.model_fields["show_ms"].default  # the study's own
    report, _ = write_report(folder)
    assert (report.rows[0].participants, report.rows[0].unfinished) == (1, 0)


def test_keys_and_buttons_wait_until_the_picture_is_gone(tmp_path: Path, browser: Any) -> None:
    folder, _ = small_study(tmp_path)
    study = change(folder, show_ms=20_000, pause_ms=20)
    pixels = "[...document.querySelector('canvas').getContext('2d').getImageData(0, 0, 20, 20).data]"
    with running(folder, study) as address, opened(browser, address, **DESK) as page:
        page.clock.install()
        begin(page)
        wait_for(page, f"{pixels}.some((value) => value)")
        page.keyboard.press("ArrowLeft")
        assert page.is_disabled("#answer-0")
        page.clock.fast_forward(study.show_ms)
        wait_for_question(page)
        assert Answers(folder, study).all()[0].answer is None
        assert set(page.evaluate(pixels)) == {0}


@pytest.mark.slow
def test_a_reload_goes_on_where_it_was(tmp_path: Path, browser: Any) -> None:
    folder, _ = small_study(tmp_path)
    study = change(folder, show_ms=50, pause_ms=20)
    with running(folder, study) as address, opened(browser, address, **DESK) as page:
        begin(page)
        answer_trials(page, study, range(3), [0] * 6, touch=False)
        page.reload()
        page.wait_for_selector("#start")
        assert page.text_content("#ready-title") == "Welcome back"
        assert "trial 4 of 6" in page.text_content("#ready-text")
        page.click("#start")
        answer_trials(page, study, range(3, 6), [1] * 6, touch=False)
        page.wait_for_selector("#score:not(:empty)")
    assert [row.answer for row in Answers(folder, study).all()] == [0, 0, 0, 1, 1, 1]


def test_an_answer_is_sent_until_it_is_acknowledged(tmp_path: Path, browser: Any) -> None:
    folder, _ = small_study(tmp_path)
    study = change(folder, show_ms=50, pause_ms=20)
    with running(folder, study) as address, opened(browser, address, **DESK) as page:
        begin(page)
        wait_for_question(page)
        page.context.set_offline(True)
        page.keyboard.press("ArrowRight")
        assert "nothing is lost" in page.wait_for_selector("#notice").text_content()
        assert Answers(folder, study).all()[0].answer is None
        page.context.set_offline(False)
        page.wait_for_selector("#feedback:not(:empty)")
        assert page.is_hidden("#notice")
    assert Answers(folder, study).all()[0].answer == 1
