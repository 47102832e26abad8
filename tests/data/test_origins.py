import json
from pathlib import Path
from typing import Any

import pytest

from pix2pix.config import DataConfig
from pix2pix.data.origins import find_data
from pix2pix.errors import UserError
from pix2pix.pairs.find import Half, PairSet
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


def csv(root: Path, *rows: str) -> Path:
    return write_text(root / "pairs.csv", "\n".join(rows) + "\n")


def jsonl(root: Path, *rows: Any) -> Path:
    return write_text(root / "pairs.jsonl", "\n".join(map(json.dumps, rows)) + "\n")


def test_a_csv_names_sources_targets_and_splits(tmp_path: Path) -> None:
    make(tmp_path, "maps/1.png", "photos/x.jpg", "maps/2.png", "photos/y.jpg", "z.tif")
    path = csv(
        tmp_path,
        "source,target,split,weather",
        "maps/1.png,photos/x.jpg,train,sun",
        "maps/2.png,photos/y.jpg,validation,",
        f"{tmp_path}/maps/1.png,z.tif,test,rain",
    )
    pair_set = find(path)
    assert pair_set.layout == "manifest"
    assert names(pair_set) == {"train": ["photos/x"], "val": ["photos/y"], "test": ["z"]}
    (first,) = pair_set.splits["train"]
    assert first.source == Half(tmp_path / "maps" / "1.png", "whole")
    assert first.target == Half(tmp_path / "photos" / "x.jpg", "whole")
    assert first.more_sources == ()
    assert pair_set.note == ""


def test_capitals_of_splits_do_not_matter(tmp_path: Path) -> None:
    for name in ("a", "b"):
        write_text(tmp_path / f"{name}.png")
    rows = "source,target,split\na.png,a.png,Train\nb.png,b.png,VAL\n"
    write_text(tmp_path / "list.csv", rows)
    splits = find_data([tmp_path / "list.csv"], DataConfig()).splits
    assert {split: len(pairs) for split, pairs in splits.items()} == {"train": 1, "val": 1}


def test_json_lines_name_the_same(tmp_path: Path) -> None:
    make(tmp_path, "a b.png", "日本.png")
    rows = [
        {"source": "a b.png", "target": "日本.png", "split": "train"},
        {"source": "日本.png", "target": "a b.png", "split": "val"},
    ]
    assert names(find(jsonl(tmp_path, *rows))) == {"train": ["日本"], "val": ["a b"]}
    raw = "\n\n".join(json.dumps(row, ensure_ascii=False) for row in rows)
    again = write_text(tmp_path / "again.JSONL", "\ufeff" + raw)  # a mark that editors leave
    assert names(find(again)) == {"train": ["日本"], "val": ["a b"]}


def test_without_splits_a_tenth_is_held_out_by_name(tmp_path: Path) -> None:
    make(tmp_path, *(f"{n}.png" for n in range(100)))
    pair_set = find(csv(tmp_path, "source,target", *(f"{n}.png,{n}.png" for n in range(100))))
    assert names(pair_set)["val"] == ["9", "39", "49", "51", "55", "65"]
    assert len(pair_set.splits["train"]) == 94
    assert "6 of 100 held out by name" in pair_set.note


def test_several_sources_are_taken_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    files = [f"{n}.png" for n in range(12)]
    make(tmp_path, *files)
    columns = [10, 2, 1, 11]
    head = ",".join(f"source_{n}" for n in columns)
    path = csv(tmp_path, f"{head},target", ",".join(f"{n}.png" for n in columns) + ",0.png")
    (pair_set,) = find(path).splits["train"]
    halves = [pair_set.source, *pair_set.more_sources]
    assert [half.path.name for half in halves] == ["1.png", "2.png", "10.png", "11.png"]


def test_names_with_commas_quotes_and_line_breaks_are_read(tmp_path: Path) -> None:
    odd = ["a,b.png", 'say "hi".png', "two\nlines.png", "line\u2028separator.png"]
    make(tmp_path, *odd)
    quoted = ['"' + name.replace('"', '""') + '"' for name in odd]
    pair_set = find(csv(tmp_path, "source,target", *(f"{name},{name}" for name in quoted)))
    assert [pair.source.path.name for pair in pair_set.splits["train"]] == odd
    rows = [{"source": name, "target": name} for name in odd]
    raw = "\n".join(json.dumps(row, ensure_ascii=False) for row in rows)
    pair_set = find(write_text(tmp_path / "raw.jsonl", raw))
    assert [pair.source.path.name for pair in pair_set.splits["train"]] == odd


