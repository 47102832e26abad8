"""What a comparison writes: page, pictures, JSON lines, CSV."""

import csv
import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from pix2pix.errors import UserError
from pix2pix.evaluation.compare.compare import compare
from pix2pix.evaluation.compare.page import write_comparison
from pix2pix.evaluation.compare.stored import read_reports
from pix2pix.pictures import codec
from pix2pix.progress import Progress
from tests.evaluation.compare.conftest import Score


def written(reports: list[Path], out: Path) -> str:
    return write_comparison(compare(read_reports(reports)), out, Progress()).read_text()


def test_the_page_shows_what_was_scored(tmp_path: Path, score: Score) -> None:
    page = written([score("a", 20), score("b", 60)], tmp_path / "out")
    assert "not how it would come out in another training" in page
    assert "worse" in page
    shown = sorted((tmp_path / "out" / "pictures").glob("000000-*.png"))
    target, first, other = map(codec.read, shown)
    for picture, folder in ((target, "real"), (first, "fake-a"), (other, "fake-b")):
        np.testing.assert_array_equal(picture, codec.read(tmp_path / folder / "00.png"))


def test_lines_and_table_hold_the_same_scores(tmp_path: Path, score: Score) -> None:
    written([score("a", 20), score("b", 60)], tmp_path / "out")
    lines = [json.loads(line) for line in (tmp_path / "out" / "scores.jsonl").read_text().splitlines()]
    l1 = next(line for line in lines if line["score"] == "l1")
    assert l1["low"] < l1["difference"] < l1["high"]
    assert l1["difference"] == pytest.approx(l1["value"] - l1["first_value"], abs=1e-5)
    assert (l1["first"], l1["run"], l1["verdict"], l1["pictures"]) == ("a", "b", "worse", 12)
    with (tmp_path / "out" / "pictures.csv").open() as table:
        rows = list(csv.DictReader(table))
    assert [row["name"] for row in rows] == [f"{n:02d}" for n in range(12)]
    assert np.mean([float(row["l1 b"]) for row in rows]) == pytest.approx(l1["value"], rel=1e-4)


def test_other_folders_are_refused_and_a_comparison_is_written_again(tmp_path: Path, score: Score) -> None:
    reports = [score("a", 20), score("b", 60)]
    before = (reports[0] / "scores.jsonl").read_text()
    with pytest.raises(UserError, match=r"a is not empty and no comparison\. Choose another folder with -o"):
        written(reports, reports[0])
    assert (reports[0] / "scores.jsonl").read_text() == before
    for _ in range(2):
        written(reports, tmp_path / "out")


@pytest.mark.parametrize("change", ["fakes gone", "fakes changed", "request gone"])
def test_runs_whose_pictures_are_no_longer_there_are_compared_without(
    tmp_path: Path, score: Score, change: str
) -> None:
    first, other = score("a", 20), score("b", 60)
    match change:
        case "fakes gone":
            shutil.rmtree(tmp_path / "fake-b")
        case "fakes changed":
            codec.write(np.zeros((16, 16, 3), np.uint8), tmp_path / "fake-b" / "00.png")
        case "request gone":
            (other / "subject.json").unlink()
    page = written([first, other], tmp_path / "out")
    assert "No pictures of b:" in page
    assert len(list((tmp_path / "out" / "pictures").glob("000000-*.png"))) == 2


def test_equal_pictures_have_an_infinite_psnr_that_breaks_nothing(tmp_path: Path, score: Score) -> None:
    page = written([score("a", 0), score("b", 0)], tmp_path / "out")
    assert not any(word in page for word in ("NaN", "nan", "Infinity,", "Infinity}"))
