import os
import shlex
from pathlib import Path

import pytest

from pix2pix.pairs.find import find_pairs
from pix2pix.pairs.likely import (
    any_of,
    by_folders,
    call,
    for_command,
    hold_out,
    in_place_of_halves,
    likely_layouts,
    partners,
)
from tests.helpers import write_text


def lay(root: Path, *folders: str, name: str = "{}.png", count: int = 4) -> list[Path]:
    return [write_text(root / folder / name.format(n)) for folder in folders for n in range(count)]


@pytest.mark.parametrize(
    ("folders", "layouts"),
    [
        (("ct", "mr"), ["ct:mr", "mr:ct"]),
        (("p1/ct", "p1/mr", "p2/ct", "p2/mr"), ["ct:mr", "mr:ct"]),
        (("train/view", "train/segm", "val/view", "val/segm"), ["view:segm"]),
        (("train_rgb", "train_depth", "val_rgb", "val_depth"), ["{}_depth:{}_rgb", "{}_rgb:{}_depth"]),
        (("train_view", "train_segm", "test_view"), ["train_view:train_segm"]),
        (("x_Training_Input", "x-2_Training_GroundTruth"), ["x_Training_Input:x-2_Training_GroundTruth"]),
        (("x_train_in", "x_train_gt", "x_val_in", "x_val_gt"), ["x_{}_in:x_{}_gt"]),
        (("01_GT/SEG", "01_GT/TRA"), []),
        (("train/train_A", "train/train_C", "test/test_A", "test/test_C"), ["{}/{}_A:{}/{}_C"]),
        (("clean", "damaged", "mask"), ["damaged:clean", "damaged:mask", "clean:mask"]),
        (("blur_a", "blur_gamma", "sharp"), ["blur_a:sharp", "blur_gamma:sharp"]),
        (("trainRGB", "trainDepth", "valRGB", "valDepth"), ["{}Depth:{}RGB", "{}RGB:{}Depth"]),
        (("trainrgb", "traindepth", "valrgb", "valdepth"), ["{}depth:{}rgb", "{}rgb:{}depth"]),
        (("valley", "value"), ["valley:value", "value:valley"]),
        (("contest", "latest"), ["contest:latest", "latest:contest"]),
        (("p1", "p2"), []),
        (("train", "val"), []),
        (("alone",), []),
    ],
)
def test_folders_of_equal_names_may_be_halves(
    tmp_path: Path, folders: tuple[str, ...], layouts: list[str]
) -> None:
    assert likely_layouts(tmp_path, lay(tmp_path, *folders)) == layouts


def test_folders_may_be_halves_by_a_pattern(tmp_path: Path) -> None:
    files = [*lay(tmp_path, "view", count=9), *lay(tmp_path, "segm", name="{}_segm.png", count=9)]
    assert likely_layouts(tmp_path, files) == ["view:segm"]
    assert (
        likely_layouts(tmp_path, [*lay(tmp_path, "a"), *lay(tmp_path, "b", name="x{}y.png", count=9)]) == []
    )


def test_two_folders_that_hold_all_pictures_are_partners(tmp_path: Path) -> None:
    files = lay(tmp_path, "x/one", "x/other")
    assert partners(files) == [tmp_path / "x" / "one", tmp_path / "x" / "other"]
    assert partners([*files, write_text(tmp_path / "x" / "loose.png")]) == []
    assert partners([*files, write_text(tmp_path / "third" / "0.png")]) == []
    assert partners([]) == []


def test_what_is_held_out_goes_outside_of_the_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "data" / "deep").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    assert hold_out("data", "data", by="folder") == "`pix2pix data split data -o data-split --by folder`"
    assert "-o deep-split`" in hold_out("data/deep/*.png", "data/deep/*.png")
    assert "-o pairs-split`" in hold_out(write_text(tmp_path / "pairs.zip"), "pairs.zip")
    for inside in ("data", "data/deep"):
        monkeypatch.chdir(tmp_path / inside)
        assert f"-o {tmp_path}/data-split`" in hold_out(tmp_path / "data", ".")


def test_calls_are_quoted_for_a_shell() -> None:
    text = call("data split", Path("my pictures"), "--by", "(a|b)")
    assert shlex.split(text.strip("`")) == ["pix2pix", "data", "split", "my pictures", "--by", "(a|b)"]
    call("train", os.fsdecode(b"caf\xe9")).encode()
    assert any_of(str(n) for n in range(9)) == "0, or 1, or 2, or 3, or 4, or 5"


