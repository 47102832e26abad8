from pathlib import Path

import pytest

from pix2pix.errors import UserError
from pix2pix.pairs.layouts import find_folder_pairs, named_folder_pair
from pix2pix.pairs.nested import (
    are_parts,
    data_sets_inside,
    find_nested,
    named_nested,
    refuse_many_targets,
    with_parts,
)
from tests.helpers import write_text


def lay(
    root: Path, *parents: str, source: str = "images", target: str = "masks", name: str = "a.png"
) -> Path:
    for parent in parents:
        for half in (source, target):
            write_text(root / parent / half / name)
    return root


def test_halves_are_found_below_every_parent(tmp_path: Path) -> None:
    lay(tmp_path, "p1", "deep/er/p2")
    lay(tmp_path, "p3", source="IMAGES", target="Labels")
    rows = find_nested(tmp_path)
    assert [(row.layout, sorted(row.folders)) for row in rows] == [
        ("images:masks", ["deep/er/p2", "p1"]),
        ("images:labels", ["p3"]),
    ]
    assert rows[0].folders["p1"] == (tmp_path / "p1" / "images", tmp_path / "p1" / "masks")
    assert named_nested(tmp_path, "images:Labels").folders.keys() == {"p3"}


def test_folders_inside_a_half_belong_to_it(tmp_path: Path) -> None:
    lay(tmp_path, "p1", "p1/images/x")
    assert find_nested(tmp_path)[0].folders.keys() == {"p1"}


def test_a_link_that_leads_back_up_ends(tmp_path: Path) -> None:
    lay(tmp_path, "p1", "p2")
    (tmp_path / "p1" / "up").symlink_to(tmp_path)
    assert {"p1", "p2"} <= find_nested(tmp_path)[0].folders.keys()


@pytest.mark.parametrize(
    ("parents", "parts"),
    [
        (("patient_01", "patient_02"), True),
        (("group/p1", "group/p2"), True),
        (("train/a", "val/b", "test/c"), True),
        (("eyes", "roads", "roads/more"), False),
        (("fold1/train", "fold1/val"), False),
        (("train/a", "b"), False),
        (("p1",), False),
        (("ab3f", "77c0"), True),
    ],
)
def test_parts_of_one_data_set_are_known_by_their_names(
    tmp_path: Path, parents: tuple[str, ...], parts: bool
) -> None:
    lay(tmp_path, *parents)
    if "eyes" in parents:
        lay(tmp_path, "eyes", name="b.png")
    assert are_parts(tmp_path, find_nested(tmp_path)[0]) == parts


def test_parts_hold_most_of_the_pictures(tmp_path: Path) -> None:
    lay(tmp_path, "p1", "p2")
    for n in range(4):
        write_text(tmp_path / f"{n}.png")
    assert are_parts(tmp_path, find_nested(tmp_path)[0])
    write_text(tmp_path / "more.png")
    assert not are_parts(tmp_path, find_nested(tmp_path)[0])


def test_data_sets_in_a_folder_are_listed(tmp_path: Path) -> None:
    for name in ("maps/train/a.png", "masks/images/a.png", "masks/labels/a.png", "loose/a.png"):
        write_text(tmp_path / name)
    lay(tmp_path, "deep/er/set")
    nested = find_nested(tmp_path)
    assert data_sets_inside(tmp_path, nested) == [tmp_path / name for name in ("deep", "maps", "masks")]
    write_text(tmp_path / "stray.png")
    assert data_sets_inside(tmp_path, nested) == [tmp_path / name for name in ("deep", "maps", "masks")]
    for n in range(5):
        write_text(tmp_path / f"{n}.png")
    assert data_sets_inside(tmp_path, nested) == []


def test_splits_of_one_layout_may_be_flat_or_in_parts(tmp_path: Path) -> None:
    lay(tmp_path, "Train/s1", "Train/s2", "val", "val/more", "test/x/val")
    pair = find_folder_pairs(tmp_path)[0]
    assert pair.folders.keys() == {"val"}
    assert with_parts(tmp_path, pair).folders.keys() == {"val", "Train/s1", "Train/s2"}
    lay(tmp_path / "whole", "", "val/a")
    whole = named_folder_pair(tmp_path / "whole", "images:masks")
    assert with_parts(tmp_path / "whole", whole) == whole


def test_halves_named_by_their_split_are_found_further_down_in_one_place(tmp_path: Path) -> None:
    lay(tmp_path, "deep", source="train_red", target="train_gt")
    lay(tmp_path, "deep", source="val_red", target="val_gt")
    pair = named_nested(tmp_path, "{}_red:{}_gt")
    assert pair.folders.keys() == {"train", "val"}
    assert pair.folders["val"] == (tmp_path / "deep" / "val_red", tmp_path / "deep" / "val_gt")
    assert named_nested(tmp_path, "{}_red:{}_mask").folders == {}
    lay(tmp_path, "other", source="train_red", target="train_gt")
    with pytest.raises(UserError, match="each with splits of its own") as caught:
        named_nested(tmp_path, "{}_red:{}_gt")
    assert f"`pix2pix train {tmp_path}/deep --layout '{{}}_red:{{}}_gt'`" in str(caught.value)


def test_several_targets_of_one_source_are_to_be_merged(tmp_path: Path) -> None:
    lay(tmp_path, "ab3f", "77c0")
    refuse_many_targets(tmp_path, find_nested(tmp_path)[0])
    for parent in ("ab3f", "77c0"):
        write_text(tmp_path / parent / "masks" / "b.png")
    with pytest.raises(UserError, match=r"holds one picture and .*masks several.* Merge the targets"):
        refuse_many_targets(tmp_path, find_nested(tmp_path)[0])


def test_splits_further_down_are_found_where_they_hold_most_of_a_folder(tmp_path: Path) -> None:
    write_text(tmp_path / "a" / "b" / "train" / "1.png")
    assert data_sets_inside(tmp_path, []) == [tmp_path / "a" / "b"]
    for n in range(3):
        write_text(tmp_path / "a" / "x" / f"{n}.png")
    assert data_sets_inside(tmp_path, []) == []


def test_data_sets_at_different_depths_are_all_listed(tmp_path: Path) -> None:
    for part in ("Paired/dark", "Paired/light", "Unpaired"):
        lay(tmp_path, part, source="trainA", target="trainB")
    assert data_sets_inside(tmp_path, []) == [
        tmp_path / p for p in ("Paired/dark", "Paired/light", "Unpaired")
    ]
    for n in range(9):
        write_text(tmp_path / "Paired" / "others" / f"{n}.png")
    assert data_sets_inside(tmp_path, []) == [tmp_path / "Unpaired"]


def test_splits_of_files_of_other_kinds_are_no_data_set(tmp_path: Path) -> None:
    for split in ("train", "val"):
        write_text(tmp_path / "annotations" / split / "1.json")
    write_text(tmp_path / "photos" / "1.jpg")
    assert data_sets_inside(tmp_path, []) == []
