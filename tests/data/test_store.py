import errno
import io
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pix2pix import images
from pix2pix.data.pairs import Half, Pair, find_pairs
from pix2pix.data.store import Store, cache_folder, open_store, read_pair
from pix2pix.errors import UserError
from tests.helpers import files_below, noise, write, write_pairs, write_text, write_truncated

RGB = (3, 3)


def pairs_in(folder: Path) -> list[Pair]:
    """All pairs of a folder, whatever their split."""
    splits = find_pairs([folder], "left").splits
    return sorted((p for some in splits.values() for p in some), key=lambda pair: pair.name)


def store_of(folder: Path, **options: Any) -> Store:
    return open_store(pairs_in(folder), 32, RGB, **options)


def no_decoder(monkeypatch: pytest.MonkeyPatch) -> None:
    def decode(path: Path) -> None:
        raise AssertionError(f"{path} was decoded")

    monkeypatch.setattr(images, "open_image", decode)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_pairs(tmp_path / "pairs", 5)


# What is stored


def test_pairs_of_the_stored_size_are_kept_byte_for_byte(folder: Path) -> None:
    store = store_of(folder)
    assert len(store) == 5
    assert list(store.names) == ["0", "1", "2", "3", "4"]
    assert list(store.failures) == []
    for index in range(5):
        whole = noise(32, 64, seed=index)
        assert np.array_equal(store.source(index), whole[:, :32])
        assert np.array_equal(store.target(index), whole[:, 32:])


def test_either_half_can_be_the_source(folder: Path) -> None:
    left = store_of(folder)
    right = open_store([Pair(p.name, p.target, p.source) for p in pairs_in(folder)], 32, RGB)
    assert np.array_equal(left.source(2), right.target(2))
    assert np.array_equal(left.target(2), right.source(2))


def test_pictures_are_resized_and_given_their_channels(folder: Path) -> None:
    store = open_store(pairs_in(folder), 20, (1, 4))
    assert store.pixels.shape == (5, 20, 20, 5)
    assert store.source(0).shape == (20, 20, 1)
    assert (store.target(0)[:, :, 3] == 255).all()


def test_two_folders_may_hold_other_endings_and_depths(tmp_path: Path) -> None:
    source, target = noise(32, 32, 1, seed=1), noise(32, 32, 3, seed=2)
    pair = Pair(
        "a",
        Half(write(tmp_path / "source" / "a.png", source), "whole"),
        Half(write(tmp_path / "target" / "a.tif", target), "whole"),
    )
    assert np.array_equal(read_pair(pair, 32, (1, 3)), np.concatenate([source, target], axis=2))


def test_progress_is_told_of_every_pair(folder: Path) -> None:
    told: list[tuple[int, int]] = []
    store_of(folder, progress=lambda done, total: told.append((done, total)))
    assert told == [(n, 5) for n in range(1, 6)]


# The cache


