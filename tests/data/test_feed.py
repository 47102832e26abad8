from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from itertools import islice

import numpy as np
import pytest
import torch

from pix2pix.config import DataConfig
from pix2pix.data.batches import Loader
from pix2pix.data.feed import DeviceFeed, HostFeed, Packet, PacketSource, find_feed, packets
from pix2pix.data.reading import Reading
from pix2pix.data.store import Store
from pix2pix.pictures.codec import Array
from pix2pix.pictures.contract import LabelClass, PictureContract
from tests.helpers import batch_at, noise

CPU = torch.device("cpu")
DEEP = PictureContract(depth="uint16", high=65535.0)
FLOAT = PictureContract(channels=2, depth="float32", low=-3.0, high=5.0)
CLASSES = PictureContract(
    classes=tuple(LabelClass(name=str(n), colour=(n, n, n)) for n in range(4)), one_hot=True
)


def levels(contract: PictureContract, size: tuple[int, int], count: int, seed: int) -> Array:
    """(pairs, H, W, C) of noise over the whole range of a contract, as a store holds it."""
    channels = 1 if contract.one_hot else contract.channels
    array = np.stack([noise(*size, channels, seed + n) for n in range(count)])
    if contract.one_hot:
        return array % len(contract.classes)
    if contract.depth == "uint16":
        return array.astype(np.uint16) * 257 + 3
    return array.astype(np.float32) / 40 - 3 if contract.depth == "float32" else array


def loader(
    config: DataConfig,
    source: PictureContract | None = None,
    target: PictureContract | None = None,
    batch: int = 3,
) -> Loader:
    source, target = source or PictureContract(), target or PictureContract()
    halves = (levels(c, config.resize, 5, n) for n, c in enumerate((source, target)))
    reading = Reading(source, target, config)
    store = Store(*halves, reading, [str(n) for n in range(5)], [], "digest")
    return Loader(store, config, batch, seed=7)


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"jitter": False, "mirror": False},
        {"flip": True, "turns": True},
        {"size_px": [32, 64], "flip": True},
    ],
    ids=str,
)
@pytest.mark.parametrize("contract", [PictureContract(), DEEP, FLOAT, CLASSES])
def test_both_feeds_make_the_same_batches(settings: dict[str, object], contract: PictureContract) -> None:
    shuffled = loader(DataConfig.model_validate({"size_px": 32, **settings}), contract, contract)
    feed = DeviceFeed(shuffled, CPU)
    for start in range(0, 24, 3):
        batch = batch_at(shuffled, start)
        source, target = feed.pictures(*feed.tensors(range(start, start + 3)))
        assert torch.equal(source, batch.source)
        assert torch.equal(target, batch.target)


def test_a_packet_of_the_whole_set_on_the_device_is_three_numbers_a_pair() -> None:
    tensors = DeviceFeed(loader(DataConfig(size_px=32)), CPU).tensors(range(4, 7))
    assert [t.shape for t in tensors] == [(3, 3)]


def test_streamed_pictures_travel_as_they_are_stored() -> None:
    tensors = HostFeed(loader(DataConfig(size_px=32))).tensors(range(3))
    assert [t.dtype for t in tensors] == [torch.uint8, torch.uint8]


def test_on_the_processor_pairs_are_streamed() -> None:
    assert isinstance(find_feed(loader(DataConfig(size_px=32)), CPU), HostFeed)


@pytest.fixture
def fed() -> Iterator[HostFeed]:
    yield HostFeed(loader(DataConfig(size_px=32), batch=4))
    # The thread that made packets ends when nobody takes them any more.
    for thread in threading.enumerate():
        if thread.name.startswith("feed"):
            thread.join(5)
            assert not thread.is_alive()


def source_of(fed: HostFeed, share: Callable[[range], range] = lambda whole: whole) -> PacketSource:
    return PacketSource(fed, CPU, share, lambda positions: positions * 2)


def test_packets_come_in_order_from_any_position(fed: HostFeed) -> None:
    with closing(packets(source_of(fed), 8)) as stream:
        taken = list(islice(stream, 20))
    assert [p.positions for p in taken] == [range(n, n + 4) for n in range(8, 88, 4)]
    assert taken[0].keys.tolist() == [16, 18, 20, 22]


def test_processes_share_the_positions_of_each_batch(fed: HostFeed) -> None:
    halves: list[list[Packet]] = []
    for place in range(2):
        half = source_of(fed, lambda whole, p=place: whole[2 * p : 2 * p + 2])
        with closing(packets(half, 0)) as stream:
            halves.append(list(islice(stream, 3)))
    for start, one, other in zip(range(0, 12, 4), *halves, strict=True):
        for n, tensor in enumerate(fed.tensors(range(start, start + 4))):
            assert torch.equal(torch.cat([one.tensors[n], other.tensors[n]]), tensor)


def test_the_thread_has_ended_when_the_packets_are_closed(fed: HostFeed) -> None:
    before = threading.active_count()
    coming = packets(PacketSource(fed, CPU, lambda whole: whole, lambda whole: whole), 0)
    next(coming)
    assert threading.active_count() == before + 1
    coming.close()
    assert threading.active_count() == before


def test_what_goes_wrong_in_the_thread_is_raised_where_packets_are_taken(
    fed: HostFeed, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(positions: range) -> tuple[torch.Tensor, ...]:
        raise OSError("the disk is gone")

    monkeypatch.setattr(fed, "tensors", broken)
    with pytest.raises(OSError, match="the disk is gone"):
        next(packets(source_of(fed), 0))
