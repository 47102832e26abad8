import json
import math
import re
from html.parser import HTMLParser
from xml.etree import ElementTree

import pytest

from pix2pix.reports.chart import MAX_POINTS, Curve, compact, draw, smooth, thin, ticks
from pix2pix.reports.training_page import write_page

VOID = {"meta", "link", "img", "input", "br"}
PNG_OF_30_BY_20 = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + bytes([0, 0, 0, 30, 0, 0, 0, 20])


def train_line(images, **other):
    return {
        "images": images,
        "seconds": 5.0,
        "images_per_second": 10.0,
        "learning_rate": 2e-4,
        "loss_d": 0.6,
        "loss_gan": 1.5,
        "loss_l1": 0.3,
        "d_right": 0.8,
    } | other


def validation_line(images):
    return {"images": images, "val_l1": 0.31, "val_psnr_db": 13.2, "val_ssim": 0.26}


class Strict(HTMLParser):
    """Fails where an element is closed that is not the one open."""

    def __init__(self):
        super().__init__()
        self.open = []

    def handle_starttag(self, tag, attrs):
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


@pytest.fixture
def page(tmp_path):
    """Write a run's folder and its page, and give the page's text."""

    def write(lines=(), *, tail="", previews=(), title="a run", total=1000, state="training", facts=()):
        text = "".join(json.dumps(line) + "\n" for line in lines) + tail
        (tmp_path / "metrics.jsonl").write_text(text, "utf-8")
        (tmp_path / "previews").mkdir(exist_ok=True)
        for name in previews:
            (tmp_path / "previews" / name).write_bytes(PNG_OF_30_BY_20)
        write_page(tmp_path, title=title, images_total=total, state=state, facts=dict(facts))
        written = (tmp_path / "index.html").read_text("utf-8")
        parser = Strict()
        parser.feed(written)
        assert parser.open == []
        for svg in re.findall(r"<svg viewBox.*?</svg></svg>", written, re.DOTALL):
            ElementTree.fromstring(svg)
        return written

    return write


def titles(text):
    return re.findall("<h3>(.*?)</h3>", text)


def numbers_of(text):
    """Every number in the coordinates of the lines."""
    return [float(n) for p in re.findall('points="(.*?)"', text) for n in re.split("[ ,]", p) if n]


def test_a_run_that_has_only_begun_has_a_page(tmp_path):
    write_page(tmp_path, title="new", images_total=1000, state="training", facts={})
    text = (tmp_path / "index.html").read_text("utf-8")
    assert "<strong>0</strong> of 1,000 images" in text
    assert "No preview yet" in text
    assert "No curves yet" in text
    assert [p.name for p in tmp_path.iterdir()] == ["index.html"]


def test_all_text_is_escaped(page):
    attack = "<script>alert('\"&')</script>"
    text = page([train_line(1)], title=attack, facts={attack: attack})
    assert "<script>alert" not in text
    assert text.count("&lt;script&gt;alert") == 4


def test_the_page_needs_nothing_from_elsewhere(page):
    text = page([train_line(1)], previews=["000000001.png"])
    addresses = re.findall('(?:src|href)="(.*?)"', text)
    assert addresses == ["data:,", "previews/000000001.png", *["previews/000000001.png"] * 2]
    assert "@import" not in text
    assert "url(" not in text


def test_every_quantity_has_a_chart_and_training_and_validation_l1_share_one(page):
    text = page([train_line(1), validation_line(1)])
    assert titles(text) == [
        "L1 to the target",
        "Discriminator’s right answers",
        "Discriminator’s loss",
        "Generator’s adversarial loss",
        "Validation PSNR, dB",
        "Validation SSIM",
    ]
    assert '<b>0.300</b> training</span><span class="key key-2"><b>0.310</b> validation' in text


def test_terms_that_are_off_have_no_chart(page):
    line = {"images": 5, "loss_l1": 0.4, "loss_d": None, "loss_gan": "off"}
    assert titles(page([line])) == ["L1 to the target"]


def test_the_learning_rate_is_shown_only_if_it_changes(page):
    constant = [train_line(1), train_line(2)]
    assert "Learning rate" not in titles(page(constant))
    assert "Learning rate" in titles(page([*constant, train_line(3, learning_rate=1e-4)]))


@pytest.mark.parametrize("tail", ['{"images": 30, "loss_', "\0\0\0\0", "3\n[]\n{}\n\n", '"\xe9'])
def test_a_last_line_cut_short_is_left_out(page, tail):
    text = page([train_line(10), train_line(20)], tail=tail)
    assert "<strong>20</strong> of 1,000 images" in text


@pytest.mark.parametrize("broken", [math.nan, math.inf, -math.inf, 1e300, 10**400], ids=lambda v: str(v)[:6])
def test_values_that_are_not_finite_are_counted_and_not_drawn(page, broken):
    lines = [train_line(i, loss_d=broken if i == 7 else 0.5) for i in range(1, 20)]
    text = page(lines)
    assert "1 value is infinite or not a number" in text
    assert all(map(math.isfinite, numbers_of(text)))