def test_the_second_opening_decodes_nothing(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = store_of(folder)
    no_decoder(monkeypatch)
    second = store_of(folder)
    assert np.array_equal(first.pixels, second.pixels)
    assert (second.names, second.digest) == (first.names, first.digest)


def test_pixels_are_mapped_from_the_cache_and_cannot_be_changed(folder: Path, cache: Path) -> None:
    store = store_of(folder)
    assert isinstance(store.pixels, np.memmap)
    assert Path(store.pixels.filename).parent == cache
    with pytest.raises(ValueError, match="read-only"):
        store.pixels[0] = 0


def test_a_changed_picture_makes_a_new_store(folder: Path) -> None:
    before = store_of(folder)
    changed = 255 - noise(32, 64, seed=3)
    write(folder / "3.png", changed)
    os.utime(folder / "3.png", ns=(0, 0))  # however coarse the clock of the disk is
    after = store_of(folder)
    assert after.digest != before.digest
    assert np.array_equal(after.source(3), changed[:, :32])
    assert np.array_equal(before.source(3), noise(32, 64, seed=3)[:, :32])


@pytest.mark.parametrize(
    "other",
    [
        lambda pairs: (pairs, 33, RGB),
        lambda pairs: (pairs, 32, (1, 3)),
        lambda pairs: (pairs[1:], 32, RGB),
        lambda pairs: (pairs[::-1], 32, RGB),
        lambda pairs: ([Pair(p.name, p.target, p.source) for p in pairs], 32, RGB),
    ],
    ids=["size", "channels", "fewer", "order", "direction"],
)
def test_another_request_makes_another_store(
    folder: Path, other: Callable[[list[Pair]], tuple[list[Pair], int, tuple[int, int]]]
) -> None:
    pairs = pairs_in(folder)
    assert open_store(pairs, 32, RGB).digest != open_store(*other(pairs)).digest


def test_the_cache_stands_where_the_environment_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIX2PIX_CACHE", "/fast")
    assert cache_folder() == Path("/fast")
    monkeypatch.delenv("PIX2PIX_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", "/scratch")
    assert cache_folder() == Path("/scratch/pix2pix")
    monkeypatch.setenv("XDG_CACHE_HOME", "")
    monkeypatch.setenv("HOME", "/home/ada")
    assert cache_folder() == Path("/home/ada/.cache/pix2pix")


# Pairs that cannot be used


def spoil(folder: Path, what: str) -> str:
    """Put one bad file into a folder of pairs; what is to be said of it."""
    match what:
        case "odd width":
            write(folder / "bad.png", noise(32, 63))
            return "bad.png is 63 x 32 px, so its halves differ in width"
        case "text":
            write_text(folder / "bad.jpg")
            return "bad.jpg is not a picture"
        case "truncated":
            write_truncated(folder / "bad.jpg")
            return "bad.jpg cannot be read: "
    raise ValueError(what)


BAD = ["odd width", "text", "truncated"]


@pytest.mark.parametrize("what", BAD)
def test_a_bad_picture_is_left_out_and_named(folder: Path, what: str) -> None:
    said = spoil(folder, what)
    store = store_of(folder)
    assert list(store.names) == ["0", "1", "2", "3", "4"]
    assert np.array_equal(store.source(4), noise(32, 64, seed=4)[:, :32])
    (failure,) = store.failures
    assert f"{folder}/{said}" in failure


def test_halves_of_different_size_are_left_out_and_both_named(tmp_path: Path) -> None:
    for name, size in (("good", 32), ("bad", 40)):
        write(tmp_path / "source" / f"{name}.png")
        write(tmp_path / "target" / f"{name}.png", noise(32, size))
    store = store_of(tmp_path)
    assert list(store.names) == ["good"]
    source, target = (tmp_path / half / "bad.png" for half in ("source", "target"))
    assert list(store.failures) == [
        f"{source} is 32 x 32 px but {target} is 40 x 32 px: wanted equal sizes."
    ]


def test_what_was_left_out_is_named_again_from_the_cache(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spoil(folder, "text")
    first = store_of(folder)
    no_decoder(monkeypatch)
    assert store_of(folder).failures == first.failures


@pytest.mark.parametrize("cached", [False, True])
@pytest.mark.parametrize("what", BAD)
def test_strict_raises_at_a_bad_picture(folder: Path, cache: Path, what: str, cached: bool) -> None:
    said = spoil(folder, what)
    if cached:
        store_of(folder)
    with pytest.raises(UserError) as caught:
        store_of(folder, strict=True)
    assert said in str(caught.value)
    assert cached or files_below(cache) == set()


def test_where_all_are_bad_the_first_is_named_and_nothing_kept(tmp_path: Path, cache: Path) -> None:
    for name in ("a", "b", "c"):
        write_text(tmp_path / f"{name}.jpg")
    with pytest.raises(UserError, match=r"a\.jpg is not a picture .*None of the 3 pairs could be"):
        store_of(tmp_path)
    assert files_below(cache) == set()


# A disk that is full


class FullDisk(io.BytesIO):
    """A file that takes three pairs and no more."""

    def write(self, data: Any) -> int:
        if self.tell() >= 3 * 32 * 32 * 6:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return super().write(data)


@pytest.mark.parametrize("where", ["pixels", "index"])
def test_a_full_disk_leaves_nothing_half(
    folder: Path, cache: Path, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    real_open = Path.open

    def full(self: Path, mode: str = "r", *rest: Any, **named: Any) -> Any:
        file = real_open(self, mode, *rest, **named)
        if mode == "wb":
            file.close()
            return FullDisk()
        return file

    def full_text(self: Path, *rest: Any) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patched:
        if where == "pixels":
            patched.setattr(Path, "open", full)
        else:
            patched.setattr(Path, "write_text", full_text)
        with pytest.raises(UserError, match=r"Cannot write .* No space left on device"):
            store_of(folder)
    assert not [name for name in files_below(cache) if name.endswith(".json") or "-" in name]
    assert len(store_of(folder)) == 5


def test_a_cache_that_cannot_be_written_is_named(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_text(tmp_path / "file")
    monkeypatch.setenv("PIX2PIX_CACHE", str(tmp_path / "file" / "cache"))
    with pytest.raises(UserError, match=r"Cannot write .*file/cache/.*\.u8"):
        store_of(folder)


def test_an_index_without_its_pixels_is_made_again(folder: Path, cache: Path) -> None:
    digest = store_of(folder).digest
    (cache / f"{digest}.u8").unlink()
    (cache / f"{digest}.json").write_text(json.dumps({"names": ["wrong"], "failures": []}))
    assert list(store_of(folder).names) == ["0", "1", "2", "3", "4"]
