from itertools import islice

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from pix2pix.config import DataConfig
from pix2pix.data.batches import Batch, Loader, in_order
from pix2pix.data.reading import Reading
from pix2pix.data.store import Store
from pix2pix.pictures import tensors
from pix2pix.pictures.codec import Array
from pix2pix.pictures.contract import LabelClass, PictureContract
from tests.helpers import noise

SIZE = 32
RGB = PictureContract()
JITTERED = DataConfig(size_px=SIZE)
PLAIN = DataConfig(size_px=SIZE, jitter=False, mirror=False)


def store_of(count: int, config: DataConfig = PLAIN, *, twins: bool = False) -> Store:
    """Pairs of noise named 0, 1, ...; of twins both halves are equal."""
    halves = [
        np.stack([noise(*config.resize, 3, seed + n) for n in range(count)])
        for seed in (0, 0 if twins else 1000)
    ]
    return stored(*halves, config=config)


def stored(
    sources: Array,
    targets: Array,
    source: PictureContract = RGB,
    target: PictureContract = RGB,
    config: DataConfig = PLAIN,
) -> Store:
    names = [str(n) for n in range(len(sources))]
    return Store(sources, targets, Reading(source, target, config), names, [], "digest")


def loader(
    count: int = 5, *, config: DataConfig = PLAIN, batch: int = 1, seed: int = 0, twins: bool = False
) -> Loader:
    return Loader(store_of(count, config, twins=twins), config, batch, seed)


def same(one: Batch, other: Batch) -> bool:
    return one.names == other.names and all(
        torch.equal(getattr(one, name), getattr(other, name)) for name in ("source", "target", "positions")
    )


def epoch(some: Loader, number: int) -> list[str]:
    count = len(some.store)
    return [some.at(n).names[0] for n in range(number * count, (number + 1) * count)]


# What a batch holds


def test_a_batch_holds_the_pixels_of_its_pairs() -> None:
    some = loader(batch=3)
    batch = some.at(0)
    assert batch.source.shape == batch.target.shape == (3, 3, SIZE, SIZE)
    assert batch.positions.tolist() == [0, 1, 2]
    for n, name in enumerate(batch.names):
        assert np.array_equal(tensors.to_array(batch.source[n], RGB), some.store.sources[int(name)])
        assert np.array_equal(tensors.to_array(batch.target[n], RGB), some.store.targets[int(name)])


def test_the_jitter_crops_what_is_stored_larger() -> None:
    some = loader(config=JITTERED)
    batch = some.at(0)
    stored = some.store.sources[int(batch.names[0])]
    assert stored.shape[0] > SIZE
    crop = tensors.to_array(batch.source[0], RGB)
    windows = [
        np.array_equal(turned[y : y + SIZE, x : x + SIZE], crop)
        for turned in (stored, stored[:, ::-1])
        for y in range(stored.shape[0] - SIZE + 1)
        for x in range(stored.shape[0] - SIZE + 1)
    ]
    assert sum(windows) == 1


@pytest.mark.parametrize("batch", [1, 4])
def test_halves_that_are_equal_stay_equal(batch: int) -> None:
    some = loader(config=JITTERED, batch=batch, twins=True)
    for found in islice(some.start(0), 25):
        assert torch.equal(found.source, found.target)


def test_crops_and_mirrors_differ_between_epochs() -> None:
    some = loader(1, config=JITTERED)
    assert len({some.at(n).source.numpy().tobytes() for n in range(20)}) > 15


def test_without_jitter_and_mirror_pictures_come_as_they_are() -> None:
    some = loader(1)
    assert len({some.at(n).source.numpy().tobytes() for n in range(20)}) == 1


def test_the_mirror_has_a_switch_of_its_own() -> None:
    some = loader(1, config=DataConfig(size_px=SIZE, jitter=False))
    assert len({some.at(n).source.numpy().tobytes() for n in range(20)}) == 2


# Other kinds of pictures and changes


def test_a_batch_need_not_be_square() -> None:
    config = DataConfig(size_px=[32, 64])
    batch = loader(config=config, batch=2).at(0)
    assert batch.source.shape == (2, 3, 32, 64)


def test_halves_of_other_depth_and_channels_become_tensors_by_their_contracts() -> None:
    deep = PictureContract(channels=1, depth="uint16", high=65535)
    floats = PictureContract(channels=2, depth="float32", low=-2, high=6)
    sources = np.arange(2 * SIZE * SIZE, dtype=np.uint16).reshape(2, SIZE, SIZE, 1) * 31
    targets = np.random.default_rng(0).uniform(-2, 6, (2, SIZE, SIZE, 2)).astype(np.float32)
    store = stored(sources, targets, deep, floats)
    batch = Loader(store, PLAIN, 2, 0).at(0)
    assert batch.source.dtype == batch.target.dtype == torch.float32
    assert abs(batch.source).max() <= 1
    assert abs(batch.target).max() <= 1 + 1e-6
    order = [int(name) for name in batch.names]
    assert np.array_equal(tensors.to_array(batch.source, deep), sources[order])
    assert np.allclose(tensors.to_array(batch.target, floats), targets[order], atol=1e-6)


