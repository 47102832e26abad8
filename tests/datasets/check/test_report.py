"""Each finding on a made example, and none of it on what is as it should be."""

from __future__ import annotations

import shutil
from collections import Counter
from pathlib import Path, PurePosixPath

import numpy as np
import pytest
from hypothesis import given
from PIL import Image

from pix2pix.datasets.check import check, summary, write_report
from pix2pix.datasets.sample import make_pair
from pix2pix.errors import UserError
from pix2pix.pairs.find import find_pairs
from pix2pix.pictures import codec
from tests.datasets.check.made import PX, Array, building, findings, report_on, write_buildings
from tests.helpers import noise, plant, trees, write, write_pairs, write_text
from tests.test_architecture import HEAVY, loaded_by


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_buildings(tmp_path)


# Nothing to find


def test_pairs_as_they_should_be_have_no_findings(folder: Path) -> None:
    report = report_on(folder)
    assert report.findings == []
    assert report.exit_code == 0
    assert len(report.usable) == 16
    assert Counter(report.splits) == {"train": 12, "val": 4}
    assert {half.format for half in report.halves(0).values()} == {(PX, PX, "RGB", "8 bit")}


def test_pairs_without_any_likeness_have_no_findings(tmp_path: Path) -> None:
    assert findings(write_pairs(tmp_path, 12)) == {}


def test_every_pair_is_reported_as_progress(folder: Path) -> None:
    reported: list[tuple[int, int]] = []
    check(find_pairs([folder], "left"), lambda done, total: reported.append((done, total)))
    assert reported == [(done, 16) for done in range(1, 17)]


@pytest.mark.parametrize("size", [(1, 2), (1, 400), (300, 2), (2, 4), (31, 62)])
def test_pictures_of_any_size_are_read(tmp_path: Path, size: tuple[int, int]) -> None:
    write(tmp_path / "a.png", noise(*size))
    assert len(report_on(tmp_path).usable) == 1


def test_checking_loads_no_torch() -> None:
    assert not loaded_by("import pix2pix.datasets.check") & HEAVY


# Files


def test_files_that_are_no_pictures_are_named(folder: Path) -> None:
    write_text(folder / "train" / "text.jpg")
    (folder / "val" / "empty.png").touch()
    assert findings(folder) == {"unreadable": [["train/text.jpg"], ["val/empty.png"]]}
    assert report_on(folder).exit_code == 1


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".bmp", ".npy"])
def test_files_that_were_cut_short_are_named(folder: Path, suffix: str) -> None:
    path = folder / "train" / f"cut{suffix}"
    codec.write(noise(64, 128), path)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    assert findings(folder) == {"truncated": [[f"train/cut{suffix}"]]}


def test_both_files_of_a_pair_are_named(tmp_path: Path) -> None:
    write_text(tmp_path / "source" / "a.png")
    write_text(tmp_path / "target" / "a.png")
    assert findings(tmp_path) == {"unreadable": [["source/a.png"], ["target/a.png"]]}


def test_nothing_usable_is_exit_code_2(tmp_path: Path) -> None:
    write_text(tmp_path / "a.png")
    report = report_on(tmp_path)
    assert (report.exit_code, report.usable) == (2, {})


def test_an_odd_width_is_named(folder: Path) -> None:
    write(folder / "train" / "odd.png", building(20)[:, :-1])
    assert findings(folder) == {"odd width": [["train/odd.png"]]}


def test_halves_of_different_size_are_named(tmp_path: Path) -> None:
    write(tmp_path / "source" / "a.png", noise(32, 32))
    write(tmp_path / "target" / "a.png", noise(32, 31, seed=1))
    assert findings(tmp_path) == {"different sizes": [["source/a.png", "target/a.png"]]}
    assert "is 32 x 32 px, target/a.png 31 x 32 px" in report_on(tmp_path).findings[0].sentence


