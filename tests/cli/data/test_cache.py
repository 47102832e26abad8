from __future__ import annotations

from pathlib import Path

from pix2pix.data.store import Store
from pix2pix.pairs.find import find_pairs
from tests.cli.command import pix2pix
from tests.helpers import files_below, open_pairs, write_pairs


def run(code: int, *words: str) -> str:
    """What `pix2pix data cache ...` prints, with this exit code."""
    result = pix2pix("data", "cache", *words)
    assert result.exit_code == code, result.output
    return result.stderr if code == 2 else result.stdout


def open_new(folder: Path) -> Store:
    return open_pairs(find_pairs([write_pairs(folder / "train", 3)], "left").splits["train"])


def test_the_cache_is_listed_and_cleared(tmp_path: Path, cache: Path) -> None:
    for name in ("one", "two"):
        open_new(tmp_path / name)
    lines = run(0).splitlines()
    assert len(lines) == 3
    assert f"pairs of 32 x 32 px from {tmp_path / 'one' / 'train'}" in lines[0]
    assert f"{tmp_path / 'two'}" in lines[1]
    assert lines[2].endswith("decoded pairs may be 100 GB (PIX2PIX_CACHE_GB)")
    first, second = (line.split()[0] for line in lines[:2])
    assert run(0, first).splitlines()[0] == lines[0]
    assert "The cache has no entry nothing." in run(2, "nothing")
    cleared = run(0, first, "--clear")
    assert "removed" in cleared
    assert second not in cleared
    assert [line.split()[0] for line in run(0).splitlines()[:-1]] == [second]
    run(0, "--clear")
    assert files_below(cache) == set()
    assert run(0).startswith(f"{cache}: 0.00 GB")


def test_pairs_in_use_are_named_and_kept(tmp_path: Path) -> None:
    store = open_new(tmp_path)
    assert "from " in run(0)
    assert ", in use" in run(0)
    assert "kept, as a process uses it" in run(1, "--clear")
    del store
    assert "removed" in run(0, "--clear")


def test_what_has_changed_is_found_named_and_removed(tmp_path: Path, cache: Path) -> None:
    for name in ("good", "changed", "shorter", "unlisted"):
        before = set(cache.iterdir())
        open_new(tmp_path / name)
        source, target, index = (
            next(path for path in set(cache.iterdir()) - before if path.suffix == suffix)
            for suffix in (".source", ".target", ".json")
        )
        if name == "changed":
            pixels = bytearray(target.read_bytes())
            pixels[-1] ^= 1
            target.write_bytes(pixels)
        elif name == "shorter":
            source.write_bytes(source.read_bytes()[:-1])
        elif name == "unlisted":
            index.unlink()
    lines = run(1, "--verify").splitlines()
    assert "whole: 3 pairs of 32 x 32 px from" in lines[0]
    assert "DAMAGED, .target has changed at pair 3 (removed): 3 pairs of 32 x 32 px" in lines[1]
    assert "DAMAGED, .source has another length (removed): 3 pairs" in lines[2]
    assert "DAMAGED, there is no index of these pixels (removed)" in lines[3]
    assert len(run(0, "--verify").splitlines()) == 2
    assert "exclude each other" in run(2, "--verify", "--clear")


def test_a_damaged_entry_that_a_process_uses_is_named_and_kept(tmp_path: Path, cache: Path) -> None:
    store = open_new(tmp_path)
    (file,) = cache.glob("*.target")
    pixels = file.read_bytes()
    file.write_bytes(pixels[:-1] + bytes([pixels[-1] ^ 1]))
    assert "(in use: stop that process, then --clear)" in run(1, "--verify")
    del store
    assert "(removed)" in run(1, "--verify")


def test_what_has_no_checksums_is_not_called_whole(cache: Path) -> None:
    (cache / "0123.json").write_text('{"names": ["a"], "failures": [], "bytes": [1, 2], "digest": ""}')
    write_pairs(cache / "hub" / "89ab", 3)
    listed = run(0, "--verify")
    assert "no checksums: 1 pairs of an earlier version" in listed
    assert "no checksums: 3 pictures of a hub data set" in listed
