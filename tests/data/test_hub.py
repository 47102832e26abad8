import errno
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar, Self

import numpy as np
import pytest

from pix2pix.config import DataConfig
from pix2pix.data.cache import entries
from pix2pix.data.origins import find_data
from pix2pix.errors import UserError
from pix2pix.pairs.find import PairSet
from pix2pix.pictures import codec
from tests.helpers import files_below, noise, write, write_text


def find(*data: str | Path, **config: Any) -> PairSet:
    return find_data(list(data), DataConfig(**config))


def refused(*data: str | Path, **config: Any) -> str:
    with pytest.raises(UserError) as caught:
        find(*data, **config)
    return str(caught.value)


def names(pair_set: PairSet) -> dict[str, list[str]]:
    return {split: [pair.name for pair in pairs] for split, pairs in pair_set.splits.items()}


def test_without_the_package_the_hub_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "datasets", None)
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
    pair_set = find(f"hub:{folder}")
    assert {split: len(pairs) for split, pairs in pair_set.splits.items()} == {"train": 3, "val": 3}
    for number, pair in enumerate(pair_set.splits["train"]):
        assert np.array_equal(codec.read(pair.source.path), noise(8, 8, 1, seed=number))
        assert codec.read(pair.target.path).shape == (8, 8, 3)
        assert (pair.source.path.suffix, pair.target.path.suffix) == (".png", ".jpg")
        assert cache in pair.source.path.parents
    kept = files_below(cache)
    again = find(f"hub:{folder}")
    assert names(again) == names(pair_set)
    assert files_below(cache) == kept
    assert codec.read(again.splits["train"][0].source.path).shape == (8, 8, 1)


@quiet
def test_columns_can_be_named(datasets: Any, tmp_path: Path) -> None:
    folder = hub_set(datasets, tmp_path / "set", more={"depth": datasets.Image()})
    assert "3 columns of pictures (drawing, photo, depth): wanted 2" in refused(f"hub:{folder}")
    pair_set = find(f"hub:{folder}", source_column="photo", target_column="drawing")
    assert pair_set.splits["train"][0].source.path.suffix == ".jpg"
    message = refused(f"hub:{folder}", source_column="photo", target_column="draw")
    assert "has no column draw (it has caption, drawing, photo, depth)" in message


@quiet
def test_a_data_set_without_splits_is_held_out_by_name(datasets: Any, tmp_path: Path) -> None:
    folder = hub_set(datasets, tmp_path / "set", count=40, names=("train",))
    pair_set = find(f"hub:{folder}")
    assert list(pair_set.splits) == ["train"]
    assert "nothing is scored" in pair_set.note
    only_test = hub_set(datasets, tmp_path / "other", count=40, names=("test",))
    pair_set = find(f"hub:{only_test}")
    assert sum(len(pairs) for pairs in pair_set.splits.values()) == 40
    assert "held out by name" in pair_set.note


@quiet
def test_a_row_without_a_picture_is_named(datasets: Any, tmp_path: Path) -> None:
    kind = datasets.Features({"a": datasets.Image(), "b": datasets.Image()})
    picture = cell(write(tmp_path / "x.png"))
    (tmp_path / "set").mkdir()
    made = datasets.Dataset.from_list([{"a": picture, "b": picture}, {"a": picture, "b": None}], kind)
    made.to_parquet(str(tmp_path / "set" / "train.parquet"))
    assert "row 1 of train has no picture in b" in refused(f"hub:{tmp_path / 'set'}")


@quiet
def test_a_data_set_that_cannot_be_loaded_is_named(datasets: Any, tmp_path: Path) -> None:
    tmp_path.joinpath("empty").mkdir()
    message = refused(f"hub:{tmp_path / 'empty'}")
    assert message.startswith(f"Cannot load the data set {tmp_path / 'empty'}: ")
    assert "\n" not in message


# What is written to the cache, with a stand-in for the package


class Image:
    """The type of a column of pictures."""

    def __init__(self, decode: bool = True) -> None:
        pass


class Split:
    """Three rows with the bytes of a drawing and of a photograph."""

    _fingerprint = "1"
    features: ClassVar = {"drawing": Image(), "photo": Image()}

    def __init__(self, picture: bytes) -> None:
        self.picture = picture

    def cast_column(self, column: str, kind: Image) -> Self:
        return self

    def __iter__(self) -> Iterator[dict[str, Any]]:
        return iter([{name: {"bytes": self.picture} for name in self.features}] * 3)


@pytest.fixture
def stand_in(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A data set of one split, as the package loads it."""
    split = Split(write(tmp_path / "a.png", noise(8, 8)).read_bytes())
    package = SimpleNamespace(Image=Image, load_dataset=lambda name: {"train": split})
    monkeypatch.setitem(sys.modules, "datasets", package)


@pytest.mark.usefixtures("stand_in")
def test_an_interrupted_run_leaves_no_part_of_a_picture(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def cut_short(path: Path, data: bytes) -> int:
        with path.open("wb") as file:
            file.write(data[:9])
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patched:
        patched.setattr(Path, "write_bytes", cut_short)
        assert "No space left on device" in refused("hub:some/set")
    assert entries() == []
    assert np.array_equal(codec.read(find("hub:some/set").splits["train"][0].source.path), noise(8, 8))


@pytest.mark.usefixtures("stand_in")
def test_pictures_stay_while_pairs_are_decoded_of_them(cache: Path) -> None:
    pair_set = find("hub:some/set")
    assert pair_set.layout == "hub data set"
    (entry,) = entries()
    assert entry.in_use
    assert not entry.remove()
    assert np.array_equal(codec.read(pair_set.splits["train"][0].source.path), noise(8, 8))
