import pytest
import typer

from pix2pix.cli.common import choice, counting, picture_suffix, report_failures
from pix2pix.errors import UserError


@pytest.mark.parametrize("name", ["png", ".png", "PNG"])
def test_a_format_is_named_with_or_without_its_dot(name: str) -> None:
    assert picture_suffix(name) == ".png"
    assert picture_suffix(None) is None


def test_an_unknown_choice_is_refused_with_the_known_ones() -> None:
    assert choice("--half", "left", ("left", "right")) == "left"
    assert choice("--half", None, ("left", "right")) is None
    with pytest.raises(UserError, match=r"--half top is unknown: wanted left, right\."):
        choice("--half", "top", ("left", "right"))
    with pytest.raises(UserError, match="--format doc is unknown: wanted bmp, jpeg"):
        picture_suffix("doc")


@pytest.mark.parametrize(
    ("failures", "headline"), [(["a is bad"], "1 file was skipped:"), (["a", "b"], "2 files were skipped:")]
)
def test_failures_are_named_at_the_end(
    failures: list[str], headline: str, capsys: pytest.CaptureFixture[str]
) -> None:
    report_failures([], "file", "skipped")
    assert capsys.readouterr() == ("", "")
    with pytest.raises(typer.Exit) as caught:
        report_failures(failures, "file", "skipped")
    assert caught.value.exit_code == 1
    assert capsys.readouterr().err.splitlines() == [headline, *(f"  {failure}" for failure in failures)]


def test_an_interrupted_count_gives_the_cursor_back(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted() -> None:
        with counting("copying", "pairs") as on_progress:
            on_progress(1, 3)
            raise KeyboardInterrupt

    monkeypatch.setenv("TTY_COMPATIBLE", "1")
    with pytest.raises(KeyboardInterrupt):
        interrupted()
    printed = capsys.readouterr().err
    assert "copying" in printed
    assert printed.count("\x1b[?25l") == printed.count("\x1b[?25h") == 1
