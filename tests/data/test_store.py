import errno
import io
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from pix2pix.config import Config, DataConfig
from pix2pix.data import cache as data_cache
from pix2pix.data.batches import Loader, in_order
from pix2pix.data.feed import DeviceFeed, HostFeed
from pix2pix.data.origins import find_data
from pix2pix.data.reading import Reading, find_reading
from pix2pix.data.store import Store, open_store
from pix2pix.derive.lab import for_digest
from pix2pix.errors import UserError
from pix2pix.pairs.find import Half, NoPairError, Pair, find_pairs
from pix2pix.pictures import codec
from pix2pix.pictures.contract import PictureContract
from pix2pix.pictures.formats.opening import LIMIT
from tests.helpers import batch_at, files_below, noise, small, write, write_pairs, write_text, write_truncated

SIZE = (32, 32)
RGB = Reading(PictureContract(), PictureContract(), DataConfig())


def reading(source: int = 3, target: int = 3, **config: Any) -> Reading:
    """How pictures of 8 bits with these channels are read."""
    halves = (PictureContract(channels=channels) for channels in (source, target))
    return Reading(*halves, DataConfig(**config))


def pairs_in(folder: Path) -> list[Pair]:
    """All pairs of a folder, whatever their split."""
    splits = find_pairs([folder], "left").splits
    return sorted((p for split in splits.values() for p in split), key=lambda pair: pair.name)


def store_of(folder: Path, **options: Any) -> Store:
    return open_store(pairs_in(folder), SIZE, RGB, **options)


def no_decoder(monkeypatch: pytest.MonkeyPatch) -> None:
    def decode(path: Path, note: object) -> None:
        raise AssertionError(f"{path} was decoded")

    monkeypatch.setattr(codec, "read_picture", decode)


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
        assert np.array_equal(store.sources[index], whole[:, :32])
        assert np.array_equal(store.targets[index], whole[:, 32:])


def test_either_half_can_be_the_source(folder: Path) -> None:
    left = store_of(folder)
    right = open_store([Pair(p.name, p.target, p.source) for p in pairs_in(folder)], SIZE, RGB)
    assert np.array_equal(left.sources[2], right.targets[2])
    assert np.array_equal(left.targets[2], right.sources[2])


def test_pictures_are_resized_and_given_their_channels(folder: Path) -> None:
    store = open_store(pairs_in(folder), (20, 24), reading(1, 4))
    assert store.sources.shape == (5, 20, 24, 1)
    assert store.targets.shape == (5, 20, 24, 4)
    assert (store.targets[0][:, :, 3] == 255).all()


@pytest.mark.parametrize(("depth", "high"), [("uint8", 255), ("uint16", 65535), ("float32", 2.5)])
def test_every_depth_is_kept_to_the_last_bit(tmp_path: Path, depth: Any, high: float) -> None:
    source = noise(32, 32, 1)
    target = (np.random.default_rng(0).random((32, 32, 2)) * high).astype(depth)
    pair = Pair(
        "a",
        Half(write(tmp_path / "source.png", source), "whole"),
        Half(write(tmp_path / "target.npy", target), "whole"),
    )
    contract = PictureContract(channels=2, depth=depth, high=high)
    store = open_store([pair], SIZE, Reading(PictureContract(channels=1), contract, DataConfig()))
    assert store.targets.dtype == depth
    assert np.array_equal(store.sources[0], source)
    assert np.array_equal(store.targets[0], target)


def test_two_folders_may_hold_other_endings_and_depths(tmp_path: Path) -> None:
    source, target = noise(32, 32, 1, seed=1), noise(32, 32, 3, seed=2)
    pair = Pair(
        "a",
        Half(write(tmp_path / "source" / "a.png", source), "whole"),
        Half(write(tmp_path / "target" / "a.tif", target), "whole"),
    )
    store = open_store([pair], SIZE, reading(1, 3))
    assert np.array_equal(store.sources[0], source)
    assert np.array_equal(store.targets[0], target)


def test_progress_is_reported_for_every_pair(folder: Path) -> None:
    reports: list[tuple[int, int]] = []
    store_of(folder, progress=lambda done, total: reports.append((done, total)))
    assert reports == [(n, 5) for n in range(1, 6)]


# The cache


