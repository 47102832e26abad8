import sys
from types import SimpleNamespace
from typing import Any

import pytest
from rich.console import Console

from pix2pix.progress import Progress, cell
from pix2pix.progress.cell import CellProgress, is_notebook
from tests.helpers import Clock


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(cell, "time", clock)
    return clock


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    """What the output showed, one after the other: HTML and text."""
    shown: list[tuple[str, str]] = []
    monkeypatch.setattr(cell.Output, "show", lambda self, html, text: shown.append((html, text)))
    return shown


def in_cell() -> Progress:
    return Progress(Console(force_jupyter=True))


def test_a_long_task_is_one_output_that_changes_now_and_then(
    clock: Clock, shown: list[Any], capsys: pytest.CaptureFixture[str]
) -> None:
    progress = in_cell()
    progress.log("pairs: 40 train")
    for done in range(1, 101):
        clock.now += 0.1
        progress.update("training", done, 100, "images")
    assert 15 <= len(shown) <= 25  # ten seconds, two changes a second
    html, text = shown[-1]
    assert text == "pairs: 40 train\ntraining: 100 of 100 images"
    assert "<progress" not in html
    assert 'value="0.5' in "".join(html for html, _ in shown)
    assert capsys.readouterr().out == ""


def test_lines_are_text_and_no_html(shown: list[Any]) -> None:
    in_cell().log("left out: <b>a&b</b>.png")
    assert "&lt;b&gt;a&amp;b&lt;/b&gt;.png" in shown[-1][0]


def test_the_oldest_of_many_lines_go(shown: list[Any]) -> None:
    progress = CellProgress()
    for number in range(300):
        progress.log(f"line {number}")
    lines = shown[-1][1].splitlines()
    assert (lines[0], lines[-1]) == ("line 100", "line 299")


def test_a_bar_that_stops_half_way_is_removed(shown: list[Any]) -> None:
    progress = in_cell()
    progress.update("training", 1, 10, "images")
    assert "<progress" in shown[-1][0]
    progress.close()
    assert "<progress" not in shown[-1][0]


def test_a_quiet_console_shows_nothing_in_a_cell_either(shown: list[Any]) -> None:
    progress = Progress(Console(force_jupyter=True, quiet=True))
    progress.log("hello")
    progress.update("training", 1, 10, "images")
    assert shown == []


def test_an_output_is_replaced_in_place(monkeypatch: pytest.MonkeyPatch) -> None:
    display = pytest.importorskip("IPython.display")
    calls: list[tuple[str, str]] = []

    class Handle:
        def update(self, bundle: dict[str, str], raw: bool) -> None:
            calls.append(("update", bundle["text/html"]))

    def first(bundle: dict[str, str], raw: bool, display_id: bool) -> Handle:
        calls.append(("display", bundle["text/html"]))
        return Handle()

    monkeypatch.setattr(display, "display", first)
    output = cell.Output()
    for html in ("a", "b", "c"):
        output.show(html, "")
    assert calls == [("display", "a"), ("update", "b"), ("update", "c")]


@pytest.mark.parametrize(
    ("shell", "expected"),
    [
        ("NoneType", False),  # IPython is imported, and does not run
        ("TerminalInteractiveShell", False),
        ("ZMQInteractiveShell", True),  # Jupyter
        ("Shell", True),  # Colab
    ],
)
def test_a_notebook_is_known_by_its_shell(
    monkeypatch: pytest.MonkeyPatch, shell: str, expected: bool
) -> None:
    running = None if shell == "NoneType" else type(shell, (), {})()
    monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(get_ipython=lambda: running))
    assert is_notebook() == expected


def test_without_ipython_there_is_no_notebook(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "IPython", raising=False)
    assert not is_notebook()
