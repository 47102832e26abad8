from pathlib import Path

import pytest

from pix2pix.files import Pictures
from pix2pix.pairs.name_patterns import find_patterns, is_certain
from pix2pix.pairs.names import match_patterns, parse_patterns


def pictures(root: str, *names: str) -> Pictures:
    return Pictures(Path(root), sorted(Path(root) / name for name in names))


def of(patterns: tuple[str, str], count: int = 20, first: int = 1) -> list[str]:
    """The names of pairs: two for each number."""
    return [pattern.replace("{}", f"{n:02d}") for n in range(first, first + count) for pattern in patterns]


ONE_FOLDER = [
    ("{}.jpg", "{}_1stHO.png"),
    ("{}_training.tif", "{}_manual1.gif"),
    ("x{}_A.png", "x{}_B.png"),
    ("{}_label.png", "{}_photo.jpg"),
    ("{}.jpg", "{}.png"),
    ("{}.jpg", "mask_{}.png"),
    ("img_{}.jpg", "img_{}_segmentation.png"),
    ("{}-rgb.png", "{}-seg.png"),
    ("{}_image.png", "{}_labels.png"),
    ("frame{}A.png", "frame{}B.png"),
]


@pytest.mark.parametrize("patterns", ONE_FOLDER)
def test_the_pattern_of_one_folder_is_found_with_its_source(patterns: tuple[str, str]) -> None:
    files = pictures("data", *of(patterns))
    (suggested,) = find_patterns(files, files)
    pairs = match_patterns(files, files, suggested).pairs
    expected = [tuple(Path("data") / name for name in of(patterns, 1, n)) for n in range(1, 21)]
    assert sorted(pairs.values()) == sorted(expected)
    assert is_certain(suggested)


@pytest.mark.parametrize("patterns", [*ONE_FOLDER, ("{}_10.png", "{}_11.png"), ("a.{}.png", "b.{}.png")])
@pytest.mark.parametrize("backwards", [False, True])
def test_the_pattern_of_two_folders_is_found(patterns: tuple[str, str], backwards: bool) -> None:
    patterns = patterns[::-1] if backwards else patterns
    names = of(patterns)
    sources, targets = pictures("x", *names[::2]), pictures("y", *names[1::2])
    if patterns in (("{}.jpg", "{}.png"), ("{}.png", "{}.jpg")):
        return  # equal names
    (suggested,) = find_patterns(sources, targets)
    assert len(match_patterns(sources, targets, suggested).pairs) == 20


def test_nine_in_ten_are_enough_and_fewer_are_not() -> None:
    names = of(("{}_A.jpg", "{}_B.png"))
    for others, found in ((4, True), (8, False)):
        files = pictures("data", *names, *(f"other{n}.jpg" for n in range(others)))
        assert bool(find_patterns(files, files)) == found


def test_several_partners_are_all_named() -> None:
    endings = (".jpg", "_1stHO.png", "_2ndHO.png")
    files = pictures(
        "data", *(f"Image_{n:02d}{side}{e}" for n in range(14) for side in "LR" for e in endings)
    )
    suggested = {str(patterns) for patterns in find_patterns(files, files)}
    assert suggested == {"'{}.jpg' / '{}_1stHO.png'", "'{}.jpg' / '{}_2ndHO.png'"}
    images = pictures("data", *(p.name for p in files.files if p.suffix == ".jpg"))
    masks = pictures("masks", *(p.name for p in files.files if p.suffix == ".png"))
    assert {str(patterns) for patterns in find_patterns(images, masks)} == suggested


@pytest.mark.parametrize(
    "names",
    [
        [f"{n}.jpg" for n in range(1, 401)],
        [f"{n:04d}.png" for n in range(40)],
        [f"1{n}.png" for n in range(10)] + [f"2{n}.png" for n in range(10)],
        [f"IMG_{n}.jpg" for n in range(100)],
        [f"scene{s}_{n}.png" for s in range(2) for n in range(10)],
        ["a.png", "b.png", "ab.png", "ba.png"],
        ["ga.png", "gb.png", "ha.png", "hb.png"],
        ["summer/1.png", "winter/1.png"],
        ["one.png"],
        [],
    ],
)
def test_pictures_that_are_counted_are_no_pairs(names: list[str]) -> None:
    files = pictures("data", *names)
    assert find_patterns(files, files) == []


def test_unknown_words_make_pairs_but_no_direction() -> None:
    files = pictures("data", *of(("{}_north.png", "{}_south.png")))
    (suggested,) = find_patterns(files, files)
    assert not is_certain(suggested)


def test_a_found_pattern_can_be_requested() -> None:
    files = pictures("data", *of(("{}_training.tif", "{}_manual1.gif")))
    (suggested,) = find_patterns(files, files)
    assert parse_patterns([str(pattern) for pattern in suggested]) == suggested
    assert suggested.flag == "--pair '{}_training.tif' '{}_manual1.gif'"


def test_targets_that_each_have_a_source_are_paired_though_sources_are_left(tmp_path: Path) -> None:
    sources, targets = of(("{}.png",), 40), of(("{}_mask.png",), 25, 3)
    (suggested,) = find_patterns(pictures("x", *sources), pictures("y", *targets))
    assert len(match_patterns(pictures("x", *sources), pictures("y", *targets), suggested).pairs) == 25
    assert find_patterns(pictures("x", *sources), pictures("y", *targets, "a.png", "b.png", "c.png")) == []
    assert find_patterns(pictures("x", *targets), pictures("y", *sources)) == []


@pytest.mark.parametrize(("masked", "names"), [(25, "_mask"), (10, ""), (0, "_aug")])
def test_sources_are_left_in_one_folder_where_most_have_a_target_by_its_word(masked: int, names: str) -> None:
    count = masked or 25
    files = pictures("x", *of(("{}.png",), 40), *of((f"{{}}{names or '_mask'}.png",), count))
    assert [str(p.target) for p in find_patterns(files, files)] == ["{}_mask.png"] * (masked == 25)


def test_names_that_each_folder_repeats_are_paired_within_it() -> None:
    files = pictures("x", *(f"scene{n}/{half}_010.png" for n in range(40) for half in ("GT", "NOISY")))
    (suggested,) = find_patterns(files, files)
    assert str(suggested) == "'NOISY_{}.png' / 'GT_{}.png'"
    assert len(match_patterns(files, files, suggested).pairs) == 40
