from pathlib import Path

import pytest

from pix2pix.errors import UserError
from pix2pix.files import Pictures
from pix2pix.pairs.by_name import in_one_folder, in_two_folders
from pix2pix.pairs.names import parse_patterns
from tests.helpers import write_text


def pictures(folder: str, *patterns: str, count: int = 9) -> Pictures:
    root = Path(folder)
    return Pictures(root, [root / pattern.format(n) for pattern in patterns for n in range(count)])


def test_one_folder_is_paired_by_a_pattern_that_is_said() -> None:
    both = in_one_folder(pictures("x", "{}.jpg", "{}_mask.png"), None)
    assert both is not None
    matched, note = both
    assert matched.pairs["3"] == (Path("x/3.jpg"), Path("x/3_mask.png"))
    assert "9 pairs, by name pattern '{}.jpg' / '{}_mask.png'" in note
    assert in_one_folder(pictures("x", "{}.jpg"), None) is None


def test_a_stated_pattern_counts_what_it_leaves() -> None:
    both = in_one_folder(
        pictures("x", "{}_a.png", "{}_b.png", "{}_a.jpg"), parse_patterns(["{}_b.png", "{}_a.jpg"])
    )
    assert both is not None
    assert both[0].pairs["3"] == (Path("x/3_b.png"), Path("x/3_a.jpg"))
    with pytest.raises(UserError, match="pair none of the pictures of x, such as 0_a"):
        in_one_folder(pictures("x", "{}_a.png"), parse_patterns(["{}_b.png", "{}_a.png"]))


def test_two_folders_are_paired_by_equal_names_or_by_a_pattern() -> None:
    equal, notes = in_two_folders(pictures("x", "{}.jpg"), pictures("y", "{}.png"), None)
    assert (len(equal.pairs), notes) == (9, [])
    by_pattern, notes = in_two_folders(pictures("x", "{}_im.jpg"), pictures("y", "{}_gt.png"), None)
    assert (len(by_pattern.pairs), len(notes)) == (9, 1)
    spare, _ = in_two_folders(pictures("x", "{}.jpg", count=12), pictures("y", "{}.png"), None)
    assert (len(spare.pairs), len(spare.faults), spare.only_spare) == (9, 3, True)


def test_several_ways_are_refused_with_each() -> None:
    several = pictures("x", "{}.jpg", "{}_1stHO.png", "{}_2ndHO.png")
    with pytest.raises(UserError, match=r"--pair '\{\}\.jpg' '\{\}_1stHO\.png', or --pair"):
        in_one_folder(several, None)
    with pytest.raises(UserError, match="x is given twice"):
        in_two_folders(pictures("x", "{}.png"), pictures("x", "{}.png"), None)


def test_pictures_without_a_partner_are_those_that_the_note_counts() -> None:
    matched, notes = in_two_folders(
        pictures("x", "{}_im.jpg", count=12), pictures("y", "{}_gt.png", count=9), None
    )
    assert (len(matched.pairs), matched.faults, len(matched.counted)) == (9, {}, 3)
    assert "3 pictures without a partner" in notes[0]
    both = in_one_folder(
        pictures("x", "{}_im.jpg", "{}_gt.png", "stray{}.png"), parse_patterns(["{}_im.jpg", "{}_gt.png"])
    )
    assert both is not None
    assert both[0].counted == frozenset()


def test_a_folder_without_pictures_says_what_it_holds(tmp_path: Path) -> None:
    write_text(tmp_path / "1.json")
    with pytest.raises(UserError, match=r"holds no pictures \(1 file: \.json\)"):
        in_two_folders(pictures("x", "{}.png"), Pictures(tmp_path, []), None)


def test_a_half_may_lie_in_the_only_folder_of_its_own() -> None:
    masks = Pictures(Path("annotations"), pictures("annotations/trimaps", "{}.png").files)
    matched, notes = in_two_folders(pictures("images", "{}.jpg"), masks, None)
    assert matched.pairs["3"] == (Path("images/3.jpg"), Path("annotations/trimaps/3.png"))
    assert notes == ["the pairs are those in images/ and annotations/trimaps/"]
    deep = Pictures(masks.root, [*masks.files, Path("annotations/other/1.png")])
    assert not in_two_folders(pictures("images", "{}.jpg"), deep, None)[0].pairs


def test_several_sources_of_each_target_are_refused_with_each() -> None:
    with pytest.raises(UserError, match=r"several pictures of each name.*\{\}-1\.png.*, or .*\{\}-2\.png"):
        in_two_folders(
            pictures("x", "n0_{}-1.png", "n0_{}-2.png", count=30), pictures("y", "n0_{}.jpg", count=30), None
        )