def test_folders_at_different_depths_are_named_where_their_names_tell_the_targets(tmp_path: Path) -> None:
    files = [
        *lay(tmp_path, "01", "02", name="t00{}.tif"),
        *lay(tmp_path, "01_GT/SEG", "02_GT/SEG", name="man_seg00{}.tif"),
    ]
    calls = [f"`pix2pix train {tmp_path}/{n} {tmp_path}/{n}_GT/SEG`" for n in ("01", "02")]
    assert by_folders(tmp_path, files) == (
        f"Are these the sources and the targets? Then {calls[0]}, or {calls[1]}."
    )
    assert by_folders(tmp_path, lay(tmp_path / "x", "scans", "deep/walks")) == ""


def test_the_folder_whose_names_make_pairs_is_named(tmp_path: Path) -> None:
    scenes = ("data/set_train/room_a", "data/set_train/room_b")
    files = [path for ending in ("jpg", "png") for path in lay(tmp_path, *scenes, name=f"{{}}.{ending}")]
    files += lay(tmp_path, "data/other", name="x{}_depth.png")
    assert by_folders(tmp_path, files).endswith(f"make pairs: `pix2pix train {tmp_path}/data/set_train`.")


def test_splits_of_a_year_are_part_of_the_layout(tmp_path: Path) -> None:
    files = lay(
        tmp_path, *(f"{half}/{split}2017" for half in ("images", "maps") for split in ("train", "val"))
    )
    assert likely_layouts(tmp_path, files)[0] == "images/{}2017:maps/{}2017"
    more = lay(tmp_path / "more", "images/train2017", "images/val2014", "maps/train2017", "maps/val2014")
    assert likely_layouts(tmp_path / "more", more)[0] == "images:maps"


def test_names_with_points_make_patterns_of_folders_too(tmp_path: Path) -> None:
    files = [
        *lay(tmp_path, "long", name="{}_10s.png", count=9),
        *lay(tmp_path, "short", name="{}_0.1s.png", count=9),
    ]
    assert likely_layouts(tmp_path, files) == ["long:short", "short:long"]


def test_folders_that_differ_by_a_number_are_halves_where_their_files_name_these(tmp_path: Path) -> None:
    files = [
        *lay(tmp_path, "s1", name="roi_s1_p{}.png", count=9),
        *lay(tmp_path, "s2", name="roi_s2_p{}.png", count=9),
    ]
    assert likely_layouts(tmp_path, files) == ["s1:s2", "s2:s1"]
    other = tmp_path / "other"
    files = [*lay(other, "p1", name="x{}.png", count=9), *lay(other, "p2", name="y{}.png", count=9)]
    assert likely_layouts(other, files) == []


def test_two_folders_of_equal_names_are_named_in_a_question(tmp_path: Path) -> None:
    said = in_place_of_halves(tmp_path, lay(tmp_path, "1x", "2x"))
    assert said.startswith(f"Is 1x/ to become 2x/? Then `pix2pix train {tmp_path}/1x {tmp_path}/2x`.")
    assert "--pair" in in_place_of_halves(tmp_path, lay(tmp_path / "alone", "x"))


def test_a_folder_with_a_colon_is_named_as_one_of_two(tmp_path: Path) -> None:
    files = lay(tmp_path, "ct:1", "mr")
    assert likely_layouts(tmp_path, files) == []
    call = f"`pix2pix train {shlex.quote(f'{tmp_path}/ct:1')} {tmp_path}/mr`"
    assert call in in_place_of_halves(tmp_path, files)
    assert len(find_pairs([tmp_path / "ct:1", tmp_path / "mr"], "left").splits["train"]) > 2


def test_calls_are_those_of_the_command_that_was_given() -> None:
    hint = "Then `pix2pix train x --layout a:b`; or `pix2pix train x --make edges`."
    assert for_command(hint, "data check") == (
        "Then `pix2pix data check x --layout a:b`; or `pix2pix train x --make edges`."
    )


@pytest.mark.parametrize(("sources", "targets"), [(4, 4), (4, 3), (3, 4)])
def test_layouts_by_patterns_are_those_that_pair_sources_with_targets(
    tmp_path: Path, sources: int, targets: int
) -> None:
    files = lay(tmp_path, "noisy", name="{}a.png", count=sources)
    files += lay(tmp_path, "clean", name="{}_out.png", count=targets)
    layouts = likely_layouts(tmp_path, files)
    assert layouts == (["noisy:clean"] if sources >= targets else [])
    for layout in layouts:  # it works as it stands
        assert len(find_pairs([tmp_path], "left", layout=layout).splits["train"]) >= 3
