"""The page of a report: whole, escaped, self-contained, and with the pictures it speaks of."""

from __future__ import annotations

import os
import re
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image

from pix2pix.data.pairs import Half, Pair, find_pairs
from pix2pix.datasets.check import check, write_report
from pix2pix.datasets.check.chart import draw
from pix2pix.datasets.check.histogram import Histogram
from pix2pix.datasets.check.sheets import HEIGHT_PX, WIDTH_PX, write_sheet
from pix2pix.errors import UserError
from pix2pix.pictures import codec
from tests.helpers import files_below, noise, write, write_pairs, write_text

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


@pytest.fixture
def data(tmp_path: Path) -> Path:
    for number in range(9):
        write(tmp_path / "data" / "train" / f"{number}.png", noise(32, 64, seed=number))
    write(tmp_path / "data" / "val" / "9.png", noise(32, 64, seed=9))
    return tmp_path / "data"


def test_a_clean_report_says_so_and_shows_pairs(data: Path, tmp_path: Path) -> None:
    text = page_of(data, tmp_path / "out")
    assert "Nothing was found" in text
    assert "nothing to mend" in text
    assert "<strong>10</strong> of 10 pairs can be used" in text
    assert "9 of 9 in train" in text
    assert files_below(tmp_path / "out") == {"index.html", "pairs-train.png", "pairs-val.png"}


def test_every_sheet_that_the_page_names_is_there_and_nothing_else(data: Path, tmp_path: Path) -> None:
    write(data / "val" / "copy.png", noise(32, 64, seed=3))
    text = page_of(data, tmp_path / "out")
    assert "train/3.png, val/copy.png are equal, in train and val." in text
    sheets = set(re.findall(r"url\((.*?)\)", text))
    assert sheets == {"findings.png", "pairs-train.png", "pairs-val.png"}
    assert files_below(tmp_path / "out") == sheets | {"index.html"}
    assert not re.findall(r'(?:src|href)="(?!data:)', text)


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
    assert "&lt;script&gt;alert(&#x27;&amp;&#x27;).png" in text
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
    with Image.open(tmp_path / "out" / "pairs-train.png") as sheet:
        assert np.asarray(sheet.convert("RGB")).std() > 20


def test_a_report_replaces_the_one_before(data: Path, tmp_path: Path) -> None:
    page_of(data, tmp_path / "out")
    write(data / "train" / "10.png", noise(32, 64, seed=10))
    assert "<strong>11</strong> of 11" in page_of(data, tmp_path / "out")


def test_a_folder_that_cannot_be_written_is_told(data: Path, tmp_path: Path) -> None:
    (tmp_path / "out").write_text("a file")
    with pytest.raises(UserError, match="Cannot write"):
        page_of(data, tmp_path / "out")


# Sheets


def test_each_pair_of_a_sheet_is_where_its_place_says(tmp_path: Path) -> None:
    pairs = []
    for number in range(6):
        flat = np.full((32, 64, 3), 40 * number + 20, np.uint8)
        path = write(tmp_path / f"{number}.png", flat)
        pairs.append(Pair(str(number), Half(path, "left"), Half(path, "right")))
    places = write_sheet(pairs, tmp_path / "sheet.png")
    with Image.open(tmp_path / "sheet.png") as sheet:
        assert sheet.size == (4 * WIDTH_PX, 2 * HEIGHT_PX)
        for number, pair in enumerate(pairs):
            at = (number % 4 * WIDTH_PX + 9, number // 4 * HEIGHT_PX + 9)
            assert sheet.getpixel(at) == (*[40 * number + 20] * 3, 255)
            x, y = 100 * (number % 4) / 3, 100 * (number // 4)
            assert f"background-position: {x:g}% {y:g}%" in places[pair].style
            assert "background-size: 400% 200%" in places[pair].style


def test_a_pair_that_cannot_be_read_any_more_is_left_out(tmp_path: Path) -> None:
    write_pairs(tmp_path, 2)
    pairs = list(find_pairs([tmp_path], "left").splits["train"])
    gone = pairs[0]
    gone.source.path.unlink()
    assert set(write_sheet(pairs, tmp_path / "out" / "sheet.png")) == set(pairs) - {gone}
    assert write_sheet([gone], tmp_path / "none.png") == {}
    assert not (tmp_path / "none.png").exists()


# Histograms


@pytest.mark.parametrize("channels", [1, 3, 5, 64])
def test_a_histogram_is_drawn_with_a_line_for_each_channel(channels: int) -> None:
    values = Histogram(0, 256, np.full((channels, 256), 7))
    figure = ElementTree.fromstring(draw("a < b", values))
    paths = [p for p in figure.iter("path") if p.get("class") != "grid"]
    assert len(paths) == min(channels, 8)
    assert "0.4% of the values are lowest (under 1)" in "".join(figure.itertext())


def test_a_histogram_of_nothing_is_drawn() -> None:
    assert "NaN" not in draw("empty", Histogram(0, 1, np.zeros((1, 256), int)))
