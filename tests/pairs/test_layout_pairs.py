import shlex
from pathlib import Path

import pytest

from pix2pix.datasets.split import split
from pix2pix.pairs.find import find_pairs
from pix2pix.pairs.pair_set import Half
from tests.data.made import all_names, find, halves, make, names, numbered


def test_parts_of_one_data_set_are_taken_together(tmp_path: Path) -> None:
    pair_set = find(make(tmp_path, *(name for n in range(4) for name in halves(f"patient_0{n}"))))
    assert all_names(pair_set) == [f"patient_0{p}/{n}" for p in range(4) for n in range(4)]
    (pair,) = (p for pairs in pair_set.splits.values() for p in pairs if p.name == "patient_01/2")
    assert pair.target == Half(tmp_path / "patient_01" / "masks" / "2.png", "whole")
    assert "sources images/, targets masks/" in pair_set.note
    assert "patient_00/, patient_01/, patient_02/ and patient_03/ are taken together" in pair_set.note


@pytest.mark.parametrize(("below", "by"), [("", "folder"), ("left/", "^[^/]+/")])
def test_a_call_that_holds_out_whole_parts_is_named(tmp_path: Path, below: str, by: str) -> None:
    root = tmp_path / "data"
    for half in ("images", "masks"):
        make(root, *(name for n in range(5) for name in numbered(f"p{n}/{half}/{below}{{}}.png", 3)))
    words = shlex.split(find(root).note.partition("held out (`pix2pix data split ")[2].partition("`")[0])
    assert words == [str(root), "--layout", "images:masks", "-o", "data-split", "--by", by]
    split([root], tmp_path / "data-split", 0.2, layout="images:masks", by=by)
    in_splits = find(tmp_path / "data-split").splits
    parts = [{pair.name.split("/")[0] for pair in in_splits[split]} for split in ("train", "val")]
    assert min(map(len, parts))
    assert not parts[0] & parts[1]


def test_parts_in_splits_are_pairs_of_the_splits(tmp_path: Path) -> None:
    make(tmp_path, *halves("train/aachen"), *halves("train/ulm"), *halves("val/bonn", count=2))
    pair_set = find(tmp_path)
    assert {split: len(pairs) for split, pairs in pair_set.splits.items()} == {"train": 8, "val": 2}
    assert pair_set.splits["val"][0].name == "val/bonn/0"


def test_splits_of_which_one_is_in_parts_are_taken_together(tmp_path: Path) -> None:
    flat, parts = tmp_path / "flat", tmp_path / "parts"
    pair_set = find(make(flat, *halves("train"), *halves("val/s1"), *halves("val/s2", count=1)))
    assert names(pair_set) == {
        "train": ["0", "1", "2", "3"],
        "val": ["val/s1/0", "val/s1/1", "val/s1/2", "val/s1/3", "val/s2/0"],
    }
    assert "the folders val/s1/ and val/s2/ are taken together" in pair_set.note
    assert "not used" not in pair_set.note
    make(parts, *halves("train/s1"), *halves("train/s2"), *halves("val"))
    for layout in ("", "images:masks"):
        pair_set = find_pairs([parts], "left", layout=layout)
        assert {split: len(pairs) for split, pairs in pair_set.splits.items()} == {"train": 8, "val": 4}


@pytest.mark.parametrize(
    ("train", "missing"),
    [
        (("train/images/{}.png", "train/labels/{}.png"), "val/images/ and val/labels/"),
        (("train/{}.png", "trainannot/{}.png"), "val/ and valannot/"),
        ((*halves("train/p1"), *halves("train/p2")), "val/images/ and val/masks/"),
    ],
)
def test_single_pictures_in_val_are_named_as_such(
    tmp_path: Path, train: tuple[str, ...], missing: str
) -> None:
    make(tmp_path, *(name for pattern in train for name in numbered(pattern)))
    pair_set = find(make(tmp_path, "val/a.png"))
    assert set(pair_set.splits) == {"train"}
    assert f"val/ holds single pictures, as {missing} are not both there" in pair_set.note
    assert f"`pix2pix data split {tmp_path}/train" in pair_set.note
    assert "nothing is scored" in pair_set.note
    assert "no val/ folder" not in pair_set.note


def test_single_pictures_in_val_are_named_where_the_halves_hold_the_splits(tmp_path: Path) -> None:
    make(tmp_path, *numbered("source/train/{}.png"), *numbered("target/train/{}.png"))
    pair_set = find(make(tmp_path, "val/a.png"))
    assert set(pair_set.splits) == {"train"}
    assert f"`pix2pix data split {tmp_path}/source {tmp_path}/target" in pair_set.note


def test_splits_of_a_year_are_said_to_be_taken_together(tmp_path: Path) -> None:
    for half in ("images", "labels"):
        make(tmp_path, *numbered(f"{half}/train2017/{{}}.png"), *numbered(f"{half}/val2017/v{{}}.png", 8))
    note = find(tmp_path).note
    words = shlex.split(note.partition("are taken together (`pix2pix train ")[2].partition("`")[0])
    assert words == [str(tmp_path), "--layout", "images/{}2017:labels/{}2017"]
    in_splits = find_pairs([tmp_path], "left", layout=words[2]).splits
    assert {split: len(pairs) for split, pairs in in_splits.items()} == {"train": 40, "val": 8}


def test_a_few_patterns_of_many_parts_are_said(tmp_path: Path) -> None:
    for n in range(6):
        make(
            tmp_path, *numbered(f"p{n}/images/{n}_{{}}.png", 4), *numbered(f"p{n}/masks/{n}_{{}}_mask.png", 4)
        )
    pair_set = find(tmp_path)
    assert len(all_names(pair_set)) == 24
    assert pair_set.note.count("by name pattern") == 3
    assert "3 folders more by such patterns" in pair_set.note


def test_the_folder_of_the_only_part_is_named(tmp_path: Path) -> None:
    pair_set = find_pairs([make(tmp_path, *halves("deep", "ct", "mr"))], "left", layout="ct:mr")
    assert "the pairs are those in deep/" in pair_set.note
    assert "together" not in pair_set.note
