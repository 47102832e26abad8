from pathlib import Path

import pytest

from pix2pix.errors import UserError
from pix2pix.pairs.layouts import (
    FOLDER_PAIRS,
    are_results,
    find_folder_pairs,
    folder_role,
    missing_folders,
    named_folder_pair,
    orders,
    role,
)
from tests.helpers import write_text


@pytest.mark.parametrize(("source", "target"), FOLDER_PAIRS)
@pytest.mark.parametrize("capitals", [False, True])
def test_every_row_is_found_in_splits_and_around_them(
    tmp_path: Path, source: str, target: str, capitals: bool
) -> None:
    for split in ("train", "valid"):
        for half in (source, target):
            name = half.replace("{}", split) if "{}" in source + target else f"{split}/{half}"
            write_text(tmp_path / (name.upper() if capitals and "{}" not in source else name) / "a.png")
    pair = find_folder_pairs(tmp_path)
    if capitals and "{}" not in source:
        pair = find_folder_pairs(tmp_path / "TRAIN")
        assert pair[0].layout == f"{source}:{target}"
        return
    assert pair[0].layout == f"{source}:{target}"
    assert set(pair[0].folders) == {"train", "val"}


def test_the_layout_of_splits_is_found_before_that_of_the_whole(tmp_path: Path) -> None:
    for name in ("source", "target", "train/images", "train/masks"):
        (tmp_path / name).mkdir(parents=True)
    assert [pair.layout for pair in find_folder_pairs(tmp_path)] == ["images:masks", "source:target"]


def test_folders_that_are_no_row_can_be_named(tmp_path: Path) -> None:
    for name in ("train/rgb", "train/depth", "val/rgb", "val/depth"):
        (tmp_path / name).mkdir(parents=True)
    assert find_folder_pairs(tmp_path) == []
    pair = named_folder_pair(tmp_path, "rgb:depth")
    assert pair.folders["val"] == (tmp_path / "val" / "rgb", tmp_path / "val" / "depth")
    assert named_folder_pair(tmp_path, "rgb:normals").folders == {}
    assert "has no folders rgb and normals, as --layout rgb:normals says (it has: train, val)" in str(
        missing_folders(tmp_path, "rgb:normals")
    )
    for layout in ("rgb", "rgb:rgb"):
        with pytest.raises(UserError, match=f"--layout {layout} is no layout"):
            named_folder_pair(tmp_path, layout)


def test_words_say_which_half_is_the_source() -> None:
    words = ("_A", "sketch-", "_training", "_label", "_photo", "Mask", "_1stHO", "_b")
    ranks = [role(affix) for affix in words]
    assert None not in ranks
    assert ranks == sorted(ranks)
    assert role("_north") is None


def test_both_orders_are_possible_where_words_do_not_say_which_is_the_source() -> None:
    assert orders("sharp", "blur") == [("blur", "sharp")]
    assert orders("photos", "mask") == [("photos", "mask")]
    for one, other in (("ct", "mr"), ("rgb", "depth"), ("depth", "photos"), ("normals", "label")):
        assert set(orders(one, other)) == {(one, other), (other, one)}


def test_the_docs_list_the_table() -> None:
    text = (Path(__file__).parents[2] / "docs" / "data.md").read_text("utf-8")
    assert ", ".join(f"`{source}:{target}`" for source, target in FOLDER_PAIRS) in " ".join(text.split())


def test_rows_of_which_a_half_holds_no_pictures_are_passed_over(tmp_path: Path) -> None:
    for name in ("images/a.png", "labels/a.json", "masks/a.png"):
        write_text(tmp_path / name)
    assert [pair.layout for pair in find_folder_pairs(tmp_path)] == ["images:masks"]
    write_text(tmp_path / "labels" / "deep" / "a.png")
    assert [pair.layout for pair in find_folder_pairs(tmp_path)] == ["images:masks", "images:labels"]


def test_words_of_folders_say_what_these_may_hold() -> None:
    names = ("Training_Input", "damaged", "photos of cats", "clean", "01_GT", "targets")
    ranks = [folder_role(name) for name in names]
    assert ranks == [-2, -2, 2, 1, 3, 4]
    assert [are_results(name) for name in names] == [False] * 4 + [True] * 2
    assert role("_noisy") is None


def test_a_layout_may_hold_its_split_more_than_once(tmp_path: Path) -> None:
    for split in ("train", "test"):
        for half in "AC":
            write_text(tmp_path / split / f"{split}_{half}" / "1.png")
    pair = named_folder_pair(tmp_path, "{}/{}_A:{}/{}_C")
    assert pair.folders["test"] == (tmp_path / "test" / "test_A", tmp_path / "test" / "test_C")
    assert pair.folders.keys() == {"train", "test"}
