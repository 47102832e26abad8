"""Pages are templates, filled with escaped text, and the charts' script lies alongside."""

from __future__ import annotations

from pathlib import Path

import pytest
from jinja2 import UndefinedError

from pix2pix.reports.charts import line_chart
from pix2pix.reports.pages import compact, write_page
from tests.helpers import files_below

ROWS = [["1/a.png", "1/b.png"], ['2/".png', "2/b.png"]]


def written(path: Path, **values: object) -> str:
    write_page(path, "demo.html", **{"title": "a <title>", "rows": ROWS, "scores": {"l1": 0.25}, **values})
    return path.read_text("utf-8")


def test_a_page_is_whole_and_escaped(tmp_path: Path) -> None:
    text = written(tmp_path / "index.html", columns=("source", "out & put"))
    assert text.startswith("<!doctype html>")
    assert "<title>a &lt;title&gt;</title>" in text
    assert "Scores on the validation pairs:\nl1 0.25." in text
    assert files_below(tmp_path) == {"index.html"}


def test_a_gallery_has_titles_and_alternative_texts(tmp_path: Path) -> None:
    text = written(tmp_path / "index.html", columns=("source", "out & put"))
    assert text.count("<tr>") == 3
    assert '<th scope="col">out &amp; put</th>' in text
    assert '<img src="2/&#34;.png" alt="source, row 2"' in text


def test_a_value_that_a_template_lacks_is_an_error_and_no_page(tmp_path: Path) -> None:
    with pytest.raises(UndefinedError, match="columns"):
        written(tmp_path / "index.html")
    assert files_below(tmp_path) == set()


def test_the_script_of_charts_is_copied_once(tmp_path: Path) -> None:
    chart = line_chart("a", "</script>", "", {"a": [(0, 1)]}, axes=("x", "y"))
    text = written(tmp_path / "index.html", columns=("a", "b"), figures=[chart])
    script = tmp_path / "plotly.min.js"
    assert script.stat().st_size > 1_000_000
    assert '<script src="plotly.min.js"></script>' in text
    assert text.count("</script>") == 3
    before = script.stat().st_mtime_ns
    written(tmp_path / "index.html", columns=("a", "b"), figures=[chart])
    assert script.stat().st_mtime_ns == before
    script.write_text("cut short")
    written(tmp_path / "index.html", columns=("a", "b"), figures=[chart])
    assert script.stat().st_size > 1_000_000


@pytest.mark.parametrize(
    ("images", "text"), [(0, "0"), (950, "950"), (1500, "1.5k"), (20_000, "20k"), (1.25e6, "1.25M")]
)
def test_large_numbers_are_written_short(images: float, text: str) -> None:
    assert compact(images) == text
