from __future__ import annotations

from pathlib import Path

from pix2pix.data.pairs import find_pairs
from tests.cli.command import pix2pix
from tests.helpers import files_below, open_pairs, write_pairs


def good(*words: str | Path) -> str:
    result = pix2pix(*words)
    assert result.exit_code == 0, result.output
    return result.stdout


def refused(*words: str | Path) -> str:
    result = pix2pix(*words)
    assert result.exit_code == 2, result.output
    return result.stderr


def test_the_cache_is_listed_and_cleared(tmp_path: Path, cache: Path) -> None:
    for name in ("one", "two"):
        open_pairs(find_pairs([write_pairs(tmp_path / name / "train", 3)], "left").splits["train"])
    lines = good("data", "cache").splitlines()
    assert len(lines) == 3
    assert f"pairs of 32 x 32 px from {tmp_path / 'one' / 'train'}" in lines[0]
    assert f"{tmp_path / 'two'}" in lines[1]
    assert lines[2].endswith("decoded pairs may be 100 GB (PIX2PIX_CACHE_GB)")
    first, second = (line.split()[0] for line in lines[:2])
    assert good("data", "cache", first).splitlines()[0] == lines[0]
    assert "The cache has no entry nothing." in refused("data", "cache", "nothing")
    cleared = good("data", "cache", first, "--clear")
    assert "removed" in cleared
    assert second not in cleared
    assert [line.split()[0] for line in good("data", "cache").splitlines()[:-1]] == [second]
    good("data", "cache", "--clear")
    assert files_below(cache) == set()
    assert good("data", "cache").startswith(f"{cache}: 0.00 GB")


def test_pairs_in_use_are_named_and_kept(tmp_path: Path) -> None:
    store = open_pairs(find_pairs([write_pairs(tmp_path / "train", 3)], "left").splits["train"])
    assert "from " in good("data", "cache")
    assert ", in use" in good("data", "cache")
    result = pix2pix("data", "cache", "--clear")
    assert result.exit_code == 1
    assert "kept, as a process uses it" in result.stdout
    del store
    assert "removed" in good("data", "cache", "--clear")
