from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pix2pix.errors import UserError
from pix2pix.pairs.pair_set import (
    NoTrainingPairsError,
    Pair,
    PairSet,
    by_split,
    evenly_spread,
    folder_names,
    refuse_nested,
    split_unless_loose,
    split_up,
    whole_pair,
    with_unused,
    without_partner,
)
from tests.helpers import write_text


def pair(name: str, root: Path = Path("x")) -> Pair:
    return whole_pair(name, root / "source" / f"{name}.png", root / "target" / f"{name}.jpg")


def test_pairs_are_of_the_split_with_which_their_names_begin() -> None:
    pairs = [pair("train/a"), pair("Valid/b"), pair("test/train/c")]
    assert {s: [p.name for p in of] for s, of in by_split(pairs).items()} == {
        "train": ["train/a"],
        "val": ["Valid/b"],
        "test": ["test/train/c"],
    }
    assert set(split_unless_loose(pairs)) == {"train", "val", "test"}
    assert set(split_unless_loose([*pairs, pair("loose")])) == {""}
    assert by_split([pair("train")]).keys() == {""}  # a picture of that name


def test_without_pairs_to_learn_from_those_to_score_on_are_kept() -> None:
    with pytest.raises(NoTrainingPairsError, match=r"found test, val") as caught:
        split_up({"val": [pair("a")], "test": [pair("b")]}, "two folders")
    assert [p.name for p in caught.value.pairs.validation] == ["a"]


@pytest.mark.parametrize(
    ("splits", "no_val", "note"),
    [
        (("train", "val"), "", ""),
        (("train",), "", "no val/ folder: nothing is scored"),
        (("train", "test"), "", "no val/ folder: test/ is scored in training, and is no test"),
        (("train",), "val/ holds no pairs", "val/ holds no pairs: nothing is scored"),
    ],
)
def test_a_note_says_what_is_scored(splits: tuple[str, ...], no_val: str, note: str) -> None:
    found = split_up({split: [pair(split)] for split in splits}, "two folders", no_val).note
    assert found.startswith(note)
    assert bool(found) == bool(note)


def test_the_folders_of_halves_are_named_by_what_tells_them_apart() -> None:
    root = Path("/data/source")
    assert folder_names(PairSet({"train": [pair("a", root)]}, "two folders")) == ("source", "target")
    assert folder_names(PairSet({"train": [pair("a", root)]}, "one folder")) == ()


def test_a_folder_in_the_other_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"inner lies inside .*Name two folders next to each other"):
        refuse_nested([tmp_path / "inner", tmp_path])
    refuse_nested([tmp_path / "one", tmp_path / "other"])
    refuse_nested([tmp_path])


def test_what_has_no_partner_is_left_out_by_a_pattern_of_the_endings() -> None:
    error = without_partner({Path("b.png"): "b.png has no partner."}, [pair("a")])
    assert "1 picture makes no pair. b.png has no partner." in str(error)
    assert error.hint.endswith("To leave these out: --pair '{}.png' '{}.jpg'.")
    assert "leave" not in without_partner({Path("b.png"): ""}, []).hint


def test_pictures_that_are_not_used_are_counted(tmp_path: Path) -> None:
    used = pair("a", tmp_path)
    for path in (used.source.path, used.target.path, tmp_path / "x.png", tmp_path / "known.png"):
        write_text(path)
    pairs = with_unused(PairSet({"train": [used]}, "two folders"), [tmp_path], [tmp_path / "known.png"])
    assert pairs.notes == ("1 picture outside these folders is not used, such as x.png",)


@given(st.integers(1, 500), st.integers(1, 500))
def test_a_few_items_are_spread_evenly(length: int, count: int) -> None:
    chosen = evenly_spread(range(length), count)
    assert len(chosen) == min(count, length)
    assert chosen[0] == 0
    steps = np.diff([*chosen, length])
    assert steps.min() >= 1
    assert steps.max() - steps.min() <= 1


def test_pictures_of_which_none_belong_together_are_said_to_be_no_data() -> None:
    faults = {Path(name): f"{name} has no partner." for name in ("a.png", "b.png")}
    assert "as CycleGAN takes, cannot be learned from" in without_partner(faults, []).hint
    assert "CycleGAN" not in without_partner(faults, [pair("c")]).hint
