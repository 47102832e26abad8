from __future__ import annotations

import gzip
import hashlib
import os
from contextlib import suppress
from pathlib import Path

import pytest

from pix2pix.errors import UserError
from pix2pix.export import folder as folder_module
from pix2pix.export.folder import LIST, replacing_folder, write_list, write_parts
from tests.helpers import files_below, write


def fill(path: Path, **files: str) -> str:
    """Write a folder as an export does, and return its digest."""
    with replacing_folder(path) as folder:
        for name, text in files.items():
            (folder / name).write_text(text)
        return write_list(folder)


def test_an_export_replaces_an_earlier_one_as_a_whole(tmp_path: Path) -> None:
    place = tmp_path / "sites" / "site"
    fill(place, old="1", kept="1")
    fill(place, kept="2")
    assert files_below(tmp_path) == {"sites/site/kept", f"sites/site/{LIST}"}
    assert (place / "kept").read_text() == "2"


def test_an_empty_folder_is_taken(tmp_path: Path) -> None:
    fill(tmp_path, file="1")
    assert files_below(tmp_path) == {"file", LIST}


def test_files_that_no_export_wrote_are_never_removed(tmp_path: Path) -> None:
    place = tmp_path / "site"
    place.mkdir()
    (place / "thesis.tex").write_text("the only copy")
    with pytest.raises(UserError, match=r"thesis\.tex, which no export wrote"):
        fill(place, file="1")
    (place / "thesis.tex").rename(tmp_path / "thesis.tex")
    fill(place, file="1")
    (place / "CNAME").write_text("mine")
    (place / ".hidden").write_text("mine")
    with pytest.raises(UserError, match=r"holds \.hidden and 1 more"):
        fill(place, file="2")
    assert files_below(place) == {"file", LIST, "CNAME", ".hidden"}


def test_a_list_that_is_damaged_is_no_permission(tmp_path: Path) -> None:
    (tmp_path / LIST).write_text("[1")
    with pytest.raises(UserError, match="no export wrote"):
        fill(tmp_path, file="1")


def test_a_file_is_no_folder(tmp_path: Path) -> None:
    (tmp_path / "site").write_text("")
    with pytest.raises(UserError, match="wanted a folder"):
        fill(tmp_path / "site", file="1")


def test_work_that_fails_leaves_what_was_there(tmp_path: Path) -> None:
    place = tmp_path / "site"
    fill(place, file="1")
    with suppress(KeyError), replacing_folder(place) as folder:
        (folder / "file").write_text("2")
        raise KeyError
    assert files_below(tmp_path) == {"site/file", f"site/{LIST}"}
    assert (place / "file").read_text() == "1"


def test_files_that_came_meanwhile_are_kept(tmp_path: Path) -> None:
    place = tmp_path / "site"
    with suppress(UserError), replacing_folder(place):
        write(place / "mine.png")
    assert files_below(tmp_path) == {"site/mine.png"}


def test_a_place_that_cannot_be_written_is_reported_in_words(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match=r"Cannot (write|open)"):
        fill(tmp_path / "file" / "site", file="1")


def test_the_digest_is_of_contents_and_names(tmp_path: Path) -> None:
    digests = {fill(tmp_path / "a", x="1"), fill(tmp_path / "b", x="2"), fill(tmp_path / "c", y="1")}
    assert len(digests) == 3
    assert fill(tmp_path / "d", x="1") in digests


@pytest.mark.parametrize("error", [KeyboardInterrupt, PermissionError])
@pytest.mark.parametrize("failing", [1, 2])
def test_nothing_is_lost_where_the_renames_fail(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: type[BaseException], failing: int
) -> None:
    """The second rename fails, and with `failing` 2 also that which puts the old one back."""
    place, rename, calls = tmp_path / "site", os.replace, list[Path]()
    fill(place, file="1")

    def replace(source: Path, target: Path) -> None:
        calls.append(source)
        if 2 <= len(calls) <= 1 + failing:
            raise error if len(calls) == 2 else PermissionError
        rename(source, target)

    monkeypatch.setattr(os, "replace", replace)
    with pytest.raises((KeyboardInterrupt, UserError)):
        fill(place, file="2")
    (kept,) = tmp_path.iterdir()
    assert (kept == place) == (failing == 1)
    assert (kept / "file").read_text() == "1"


def test_of_a_link_the_folder_is_replaced(tmp_path: Path) -> None:
    fill(tmp_path / "real", file="1")
    (tmp_path / "link").symlink_to("real", target_is_directory=True)
    fill(tmp_path / "link", file="2")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real" / "file").read_text() == "2"


# Parts of large files


@pytest.mark.parametrize("size", [1, 99, 100, 101, 1000])
@pytest.mark.parametrize("compress", [False, True])
def test_parts_make_the_whole_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: int, compress: bool
) -> None:
    monkeypatch.setattr(folder_module, "PART_BYTES", 100)
    data = bytes(i * i % 251 for i in range(size))
    packed = write_parts(data, tmp_path, "networks", compress=compress)
    pieces = [(tmp_path / part["file"]).read_bytes() for part in packed["parts"]]
    whole = b"".join(pieces)
    assert (gzip.decompress(whole) if compress else whole) == data
    assert packed["bytes"] == len(whole) == sum(part["bytes"] for part in packed["parts"])
    assert packed["gzip"] == compress
    assert all(0 < len(piece) <= 100 for piece in pieces)
    digests = [hashlib.sha256(piece).hexdigest() for piece in (*pieces, whole)]
    assert digests == [*(part["sha256"] for part in packed["parts"]), packed["sha256"]]


def test_another_content_has_another_name(tmp_path: Path) -> None:
    names = {write_parts(data, tmp_path, "networks")["parts"][0]["file"] for data in (b"1", b"2")}
    assert len(names) == 2


def test_hosts_that_refuse_large_files_take_the_parts() -> None:
    assert folder_module.PART_BYTES <= 20 << 20