@pytest.mark.parametrize(
    ("rows", "why"),
    [
        ([], "has no rows"),
        (["source,target"], "has no rows"),
        (["source,photo", "a.png,a.png"], "row 1 has no target (it has source, photo)"),
        (["input,output", "a.png,a.png"], "row 1 has no source and no target"),
        (["source_1,source_2,target", "a.png,,a.png"], "row 1 has no source_2"),
        (["source,target", "a.png,a.png", "a.png"], "row 2 has no target"),
        (["source,target", "a.png,gone.png"], "gone.png, which does not exist"),
        (["source,target", f"{'x' * 300}.png,a.png"], "which does not exist"),
        (["source,target", "folder,a.png"], "folder, which does not exist"),
        (["source,target,split", "a.png,a.png,dev"], "row 1 has split 'dev': wanted train"),
        (["source,target,split", "a.png,a.png,train", "a.png,a.png,"], "row 2 has no split"),
        (["source,target,split", "a.png,a.png,val"], "There are no pairs in train/"),
        (["source,target", "a.png,a.png,b.png,c.png"], None),
        (["source,target", '"a.png'], "row 1 has"),
        (["source,target", "a" * 200_000], "Cannot read the manifest"),
    ],
)
def test_a_malformed_csv_is_reported_in_a_sentence(tmp_path: Path, rows: list[str], why: str | None) -> None:
    make(tmp_path, "a.png")
    (tmp_path / "folder").mkdir()
    path = csv(tmp_path, *rows)
    if why is None:
        assert names(find(path))["train"] == ["a"]  # cells beyond the columns are nobody's
        return
    message = refused(path)
    assert why in message
    assert "pairs.csv" in message or "train/" in message


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("{", "row 1 is not JSON: "),
        ('{"source": "a.png", "target": "a.png"}\noops', "row 2 is not JSON: "),
        ("[1, 2]", "row 1 is no object"),
        ("3", "row 1 is no object"),
        ("null", "row 1 is no object"),
        ("[" * 100_000, "row 1 is not JSON"),
        ('{"source": "a.png"}', "row 1 has no target (it has source)"),
        ('{"source": 3, "target": "a.png"}', "which does not exist"),
        ('{"source": ["a.png"], "target": "a.png"}', "which does not exist"),
        ('{"source": "a\\u0000.png", "target": "a.png"}', "which does not exist"),
        ('{"source": "a.png", "target": "a.png", "split": 1}', "row 1 has split '1'"),
        ("{}", "row 1 has no source and no target"),
        ("\n\n", "has no rows"),
    ],
)
def test_malformed_json_lines_are_reported_in_a_sentence(tmp_path: Path, text: str, why: str) -> None:
    make(tmp_path, "a.png")
    message = refused(write_text(tmp_path / "pairs.jsonl", text))
    assert why in message
    assert "pairs.jsonl" in message


@pytest.mark.parametrize("ending", ["csv", "jsonl"])
def test_a_manifest_that_cannot_be_read_is_named(tmp_path: Path, ending: str) -> None:
    assert f"Cannot read the manifest {tmp_path}" in refused(tmp_path / f"gone.{ending}")
    (tmp_path / f"binary.{ending}").write_bytes(b"\xff\xfe\x00")
    assert f"binary.{ending}" in refused(tmp_path / f"binary.{ending}")
    (tmp_path / f"folder.{ending}").mkdir()
    assert f"folder.{ending}" in refused(tmp_path / f"folder.{ending}")


# A target in two splits


def leaky(root: Path, *splits: str, links: bool = False) -> Path:
    """A manifest in which one photograph is the target of every row."""
    make(root, "photo.png", *(f"{n}.png" for n in range(len(splits))))
    targets = ["photo.png"] * len(splits)
    if links:
        (root / "other.png").symlink_to(root / "photo.png")
        targets[-1] = "other.png"
    rows = zip(range(9), targets, splits, strict=False)
    return csv(root, "source,target,split", *(f"{n}.png,{target},{split}" for n, target, split in rows))


@pytest.mark.parametrize("splits", [("train", "train", "val"), ("test", "train"), ("validation", "train")])
@pytest.mark.parametrize("links", [False, True])
def test_a_target_to_learn_from_and_to_score_on_is_refused(
    tmp_path: Path, splits: tuple[str, ...], links: bool
) -> None:
    message = refused(leaky(tmp_path, *splits, links=links))
    one, other = (
        f"row {n} ({'val' if s == 'validation' else s})"
        for n, s in ((1, splits[0]), (len(splits), splits[-1]))
    )
    assert f"{one} and {other} have the same target, {tmp_path}" in message
    assert "keep it in one split" in message


def test_a_target_may_have_several_sources_in_one_split(tmp_path: Path) -> None:
    pair_set = find(leaky(tmp_path, "train", "train"))
    assert [pair.source.path.name for pair in pair_set.splits["train"]] == ["0.png", "1.png"]
    val_and_test = make(tmp_path / "x", "a.png", "b.png") / "pairs.csv"
    val_and_test.write_text("source,target,split\na.png,a.png,train\na.png,b.png,val\na.png,b.png,test\n")
    assert set(find(val_and_test).splits) == {"train", "val", "test"}


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


def test_a_half_that_is_the_source_has_no_effect_on_two_folders(tmp_path: Path) -> None:
    make(tmp_path, "source/a.png", "target/a.png", "pairs/a.png")
    note = "data.source=right has no effect"
    assert note in find(tmp_path / "source", tmp_path / "target", source="right").note
    assert note not in find(tmp_path / "source", tmp_path / "target").note
    assert note not in find(tmp_path / "pairs", source="right").note


def test_without_photographs_the_folder_is_named(tmp_path: Path) -> None:
    assert refused(tmp_path, make="gray") == f"{tmp_path} holds no pictures."
    assert "gone does not exist: wanted a folder of photographs" in refused(tmp_path / "gone", make="gray")
    assert "is a file: wanted" in refused(write_text(tmp_path / "a.png"), make="gray")


def test_without_make_a_folder_holds_pairs(tmp_path: Path) -> None:
    make(tmp_path, "train/a.jpg", "val/b.jpg")
    assert find(tmp_path).layout == "side by side"
    assert find(str(tmp_path), source="right").splits["train"][0].source.side == "right"


def test_semicolons_in_a_csv_are_named(tmp_path: Path) -> None:
    write_text(tmp_path / "list.csv", "source;target\na.png;b.png\n")
    with pytest.raises(UserError, match=r"separated by ';' .* commas"):
        find_data([tmp_path / "list.csv"], DataConfig())
