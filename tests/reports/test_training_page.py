"""The page of a run: what it shows, and what an open page shows of a run that goes on."""

import json
import math
import re
from html.parser import HTMLParser

import pytest

from pix2pix.pictures.contract import LabelClass
from pix2pix.reports.charts import MAX_POINTS
from pix2pix.reports.training_page import write_training_page
from tests import helpers
from tests.page import conftest

VOID = {"meta", "link", "img", "input", "br"}
browser = conftest.browser


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
            helpers.write(tmp_path / "previews" / name)
        write_training_page(tmp_path, title=title, images_total=total, state=state, facts=dict(facts))
        written = (tmp_path / "index.html").read_text("utf-8")
        parser = Strict()
        parser.feed(written)
        assert parser.open == []
        return written

    return write


def titles(text):
    return re.findall("<h3>(.*?)</h3>", text)


def data_of(folder):
    """What data.js passes to the page: previews and figures."""
    text = (folder / "data.js").read_text("utf-8")
    data = re.fullmatch(r"showRun\({.*?previews: (.*?),\n  figures: (.*?),\n}\);", text.strip(), re.DOTALL)
    return json.loads(data[1]), json.loads(data[2])


def test_a_run_that_has_only_begun_has_a_page(tmp_path):
    write_training_page(tmp_path, title="new", images_total=1000, state="training", facts={})
    text = (tmp_path / "index.html").read_text("utf-8")
    assert "<strong>0</strong> of 1,000 images" in text
    assert "No preview yet" in text
    assert "No curves yet" in text
    assert sorted(p.name for p in tmp_path.iterdir()) == ["data.js", "index.html"]


def test_all_text_is_escaped(page):
    attack = "<script>alert('\"&')</script>"
    text = page([train_line(1)], title=attack, facts={attack: attack})
    assert "<script>alert" not in text
    assert text.count("&lt;script&gt;alert") == 4


def test_the_page_needs_nothing_from_elsewhere(page):
    text = page([train_line(1)], previews=["000000001.png"])
    addresses = re.findall('(?:src|href)="(.*?)"', text)
    preview = "previews/000000001.png"
    assert addresses == ["data:,", preview, preview, preview, "plotly.min.js", "data.js"]
    assert "@import" not in text
    assert "url(" not in text


def test_every_quantity_has_a_chart_and_training_and_validation_l1_share_one(page):
    text = page([train_line(1), validation_line(1)])
    assert titles(text) == [
        "L1 to the target",
        "Discriminator’s right answers",
        "Discriminator’s loss",
        "Generator’s adversarial loss",
        "Validation PSNR",
        "Validation SSIM",
    ]
    assert re.findall('row">(L1.*?)</th><td>(.*?)</td>', text) == [
        ("L1 to the target, training", "0.300"),
        ("L1 to the target, validation", "0.310"),
    ]


def test_a_loss_and_a_measure_that_no_quantity_names_have_a_plain_chart_and_a_row(page):
    lines = [train_line(1, loss_feature_matching=0.5), {"images": 1, "val_sharp_edges": 2.0, "other": 1}]
    text = page(lines)
    assert titles(text)[-2:] == ["Loss: feature matching", "Validation: sharp edges"]
    assert re.findall('row">([LV][a-z]+: .*?)</th><td>(.*?)</td>', text) == [
        ("Loss: feature matching", "0.500"),
        ("Validation: sharp edges", "2.00"),
    ]


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
def test_values_that_are_not_finite_are_counted_and_not_drawn(page, tmp_path, broken):
    lines = [train_line(i, loss_d=broken if i == 7 else 0.5) for i in range(1, 20)]
    text = page(lines)
    assert "1 value is infinite or not a number" in text
    (loss,) = [figure for figure in data_of(tmp_path)[1] if figure["id"] == "chart-loss_d"]
    assert len(loss["data"][0]["x"]) == 18
    assert "NaN" not in (tmp_path / "data.js").read_text("utf-8")


@pytest.mark.parametrize("images", [math.nan, math.inf, 10**400, None, "7", True], ids=lambda v: str(v)[:6])
def test_a_line_without_its_number_of_images_is_left_out(page, images):
    text = page([train_line(20), {"images": images, "loss_d": 0.5}])
    assert "<strong>20</strong> of 1,000 images" in text


def test_a_quantity_without_any_finite_value_still_has_its_warning(page):
    text = page([train_line(i, loss_d=math.nan) for i in range(3)])
    assert "3 values are infinite or not a number" in text
    assert "Discriminator’s loss</th><td>–</td>" in text


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
    assert "min left" not in page(lines, total=96_040, state="stopped")


