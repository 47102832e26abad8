import os
import re
from pathlib import Path, PurePosixPath

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from pix2pix.errors import UserError
from pix2pix.files import list_pictures
from pix2pix.pairs.find import Half, Pair, find_pairs
from tests.data.made import all_names, find, halves, make, names, numbered, refused
from tests.helpers import plant, trees

# Side by side


@pytest.mark.parametrize(("source", "target"), [("left", "right"), ("right", "left")])
def test_side_by_side_with_split_folders(tmp_path: Path, source: str, target: str) -> None:
    pair_set = find(make(tmp_path, "train/b.jpg", "train/a/c.png", "val/d.jpg"), source=source)
    assert pair_set.layout == "side by side"
    assert names(pair_set) == {"train": ["a/c", "b"], "val": ["d"]}
    picture = tmp_path / "train" / "b.jpg"
    assert pair_set.splits["train"][1] == Pair("b", Half(picture, source), Half(picture, target))
    assert pair_set.note == ""


def test_side_by_side_without_split_folders_holds_a_tenth_out(tmp_path: Path) -> None:
    pair_set = find(make(tmp_path, *numbered("{}.png", 400)))
    train, val = (names(pair_set)[split] for split in ("train", "val"))
    assert sorted(train + val) == sorted(str(n) for n in range(400))
    assert 20 <= len(val) <= 60
    assert f"{len(val)} of 400 held out by name" in pair_set.note


def test_pairs_in_folders_that_are_no_splits_keep_their_folder_in_the_name(tmp_path: Path) -> None:
    pair_set = find(make(tmp_path, "summer/1.png", "winter/1.png", "winter/2.png"))
    assert all_names(pair_set) == ["summer/1", "winter/1", "winter/2"]


def test_validation_is_another_word_for_val(tmp_path: Path) -> None:
    pair_set = find(make(tmp_path, "train/a.png", "validation/b.png"))
    assert names(pair_set) == {"train": ["a"], "val": ["b"]}


def test_two_folders_for_validation_are_refused(tmp_path: Path) -> None:
    make(tmp_path, "train/a.png", "val/b.png", "validation/c.png")
    assert "has both val/ and validation/" in refused(tmp_path)


def test_capitals_of_splits_do_not_matter(tmp_path: Path) -> None:
    whole = find(make(tmp_path / "whole", "Train/a.png", "VAL/b.png"))
    assert names(whole) == {"train": ["a"], "val": ["b"]}
    for half in ("maps", "photos"):
        make(tmp_path / half, "Train/a.png", "Test/b.png")
    assert names(find(tmp_path / "maps", tmp_path / "photos")) == {"train": ["Train/a"], "test": ["Test/b"]}


@pytest.mark.parametrize("above", ["", "train/", "train/all/"])
def test_two_folders_of_equal_names_are_no_pairs_side_by_side(tmp_path: Path, above: str) -> None:
    make(tmp_path, *numbered(above + "segm/{}.png"), *numbered(above + "photos/{}.png", 39))
    message = refused(tmp_path)
    assert "photos/ and segm/ hold pictures of equal names" in message
    assert f"`pix2pix train {tmp_path} --layout photos:segm`" in message
    patterns = ["{}.png", "{}.*"]  # as the refusal of the one picture without a partner says
    with pytest.raises(UserError, match=r"To leave these out: --pair '\{\}\.png' '\{\}\.\*'"):
        find_pairs([tmp_path], "left", layout="photos:segm")
    assert len(all_names(find_pairs([tmp_path], "left", layout="photos:segm", pair=patterns))) == 39
    alone = f"Pairs side by side of one folder alone: `pix2pix train {tmp_path / above}/photos`, or"
    assert f"If each picture is a pair: --layout side-by-side. {alone}" in message
    assert find_pairs([tmp_path], "left", layout="side-by-side").layout == "side by side"
    with pytest.raises(UserError, match="hold pictures of equal names"):
        find_pairs([f"{tmp_path}/{above}*/*.png"], "left")


# Two folders


def test_source_and_target_inside_each_split(tmp_path: Path) -> None:
    make(tmp_path, "train/source/a.png", "train/target/a.jpg", "val/source/b.png")
    pair_set = find(make(tmp_path, "val/target/b.png"))
    assert pair_set.layout == "two folders"
    assert names(pair_set) == {"train": ["a"], "val": ["b"]}
    source, target = (tmp_path / "train" / name for name in ("source/a.png", "target/a.jpg"))
    assert pair_set.splits["train"][0] == Pair("a", Half(source, "whole"), Half(target, "whole"))