def test_the_second_opening_decodes_nothing(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = store_of(folder)
    no_decoder(monkeypatch)
    second = store_of(folder)
    assert np.array_equal(first.sources, second.sources)
    assert np.array_equal(first.targets, second.targets)
    assert (second.names, second.digest) == (first.names, first.digest)


def test_what_is_done_to_a_pair_does_not_reach_the_cache(folder: Path) -> None:
    store = store_of(folder)
    store.sources[1][:] = 0
    assert np.array_equal(store.sources[1], noise(32, 64, seed=1)[:, :32])


def test_a_changed_picture_makes_a_new_store(folder: Path) -> None:
    before = store_of(folder)
    changed = 255 - noise(32, 64, seed=3)
    write(folder / "3.png", changed)
    os.utime(folder / "3.png", ns=(0, 0))  # however coarse the clock of the disk is
    after = store_of(folder)
    assert after.digest != before.digest
    assert np.array_equal(after.sources[3], changed[:, :32])
    assert np.array_equal(before.sources[3], noise(32, 64, seed=3)[:, :32])


@pytest.mark.parametrize(
    "other",
    [
        lambda pairs: (pairs, (33, 32), RGB),
        lambda pairs: (pairs, (32, 33), RGB),
        lambda pairs: (pairs, SIZE, reading(1, 3)),
        lambda pairs: (pairs, SIZE, reading(fit="crop")),
        lambda pairs: (pairs, SIZE, reading(make="gray")),
        lambda pairs: (pairs, SIZE, reading(snap_labels=True)),
        lambda pairs: (pairs[1:], SIZE, RGB),
        lambda pairs: (pairs[::-1], SIZE, RGB),
        lambda pairs: ([Pair(p.name, p.target, p.source) for p in pairs], SIZE, RGB),
        lambda pairs: ([Pair(p.name, p.source, p.target, (p.source,)) for p in pairs], SIZE, reading(6)),
    ],
    ids=["height", "width", "channels", "fit", "make", "snap", "fewer", "order", "direction", "more sources"],
)
def test_another_request_makes_another_store(
    folder: Path, cache: Path, other: Callable[[list[Pair]], tuple[list[Pair], tuple[int, int], Reading]]
) -> None:
    pairs = pairs_in(folder)
    open_store(pairs, SIZE, RGB)
    open_store(*other(pairs))
    assert len(list(cache.glob("*.json"))) == 2


def test_a_changed_mask_makes_a_new_store(tmp_path: Path) -> None:
    photograph = Half(write(tmp_path / "a.png"), "whole")
    pairs, masks = [Pair("a", photograph, photograph)], tmp_path / "masks"
    made = Reading(PictureContract(), PictureContract(), DataConfig(make=f"mask:{masks}"), PictureContract())
    for white in (0, 255):
        mask = write(masks / "a.png", np.full((32, 32, 1), white, np.uint8))
        os.utime(mask, ns=(white, white))
        store = open_store(pairs, SIZE, made)
        assert np.array_equal(store.sources, store.targets) == (white == 0)


def test_other_weights_of_hed_make_a_new_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    photograph = Half(write(tmp_path / "a.png"), "whole")
    weights = tmp_path / "hed.pth"
    grey = PictureContract(channels=1)
    made = Reading(grey, PictureContract(), DataConfig(make=f"hed:{weights}"), PictureContract())

    def edges(picture: codec.Array, path: Path) -> Any:
        probability = np.zeros(picture.shape[:2], np.float32)
        probability[:, int(path.read_text())] = 1
        return probability

    monkeypatch.setattr("pix2pix.derive.hed.probability", edges)
    sources = []
    for text in ("8", "9", "8"):
        write_text(weights, text)
        os.utime(weights, ns=(0, 0))
        sources.append(open_store([Pair("a", photograph, photograph)], SIZE, made).sources)
    assert np.array_equal(sources[0], sources[2])
    assert not np.array_equal(sources[0], sources[1])


def test_a_raised_limit_reads_what_was_too_large(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(folder / "large.png", noise(100, 200))
    monkeypatch.setenv(LIMIT, "0.01")
    assert "large.png is 200 x 100 px, 0 megapixels" in store_of(folder).failures[0]
    monkeypatch.setenv(LIMIT, "1")
    assert not store_of(folder).failures


# Pairs that cannot be used


def spoil(folder: Path, what: str) -> str:
    """Put one bad file into a folder of pairs; return the message on it."""
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
    message = spoil(folder, what)
    store = store_of(folder)
    assert list(store.names) == ["0", "1", "2", "3", "4"]
    assert np.array_equal(store.sources[4], noise(32, 64, seed=4)[:, :32])
    (failure,) = store.failures
    assert f"{folder}/{message}" in failure


def test_halves_of_different_size_are_left_out_and_both_named(tmp_path: Path) -> None:
    for name, size in (("good", 32), ("bad", 40)):
        write(tmp_path / "source" / f"{name}.png")
        write(tmp_path / "target" / f"{name}.png", noise(32, size))
    store = store_of(tmp_path)
    assert list(store.names) == ["good"]
    source, target = (tmp_path / half / "bad.png" for half in ("source", "target"))
    (failure,) = store.failures
    assert f"{source} is 32 x 32 px but {target} is 40 x 32 px: wanted equal sizes." in failure


def test_what_could_not_be_read_is_tried_again(folder: Path) -> None:
    good = (folder / "0.png").read_bytes()
    stat = (folder / "0.png").stat()
    (folder / "0.png").write_bytes(b"x" * len(good))
    os.utime(folder / "0.png", ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert len(store_of(folder).failures) == 1
    (folder / "0.png").write_bytes(good)
    os.utime(folder / "0.png", ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert not store_of(folder).failures


def test_the_digest_is_of_what_the_files_hold(folder: Path, tmp_path: Path) -> None:
    before = store_of(folder).digest
    copied = shutil.copytree(folder, tmp_path / "elsewhere")
    assert store_of(copied).digest == before


@pytest.mark.parametrize("cached", [False, True])
@pytest.mark.parametrize("what", BAD)
def test_strict_raises_at_a_bad_picture(folder: Path, cache: Path, what: str, cached: bool) -> None:
    message = spoil(folder, what)
    if cached:
        store_of(folder)
    with pytest.raises(UserError) as caught:
        store_of(folder, strict=True)
    assert message in str(caught.value)
    assert cached or files_below(cache) == set()


def test_where_all_are_bad_the_first_is_named_and_nothing_kept(tmp_path: Path, cache: Path) -> None:
    for name in ("a", "b", "c"):
        write_text(tmp_path / f"{name}.jpg")
    message = r"a\.jpg is not a picture .*None of the 3 pairs that were tried"
    with pytest.raises(NoPairError, match=message) as caught:
        store_of(tmp_path)
    assert ["is not a picture" in failure for failure in caught.value.failures] == [True] * 3
    assert files_below(cache) == set()


def test_a_picture_that_has_gone_since_is_left_out_and_named(folder: Path) -> None:
    pairs = pairs_in(folder)
    (folder / "2.png").unlink()
    store = open_store(pairs, SIZE, RGB)
    assert list(store.names) == ["0", "1", "3", "4"]
    assert list(store.failures) == [f"There is no file {folder / '2.png'}."]


# A disk that is full


class FullDisk(io.BytesIO):
    """A file that takes three pairs and no more."""

    def write(self, data: Any) -> int:
        if self.tell() >= 3 * 32 * 32 * 3:
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
    with pytest.raises(UserError, match=r"Cannot write .*file/cache/.*\.source"):
        store_of(folder)


def test_an_index_without_its_pixels_is_made_again(folder: Path, cache: Path) -> None:
    store_of(folder)
    next(cache.glob("*.source")).unlink()
    assert list(store_of(folder).names) == ["0", "1", "2", "3", "4"]
    next(cache.glob("*.target")).write_bytes(b"cut short")
    assert list(store_of(folder).names) == ["0", "1", "2", "3", "4"]
    index = next(cache.glob("*.json"))
    whole = json.loads(index.read_text())
    pieces = ({key: value} for key, value in whole.items())
    spoilt = ({**whole, key: wrong} for key in whole for wrong in (None, 1, [1], [[1, 2]], {}, "x" * 9))
    for text in ("", "{", "5", "[" * 100_000, *map(json.dumps, [*pieces, *spoilt])):
        index.write_text(text)
        assert list(store_of(folder).names) == ["0", "1", "2", "3", "4"]
        store_of(folder).sources[:]


def test_an_entry_of_before_the_checksums_is_decoded_anew_with_the_same_digest(
    folder: Path, cache: Path
) -> None:
    digest = store_of(folder).digest
    index = next(cache.glob("*.json"))
    of_before = json.loads(index.read_text())
    del of_before["sums"]
    index.write_text(json.dumps(of_before))
    assert store_of(folder).digest == digest
    assert "sums" in json.loads(index.read_text())


def test_changed_bytes_are_noticed_and_decoded_anew(folder: Path, cache: Path) -> None:
    store_of(folder)
    file = next(cache.glob("*.target"))
    pixels = bytearray(file.read_bytes())
    pixels[-5] ^= 1
    file.write_bytes(pixels)
    store = store_of(folder)
    assert np.array_equal(store.targets[3], noise(32, 64, seed=3)[:, 32:])
    with pytest.raises(UserError, match="has changed since it was written, at pair 5") as caught:
        store.targets[4]
    assert str(file) in str(caught.value)
    assert np.array_equal(store_of(folder).targets[4], noise(32, 64, seed=4)[:, 32:])


# Pictures that change while they are decoded


def replace_while_decoding(monkeypatch: pytest.MonkeyPatch, victim: Path, times: int) -> None:
    """The file is another one as soon as it was read, so many times."""
    real, done = codec.read_picture, []

    def read_and_replace(path: Path, *rest: Any) -> Any:
        picture = real(path, *rest)
        if path == victim and len(done) < times:
            done.append(path)
            write(victim, noise(32, 64, seed=90 + len(done)))
            os.utime(victim, ns=(0, len(done)))
        return picture

    monkeypatch.setattr(codec, "read_picture", read_and_replace)


def test_a_picture_that_changes_while_it_is_decoded_is_decoded_anew(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    replace_while_decoding(monkeypatch, folder / "2.png", 1)
    notes: list[str] = []
    store = store_of(folder, note=notes.append)
    assert notes == [f"{folder / '2.png'} changed while the pairs were decoded: they are decoded anew"]
    assert np.array_equal(store.sources[2], noise(32, 64, seed=91)[:, :32])
    monkeypatch.undo()


def test_pictures_that_change_all_the_time_are_refused(
    folder: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    replace_while_decoding(monkeypatch, folder / "2.png", 99)
    with pytest.raises(UserError, match=r"2\.png changed while the pairs were decoded, twice"):
        store_of(folder)
    assert files_below(cache) == set()


def test_what_is_cleared_between_index_and_pixels_is_kept_or_made_again(
    folder: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store_of(folder)
    read_index, open_pixels = data_cache.read_index, data_cache.open_pixels
    removed = []

    def clear() -> None:
        removed.extend(entry.remove() for entry in data_cache.entries())

    def read_and_clear(index: Path) -> data_cache.Index | None:
        listed = read_index(index)
        clear()
        return listed

    def clear_and_open(file: Path) -> Any:
        if len(removed) < 3:
            clear()
        return open_pixels(file)

    with monkeypatch.context() as patched:
        patched.setattr(data_cache, "read_index", read_and_clear)
        assert len(store_of(folder)) == 5
    assert removed == [False]  # locked before the index was read
    monkeypatch.setattr(data_cache, "open_pixels", clear_and_open)
    assert np.array_equal(store_of(folder).sources[1], noise(32, 64, seed=1)[:, :32])
    assert removed == [False, True, True]  # before the pixels were opened, and after they were written


# Lab, which is made per batch of stored photographs

# Of the pairs of the first version's fixture, taken as photographs at 36 px, by that version.
FIRST_DIGEST = "7d35e538f32243d35e7fd8ebbc9614b3"
PAIRS = Path(__file__).parents[1] / "fixtures" / "first_house" / "pairs"


def open_lab(data: Path, *settings: str) -> tuple[Store, Config]:
    config = small("data.make=lab", *settings, channels=(1, 2))
    pairs = find_data([data], config.data).splits["train"]
    return open_store(pairs, config.data.resize, find_reading(pairs, config)), config


def test_the_digest_is_that_of_the_first_version() -> None:
    assert open_lab(PAIRS)[0].digest == FIRST_DIGEST


def test_photographs_are_stored_once_in_three_bytes_a_pixel(cache: Path) -> None:
    store, config = open_lab(PAIRS)
    pixels = [path for path in cache.iterdir() if path.suffix != ".json"]
    height, width = config.data.resize
    assert sum(path.stat().st_size for path in pixels) == len(store) * height * width * 3


@pytest.mark.parametrize("settings", [{}, {"flip": True, "turns": True}, {"colour": 0.5}])
def test_all_ways_to_a_batch_split_the_same_crops(tmp_path: Path, settings: dict[str, Any]) -> None:
    for n in range(5):
        write(tmp_path / "train" / f"{n}.png", noise(40, 48, seed=n))
    store, config = open_lab(tmp_path, *(f"data.{k}={str(v).lower()}" for k, v in settings.items()))
    loader = Loader(store, config.data, 3, seed=1)
    feeds = (
        [HostFeed(loader)]
        if settings.get("colour")
        else [HostFeed(loader), DeviceFeed(loader, torch.device("cpu"))]
    )
    for start in (0, 3, 6):
        batch = batch_at(loader, start)
        assert (batch.source.shape, batch.target.shape) == ((3, 1, 32, 32), (3, 2, 32, 32))
        for feed in feeds:
            halves = feed.pictures(*feed.tensors(range(start, start + 3)))
            for half, expected in zip(halves, (batch.source, batch.target), strict=True):
                torch.testing.assert_close(half, expected, rtol=0, atol=1e-6)
    whole = next(in_order(store, 2))
    np.testing.assert_allclose(
        whole.source[1, 0], for_digest(store.targets[1])[0][:, :, 0] / 50 - 1, atol=3e-6
    )