@pytest.mark.parametrize("images", [math.nan, math.inf, 10**400, None, "7", True], ids=lambda v: str(v)[:6])
def test_a_line_without_its_number_of_images_is_left_out(page, images):
    text = page([train_line(20), {"images": images, "loss_d": 0.5}])
    assert "<strong>20</strong> of 1,000 images" in text


def test_a_quantity_without_any_finite_value_still_has_its_warning(page):
    text = page([train_line(i, loss_d=math.nan) for i in range(3)])
    assert "3 values are infinite or not a number" in text
    assert "<b>–</b> D" in text


def test_only_a_running_page_refreshes_itself(page):
    assert '<noscript><meta http-equiv="refresh" content="10"></noscript>' in page(state="training")
    assert 'content="10"' not in page(state="stopped")


@pytest.mark.parametrize(
    ("seen", "state"), [(500, "training"), (1000, "finished"), (1000, "stopped"), (500, "stopped")]
)
def test_state_and_progress(page, seen, state):
    text = page([train_line(seen)], state=state)
    assert f'<span class="state {state}">{state}</span>' in text
    assert f"{seen // 10}%" in text


def test_the_time_left_follows_the_last_speeds(page):
    lines = [train_line(i, images_per_second=1.0) for i in range(20)]
    lines += [train_line(i, images_per_second=10.0) for i in range(20, 41)]
    assert "about 2 h 40 min left" in page(lines, total=96_040)
    assert "left</span>" not in page(lines, total=96_040, state="stopped")


def test_previews_come_by_images_seen_and_the_newest_is_shown(page):
    names = ["000004000.png", "12000.png", "000008000.png", ".7-000016000.png", "notes.png"]
    text = page(previews=names, total=20_000)
    assert 'data-names="[&quot;000004000.png&quot;, &quot;000008000.png&quot;' in text
    assert 'id="preview" src="previews/12000.png"' in text
    assert 'alt="Preview after 12,000 images: ' in text
    assert 'width="30" height="20"' in text
    assert "<strong>12,000</strong> of 20,000 images" in text
    without_scripts = re.findall(r"previews/\w+.png\">([\w.]+)</a>", text)
    assert without_scripts == ["4k", "8k", "12k"]


def test_a_preview_that_is_no_png_is_still_shown(page, tmp_path):
    (tmp_path / "previews").mkdir()
    (tmp_path / "previews" / "7.png").write_bytes(b"cut")
    assert 'src="previews/7.png"' in page()


def test_the_page_of_a_long_run_stays_small(page):
    noise = (math.sin(i * i) for i in range(10**6))
    lines = [train_line(i * 100, loss_d=next(noise), loss_l1=next(noise)) for i in range(50_000)]
    text = page(lines, total=5_000_000)
    assert len(text) < 120_000
    assert all(p.count(",") <= MAX_POINTS for p in re.findall('points="(.*?)"', text))


def test_the_page_replaces_the_one_before(page, tmp_path):
    page([train_line(10)])
    assert "<strong>20</strong>" in page([train_line(20)])
    assert sorted(p.name for p in tmp_path.iterdir()) == ["index.html", "metrics.jsonl", "previews"]


@pytest.mark.parametrize(
    ("low", "high", "wanted"),
    [
        (0, 80_000, [0, 20_000, 40_000, 60_000, 80_000]),
        (0.13, 0.71, [0.2, 0.4, 0.6]),
        (-1, 1, [-1, -0.5, 0, 0.5, 1]),
        (0, 2e-4, [0, 5e-5, 1e-4, 1.5e-4, 2e-4]),
    ],
)
def test_ticks_are_round_numbers(low, high, wanted):
    assert ticks(low, high) == pytest.approx(wanted)


@pytest.mark.parametrize(
    ("images", "text"), [(0, "0"), (950, "950"), (1500, "1.5k"), (20_000, "20k"), (1.25e6, "1.25M")]
)
def test_images_seen_are_written_short(images, text):
    assert compact(images) == text


def test_thinning_keeps_every_peak_in_order():
    points = [(float(i), 1.0 if i == 777 else 0.0) for i in range(10_000)]
    kept = thin(points)
    assert len(kept) <= MAX_POINTS
    assert (777.0, 1.0) in kept
    assert kept == sorted(kept)


def test_smoothing_is_centred():
    step = [(float(i), float(i >= 500)) for i in range(1001)]
    half_way = min(smooth(step), key=lambda point: abs(point[1] - 0.5))
    assert half_way[0] == pytest.approx(500, abs=5)


def test_few_points_are_drawn_as_they_are_and_dotted():
    points = [(1.0, 3.0), (2.0, 4.0)]
    assert smooth(points) == points
    svg = draw("few", [Curve("one", points)], last_images=2)
    assert svg.count("<circle") == 2


@pytest.mark.parametrize("value", [0.0, 0.3, -5.0, 1e29])
def test_a_flat_line_lies_in_the_middle(value):
    svg = draw("flat", [Curve("one", [(0.0, value), (10.0, value)])], last_images=10)
    heights = numbers_of(svg)[1::2]
    assert heights == pytest.approx([79, 79])
