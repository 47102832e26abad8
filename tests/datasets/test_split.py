import errno
import os
from collections.abc import Callable
from pathlib import Path, PurePosixPath

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pix2pix.datasets.file_tasks import Done
from pix2pix.datasets.split import split
from pix2pix.errors import UserError
from pix2pix.files import list_pictures
from pix2pix.pairs.find import find_pairs
from tests.helpers import files_below, plant, scene, trees, write, write_text

SPLITS = ("train", "val", "test")


def make(folder: Path, *names: str) -> Path:
    """Files with names of pictures, each with its own name as content: `split` decodes nothing."""
    for name in names:
        write_text(folder / name, name)
    return folder


def numbered(count: int, pattern: str = "{}.png") -> list[str]:
    return [pattern.format(n) for n in range(count)]


def refused(call: Callable[..., object], *words: object, **options: object) -> str:
    with pytest.raises(UserError) as caught:
        call(*words, **options)
    return str(caught.value)


def places(out: Path) -> dict[str, str]:
    """Name -> split of every file below `out`."""
    found = [name.split("/", 1) for name in files_below(out)]
    assert all(place in SPLITS for place, _ in found)
    assert len({name for _, name in found}) == len(found)
    return {name: place for place, name in found}


def test_a_folder_of_pairs_is_split_by_name_and_training_finds_it(tmp_path: Path) -> None:
    data = make(tmp_path / "data", *numbered(150), "summer/1.png")
    done = split([data], tmp_path / "out", 0.1, 0.2)
    found = places(tmp_path / "out")
    assert found.keys() == files_below(data)
    assert (tmp_path / "out" / found["7.png"] / "7.png").read_text() == "7.png"
    counts = {place: list(found.values()).count(place) for place in SPLITS}
    assert done == Done(counts, 151, [], [])
    assert 6 <= counts["val"] <= 28
    assert 18 <= counts["test"] <= 45
    pairs = find_pairs([tmp_path / "out"], "left")
    assert {name: len(some) for name, some in pairs.splits.items()} == counts


@given(
    old=st.sets(st.text("abcdefgh01", min_size=1, max_size=6), min_size=1, max_size=20),
    new=st.sets(st.text("abcdefgh01", min_size=1, max_size=6), max_size=20),
    seed=st.none() | st.integers(0, 9),
)
@settings(max_examples=25)
def test_a_pair_stays_in_its_split_when_others_come(
    tmp_path_factory: pytest.TempPathFactory, old: set[str], new: set[str], seed: int | None
) -> None:
    root = tmp_path_factory.mktemp("grows")
    for names in (old, new):
        data = make(root / "data", *(f"{name}.png" for name in names))
        before = places(root / "out") if (root / "out").exists() else {}
        done = split([data], root / "out", 0.3, 0.2, seed)
        assert not done.failures
        assert before.items() <= places(root / "out").items()


def test_what_is_held_out_is_held_out_by_training_too(tmp_path: Path) -> None:
    data = make(tmp_path / "data", *numbered(100))
    split([data], tmp_path / "out", 0.1)
    val = {name for name, place in places(tmp_path / "out").items() if place == "val"}
    assert val
    assert val <= {f"{pair.name}.png" for pair in find_pairs([data], "left").splits["val"]}


def test_another_seed_gives_another_split_of_the_same_shares(tmp_path: Path) -> None:
    data = make(tmp_path / "data", *numbered(100))
    for seed in (1, 2):
        split([data], tmp_path / str(seed), 0.2, seed=seed)
    first, second = (places(tmp_path / str(seed)) for seed in (1, 2))
    assert first != second
    assert all(10 <= list(some.values()).count("val") <= 32 for some in (first, second))


@pytest.mark.parametrize("layout", ["two folders", "one that holds them"])
def test_two_folders_are_split_alike(tmp_path: Path, layout: str) -> None:
    source = make(tmp_path / "data" / "source", *numbered(40))
    target = make(tmp_path / "data" / "target", *numbered(40, "{}.jpg"))
    data = [source, target] if layout == "two folders" else [tmp_path / "data"]
    done = split(data, tmp_path / "out", 0.3)
    pairs = find_pairs([tmp_path / "out"], "left")
    assert pairs.layout == "two folders"
    assert {name: len(some) for name, some in pairs.splits.items()} == done.pairs
    assert sum(done.pairs.values()) == done.written == 40


def test_photographs_and_their_masks_stay_together(tmp_path: Path) -> None:
    data = make(tmp_path / "data", *numbered(40, "{}.jpg"), *numbered(40, "{}_mask.png"))
    done = split([data], tmp_path / "out", 0.3)
    assert sum(done.pairs.values()) == 40
    pairs = find_pairs([tmp_path / "out"], "left")
    assert {name: len(some) for name, some in pairs.splits.items()} == done.pairs
    assert all(p.target.path.read_text() == f"{p.name}_mask.png" for p in pairs.splits["train"])


