"""Reports that are found and read again, and what makes two of them comparable."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from pix2pix.errors import UserError
from pix2pix.evaluation.compare.compare import compare
from pix2pix.evaluation.compare.page import write_comparison
from pix2pix.evaluation.compare.stored import read_reports, what_is_common
from pix2pix.progress import Progress
from tests.evaluation.compare.conftest import Score, pooled, write_pictures


def test_a_report_is_read_as_it_was_written(score: Score) -> None:
    first, other = read_reports([score("a", 20), score("b", 40)])
    assert [first.label, other.label] == ["a", "b"]
    assert first.names == [f"{n:02d}" for n in range(12)]
    assert first.by_picture.keys() >= {"l1", "psnr_db", "ssim"}
    assert (other.by_picture["l1"] > first.by_picture["l1"]).all()
    assert first.columns["fake_features"].shape == (12, 48)


def test_a_report_is_found_in_the_folder_of_a_run_and_next_to_a_model(tmp_path: Path, score: Score) -> None:
    runs = tmp_path / "runs"
    for name in ("one", "two"):
        shutil.copytree(score(name, 20), runs / name / "scores")
    (runs / "two" / "model.safetensors").touch()
    reports = read_reports([runs / "one", runs / "two" / "model.safetensors"])
    assert [report.label for report in reports] == ["one", "two"]
    assert reports[1].folder == runs / "two" / "scores"
    shutil.copytree(runs / "one" / "scores", runs / "one" / "again")
    with pytest.raises(UserError, match=r"holds 2 evaluations: again, scores\. Name one of them"):
        read_reports([runs / "one", runs / "two"])


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("nothing", "does not exist: wanted the folder of an evaluation"),
        ("empty", r"holds no finished evaluation\. Make one: pix2pix evaluate"),
        ("a", "is named 2 times"),
    ],
)
def test_what_is_no_report_is_refused(tmp_path: Path, score: Score, name: str, sentence: str) -> None:
    (tmp_path / "reports" / "empty").mkdir(parents=True)
    first = score("a", 20)
    with pytest.raises(UserError, match=sentence):
        read_reports([first, tmp_path / "reports" / name])
    with pytest.raises(UserError, match="1 run was named: wanted two or more"):
        read_reports([first])


@pytest.mark.parametrize("damage", ["no row", "no number", "empty table", "no json"])
def test_a_report_that_is_not_whole_is_refused(score: Score, damage: str) -> None:
    first, other = score("a", 20), score("b", 40)
    table = other / "pictures.csv"
    match damage:
        case "no row":
            table.write_text("".join(table.read_text().splitlines(keepends=True)[:-1]))
        case "no number":
            table.write_text(table.read_text().replace(",", ",x"))
        case "empty table":
            table.write_text("")
        case "no json":
            (other / "columns" / "identity.json").write_text("{")
    with pytest.raises(UserError, match=r"b is not whole: .* Score it again: pix2pix evaluate"):
        read_reports([first, other])


def test_a_comparison_in_the_folder_of_a_run_is_no_evaluation(tmp_path: Path, score: Score) -> None:
    shutil.copytree(score("a", 20), tmp_path / "run" / "scores")
    other = score("b", 40)
    reports = read_reports([tmp_path / "run", other])
    write_comparison(compare(reports), tmp_path / "run" / "comparison", Progress())
    assert read_reports([tmp_path / "run", other])[0].folder == tmp_path / "run" / "scores"


def test_scores_by_a_network_that_a_model_learned_from_are_left_out(score: Score) -> None:
    network = replace(pooled(), digest="0" * 64)
    first, other = (score(name, 90 - 80 * n, network) for n, name in enumerate("ab"))
    restate(other, learned_from=["pooled"])
    comparison = compare(read_reports([first, other]))
    assert not {"kid", "fid"} & {each.name for each in comparison.scores}
    assert comparison.notes[0].startswith("kid, fid, memory, memory_distance are left out: a model learned")
    restate(other, learned_from=["VGG16 of ST-LPIPS"])
    common = what_is_common(read_reports([first, other]))
    assert common.omitted == {"st_lpips", "variety_st_lpips"}


def test_other_pictures_are_refused(tmp_path: Path, score: Score) -> None:
    elsewhere = write_pictures(tmp_path / "elsewhere", 11)
    with pytest.raises(UserError, match=r"b was scored on other pictures than a \(data digests"):
        what_is_common(read_reports([score("a", 20), score("b", 20, against=elsewhere)]))


def restate(report: Path, **stated: object) -> Path:
    """Change what a report says of itself."""
    about = report / "columns" / "identity.json"
    content = json.loads(about.read_text())
    content["identity"] |= stated
    about.write_text(json.dumps(content))
    return report


def test_other_sizes_are_refused(score: Score) -> None:
    first, other = restate(score("a", 20), size_px=[64, 64]), restate(score("b", 20), size_px=[128, 128])
    with pytest.raises(UserError, match=r"another size \(height, width\): \[128, 128\] and \[64, 64\]"):
        what_is_common(read_reports([first, other]))


def test_what_differs_is_said_and_its_scores_are_left_out(score: Score) -> None:
    first = restate(score("a", 20), mode="paper", labels={"scorer": "x"})
    other = restate(score("b", 20, pooled("another")), mode="deterministic", labels={"scorer": "y"})
    common = what_is_common(read_reports([first, other]))
    assert {"kid", "fid", "class_iou"} <= common.omitted
    assert common.notes[0].startswith("Feature networks differ (a: pooled; b: another): kid, fid")
    assert common.notes[1].startswith("Scorers or classes differ: pixel_accuracy")
    assert common.notes[2] == "Modes differ (a: paper; b: deterministic)."


def test_pictures_that_one_run_could_not_score_are_left_out(score: Score) -> None:
    first, other = read_reports([score("a", 20), score("b", 20, broken="03.png")])
    common = what_is_common([first, other])
    assert common.places.tolist() == [0, 1, 2, *range(4, 12)]
    assert common.notes == ["11 pictures are compared: others could not be scored in each run."]
    assert first.values("l1", common.places)[3] == first.by_picture["l1"][4]
    assert other.values("l1", common.places)[3] == other.by_picture["l1"][3]