def test_splits_with_source_and_target_go_before_those_of_the_whole(tmp_path: Path) -> None:
    for half in ("source", "target"):
        make(tmp_path, f"train/{half}/a.png", f"{half}/b.png")
    pair_set = find(tmp_path)
    assert names(pair_set) == {"train": ["a"]}
    assert "2 pictures outside" in pair_set.note


def test_splits_inside_source_and_target(tmp_path: Path) -> None:
    for half in ("source", "target"):
        make(tmp_path, f"{half}/train/a.png", f"{half}/train/deep/b.png", f"{half}/test/c.png")
    pair_set = find(tmp_path)
    assert pair_set.layout == "two folders"
    assert names(pair_set) == {"train": ["train/a", "train/deep/b"], "test": ["test/c"]}


@pytest.mark.parametrize("as_two_arguments", [False, True])
def test_source_and_target_without_splits(tmp_path: Path, as_two_arguments: bool) -> None:
    make(tmp_path, *numbered("source/{}.png"), *numbered("target/{}.jpg"))
    halves = (tmp_path / "source", tmp_path / "target")
    pair_set = find(*halves) if as_two_arguments else find(tmp_path)
    assert pair_set.layout == "two folders"
    assert all_names(pair_set) == sorted(str(n) for n in range(40))
    for pairs in pair_set.splits.values():
        for pair in pairs:
            assert pair.source == Half(tmp_path / "source" / f"{pair.name}.png", "whole")
            assert pair.target == Half(tmp_path / "target" / f"{pair.name}.jpg", "whole")


def test_two_arguments_may_hold_splits(tmp_path: Path) -> None:
    for half in ("maps", "photos"):
        make(tmp_path / half, "train/a.png", "validation/b.png")
    pair_set = find(tmp_path / "maps", tmp_path / "photos")
    assert names(pair_set) == {"train": ["train/a"], "val": ["validation/b"]}


def test_a_folder_named_train_among_loose_pictures_is_no_split(tmp_path: Path) -> None:
    for half in ("source", "target"):
        make(tmp_path / half, "train/a.png", "b.png")
    pair_set = find(tmp_path / "source", tmp_path / "target")
    assert all_names(pair_set) == ["b", "train/a"]


# Names of other packages


@pytest.mark.parametrize(("source", "target"), [("A", "B"), ("label", "img")])
@pytest.mark.parametrize("in_splits", [False, True])
def test_folders_inside_a_split_or_the_whole_by_other_names(
    tmp_path: Path, source: str, target: str, in_splits: bool
) -> None:
    for split in ("train/", "test/") if in_splits else ("",):
        make(tmp_path, f"{split}{source}/a.png", f"{split}{target}/a.jpg")
    pair_set = find(tmp_path)
    assert pair_set.layout == "two folders"
    assert names(pair_set) == ({"train": ["a"], "test": ["a"]} if in_splits else {"train": ["a"], "val": []})
    (pair,) = pair_set.splits["train"]
    above = tmp_path / "train" if in_splits else tmp_path
    assert pair.source == Half(above / source / "a.png", "whole")
    assert pair.target == Half(above / target / "a.jpg", "whole")


@pytest.mark.parametrize(("source", "target"), [("A", "B"), ("_label", "_img")])
def test_folders_named_by_split_and_half(tmp_path: Path, source: str, target: str) -> None:
    for split in ("train", "val", "test"):
        make(tmp_path, f"{split}{source}/{split}/x.png", f"{split}{target}/{split}/x.jpg")
    pair_set = find(make(tmp_path, "train_inst/1.png"))
    assert pair_set.layout == "two folders"
    assert names(pair_set) == {s: [f"{s}/x"] for s in ("train", "val", "test")}
    assert pair_set.splits["test"][0].target.path == tmp_path / f"test{target}" / "test" / "x.jpg"
    assert pair_set.note == "1 picture outside these folders is not used, such as train_inst/1.png"