@pytest.mark.parametrize("by", ["folder", r"(patient\d+)/", r"patient\d+"])
def test_what_belongs_together_stays_together(tmp_path: Path, by: str) -> None:
    names = [f"patient{p}/{n}.png" for p in range(30) for n in range(4)]
    split([make(tmp_path / "data", *names)], tmp_path / "out", 0.3, by=by)
    found = places(tmp_path / "out")
    assert len(found) == 120
    for p in range(30):
        assert len({found[f"patient{p}/{n}.png"] for n in range(4)}) == 1
    assert 3 <= sum(found[f"patient{p}/0.png"] == "val" for p in range(30)) <= 17


@pytest.mark.parametrize("layout", ["two folders", "one folder"])
def test_single_pictures_are_not_torn_from_their_partners(tmp_path: Path, layout: str) -> None:
    folders = ("photos", "segm") if layout == "two folders" else ("photos",)
    for n in range(6):
        for folder in folders:
            write(tmp_path / "data" / folder / f"{n}.png", scene(n, 48, 64))
    message = refused(split, [tmp_path / "data"], tmp_path / "out", 0.3)
    assert ("equal names" if layout == "two folders" else "are single pictures") in message
    assert not (tmp_path / "out").exists()
    split([tmp_path / "data"], tmp_path / "out", 0.3, layout="side-by-side")
    assert len(files_below(tmp_path / "out")) == 6 * len(folders)


def test_of_few_parts_one_is_held_out(tmp_path: Path) -> None:
    data = make(tmp_path / "data", *(f"film{f}_{n}.png" for f in range(3) for n in range(5)))
    done = split([data], tmp_path / "out", 0.01, by="^(film.)")
    assert done.pairs == {"train": 10, "val": 5}
    assert len({name[:5] for name, place in places(tmp_path / "out").items() if place == "val"}) == 1


@pytest.mark.parametrize("by", ["folder", "^(patient[0-9]+)"])
@pytest.mark.parametrize("shares", [(0.1, 0.2), (0.2, 0.1), (0.6, 0.3), (0.01, 0.98)])
def test_each_split_gets_a_group(tmp_path: Path, by: str, shares: tuple[float, float]) -> None:
    data = make(tmp_path / "data", *(f"patient{p}/{n}.png" for p in range(4) for n in range(3)))
    for seed in range(6):
        done = split([data], tmp_path / f"out{seed}", *shares, seed=seed, by=by)
        assert {*done.pairs} == {"train", "val", "test"}
        assert all(count % 3 == 0 for count in done.pairs.values())


def test_fewer_groups_than_splits_are_refused(tmp_path: Path) -> None:
    data = make(tmp_path / "data", *(f"patient{p}/{n}.png" for p in range(2) for n in range(3 + p)))
    assert "2 groups of the pairs, too few" in refused(split, [data], tmp_path / "out", 0.1, 0.2, by="folder")


@pytest.mark.parametrize(
    ("by", "why"),
    [("(", "is no regular expression"), ("x(.)", "fits no part of 9 of 9 names, such as 0"), ("$", "")],
)
def test_a_rule_that_parts_nothing_is_refused(tmp_path: Path, by: str, why: str) -> None:
    data = make(tmp_path / "data", *numbered(9))
    if why:
        assert why in refused(split, [data], tmp_path / "out", 0.3, by=by)
    one = make(tmp_path / "one", *numbered(9, "a/{}.png"))
    assert "keeps all 9 pairs together" in refused(split, [one], tmp_path / "out", 0.3, by="folder")


def test_pairs_of_which_one_half_is_missing_or_double_are_named(tmp_path: Path) -> None:
    source = make(tmp_path / "s", "a.png", "b.png", "c.png", "c.jpg")
    target = make(tmp_path / "t", "a.png", "c.png", "d.png")
    done = split([source, target], tmp_path / "out", 0.1)
    assert sum(done.pairs.values()) == 2
    assert done.failures == [
        f"{source / 'c.png'} has the same name as {source / 'c.jpg'}.",
        f"{source / 'b.png'} has no partner in {target}.",
        f"{target / 'd.png'} has no partner in {source}.",
    ]


def test_what_cannot_be_copied_is_named_and_the_others_go_on(tmp_path: Path) -> None:
    data = make(tmp_path / "data", "a.png", "b.png", "notes.txt", ".hidden.png")
    (data / "empty.png").touch()
    (data / "loop.png").symlink_to(data / "loop.png")
    (data / "more").symlink_to(tmp_path, target_is_directory=True)
    done = split([data], tmp_path / "out", 0.1)
    assert sum(done.pairs.values()) == 2
    assert [failure.split(" ")[0] for failure in done.failures] == [
        str(data / "empty.png"),
        str(data / "loop.png"),
    ]
    assert done.ignored == [data / "more", data / "notes.txt"]


def test_half_a_pair_is_not_copied(tmp_path: Path) -> None:
    source, target = make(tmp_path / "s", "a.png", "b.png"), make(tmp_path / "t", "a.png")
    (target / "b.png").touch()
    done = split([source, target], tmp_path / "out", 0.1)
    assert len(done.failures) == 1
    assert {Path(name).name for name in files_below(tmp_path / "out")} == {"a.png"}


