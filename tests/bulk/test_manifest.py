"""What is done already: kept in files that are whole, whatever is killed when."""

from pathlib import Path

import pytest

from pix2pix.bulk import manifest
from pix2pix.bulk.manifest import FOLDER, Manifest, Record
from pix2pix.bulk.places import Place, open_place
from pix2pix.errors import UserError


def record(name: str, size: int = 1) -> Record:
    return Record(name, size, 2, "digest", f"{name}.png", 3, "another", "how")


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return open_place(str(tmp_path))


def files(place: Place) -> list[str]:
    return sorted(path.name for path in place.local(FOLDER).iterdir())


def test_records_come_back(place: Place) -> None:
    first = Manifest(place)
    first.add([record("a"), record("b")])
    first.save()
    assert Manifest(place).records == {"a": record("a"), "b": record("b")}


def test_what_was_not_saved_is_not_known(place: Place) -> None:
    first = Manifest(place)
    first.add([record("a")])
    assert Manifest(place).records == {}


def test_later_records_replace_earlier_ones(place: Place) -> None:
    for size in (1, 2, 3):
        one = Manifest(place)
        one.add([record("a", size)])
        one.save()
    assert len(files(place)) == 3
    assert Manifest(place).records["a"].size == 3


def test_records_are_saved_every_few_seconds(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(manifest, "_SECONDS", 0.0)
    one = Manifest(place)
    one.add([record("a")])
    one.add([record("b")])
    assert set(Manifest(place).records) == {"a", "b"}


def test_all_files_are_joined_into_one(place: Place) -> None:
    for size in (1, 2):
        one = Manifest(place)
        one.add([record("a", size), record(f"b{size}")])
        one.save()
    one.join()
    assert files(place) == ["done-00000000.parquet"]
    assert Manifest(place).records == {"a": record("a", 2), "b1": record("b1"), "b2": record("b2")}


def test_a_kill_while_files_are_joined_loses_nothing(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    one = Manifest(place)
    one.add([record("a")])
    one.save()
    with monkeypatch.context() as patched:
        patched.setattr(Place, "delete", lambda self, path: exit())
        with pytest.raises(SystemExit):
            one.join()
    assert len(files(place)) == 2
    assert Manifest(place).records == {"a": record("a")}


def test_what_outputs_have_in_common_is_kept(place: Place) -> None:
    assert Manifest.job(place) == {}
    Manifest(place).begin({"engine": "torch", "threads": 2})
    assert Manifest.job(place) == {"engine": "torch", "threads": 2}


def test_a_damaged_job_file_has_a_sentence(place: Place) -> None:
    Manifest(place).begin({})
    place.local(f"{FOLDER}/job.json").write_text("{cut")
    with pytest.raises(UserError, match=r"job\.json is damaged.*all is done again"):
        Manifest.job(place)
