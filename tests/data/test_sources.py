import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pix2pix.config import DataConfig
from pix2pix.data.pairs import Half, PairSet
from pix2pix.data.sources import find_data
from pix2pix.errors import UserError
from pix2pix.pictures import codec
from tests.helpers import files_below, noise, write, write_text


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


def names(found: PairSet) -> dict[str, list[str]]:
    return {split: [pair.name for pair in pairs] for split, pairs in found.splits.items()}


# Manifests


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
    found = find(path)
    assert names(found) == {"train": ["photos/x"], "val": ["photos/y"], "test": ["z"]}
    (first,) = found.splits["train"]
    assert first.source == Half(tmp_path / "maps" / "1.png", "whole")
    assert first.target == Half(tmp_path / "photos" / "x.jpg", "whole")
    assert first.more_sources == ()
    assert found.note == ""


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
    found = find(csv(tmp_path, "source,target", *(f"{n}.png,{n}.png" for n in range(100))))
    assert names(found)["val"] == ["9", "39", "49", "51", "55", "65"]
    assert len(found.splits["train"]) == 94
    assert "6 of 100 held out by name" in found.note


def test_several_sources_are_taken_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    files = [f"{n}.png" for n in range(12)]
    make(tmp_path, *files)
    columns = [10, 2, 1, 11]
    head = ",".join(f"source_{n}" for n in columns)
    path = csv(tmp_path, f"{head},target", ",".join(f"{n}.png" for n in columns) + ",0.png")
    (found,) = find(path).splits["train"]
    halves = [found.source, *found.more_sources]
    assert [half.path.name for half in halves] == ["1.png", "2.png", "10.png", "11.png"]


def test_names_with_commas_quotes_and_line_breaks_are_read(tmp_path: Path) -> None:
    odd = ["a,b.png", 'say "hi".png', "two\nlines.png", "line\u2028separator.png"]
    make(tmp_path, *odd)
    quoted = ['"' + name.replace('"', '""') + '"' for name in odd]
    found = find(csv(tmp_path, "source,target", *(f"{name},{name}" for name in quoted)))
    assert [pair.source.path.name for pair in found.splits["train"]] == odd
    rows = [{"source": name, "target": name} for name in odd]
    raw = "\n".join(json.dumps(row, ensure_ascii=False) for row in rows)
    found = find(write_text(tmp_path / "raw.jsonl", raw))
    assert [pair.source.path.name for pair in found.splits["train"]] == odd


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
def test_a_malformed_csv_is_told_in_a_sentence(tmp_path: Path, rows: list[str], why: str | None) -> None:
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
def test_malformed_json_lines_are_told_in_a_sentence(tmp_path: Path, text: str, why: str) -> None:
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


# Photographs alone


def test_photographs_are_source_and_target(tmp_path: Path) -> None:
    found = find(make(tmp_path, "train/a.jpg", "train/b/c.png", "validation/d.jpg"), make="gray")
    assert found.layout == "photographs"
    assert names(found) == {"train": ["train/a", "train/b/c"], "val": ["validation/d"]}
    whole = Half(tmp_path / "train" / "a.jpg", "whole")
    assert (found.splits["train"][0].source, found.splits["train"][0].target) == (whole, whole)


def test_photographs_without_splits_are_held_out_by_name(tmp_path: Path) -> None:
    found = find(make(tmp_path, *(f"{n}.jpg" for n in range(100))), make="edges")
    assert names(found)["val"] == ["39", "49", "51", "55", "65", "9"]


def test_photographs_of_several_folders_are_joined(tmp_path: Path) -> None:
    found = find(make(tmp_path / "x", "a.jpg"), make(tmp_path / "y", "b.jpg"), make="gray")
    assert sorted(name for some in names(found).values() for name in some) == ["a", "b"]


def test_loose_photographs_beside_splits_are_counted_in_the_note(tmp_path: Path) -> None:
    found = find(make(tmp_path, "train/a.jpg", "val/b.jpg", "c.jpg", "more/d.jpg"), make="gray")
    assert names(found) == {"train": ["train/a"], "val": ["val/b"]}
    assert found.note == "2 pictures outside these folders are not used, such as c.jpg"


def test_without_photographs_the_folder_is_named(tmp_path: Path) -> None:
    assert refused(tmp_path, make="gray") == f"{tmp_path} holds no pictures."
    assert "is no folder" in refused(tmp_path / "gone", make="gray")
    assert "is no folder" in refused(write_text(tmp_path / "a.png"), make="gray")


def test_without_make_a_folder_holds_pairs(tmp_path: Path) -> None:
    make(tmp_path, "train/a.jpg", "val/b.jpg")
    assert find(tmp_path).layout == "side by side"
    assert find(str(tmp_path), source="right").splits["train"][0].source.side == "right"


# Data sets of the hub


def test_without_the_package_the_hub_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "datasets", None)
    message = refused("hub:some/facades")
    assert "hub:some/facades needs the package datasets" in message
    assert "pip install" in message


# What other packages warn of is theirs.
quiet = pytest.mark.filterwarnings("ignore")