def test_one_of_two_folders_is_no_layout(tmp_path: Path) -> None:
    assert find(make(tmp_path, "trainA/a.png", "trainB/a.png", "testA/b.png")).splits["train"]
    assert find(make(tmp_path / "x", "trainA/a.png")).layout == "side by side"


def test_names_must_match_in_folders_of_other_names_too(tmp_path: Path) -> None:
    message = refused(make(tmp_path, "trainA/1.png", "trainB/2.png"))
    assert f"1.png has no partner in {tmp_path / 'trainB'}." in message


def test_linked_folders_of_pictures_are_followed(tmp_path: Path) -> None:
    store = make(tmp_path / "store", "maps/a.png", "photos/a.jpg")
    for split in ("train", "val"):
        (tmp_path / "data" / split).mkdir(parents=True)
        (tmp_path / "data" / split / "source").symlink_to(store / "maps")
        (tmp_path / "data" / split / "target").symlink_to(store / "photos")
    pair_set = find(tmp_path / "data")
    assert names(pair_set) == {"train": ["a"], "val": ["a"]}
    assert pair_set.note == ""


# Layouts and names


def test_pairs_by_name_in_one_folder(tmp_path: Path) -> None:
    pair_set = find(make(tmp_path, *numbered("Image_{}L.jpg"), *numbered("Image_{}L_1stHO.png")))
    assert pair_set.layout == "one folder"
    assert len(all_names(pair_set)) == 40
    (pair,) = (pair for pairs in pair_set.splits.values() for pair in pairs if pair.name == "Image_7L")
    assert pair.source == Half(tmp_path / "Image_7L.jpg", "whole")
    assert pair.target == Half(tmp_path / "Image_7L_1stHO.png", "whole")
    assert "with Image_0L_1stHO.png (40 pairs, by name pattern '{}.jpg' / '{}_1stHO.png')" in pair_set.note


def test_pairs_by_name_in_splits(tmp_path: Path) -> None:
    make(tmp_path, "train/1_A.png", "train/1_B.png", "val/2_A.png", "val/2_B.png", "readme.png")
    pair_set = find_pairs([tmp_path], "left", pair=["{}_B.png", "{}_A.png"])
    assert pair_set.splits["val"][0].source.path == tmp_path / "val" / "2_B.png"
    assert "1 picture outside these folders is not used, such as readme.png" in pair_set.note


def test_folders_of_other_names_are_paired_by_pattern(tmp_path: Path) -> None:
    for split, first in (("training", 21), ("test", 1)):
        for n in range(first, first + 20):
            make(tmp_path / split, f"images/{n:02d}_{split}.tif", f"mask/{n:02d}_{split}_mask.gif")
            make(tmp_path / split, f"1st_manual/{n:02d}_manual1.gif")
    pair_set = find(tmp_path)
    assert pair_set.layout == "two folders"
    assert {split: len(pairs) for split, pairs in pair_set.splits.items()} == {"train": 20, "test": 20}
    assert pair_set.splits["train"][0].target.path == tmp_path / "training" / "1st_manual" / "21_manual1.gif"
    for said in (
        "sources images/, targets 1st_manual/",
        "21_training.tif with 21_manual1.gif (20 pairs, by name pattern",
        "'{}_training.tif' / '{}_manual1.gif'",
        "--layout images:mask",
        "test/ is scored in training",
        "40 pictures outside these folders are not used, such as test/mask/01_test_mask.gif",
    ):
        assert said in pair_set.note
    other = find_pairs([tmp_path], "left", layout="mask:images")
    assert other.splits["test"][0].source.path == tmp_path / "test" / "mask" / "01_test_mask.gif"


def test_annotations_next_to_their_split_are_its_targets(tmp_path: Path) -> None:
    make(tmp_path, *numbered("train/{}.png"), *numbered("trainannot/{}.png"))
    pair_set = find(make(tmp_path, "val/x.png", "valannot/x.png"))
    assert {split: len(pairs) for split, pairs in pair_set.splits.items()} == {"train": 40, "val": 1}
    assert pair_set.splits["val"][0].target.path == tmp_path / "valannot" / "x.png"
    halved = find_pairs([tmp_path], "left", layout="side-by-side")
    assert halved.layout == "side by side"


