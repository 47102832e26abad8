"""The page of a report: whole, escaped, and with the pictures that it names inside."""

from __future__ import annotations

import base64
import io
import json
import os
import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pix2pix.datasets.check import check, write_report
from pix2pix.errors import UserError
from pix2pix.pairs.find import find_pairs
from pix2pix.pictures import codec
from tests.datasets.check.made import Array
from tests.helpers import files_below, noise, write, write_text

VOID = {"meta", "link", "br", "img", "path"}


class Strict(HTMLParser):
    """Fails where an element is closed that is not the one open."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: object) -> None:
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: object) -> None:
        pass

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def page_of(data: Path, out: Path) -> str:
    """The text of the page, which is checked to be well formed."""
    page = write_report(check(find_pairs([data], "left")), out)
    assert page == out / "index.html"
    text = page.read_text("utf-8")
    parser = Strict()
    parser.feed(text)
    assert parser.open == []
    return text


def pictures_of(text: str) -> list[Array]:
    """The pictures inside the page."""
    encoded = re.findall(r'src="data:image/webp;base64,(.*?)"', text)
    return [np.asarray(Image.open(io.BytesIO(base64.b64decode(data))).convert("RGB")) for data in encoded]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    for number in range(9):
        write(tmp_path / "data" / "train" / f"{number}.png", noise(32, 64, seed=number))
    write(tmp_path / "data" / "val" / "9.png", noise(32, 64, seed=9))
    return tmp_path / "data"


def test_a_clean_report_says_so_and_shows_pairs(data: Path, tmp_path: Path) -> None:
    text = page_of(data, tmp_path / "out")
    assert "No findings" in text
    assert "nothing to mend" in text
    assert "<strong>10</strong> of 10 pairs can be used" in text
    assert "9 of 9 in train" in text
    assert len(pictures_of(text)) == 10
    assert files_below(tmp_path / "out") == {"index.html", "plotly.min.js"}


def test_a_finding_shows_its_pairs_and_the_page_needs_nothing_from_elsewhere(
    data: Path, tmp_path: Path
) -> None:
    write(data / "val" / "copy.png", noise(32, 64, seed=3))
    text = page_of(data, tmp_path / "out")
    assert "train/3.png and val/copy.png are equal, in train and val." in text
    assert len(pictures_of(text)) == 2 + 9 + 2
    assert re.findall(r'(?:src|href)="(?!data:)(.*?)"', text) == ["plotly.min.js"]


def test_findings_stand_in_order_of_severity(data: Path, tmp_path: Path) -> None:
    write_text(data / "train" / "text.png")
    write(data / "train" / "large.png", noise(40, 80, seed=11))
    text = page_of(data, tmp_path / "out")
    titles = re.findall(r"<h3>([A-Z][\w ]+) <span", text)
    assert titles == ["Cannot be read", "Different sizes"]
    assert '<span class="error"><strong>1</strong> error</span>' in text
    assert '<span class="note"><strong>1</strong> note</span>' in text


def test_more_findings_than_a_reader_wants_are_folded(data: Path, tmp_path: Path) -> None:
    for number in range(20):
        write_text(data / "train" / f"text{number:02d}.png")
    text = page_of(data, tmp_path / "out")
    assert "<summary>12 more</summary>" in text
    assert text.count("is not a picture") == 20


def test_nothing_usable_has_a_page_too(tmp_path: Path) -> None:
    write_text(tmp_path / "data" / "a.png")
    text = page_of(tmp_path / "data", tmp_path / "out")
    assert "nothing can be used" in text
    assert files_below(tmp_path / "out") == {"index.html"}


def test_names_are_escaped_and_readable(tmp_path: Path) -> None:
    attack = "<script>alert('&')"
    write(tmp_path / "data" / f"{attack}.png", noise(32, 64))
    write_text(tmp_path / "data" / f"{attack}2.png")
    write_text(tmp_path / "data" / os.fsdecode(b"caf\xe9.png"))
    text = page_of(tmp_path / "data", tmp_path / "out")
    assert "<script>alert" not in text
    assert "&lt;script&gt;alert(&#39;&amp;&#39;).png" in text
    assert "caf\ufffd.png is not a picture" in text


def test_palettes_are_shown_as_swatches(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    colours = np.array([(255, 0, 0), (0, 255, 0), (0, 0, 255)], np.uint8)
    for number in range(6):
        labels = colours[rng.integers(0, 3, (4, 4))].repeat(8, 0).repeat(8, 1)
        pair = np.concatenate([labels, noise(32, 32, seed=number)], axis=1)
        write(tmp_path / "data" / f"{number}.png", pair)
    text = page_of(tmp_path / "data", tmp_path / "out")
    assert "label maps of 3 colours, exact" in text
    for code in ("#ff0000", "#00ff00", "#0000ff"):
        assert f'style="background: {code}"' in text


@pytest.mark.parametrize("depth", ["uint16", "float32"])
def test_deep_pictures_of_many_channels_are_shown(tmp_path: Path, depth: str) -> None:
    rng = np.random.default_rng(0)
    for side in ("source", "target"):
        for name in "ab":
            array = rng.uniform(0, 60_000, (33, 20, 5)).astype(depth)
            codec.write(array, tmp_path / "data" / side / f"{name}.tif")
    text = page_of(tmp_path / "data", tmp_path / "out")
    assert "channel 5" in text
    assert all(picture.std() > 20 for picture in pictures_of(text))


def test_a_report_replaces_the_one_before(data: Path, tmp_path: Path) -> None:
    page_of(data, tmp_path / "out")
    write(data / "train" / "10.png", noise(32, 64, seed=10))
    assert "<strong>11</strong> of 11" in page_of(data, tmp_path / "out")


def test_a_folder_that_cannot_be_written_is_named(data: Path, tmp_path: Path) -> None:
    (tmp_path / "out").write_text("a file")
    with pytest.raises(UserError, match="Cannot write"):
        page_of(data, tmp_path / "out")


def test_a_pair_that_cannot_be_read_any_more_is_left_out(data: Path, tmp_path: Path) -> None:
    report = check(find_pairs([data], "left"))
    (data / "val" / "9.png").unlink()
    text = write_report(report, tmp_path / "out").read_text("utf-8")
    assert len(pictures_of(text)) == 9


def test_source_and_target_stand_side_by_side(data: Path, tmp_path: Path) -> None:
    write(data / "val" / "9.png", np.repeat(np.array([[[40], [200]]], np.uint8), 32, 1).repeat(32, 0))
    picture = pictures_of(page_of(data, tmp_path / "out"))[-1]
    assert picture.shape == (192, 388, 3)
    assert np.abs(picture[96, [90, 290]].astype(int) - [[40], [200]]).max() <= 4


@pytest.mark.parametrize(("channels", "lines"), [(1, 1), (3, 3), (5, 5), (20, 8)])
def test_a_histogram_has_a_line_for_each_channel(tmp_path: Path, channels: int, lines: int) -> None:
    for side in ("source", "target"):
        codec.write(noise(32, 32, channels), tmp_path / "data" / side / "a.tif")
    text = page_of(tmp_path / "data", tmp_path / "out")
    figures = json.loads(re.findall(r"drawCharts\((\[.*\])\);</script>", text)[0])
    assert [len(figure["data"]) for figure in figures] == [lines, lines]
    assert re.search(r"[\d.]+% of the values are lowest \(under 2\)", text)
