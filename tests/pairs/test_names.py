import unicodedata
from pathlib import Path

import pytest

from pix2pix.errors import UserError
from pix2pix.files import Pictures, list_pictures
from pix2pix.pairs.names import match, match_patterns, parse_patterns
from tests.helpers import write_text


def make(root: Path, *names: str) -> Pictures:
    for name in names:
        write_text(root / name)
    return Pictures(root, list_pictures(root))


def test_composed_and_decomposed_names_are_one(tmp_path: Path) -> None:
    name = "café/Ångström"
    for half, form in (("source", "NFC"), ("target", "NFD")):
        make(tmp_path / half, unicodedata.normalize(form, name) + ".png")
    matched = match(tmp_path / "source", tmp_path / "target")
    assert matched.faults == {}
    ((source, target),) = matched.pairs.values()
    assert unicodedata.normalize("NFC", target.stem) == source.stem
    assert source.is_file()
    assert target.is_file()


def test_one_name_in_both_forms_in_one_folder_is_a_double(tmp_path: Path) -> None:
    make(tmp_path / "source", *(f"{unicodedata.normalize(form, 'é')}.png" for form in ("NFC", "NFD")))
    make(tmp_path / "target", "é.png")
    (fault,) = match(tmp_path / "source", tmp_path / "target").faults.values()
    assert "has the same name as" in fault


def test_pairs_keep_the_order_of_the_names_on_disk(tmp_path: Path) -> None:
    names = [unicodedata.normalize("NFD", "eé"), "ez", "eá", "z"]
    for half in ("source", "target"):
        make(tmp_path / half, *(f"{name}.png" for name in names))
    assert list(match(tmp_path / "source", tmp_path / "target").pairs) == sorted(names)


@pytest.mark.parametrize(
    ("texts", "left", "right", "keys"),
    [
        (("{}.jpg", "{}_mask.png"), ["a.jpg", "b.jpg"], ["a_mask.png", "b_mask.png", "b_mask.gif"], "ab"),
        (("{}", "{}_mask"), ["a.jpg", "b.tif"], ["a_mask.png", "b_mask.gif"], "ab"),
        (("{}.*", "m-{}.*"), ["a.jpg", "b.tif"], ["m-a.png", "m-c.png"], "a"),
        (("img_{}_x", "{}"), ["img_a_x.png", "img__x.png", "a.png"], ["a.png"], "a"),
    ],
)
def test_patterns_pair_what_stands_in_the_braces(
    tmp_path: Path, texts: tuple[str, str], left: list[str], right: list[str], keys: str
) -> None:
    patterns = parse_patterns(texts)
    assert patterns is not None
    matched = match_patterns(make(tmp_path / "left", *left), make(tmp_path / "right", *right), patterns)
    assert list(matched.pairs) == list(keys)


def test_in_one_folder_a_file_is_of_the_narrower_pattern(tmp_path: Path) -> None:
    pictures = make(tmp_path, "a.png", "a_mask.png", "sub/b.png", "sub/b_mask.png", "c_mask.png")
    patterns = parse_patterns(["{}", "{}_mask"])
    assert patterns is not None
    matched = match_patterns(pictures, pictures, patterns)
    assert list(matched.pairs) == ["a", "sub/b"]
    assert list(matched.faults) == [tmp_path / "c_mask.png"]


def test_folders_must_be_equal(tmp_path: Path) -> None:
    patterns = parse_patterns(["{}_a", "{}_b"])
    assert patterns is not None
    pictures = make(tmp_path, "x/1_a.png", "y/1_b.png", "x/2_a.png", "x/2_b.png")
    assert list(match_patterns(pictures, pictures, patterns).pairs) == ["x/2"]


@pytest.mark.parametrize(
    "texts", [["{}.jpg"], ["a", "b"], ["{}{}", "{}_b"], ["x/{}", "{}_b"], ["{}.jpg", "{}.jpg"], ["{}"] * 3]
)
def test_what_is_no_pair_of_patterns_is_refused(texts: list[str]) -> None:
    with pytest.raises(UserError, match="--pair"):
        parse_patterns(texts)
    assert parse_patterns([]) is None


def test_patterns_with_a_folder_are_refused_with_what_is_allowed() -> None:
    with pytest.raises(UserError, match=r"no folder, so no /.*manifest"):
        parse_patterns(["{}/in.png", "{}/out.png"])