@given(paths=trees())
def test_every_file_of_any_tree_is_named_or_the_tree_is_refused(
    tmp_path_factory: pytest.TempPathFactory, paths: list[PurePosixPath]
) -> None:
    root = tmp_path_factory.mktemp("tree")
    plant(root, paths)
    try:
        pairs = find_pairs([root], "left")
    except UserError:
        return
    named = {path for finding in check(pairs).findings for path in finding.files}
    assert named == {
        half.path for members in pairs.splits.values() for p in members for half in (p.source, p.target)
    }


# The same again


def test_a_copy_in_another_split_is_a_leak(folder: Path) -> None:
    shutil.copy(folder / "train" / "3.png", folder / "val" / "copy.png")
    assert findings(folder) == {"leak": [["train/3.png", "val/copy.png"]]}
    (finding,) = report_on(folder).findings
    assert finding.severity == "error"
    assert "are equal, in train and val" in finding.sentence


def test_a_copy_in_the_same_split_is_a_duplicate(folder: Path) -> None:
    for name in ("b.png", "a.png"):
        shutil.copy(folder / "train" / "3.png", folder / "train" / name)
    assert findings(folder) == {"duplicate": [["train/3.png", "train/a.png", "train/b.png"]]}


@pytest.mark.parametrize(("quality", "width"), [(95, 128), (60, 128), (90, 96)])
def test_a_copy_that_was_saved_again_is_found(folder: Path, quality: int, width: int) -> None:
    again = Image.fromarray(building(3)).resize((width, width // 2), Image.Resampling.BICUBIC)
    again.save(folder / "val" / "again.jpg", quality=quality)
    assert findings(folder)["leak"] == [["train/3.png", "val/again.jpg"]]


def test_one_half_with_two_partners_is_a_note(tmp_path: Path) -> None:
    for name, index in (("a", 1), ("b", 2)):
        write(tmp_path / "source" / f"{name}.png", building(1)[:, :PX])
        write(tmp_path / "target" / f"{name}.png", building(index)[:, PX:])
    assert list(findings(tmp_path)) == ["same half"]
    assert report_on(tmp_path).exit_code == 0


# Halves


def test_equal_halves_are_named(folder: Path) -> None:
    write(folder / "train" / "twice.png", np.tile(building(20)[:, PX:], (1, 2, 1)))
    assert findings(folder) == {"equal": [["train/twice.png"]]}


@pytest.mark.parametrize("suffix", [".png", ".jpg"])
def test_a_half_of_one_colour_is_named(folder: Path, suffix: str) -> None:
    flat = building(20).copy()
    flat[:, PX:] = (90, 120, 60)
    path = folder / "train" / f"flat{suffix}"
    Image.fromarray(flat).save(path)
    assert findings(folder)["constant"] == [[f"train/flat{suffix}"]]


def test_a_mask_with_one_pixel_set_is_not_of_one_colour(tmp_path: Path) -> None:
    pair = np.concatenate([np.zeros((64, 64, 3), np.uint8), noise(64, 64)], axis=1)
    pair[33, 33] = 1
    write(tmp_path / "a.png", pair)
    assert "constant" not in findings(tmp_path)


def moved(index: int, right: int, down: int) -> Array:
    """The building with its picture moved over its labels."""
    whole = building(index).copy()
    padded = np.pad(whole[:, PX:], ((8, 8), (8, 8), (0, 0)), mode="edge")
    whole[:, PX:] = padded[8 - down : 8 - down + PX, 8 - right : 8 - right + PX]
    return whole


@pytest.mark.parametrize(
    ("right", "down", "words"),
    [(5, 0, "5 px right of"), (0, -4, "4 px above"), (-4, 6, "4 px left of and 6 px below")],
)
def test_a_target_that_was_moved_is_named(folder: Path, right: int, down: int, words: str) -> None:
    write(folder / "train" / "moved.png", moved(20, right, down))
    (finding,) = report_on(folder).findings
    assert finding.kind == "misaligned"
    assert finding.sentence == f"train/moved.png: the target lies {words} its source."


def test_targets_that_were_all_moved_alike_are_one_finding(tmp_path: Path) -> None:
    for index in range(12):
        write(tmp_path / "train" / f"{index}.png", moved(index, 5, 0))
    (finding,) = [one for one in report_on(tmp_path).findings if len(one.files) > 1]
    assert finding.kind == "misaligned"
    assert "the target lies 5 px right of its source" in finding.sentence


def test_halves_of_two_pairs_that_were_mixed_up_are_named(folder: Path) -> None:
    for index in range(16, 28):
        write(folder / "train" / f"{index}.png", building(index))
    mixed = np.concatenate([building(28)[:, :PX], noise(PX, PX)], axis=1)
    write(folder / "train" / "mixed.png", mixed)
    assert findings(folder)["unrelated"] == [["train/mixed.png"]]


# Formats


def test_the_few_of_another_depth_or_channels_are_named(folder: Path) -> None:
    codec.write(building(20).astype(np.uint16) * 257, folder / "train" / "deep.png")
    Image.fromarray(building(21)).convert("RGBA").save(folder / "val" / "alpha.png")
    kinds = findings(folder)
    assert kinds["mixed depths"] == [["train/deep.png"]]
    assert kinds["mixed channels"] == [["val/alpha.png"]]
    kinds = {half.format.kind for half in report_on(folder).halves(0).values()}
    assert kinds == {"RGB, 8 bit", "RGB, 16 bit", "RGBA, 8 bit"}


def test_other_sizes_are_noted(folder: Path) -> None:
    write(folder / "train" / "large.png", np.concatenate(make_pair(0, 20, 96), axis=1))
    assert findings(folder) == {"mixed sizes": [["train/large.png"]]}
    assert report_on(folder).exit_code == 0


def test_files_of_many_channels_and_floats_are_read(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for name in "abcd":
        codec.write(rng.normal(0, 3, (40, 40, 5)).astype(np.float32), tmp_path / "source" / f"{name}.tif")
        write(tmp_path / "target" / f"{name}.png", noise(40, 40, seed=ord(name)))
    report = report_on(tmp_path)
    assert report.findings == []
    halves = report.halves(0).values()
    assert {half.format.kind for half in halves} == {"5 channels, float"}
    assert [source.shape for (source, _), _ in report.sample] == [(40, 40, 5)] * 4


# In words


def test_the_summary_names_a_few_of_each_kind(folder: Path) -> None:
    for number in range(7):
        write_text(folder / "train" / f"text{number}.png")
    assert summary(report_on(folder).findings, most=2) == [
        "error: cannot be read (7)",
        "  train/text0.png is not a picture (17 bytes).",
        "  train/text1.png is not a picture (17 bytes).",
        "  and 5 more",
    ]


def test_values_that_leave_the_range_nearly_empty_are_findings(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for number in range(6):
        write(tmp_path / "source" / f"{number}.png", (rng.random((16, 16, 1)) * 4095).astype(np.uint16))
        target = rng.random((16, 16, 1)).astype(np.float32)
        target[0] = -9999 if number == 3 else 0.5
        write(tmp_path / "target" / f"{number}.tif", target)
    report = check(find_pairs([tmp_path], "left"))
    part, few = (
        next(f for f in report.findings if f.kind == kind)
        for kind in ("part of the depth", "few set the range")
    )
    assert "of the sources a sixteenth of the depth is used" in part.sentence
    assert "few pixels set the range of the targets: 1.04% of the values are -9999" in few.sentence
    assert tmp_path / "target" / "3.tif" in few.files


def test_pixels_without_data_are_no_fault(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for number in range(6):
        write(tmp_path / "source" / f"{number}.png", noise(16, 16, seed=number))
        target = rng.random((16, 16, 1)).astype(np.float32)
        target[: 1 + number] = np.nan
        write(tmp_path / "target" / f"{number}.tif", target)
    report = check(find_pairs([tmp_path], "left"))
    assert report.findings == []
    assert "Targets" in write_report(report, tmp_path / "report").read_text("utf-8")