def test_sources_without_a_target_are_counted_where_each_target_has_its_source(tmp_path: Path) -> None:
    make(tmp_path, *numbered("JPEGImages/{}.jpg", 55), *numbered("SegmentationClass/{}.png"))
    pair_set = find(tmp_path)
    assert len(all_names(pair_set)) == 40
    assert "15 sources without a target are not used, such as 40.jpg" in pair_set.note
    assert "outside" not in pair_set.note
    parts = find(make(tmp_path / "parts", "images/train/a.png", "images/test/b.png", "masks/train/a.png"))
    assert names(parts) == {"train": ["train/a"]}
    assert "1 source without a target is not used, such as b.png" in parts.note


@pytest.mark.parametrize("endings", [["jpg", "png"], ["png", "png"]])
def test_a_refusal_says_how_to_leave_out_what_has_no_partner(
    tmp_path: Path, endings: tuple[str, str]
) -> None:
    make(tmp_path / "in", *numbered(f"{{}}.{endings[0]}", 9), f"x.{endings[0]}")
    make(tmp_path / "out", *numbered(f"{{}}.{endings[1]}", 9), f"y.{endings[1]}")
    flag = refused(tmp_path / "in", tmp_path / "out").partition("leave these out: --pair ")[2]
    patterns = [word.strip("'.") for word in flag.split()]
    pair_set = find_pairs([tmp_path / "in", tmp_path / "out"], "left", pair=patterns)
    assert len(all_names(pair_set)) == 9


def test_few_pairs_of_which_none_is_held_out_are_reported(tmp_path: Path) -> None:
    assert (
        "0 of 6 held out by name, and nothing is scored" in find(make(tmp_path, *numbered("{}.png", 6))).note
    )


@pytest.mark.parametrize(
    ("files", "why", "call"),
    [
        (
            ("{}.jpg", "{}_1stHO.png", "{}_2ndHO.png"),
            "holds several pictures",
            "--pair '{}.jpg' '{}_1stHO.png', or",
        ),
        (
            ("{}_north.png", "{}_south.png"),
            "do not say which is the source",
            "--pair '{}_south.png' '{}_north",
        ),
    ],
)
def test_what_can_be_read_in_several_ways_is_refused_with_the_calls(
    tmp_path: Path, files: tuple[str, ...], why: str, call: str
) -> None:
    message = refused(make(tmp_path, *(name for pattern in files for name in numbered(pattern, 9))))
    assert why in message
    assert call in message
    assert "If each picture is a pair: --layout side-by-side." in message


def test_a_folder_of_data_sets_is_refused_and_one_alone_is_entered(tmp_path: Path) -> None:
    make(tmp_path / "all", "maps/train/a.png", "maps/val/b.png")
    pair_set = find(tmp_path / "all")
    assert names(pair_set) == {"train": ["a"], "val": ["b"]}
    assert "the pairs are those in maps/" in pair_set.note
    root = tmp_path / "all"
    message = refused(make(root, "eyes/images/a.png", "eyes/masks/a.png"))
    assert "holds data sets of their own: eyes/ and maps/." in message
    assert message.endswith(f"Name one of them: `pix2pix train {root}/eyes`, or `pix2pix train {root}/maps`.")


@pytest.mark.parametrize("above", ["", "all/", "a/b/"])
def test_folders_that_are_named_are_found_at_any_depth(tmp_path: Path, above: str) -> None:
    parts = [name for p in (1, 2) for name in halves(f"{above}p{p}", "ct", "mr")]
    pair_set = find_pairs([make(tmp_path, *parts)], "left", layout="ct:mr")
    assert all_names(pair_set) == [f"{above}p{p}/{n}" for p in (1, 2) for n in range(4)]
    swapped = find_pairs([tmp_path], "left", layout="MR:ct").splits["train"][0]
    assert swapped.source.path.parent.name == "mr"
    with pytest.raises(UserError, match="has no folders ct and pet"):
        find_pairs([tmp_path], "left", layout="ct:pet")


def test_data_sets_of_one_layout_are_taken_together_by_name_alone(tmp_path: Path) -> None:
    message = refused(make(tmp_path, *halves("our485", "low", "high"), *halves("eval15", "low", "high")))
    assert "holds data sets of their own: eval15/ and our485/." in message
    assert message.endswith(f"All together: `pix2pix train {tmp_path} --layout low:high`.")
    assert len(all_names(find_pairs([tmp_path], "left", layout="low:high"))) == 8


