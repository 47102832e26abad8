"""Places: folders, and stores whose connections break."""

import errno
from pathlib import Path
from typing import Any

import pytest
from pyarrow import fs

from pix2pix.bulk import places
from pix2pix.bulk.places import Place, is_full, open_place, refuse_overlap
from pix2pix.errors import UserError


class Breaking:
    """A store of one file whose connection breaks `times` times."""

    def __init__(self, times: int, error: OSError | None = None) -> None:
        self.left, self._error = times, error or OSError("connection reset")

    def get_file_info(self, path: Any) -> Any:
        if self.left:
            self.left -= 1
            raise self._error
        return fs.FileInfo(path, fs.FileType.File)


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(places, "_FIRST_WAIT_SECONDS", 0.0)


def test_a_folder_keeps_files(tmp_path: Path) -> None:
    place = open_place(str(tmp_path / "new"))
    assert place.entries() == []
    place.write("deep/a.png", b"123")
    place.write(".hidden/b.png", b"1")
    assert [(entry.path, entry.size) for entry in place.entries()] == [("deep/a.png", 3)]
    assert (place.read("deep/a.png"), place.has("deep/a.png"), place.has("deep")) == (b"123", True, False)
    place.delete("deep/a.png")
    place.delete("deep/a.png")
    with pytest.raises(UserError, match=r"There is no file .*a\.png"):
        place.read("deep/a.png")


def test_what_only_fsspec_knows_is_a_place_too() -> None:
    place = open_place("memory://folder")
    place.write("deep/a.png", b"123")
    assert [entry.path for entry in place.entries()] == ["deep/a.png"]
    assert place.read("deep/a.png") == b"123"


def test_broken_connections_are_tried_again() -> None:
    store = Breaking(4)
    assert Place("s3://bucket", "bucket", store).has("a.png")
    assert store.left == 0


def test_a_store_that_stays_away_has_a_sentence() -> None:
    with pytest.raises(UserError, match=r"Cannot read s3://bucket/a\.png: connection reset"):
        Place("s3://bucket?region=x", "bucket", Breaking(9)).has("a.png")


def test_what_is_refused_is_not_tried_again() -> None:
    store = Breaking(9, PermissionError("denied"))
    with pytest.raises(UserError, match="denied"):
        Place("s3://bucket", "bucket", store).has("a.png")
    assert store.left == 8


@pytest.mark.parametrize(
    ("one", "other", "message"),
    [("a", "a", "are one folder"), ("a", "a/b", "lie in each other"), ("a/b", "a", "lie in each other")],
)
def test_places_in_each_other_are_refused(tmp_path: Path, one: str, other: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        refuse_overlap(open_place(str(tmp_path / one)), open_place(str(tmp_path / other)))
    refuse_overlap(open_place(str(tmp_path / "a")), open_place(str(tmp_path / "ab")))


def test_a_full_disk_is_known() -> None:
    def error(number: int) -> UserError:
        error = UserError("")
        error.__cause__ = OSError(number, "")
        return error

    assert is_full(error(errno.ENOSPC))
    assert not is_full(error(errno.ENOENT))
    assert not is_full(UserError(""))