def test_one_hot_labels_have_a_channel_for_each_class() -> None:
    classes = tuple(LabelClass(name=str(n), colour=(n, 0, 0)) for n in range(4))
    labels = PictureContract(classes=classes, one_hot=True)
    index = noise(SIZE, SIZE, 1) % 4
    config = DataConfig(size_px=SIZE, jitter=False, turns=True, flip=True)
    some = Loader(stored(index[None], noise(SIZE, SIZE)[None], labels, config=config), config, 1, 0)
    for batch in islice(some.start(0), 8):
        assert batch.source.shape == (1, 4, SIZE, SIZE)
        assert set(batch.source.unique().tolist()) == {-1, 1}
        assert (batch.source.sum(1) == 1 - 3).all()
        counts = np.bincount(batch.source.argmax(1).flatten(), minlength=4)
        assert np.array_equal(counts, np.bincount(index.ravel(), minlength=4))


@pytest.mark.parametrize("switches", [{"flip": True}, {"turns": True}])
def test_flips_and_turns_are_the_same_for_both_halves(switches: dict[str, bool]) -> None:
    config = DataConfig(size_px=SIZE, jitter=False, mirror=False, **switches)
    some = loader(1, config=config, twins=True)
    found = [some.at(n) for n in range(30)]
    assert all(torch.equal(batch.source, batch.target) for batch in found)
    seen = {batch.source.numpy().tobytes() for batch in found}
    assert len(seen) == (2 if "flip" in switches else 4)


@pytest.mark.parametrize("half", ["source", "target"])
def test_colours_of_one_half_alone_are_changed(half: str) -> None:
    config = DataConfig(size_px=SIZE, jitter=False, mirror=False, colour=0.4, colour_half=half)
    some, plain = loader(1, config=config), loader(1).at(0)
    other = "target" if half == "source" else "source"
    found = [some.at(n) for n in range(20)]
    assert len({getattr(batch, half).numpy().tobytes() for batch in found}) == 20
    assert all(torch.equal(getattr(batch, other), getattr(plain, other)) for batch in found)


# Positions


@given(
    start=st.integers(0, 40),
    steps=st.integers(0, 20),
    batch=st.integers(1, 8),
    seed=st.integers(0, 2**32 - 1),
)
def test_a_batch_does_not_depend_on_where_one_started(start: int, steps: int, batch: int, seed: int) -> None:
    some = loader(config=JITTERED, batch=batch, seed=seed)
    *_, last = islice(some.start(start), steps + 1)
    fresh = loader(config=JITTERED, batch=batch, seed=seed)
    assert same(last, fresh.at(start + steps * batch))


@given(position=st.integers(0, 30), batch=st.integers(1, 12))
def test_a_batch_is_its_images_one_by_one(position: int, batch: int) -> None:
    whole = loader(config=JITTERED, batch=batch).at(position)
    alone = loader(config=JITTERED)
    for n in range(batch):
        (name,) = alone.at(position + n).names
        assert whole.names[n] == name
        assert torch.equal(whole.source[n], alone.at(position + n).source[0])


@given(count=st.integers(1, 12), number=st.integers(0, 10**6), seed=st.integers(0, 2**32 - 1))
def test_an_epoch_visits_each_pair_once(count: int, number: int, seed: int) -> None:
    visited = epoch(loader(count, seed=seed), number)
    assert sorted(visited) == sorted(str(n) for n in range(count))


def test_epochs_have_orders_of_their_own() -> None:
    some = loader(12)
    assert len({tuple(epoch(some, number)) for number in range(8)}) == 8


def test_seeds_have_orders_of_their_own() -> None:
    assert len({tuple(epoch(loader(12, seed=seed), 0)) for seed in range(8)}) == 8


def test_seeds_have_crops_of_their_own() -> None:
    crops = {loader(1, config=JITTERED, seed=seed).at(0).source.numpy().tobytes() for seed in range(20)}
    assert len(crops) > 15


def test_a_batch_may_be_larger_than_the_store() -> None:
    names = loader(2, batch=6).at(0).names
    assert [sorted(names[n : n + 2]) for n in (0, 2, 4)] == [["0", "1"]] * 3


# In order


@pytest.mark.parametrize("batch", [1, 2, 5, 8])
def test_in_order_gives_each_pair_once_and_whole(batch: int) -> None:
    store = store_of(5)
    found = list(in_order(store, batch))
    assert [name for some in found for name in some.names] == list(store.names)
    assert torch.cat([some.positions for some in found]).tolist() == [0, 1, 2, 3, 4]
    sources = torch.cat([some.source for some in found])
    assert np.array_equal(tensors.to_array(sources, RGB), store.sources)
    assert all(len(some.names) == batch for some in found[:-1])


def test_a_batch_can_be_sent_to_a_device() -> None:
    sent = loader(batch=2).at(0).to(torch.device("meta"))
    assert {t.device.type for t in (sent.source, sent.target, sent.positions)} == {"meta"}
    assert len(sent.names) == 2