def test_stray_pictures_next_to_data_sets_do_not_mix_these(tmp_path: Path) -> None:
    make(tmp_path, *halves("eyes"), *halves("roads"), "overview.png")
    assert "holds data sets of their own: eyes/ and roads/." in refused(tmp_path)


@pytest.mark.parametrize("stray", ["overview.png", "docs/fig.png"])
def test_stray_pictures_next_to_one_data_set_are_counted(tmp_path: Path, stray: str) -> None:
    pair_set = find(make(tmp_path, *halves("mine/train"), *halves("mine/val"), stray))
    assert {split: len(pairs) for split, pairs in pair_set.splits.items()} == {"train": 4, "val": 4}
    assert "the pairs are those in mine/" in pair_set.note
    assert f"1 picture outside these folders is not used, such as {stray}" in pair_set.note


def test_splits_inside_parts_are_not_mixed(tmp_path: Path) -> None:
    folds = [name for n in (1, 2) for split in ("train", "val") for name in halves(f"fold{n}/{split}")]
    message = refused(make(tmp_path, *folds))
    assert message.endswith(
        f"Name one of them: `pix2pix train {tmp_path}/fold1`, or `pix2pix train {tmp_path}/fold2`."
    )


@pytest.mark.parametrize("above", ["", "deep/"])
def test_a_layout_that_is_named_does_not_mix_splits_further_down(tmp_path: Path, above: str) -> None:
    for split in ("train", "val", "test"):
        make(tmp_path / f"{above}mine" / split, *numbered("images/{}.png"), *numbered("masks/{}.png"))
    make(tmp_path / "scored/test", *numbered("images/{}.png"), *numbered("masks/{}.png"))
    with pytest.raises(UserError) as caught:
        find_pairs([tmp_path], "left", layout="images:masks")
    mine = tmp_path / f"{above}mine"
    assert f"its splits lie further down, in {above}mine/ and scored/" in str(caught.value)
    assert str(caught.value).endswith(f"Name one of them: `pix2pix train {mine} --layout images:masks`.")
    assert set(find_pairs([mine], "left", layout="images:masks").splits) == {"train", "val", "test"}


@pytest.mark.parametrize("layout", ["", "images:masks"])
@pytest.mark.parametrize("split", ["test", "val"])
def test_data_sets_without_a_folder_train_are_not_proposed(tmp_path: Path, split: str, layout: str) -> None:
    make(tmp_path, *halves(f"eyes/{split}"), *halves(f"roads/{split}"))
    with pytest.raises(UserError) as caught:
        find_pairs([tmp_path], "left", layout=layout)
    assert str(caught.value) == (
        f"{tmp_path} holds no pairs to learn from: there is no folder train in eyes/ and roads/. Put pairs "
        f"to learn from into {tmp_path}/eyes/train. To score those that are there, name one: "
        f"{tmp_path}/eyes, or {tmp_path}/roads."
    )
    make(tmp_path, *halves("roads/train"))
    with pytest.raises(UserError) as caught:
        find_pairs([tmp_path], "left", layout=layout)
    call = f"`pix2pix train {tmp_path}/roads{f' --layout {layout}' if layout else ''}`"
    assert str(caught.value).endswith(f"Name one of them: {call}.")


def test_a_few_parts_among_other_pictures_are_not_all_of_the_data(tmp_path: Path) -> None:
    make(tmp_path, *numbered("{}.png"), *halves("old/p1"), *halves("old/p2"))
    assert find(tmp_path).layout == "side by side"


def test_pictures_side_by_side_in_several_folders_are_said_to_be_taken_together(tmp_path: Path) -> None:
    note = find(make(tmp_path, *numbered("facades/{}.png"), *numbered("shoes/x{}.png"))).note
    assert "the folders facades/ and shoes/ are taken together" in note
    assert f"one alone: `pix2pix train {tmp_path}/facades`, or `pix2pix train {tmp_path}/shoes`" in note
    assert "together" not in find(tmp_path / "shoes").note


def test_one_folder_given_twice_is_refused(tmp_path: Path) -> None:
    make(tmp_path, "a.png")
    assert f"{tmp_path} is given twice" in refused(tmp_path, tmp_path)
    assert f"{tmp_path} is given twice" in refused(tmp_path, tmp_path / ".." / tmp_path.name)


