from pathlib import Path
from typing import Any

import pytest

from pix2pix.config import DataConfig
from pix2pix.data.origins import find_data
from pix2pix.data.pairs import Half, PairSet
from pix2pix.errors import UserError
from tests.helpers import write_text


def make(root: Path, *names: str) -> Path:
    """Files with names of pictures: nothing here opens them."""
    for name in names:
        write_text(root / name)
    return root


def find(*data: str | Path, **config: Any) -> PairSet:
    return find_data(list(data), DataConfig(**config))


def refused(*data: str | Path, **config: Any) -> str:
    with pytest.raises(UserError) as caught:
        find(*data, **config)
    return str(caught.value)


def names(pair_set: PairSet) -> dict[str, list[str]]:
    return {split: [pair.name for pair in pairs] for split, pairs in pair_set.splits.items()}


def test_photographs_are_source_and_target(tmp_path: Path) -> None:
    pair_set = find(make(tmp_path, "train/a.jpg", "train/b/c.png", "validation/d.jpg"), make="gray")
    assert pair_set.layout == "photographs"
    assert names(pair_set) == {"train": ["train/a", "train/b/c"], "val": ["validation/d"]}
    whole = Half(tmp_path / "train" / "a.jpg", "whole")
    assert (pair_set.splits["train"][0].source, pair_set.splits["train"][0].target) == (whole, whole)


def test_photographs_without_splits_are_held_out_by_name(tmp_path: Path) -> None:
    pair_set = find(make(tmp_path, *(f"{n}.jpg" for n in range(100))), make="edges")
    assert names(pair_set)["val"] == ["39", "49", "51", "55", "65", "9"]


def test_photographs_of_several_folders_are_joined(tmp_path: Path) -> None:
    pair_set = find(make(tmp_path / "x", "a.jpg"), make(tmp_path / "y", "b.jpg"), make="gray")
    assert sorted(name for some in names(pair_set).values() for name in some) == ["a", "b"]


def test_loose_photographs_next_to_splits_are_counted_in_the_note(tmp_path: Path) -> None:
    pair_set = find(make(tmp_path, "train/a.jpg", "val/b.jpg", "c.jpg", "more/d.jpg"), make="gray")
    assert names(pair_set) == {"train": ["train/a"], "val": ["val/b"]}
    assert pair_set.note == "2 pictures outside these folders are not used, such as c.jpg"


def test_without_photographs_the_folder_is_named(tmp_path: Path) -> None:
    assert refused(tmp_path, make="gray") == f"{tmp_path} holds no pictures."
    assert "gone does not exist: wanted a folder of photographs" in refused(tmp_path / "gone", make="gray")
    assert "is a file: wanted" in refused(write_text(tmp_path / "a.png"), make="gray")


def test_without_make_a_folder_holds_pairs(tmp_path: Path) -> None:
    make(tmp_path, "train/a.jpg", "val/b.jpg")
    assert find(tmp_path).layout == "side by side"
    assert find(str(tmp_path), source="right").splits["train"][0].source.side == "right"