def test_previews_come_by_images_seen_and_the_newest_is_shown(page, tmp_path):
    names = ["000004000.png", "12000.png", "000008000.png", ".7-000016000.png", "notes.png"]
    text = page(previews=names, total=20_000)
    assert data_of(tmp_path)[0] == ["000004000.png", "000008000.png", "12000.png"]
    assert 'id="preview" src="previews/12000.png"' in text
    assert "<strong>12,000</strong> of 20,000 images" in text
    without_scripts = re.findall(r"previews/\w+.png\">([\w.]+)</a>", text)
    assert without_scripts == ["4k", "8k", "12k"]


def test_the_page_of_a_long_run_stays_small(page, tmp_path):
    noise = (math.sin(i * i) for i in range(10**6))
    lines = [train_line(i * 100, loss_d=next(noise), loss_l1=next(noise)) for i in range(50_000)]
    assert len(page(lines, total=5_000_000)) < 40_000
    assert (tmp_path / "data.js").stat().st_size < 120_000
    assert all(len(trace["x"]) <= MAX_POINTS for figure in data_of(tmp_path)[1] for trace in figure["data"])


def test_the_page_replaces_the_one_before(page, tmp_path):
    page([train_line(10)])
    assert "<strong>20</strong>" in page([train_line(20)])
    names = ["data.js", "index.html", "metrics.jsonl", "plotly.min.js", "previews"]
    assert sorted(p.name for p in tmp_path.iterdir()) == names


# In a browser, opened from disk


@pytest.fixture
def opened(browser, tmp_path):
    """Open the page from disk, in which no script may fail."""
    failures = []
    tab = browser.new_page()
    tab.set_default_timeout(30_000)
    tab.on("pageerror", lambda error: failures.append(error))
    yield lambda: (tab.goto((tmp_path / "index.html").as_uri()), tab)[1]
    tab.close()
    assert failures == []


def points_drawn(tab):
    return tab.evaluate("document.getElementById('chart-loss_d').data[0].x.length")


def test_an_open_page_follows_the_run_and_keeps_zoom_and_preview(page, opened):
    previews = ["100.png", "200.png"]
    page([train_line(10), train_line(20)], previews=previews)
    tab = opened()
    tab.wait_for_selector("#chart-loss_d .main-svg")
    tab.evaluate("Plotly.relayout('chart-loss_d', {'xaxis.range': [5, 15]})")
    tab.click("text=‹")
    page([train_line(i) for i in (10, 20, 30, 40)], previews=[*previews, "300.png"], state="finished")
    tab.evaluate("loadData()")
    tab.wait_for_selector(".state.finished")
    assert points_drawn(tab) == 4
    assert tab.evaluate("document.getElementById('chart-loss_d').layout.xaxis.range") == [5, 15]
    assert tab.inner_text("#preview-images") == "100 images"
    assert tab.get_attribute("#preview", "src") == "previews/100.png"
    tab.fill("#preview-slider", "2")
    assert tab.inner_text("#preview-images") == "300 images"


def test_a_page_whose_run_got_its_first_curves_loads_itself_again(page, opened):
    page()
    tab = opened()
    assert tab.query_selector(".plot") is None
    page([train_line(10)], previews=["10.png"])
    tab.evaluate("loadData()")
    tab.wait_for_selector("#chart-loss_d .main-svg")
    assert points_drawn(tab) == 1


def test_without_scripts_numbers_and_previews_can_be_read(page, browser, tmp_path):
    page([train_line(10), validation_line(10)], previews=["10.png"], state="finished")
    context = browser.new_context(java_script_enabled=False)
    tab = context.new_page()
    tab.goto((tmp_path / "index.html").as_uri())
    assert "13.2" in tab.inner_text(".scores")
    assert tab.is_visible("#preview")
    context.close()


def test_classes_have_their_latest_iou_and_no_charts_of_their_own(tmp_path):
    classes = [LabelClass(name=n, colour=c) for n, c in {"sky": (0, 0, 255), "car": (1, 2, 3)}.items()]
    lines = [
        {"images": images, "val_pixel_accuracy": 0.9, "val_class_iou": iou, "val_iou/sky": iou}
        for images, iou in ((10, 0.25), (20, 0.5))
    ]
    (tmp_path / "metrics.jsonl").write_text(
        "".join(json.dumps(line) + "\n" for line in [*lines, train_line(30)])
    )
    write_training_page(
        tmp_path,
        title="a",
        images_total=40,
        state="training",
        facts={},
        classes=classes,
        best="kid 2 at image 8",
    )
    text = (tmp_path / "index.html").read_text("utf-8")
    rows = re.findall(r'background: (#\w+)"></span>(\w+)</th><td>(.*?)</td>', text)
    assert rows == [("#0000ff", "sky", "0.500"), ("#010203", "car", "not in these pictures")]
    assert "Best model: kid 2 at image 8" in text
    assert "Right classes" in titles(text)
    assert not [title for title in titles(text) if "sky" in title]