def test_globs_are_folders(tmp_path: Path) -> None:
    make(tmp_path, *numbered("x/{}_A.png", 9), *numbered("x/{}_B.png", 9), *numbered("y/{}.png", 9))
    two = find_pairs([f"{tmp_path}/x/*_A.png", f"{tmp_path}/x/*_B.png"], "left")
    assert all_names(two) == [str(n) for n in range(9)]
    assert find_pairs([f"{tmp_path}/*/*.png"], "left", layout="side-by-side").layout == "side by side"
    assert len(all_names(find_pairs([f"{tmp_path}/y/[0-4].png"], "left"))) == 5
    with pytest.raises(UserError, match="No picture matches"):
        find_pairs([f"{tmp_path}/z/*.png"], "left")
    with pytest.raises(UserError, match="A glob is put in quotes"):
        find_pairs(["a.png", "b.png", "c.png"], "left")


def test_patterns_without_a_pair_and_stated_twice_are_refused(tmp_path: Path) -> None:
    make(tmp_path, *numbered("{}.png"))
    for options, why in (
        ({"pair": ["{}_A.png", "{}_B.png"]}, "pair none of the pictures of"),
        ({"pair": ["{}_A.png", "{}_B.png"], "layout": "side-by-side"}, "exclude each other"),
        ({"layout": "A:B"}, "has no folders A and B"),
    ):
        with pytest.raises(UserError, match=why):
            find_pairs([tmp_path], "left", **options)
    with pytest.raises(UserError, match="DATA is two folders"):
        find_pairs([tmp_path, tmp_path], "left", layout="A:B")


# Validation pairs and notes


def test_validation_pairs_are_those_of_val_or_else_of_test(tmp_path: Path) -> None:
    make(tmp_path, "train/a.png", "test/c.png")
    assert [pair.name for pair in find(tmp_path).validation] == ["c"]
    assert [pair.name for pair in find(make(tmp_path, "val/b.png")).validation] == ["b"]


def test_without_pairs_to_validate_on_the_note_says_so(tmp_path: Path) -> None:
    pair_set = find(make(tmp_path, "train/a.png"))
    assert not pair_set.validation
    assert "nothing is scored" in pair_set.note


def test_pictures_outside_the_layout_are_counted_in_the_note(tmp_path: Path) -> None:
    pair_set = find(make(tmp_path, "train/a.png", "val/b.png", "loose.png", "more/c.png", "x.txt"))
    assert names(pair_set) == {"train": ["a"], "val": ["b"]}
    assert pair_set.note == "2 pictures outside these folders are not used, such as loose.png"


def test_a_note_can_be_written_whatever_the_names_are(tmp_path: Path) -> None:
    pair_set = find(make(tmp_path, "train/a.png", os.fsdecode(b"caf\xe9.png")))
    assert "such as caf\ufffd.png" in pair_set.note


# The split by name


@given(
    old=st.sets(st.text("abcdefgh01", min_size=1, max_size=6), min_size=2, max_size=30),
    new=st.sets(st.text("abcdefgh01", min_size=1, max_size=6), max_size=30),
)
def test_a_pair_stays_in_its_split_when_files_are_added(
    tmp_path_factory: pytest.TempPathFactory, old: set[str], new: set[str]
) -> None:
    root = tmp_path_factory.mktemp("grows")
    before = names(find(make(root, *(f"{name}.png" for name in old))))
    assume(before["val"])  # where all names would be held out, none is
    after = names(find(make(root, *(f"{name}.png" for name in new))))
    for split, old_names in before.items():
        assert set(old_names) <= set(after[split])


def test_every_version_holds_out_the_same_names(tmp_path: Path) -> None:
    pair_set = find(make(tmp_path, *numbered("{}.png", 100)))
    assert names(pair_set)["val"] == ["39", "49", "51", "55", "65", "9"]


def test_there_is_always_something_to_learn_from(tmp_path: Path) -> None:
    # 39 is one of the names that a larger set holds out.
    assert names(find(make(tmp_path / "one", "39.png"))) == {"train": ["39"], "val": []}


# Errors


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    assert refused(tmp_path / "gone").startswith(f"{tmp_path / 'gone'} does not exist: wanted")


def test_a_file_is_no_folder(tmp_path: Path) -> None:
    make(tmp_path, "a.png")
    assert refused(tmp_path / "a.png").startswith(f"{tmp_path / 'a.png'} is a file: wanted")


