"""The folder of decoded pairs: its limit, what leaves it first, and what stays."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from pix2pix.data.cache import SIZE_LIMIT, entries, read_index
from pix2pix.data.store import Store
from pix2pix.errors import UserError
from pix2pix.pairs.find import find_pairs
from tests.helpers import files_below, open_pairs, write_pairs, write_text

PAIR_BYTES = 2 * 32 * 32 * 3
HOLD = """
import sys
from pathlib import Path
from tests.helpers import open_pairs
from pix2pix.pairs.find import find_pairs
pairs = find_pairs([Path(sys.argv[1])], "left")
store = open_pairs(pairs.splits["train"])
print("open", flush=True)
input()
"""

HOLD_HUB = """
import sys
from pathlib import Path
from pix2pix.data.cache import hold
hold(Path(sys.argv[1]))
print("held", flush=True)
input()
"""


def open_set(folder: Path, count: int = 5) -> Store:
    """The store of so many pairs in the folder's train."""
    if not folder.exists():
        write_pairs(folder / "train", count)
    return open_pairs(find_pairs([folder], "left").splits["train"])


def age(seconds: int) -> None:
    """Make the entry used last as old as this."""
    for path in entries()[-1].files:
        stat = path.stat()
        os.utime(path, (stat.st_atime, stat.st_mtime - seconds))


def kept() -> list[str]:
    """Which sets are in the cache, the oldest first."""
    return [entry.describe().split("/")[-2] for entry in entries()]


@pytest.fixture
def three(tmp_path: Path) -> Path:
    """A folder of the sets a, b and c, opened in this order."""
    for name, seconds in (("a", 300), ("b", 200), ("c", 100)):
        open_set(tmp_path / name)
        age(seconds)
    return tmp_path


def limit_pairs(monkeypatch: pytest.MonkeyPatch, pairs: float) -> None:
    index_bytes = 2000
    monkeypatch.setenv(SIZE_LIMIT, str((pairs * PAIR_BYTES + index_bytes) / 1e9))


def test_entries_are_listed_by_their_last_use(three: Path) -> None:
    assert kept() == ["a", "b", "c"]
    first = entries()[0]
    assert first.describe() == f"5 pairs of 32 x 32 px from {three / 'a' / 'train'}"
    assert 5 * PAIR_BYTES < first.bytes < 5 * PAIR_BYTES + 1000
    assert not first.in_use
    open_set(three / "a")
    assert kept() == ["b", "c", "a"]


def test_the_least_recently_used_leave_first(three: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    limit_pairs(monkeypatch, 15)
    open_set(three / "a")
    assert kept() == ["b", "c", "a"]  # nothing is written, so that nothing leaves
    open_set(three / "d")
    assert kept() == ["c", "a", "d"]


def test_a_set_larger_than_the_limit_is_decoded_all_the_same(
    three: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    limit_pairs(monkeypatch, 4)
    assert len(open_set(three / "d")) == 5
    assert kept() == ["d"]


def test_what_this_process_has_open_stays(three: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    limit_pairs(monkeypatch, 5)
    store = open_set(three / "b")
    assert [entry.in_use for entry in entries()] == [False, False, True]
    open_set(three / "d")
    assert kept() == ["b", "d"]
    del store
    assert not entries()[0].in_use


def test_what_another_process_has_open_stays_until_it_ends(
    three: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(three / "a")], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    with holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"open\n"
        limit_pairs(monkeypatch, 5)
        open_set(three / "d")
        assert set(kept()) == {"a", "d"}
        assert not next(entry for entry in entries() if "/a/" in entry.describe()).remove()
        holder.kill()
    assert next(entry for entry in entries() if "/a/" in entry.describe()).remove()
    assert kept() == ["d"]


def test_removing_an_entry_leaves_none_of_its_files(three: Path, cache: Path) -> None:
    for entry in entries():
        assert entry.remove()
    assert files_below(cache) == set()
    assert len(open_set(three / "a")) == 5


def test_what_an_earlier_version_or_a_killed_process_left_is_listed(three: Path, cache: Path) -> None:
    write_text(cache / "0123.json", '{"names": ["a", "b"], "failures": [], "bytes": [1, 2], "digest": ""}')
    write_text(cache / "4567.source")
    write_text(cache / ".unfinished-0-x.source")
    listed = {entry.name: entry for entry in entries()}
    assert listed["0123"].describe() == "2 pairs of an earlier version"
    assert listed["4567"].describe() == "0 pairs of an earlier version"
    assert len(listed) == 5


def test_pictures_of_the_hub_are_listed_and_stay_until_they_are_cleared(
    three: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_pairs(cache / "hub" / "89ab", 3)
    limit_pairs(monkeypatch, 5)
    open_set(three / "d")
    (hub,) = (entry for entry in entries() if entry.name == "89ab")
    assert hub.describe() == "3 pictures of a hub data set"
    assert hub.remove()
    assert "89ab" not in {entry.name for entry in entries()}


def test_pictures_of_the_hub_that_another_process_uses_stay(cache: Path) -> None:
    write_pairs(cache / "hub" / "89ab", 3)
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD_HUB, str(cache / "hub" / "89ab")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    with holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        (hub,) = entries()
        assert hub.in_use
        assert not hub.remove()
        assert len(hub.files) == len(entries()[0].files) == 3
        holder.kill()
    assert hub.remove()
    assert entries() == []


def test_a_limit_that_is_no_number_is_refused(three: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(SIZE_LIMIT, "much")
    with pytest.raises(UserError, match="PIX2PIX_CACHE_GB is 'much': wanted a number of gigabytes"):
        open_set(three / "d")


@pytest.mark.parametrize(
    "text", ["[]", "5", "{}", '{"names": 1}', "[" * 100_000, '{"bytes": null, "digest": "a"}']
)
def test_an_index_that_is_not_whole_is_none(tmp_path: Path, text: str) -> None:
    assert read_index(write_text(tmp_path / "a.json", text)) is None


def test_pairs_with_an_index_that_is_not_whole_are_decoded_anew(three: Path, cache: Path) -> None:
    before = {entry.name for entry in entries()}
    for index in cache.glob("*.json"):
        index.write_text("{}")
    assert [entry.describe() for entry in entries()]
    assert {entry.name for entry in entries()} == before