@settings(max_examples=30)
@given(tree=trees())
def test_every_file_of_any_tree_is_copied_or_named(
    tmp_path_factory: pytest.TempPathFactory, tree: list[PurePosixPath]
) -> None:
    root = tmp_path_factory.mktemp("tree")
    (root / "data").mkdir()
    for path in plant(root / "data", tree):
        (root / "data" / path).write_bytes(os.fsencode(str(path)))
    visible = {p for p in (root / "data").rglob("*") if p.is_file()} - {
        p for p in (root / "data").rglob("*") if "/." in f"/{p.relative_to(root / 'data')}"
    }
    try:
        done = split([root / "data"], root / "out", 0.3)
    except UserError as error:
        said = str(error)
        known = (
            "no pictures",
            "is split already",
            "partner",
            "data sets of their own",
            "has both",
            "equal names",
        )
        assert any(words in said for words in known)
        return
    copied = {p.read_bytes() for p in (root / "out").rglob("*") if p.is_file()}
    failures = "\n".join(done.failures)
    for path in visible:
        relative = path.relative_to(root / "data")
        assert os.fsencode(relative) in copied or path in done.ignored or str(path) in failures


def test_the_same_call_again_copies_nothing(tmp_path: Path) -> None:
    data = make(tmp_path / "data", *numbered(9))
    first = split([data], tmp_path / "out", 0.3)
    times = {p: p.stat().st_mtime_ns for p in list_pictures(tmp_path / "out")}
    assert split([data], tmp_path / "out", 0.3) == Done(first.pairs, 0, [], [])
    assert times == {p: p.stat().st_mtime_ns for p in list_pictures(tmp_path / "out")}


def test_a_file_with_other_content_is_replaced_only_by_force(tmp_path: Path) -> None:
    data = make(tmp_path / "data", *numbered(5))
    split([data], tmp_path / "out", 0.3)
    write_text(data / "3.png", "new")
    done = split([data], tmp_path / "out", 0.3)
    (failure,) = done.failures
    assert "3.png exists. It was left as it is; --force replaces it." in failure
    there = tmp_path / "out" / places(tmp_path / "out")["3.png"] / "3.png"
    assert there.read_text() == "3.png"
    assert split([data], tmp_path / "out", 0.3, force=True).written == 1
    assert there.read_text() == "new"


def test_no_pair_gets_into_two_splits(tmp_path: Path) -> None:
    data = make(tmp_path / "data", *numbered(40))
    split([data], tmp_path / "out", 0.3)
    before = files_below(tmp_path / "out")
    for force in (False, True):
        message = refused(split, [data], tmp_path / "out", 0.3, seed=5, force=force)
        assert "by these shares and seed. Give those of the first time" in message
    assert files_below(tmp_path / "out") == before


def test_links_share_the_bytes_and_equal_files_stay(tmp_path: Path) -> None:
    data = make(tmp_path / "data", *numbered(5))
    (data / "1.png").chmod(0o400)
    for written in (5, 0):
        assert split([data], tmp_path / "out", 0.3, link=True).written == written
    for path in list_pictures(tmp_path / "out"):
        assert path.samefile(data / path.name)
    assert {Path(name).name for name in files_below(tmp_path / "out")} == set(numbered(5))


def test_where_links_cannot_be_made_copies_are_proposed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def other_disk(*_: object) -> None:
        raise OSError(errno.EXDEV, os.strerror(errno.EXDEV))

    monkeypatch.setattr(os, "link", other_disk)
    data = make(tmp_path / "data", "a.png")
    message = refused(split, [data], tmp_path / "out", 0.3, link=True)
    assert "cannot be made a hard link" in message
    assert message.endswith("Leave out --link.")


def test_a_full_disk_stops_the_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    data = make(tmp_path / "data", *numbered(9))
    assert "No space left on device" in refused(split, [data], tmp_path / "out", 0.3)
    assert not files_below(tmp_path / "out")


@pytest.mark.parametrize(("val", "test"), [(0, 0), (0.5, 0.5), (-0.1, 0.2), (1, 0), (0.9, 0.2)])
def test_shares_that_leave_nothing_are_refused(tmp_path: Path, val: float, test: float) -> None:
    data = make(tmp_path / "data", "a.png")
    assert "wanted two from 0 on, below 1" in refused(split, [data], tmp_path / "out", val, test)


def test_what_is_split_already_or_no_folder_or_empty_is_refused(tmp_path: Path) -> None:
    data = make(tmp_path / "data", "train/a.png")
    assert f"give {data / 'train'}" in refused(split, [data], tmp_path / "out", 0.1)
    assert "is no folder" in refused(split, [tmp_path / "gone"], tmp_path / "out", 0.1)
    assert "lies in" in refused(split, [data], data / "out", 0.1)
    assert "lies in" in refused(split, [data], data, 0.1)
    (tmp_path / "empty").mkdir()
    assert "holds no pictures (0 files)" in refused(split, [tmp_path / "empty"], tmp_path / "out", 0.1)
    assert "3 folders" in refused(split, [data / "train"] * 3, tmp_path / "out", 0.1)
    assert not (tmp_path / "out").exists()
