"""All scores of several runs: values as their reports have them, differences, verdicts."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from pix2pix.evaluation.compare.compare import ComparedScore, compare
from pix2pix.evaluation.compare.resampling import Difference
from pix2pix.evaluation.compare.stored import read_reports
from pix2pix.evaluation.evaluate import evaluate, write_scores
from pix2pix.evaluation.labels import find_labels
from pix2pix.evaluation.model_subject import ModelSubject
from pix2pix.evaluation.per_picture import Options
from pix2pix.evaluation.subjects import FolderSubject
from pix2pix.model_file import ImageContract
from pix2pix.pictures import codec
from pix2pix.pictures.contract import LabelClass, PictureContract
from pix2pix.progress import Progress
from tests.evaluation.compare.conftest import Score
from tests.helpers import write_model


def stated(report: Path) -> dict[str, float]:
    lines = (json.loads(line) for line in (report / "scores.jsonl").read_text().splitlines())
    return {line["score"]: line["value"] for line in lines}


def test_values_are_those_of_the_reports_and_the_noisier_run_is_worse(score: Score) -> None:
    reports = [score("a", 10), score("b", 30), score("c", 90)]
    comparison = compare(read_reports(reports))
    scores = {each.name: each for each in comparison.scores}
    assert scores.keys() == stated(reports[0]).keys()
    for number, report in enumerate(reports):
        for name, value in stated(report).items():
            assert scores[name].values[number] == pytest.approx(value, rel=1e-4, abs=1e-6), name
    for name in ("l1", "psnr_db", "ssim"):
        assert [scores[name].verdict(n) for n in range(2)] == ["worse", "worse"]
    assert scores["fid"].verdict(0) == ""
    assert any("FID has no interval" in note for note in comparison.notes)


def test_a_run_and_its_copy_do_not_clearly_differ(score: Score) -> None:
    comparison = compare(read_reports([score("a", 30), score("b", 30)]))
    for each in comparison.scores:
        assert each.differences[0].value == pytest.approx(0, abs=1e-9)
        assert each.verdict(0) in ("", "no clear difference")


def test_a_run_of_copies_has_an_infinite_psnr_and_the_other_its_own(score: Score) -> None:
    same, noisy = score("same", 0), score("noisy", 40)
    comparison = compare(read_reports([same, noisy]))
    psnr = next(each for each in comparison.scores if each.name == "psnr_db")
    assert psnr.values == [np.inf, pytest.approx(stated(noisy)["psnr_db"], rel=1e-4)]
    assert psnr.verdict(0) == ""
    assert any(note.startswith("psnr_db: pictures on which it is infinite") for note in comparison.notes)


def test_copies_in_one_run_are_left_out_of_all(tmp_path: Path, score: Score) -> None:
    first, other = score("a", 20), score("b", 40)
    shutil.copytree(tmp_path / "fake-a", tmp_path / "mixed")
    for number in range(6):
        shutil.copy(tmp_path / "real" / f"{number:02d}.png", tmp_path / "mixed")
    mixed = tmp_path / "reports" / "mixed"
    evaluation = evaluate(FolderSubject(tmp_path / "real", tmp_path / "mixed"), mixed, Options(), Progress())
    write_scores(evaluation, mixed)
    psnr = next(s for s in compare(read_reports([first, other, mixed])).scores if s.name == "psnr_db")
    for number, difference in enumerate(psnr.differences, 1):
        assert difference.value == pytest.approx(psnr.values[number] - psnr.values[0], abs=1e-6)
    assert psnr.values[0] == pytest.approx(psnr.values[2])


@pytest.mark.parametrize(
    ("name", "low", "high", "verdict"),
    [
        ("l1", 0.1, 0.3, "worse"),
        ("ssim", 0.1, 0.3, "better"),
        ("kid", -2, -1, "better"),
        ("ssim", -0.1, 0.3, "no clear difference"),
        ("memory_distance", 0.1, 0.3, "higher"),
        ("variety_l1", -0.3, -0.1, "lower"),
        ("fid", None, None, ""),
    ],
)
def test_what_an_interval_says(name: str, low: float | None, high: float | None, verdict: str) -> None:
    assert ComparedScore(name, [1, 2], [Difference(0.2, low, high)]).verdict(0) == verdict


def test_scores_by_classes_are_compared(tmp_path: Path) -> None:
    classes = (LabelClass(name="wall", colour=(0, 0, 255)), LabelClass(name="door", colour=(255, 0, 0)))
    labels, reports = PictureContract(classes=classes, one_hot=True), []
    random = np.random.default_rng(0)
    for split, count in (("train", 2), ("val", 5)):
        for number in range(count):
            colours = np.array([[0, 0, 255], [255, 0, 0]], np.uint8)
            wide = random.integers(0, 2, (8, 8)).repeat(4, 0).repeat(4, 1)
            photo = random.integers(0, 256, (32, 32, 3), np.uint8)
            codec.write(np.concatenate([photo, colours[wide]], 1), tmp_path / f"data/{split}/{number}.png")
    model = write_model(tmp_path / "model.safetensors", target=labels)
    image = ImageContract(source=PictureContract(), target=labels, layout="side by side", half="left")
    for seed in (0, 1):
        subject = ModelSubject(model, [str(tmp_path / "data")], "validation", "paper", seed, "cpu", "torch")
        out, by_class = tmp_path / f"{seed}", find_labels(image, None, None, [], "cpu")
        write_scores(evaluate(subject, out, Options(labels=by_class), Progress()), out)
        reports.append(out)
    comparison = compare(read_reports(reports))
    scores = {each.name: each for each in comparison.scores}
    assert scores["class_iou"].values == pytest.approx([stated(r)["class_iou"] for r in reports], rel=1e-4)
    assert scores["class_iou"].differences[0].low is not None
    assert comparison.notes[0] == "Seeds of the noise differ (0: 0; 1: 1)."