def test_an_empty_folder_holds_no_pictures(tmp_path: Path) -> None:
    assert f"{tmp_path} holds no pictures (0 files)" in refused(tmp_path)


def test_a_folder_of_other_files_holds_no_pictures(tmp_path: Path) -> None:
    message = refused(make(tmp_path, "a.txt", "b/c.csv"))
    assert "holds no pictures (2 files: .csv and .txt)" in message
    assert ".jpg" in message


def test_the_endings_of_files_that_are_no_pictures_are_named(tmp_path: Path) -> None:
    message = refused(make(tmp_path, "scan/1.dcm", "scan/2.dcm", "scan/IM03"))
    assert "holds no pictures (3 files: .dcm and files without an ending). " in message
    assert "are to be converted first" in message


@pytest.mark.parametrize("shape", ["one folder", "two folders"])
def test_two_empty_folders_hold_no_pictures(tmp_path: Path, shape: str) -> None:
    source, target = tmp_path / "source", tmp_path / "target"
    source.mkdir()
    target.mkdir()
    message = refused(tmp_path) if shape == "one folder" else refused(source, target)
    assert message.startswith(f"{source} and {target} hold no pictures. Files of other kinds")


@pytest.mark.parametrize("count", [0, 3, 4])
def test_other_numbers_of_folders_are_refused(tmp_path: Path, count: int) -> None:
    assert f"{count} folders were given" in refused(*[tmp_path] * count)


def test_without_train_the_folders_that_were_found_are_named(tmp_path: Path) -> None:
    message = refused(make(tmp_path, "val/a.png", "test/b.png"))
    assert "There are no pairs in train/ (found test, val)" in message


def test_an_empty_train_beside_loose_pictures_is_not_called_no_pictures(tmp_path: Path) -> None:
    (tmp_path / "train").mkdir()
    assert "There are no pairs in train/" in refused(make(tmp_path, "a.png"))


def test_names_without_a_partner_are_counted_and_the_first_five_named(tmp_path: Path) -> None:
    source = make(tmp_path / "source", *numbered("{}.png", 10))
    target = make(tmp_path / "target", "0.png", "1.png", "a.png", "b.png")
    message = refused(source, target)
    assert message.startswith("10 pictures make no pair. ")
    assert f"{source}/2.png has no partner in {target}. {source}/3.png has no" in message
    assert "6.png has no" in message
    assert "7.png has no" not in message
    assert "(and 5 more)" in message


def test_a_single_name_without_a_partner_is_named_with_its_folder(tmp_path: Path) -> None:
    source = make(tmp_path / "source", "a.png")
    target = make(tmp_path / "target", "a.png", "b.png")
    message = refused(source, target)
    assert f"{target / 'b.png'} has no partner in {source}." in message
    assert "more" not in message


def test_names_that_differ_in_case_are_different(tmp_path: Path) -> None:
    make(tmp_path, "source/a.png", "target/A.png")
    assert "2 pictures make no pair" in refused(tmp_path)


def test_two_files_of_one_name_are_refused(tmp_path: Path) -> None:
    make(tmp_path, "source/a.png", "source/a.jpg", "target/a.png")
    message = refused(tmp_path)
    assert "a.jpg" in message
    assert "a.png has the same name as" in message


# Any names


@given(tree=trees(), source=st.sampled_from(["left", "right"]))
@example(tree=[PurePosixPath("a/A.png"), PurePosixPath("caf\udce9/a.png")], source="left")
def test_every_picture_of_any_tree_is_used_or_counted(
    tmp_path_factory: pytest.TempPathFactory, tree: list[PurePosixPath], source: str
) -> None:
    root = tmp_path_factory.mktemp("tree")
    plant(root, tree)
    pictures = list_pictures(root)
    try:
        pair_set = find(root, source=source)
    except UserError as error:
        if f"{root} holds no pictures" in str(error):
            assert not pictures
        return
    pairs = [pair for split in pair_set.splits.values() for pair in split]
    used = {half.path for pair in pairs for half in (pair.source, pair.target)}
    assert pair_set.splits["train"]
    assert used <= set(pictures)
    spare = re.search(r"(\d+) sources? without a target", pair_set.note)
    unused = len(pictures) - len(used) - int(spare[1] if spare else 0)
    assert (f"{unused} picture{'s' * (unused > 1)} outside" in pair_set.note) == (unused > 0)
    pair_set.note.encode()  # it is printed and written to the run's page