@pytest.fixture
def datasets(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    """The package, with a cache of the test's own and no network."""
    monkeypatch.setenv("HF_HOME", str(tmp_path / "huggingface"))
    for name in ("HF_HUB_OFFLINE", "HF_DATASETS_OFFLINE"):
        monkeypatch.setenv(name, "1")
    package = pytest.importorskip("datasets", reason="needs pip install 'pix2pix[hub]'")
    package.disable_progress_bars()
    monkeypatch.setattr(package.config, "HF_DATASETS_CACHE", tmp_path / "huggingface")
    return package


def hub_set(datasets: Any, folder: Path, count: int = 3, **splits: Any) -> Path:
    """A folder of Parquet files with pictures inside: columns caption, drawing, photo."""
    features = datasets.Features(
        {
            "caption": datasets.Value("string"),
            "drawing": datasets.Image(),
            "photo": datasets.Image(),
            **splits.pop("more", {}),
        }
    )
    folder.mkdir(parents=True, exist_ok=True)
    pictures = folder.parent / "pictures"
    for split in splits.pop("names", ("train", "validation")):
        rows = [
            {
                "caption": str(n),
                "drawing": cell(write(pictures / f"{n}-d.png", noise(8, 8, 1, seed=n))),
                "photo": cell(write(pictures / f"{n}-p.jpg", noise(8, 8, 3, seed=n))),
            }
            | {
                name: cell(write(pictures / "x.png", noise(8, 8)))
                for name in features
                if name not in ("caption", "drawing", "photo")
            }
            for n in range(count)
        ]
        made = datasets.Dataset.from_list(rows, features=features)
        made.to_parquet(str(folder / f"{split}-00000-of-00001.parquet"))
    return folder


def cell(path: Path) -> dict[str, Any]:
    """The bytes of a picture under a name, as hub data sets hold them."""
    return {"bytes": path.read_bytes(), "path": path.name}


@quiet
def test_a_local_data_set_gives_its_splits_and_pictures(
    datasets: Any, tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = hub_set(datasets, tmp_path / "set")
    monkeypatch.chdir(tmp_path / "pictures")  # files of the names that the cells have
    for path in (tmp_path / "pictures").iterdir():
        write_text(path, "no more")
    found = find(f"hub:{folder}")
    assert {split: len(pairs) for split, pairs in found.splits.items()} == {"train": 3, "val": 3}
    for number, pair in enumerate(found.splits["train"]):
        assert np.array_equal(codec.read(pair.source.path), noise(8, 8, 1, seed=number))
        assert codec.read(pair.target.path).shape == (8, 8, 3)
        assert (pair.source.path.suffix, pair.target.path.suffix) == (".png", ".jpg")
        assert cache in pair.source.path.parents
    kept = files_below(cache)
    os.truncate(found.splits["train"][0].source.path, 9)  # as an interrupted run would
    again = find(f"hub:{folder}")
    assert names(again) == names(found)
    assert files_below(cache) == kept
    assert codec.read(again.splits["train"][0].source.path).shape == (8, 8, 1)


@quiet
def test_columns_can_be_named(datasets: Any, tmp_path: Path) -> None:
    folder = hub_set(datasets, tmp_path / "set", more={"depth": datasets.Image()})
    assert "3 columns of pictures (drawing, photo, depth): wanted 2" in refused(f"hub:{folder}")
    found = find(f"hub:{folder}", source_column="photo", target_column="drawing")
    assert found.splits["train"][0].source.path.suffix == ".jpg"
    message = refused(f"hub:{folder}", source_column="photo", target_column="draw")
    assert "has no column draw (it has caption, drawing, photo, depth)" in message


@quiet
def test_a_data_set_without_splits_is_held_out_by_name(datasets: Any, tmp_path: Path) -> None:
    folder = hub_set(datasets, tmp_path / "set", count=40, names=("train",))
    found = find(f"hub:{folder}")
    assert list(found.splits) == ["train"]
    assert "nothing is scored" in found.note
    only_test = hub_set(datasets, tmp_path / "other", count=40, names=("test",))
    found = find(f"hub:{only_test}")
    assert sum(len(pairs) for pairs in found.splits.values()) == 40
    assert "held out by name" in found.note


@quiet
def test_a_row_without_a_picture_is_named(datasets: Any, tmp_path: Path) -> None:
    kind = datasets.Features({"a": datasets.Image(), "b": datasets.Image()})
    some = cell(write(tmp_path / "x.png"))
    (tmp_path / "set").mkdir()
    made = datasets.Dataset.from_list([{"a": some, "b": some}, {"a": some, "b": None}], kind)
    made.to_parquet(str(tmp_path / "set" / "train.parquet"))
    assert "row 1 of train has no picture in b" in refused(f"hub:{tmp_path / 'set'}")


@quiet
def test_a_data_set_that_cannot_be_loaded_is_named(datasets: Any, tmp_path: Path) -> None:
    tmp_path.joinpath("empty").mkdir()
    message = refused(f"hub:{tmp_path / 'empty'}")
    assert message.startswith(f"Cannot load the data set {tmp_path / 'empty'}: ")
    assert "\n" not in message