@given(tree=trees())
def test_two_folders_of_equal_names_give_a_pair_for_each_or_name_the_equal_ones(
    tmp_path_factory: pytest.TempPathFactory, tree: list[PurePosixPath]
) -> None:
    root = tmp_path_factory.mktemp("twice")
    for half in ("maps", "photos"):
        (root / half).mkdir()
        plant(root / half, tree)
    sources, targets = (list_pictures(root / half) for half in ("maps", "photos"))
    stems = [os.path.splitext(path)[0] for path in sources]
    try:
        pair_set = find(root / "maps", root / "photos")
    except UserError as error:
        message = ("has the same name" in str(error), "hold no pictures" in str(error))
        no_train = "There are no pairs in train/" in str(error)
        assert no_train or message == (len(set(stems)) < len(stems), not sources)
        return
    pairs = [pair for split in pair_set.splits.values() for pair in split]
    assert sorted(pair.source.path for pair in pairs) == sources
    assert sorted(pair.target.path for pair in pairs) == targets
    for pair in pairs:
        relative = pair.source.path.relative_to(root / "maps")
        assert pair.target.path == root / "photos" / relative


def test_a_folder_inside_the_other_is_refused_as_such(tmp_path: Path) -> None:
    make(tmp_path, *numbered("images/{}.png"), *numbered("masks/{}.png"))
    for data in ((tmp_path / "masks", tmp_path), (tmp_path, tmp_path / "masks")):
        assert f"{tmp_path}/masks lies inside {tmp_path}" in refused(*data)


def test_a_glob_of_folders_is_named_as_such(tmp_path: Path) -> None:
    make(tmp_path, *numbered("images/{}.png"))
    with pytest.raises(UserError, match=r"matches folders, such as .*images"):
        find_pairs([f"{tmp_path}/*"], "left")


def test_folders_of_splits_that_hold_each_others_targets_are_named(tmp_path: Path) -> None:
    for half in ("HE", "IHC"):
        make(tmp_path, *numbered(f"{half}/train/{{}}.png"), *numbered(f"{half}/test/t{{}}.png", 8))
    message = refused(tmp_path)
    assert message.startswith("HE/ and IHC/ hold pictures of equal names. Are HE the sources of IHC? Then ")
    assert f"`pix2pix train {tmp_path} --layout HE:IHC`" in message
    assert f"Of pairs side by side name one: `pix2pix train {tmp_path}/HE`, or" in message
    in_splits = find_pairs([tmp_path], "left", layout="HE:IHC").splits
    assert {split: len(pairs) for split, pairs in in_splits.items()} == {"train": 40, "test": 8}


def test_annotations_that_are_no_pictures_are_passed_over(tmp_path: Path) -> None:
    make(tmp_path, *numbered("images/{}.png"), *numbered("labels/{}.json"))
    assert f"{tmp_path}/labels holds no pictures (40 files: .json)." in refused(tmp_path)
    message = refused(make(tmp_path, *numbered("targets/{}_target.png")))
    assert "holds no pictures (40 files: .json). Are images the sources of targets? Then" in message
    assert f"`pix2pix train {tmp_path} --layout images:targets`" in message
    make(tmp_path, *numbered("masks/{}.png"))
    assert "labels" not in find(tmp_path).note


def test_pairs_next_to_the_only_split_are_named(tmp_path: Path) -> None:
    make(tmp_path, *numbered("CXR/{}.png"), *numbered("masks/{}_mask.png", 35), *numbered("test/{}.png", 6))
    message = refused(tmp_path)
    assert f"{tmp_path} has test/, but no folder train." in message
    assert f"`pix2pix train {tmp_path} --layout CXR:masks`" in message
    assert len(all_names(find_pairs([tmp_path], "left", layout="CXR:masks"))) == 35


def test_sources_without_a_target_are_counted_once(tmp_path: Path) -> None:
    make(tmp_path, *numbered("train/{}_sat.jpg"), *numbered("train/{}_mask.png"))
    note = find(make(tmp_path, *numbered("valid/v{}_sat.jpg", 20))).note
    assert "20 pictures without a partner" in note
    assert "not used" not in note
