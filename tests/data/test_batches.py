from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from pix2pix.config import DataConfig
from pix2pix.data.batches import Batch, Draw, Loader, draw, in_order
from pix2pix.data.reading import Reading
from pix2pix.data.store import Store
from pix2pix.pictures import tensors
from pix2pix.pictures.codec import Array
from pix2pix.pictures.contract import LabelClass, PictureContract
from tests.helpers import batch_at, noise

SIZE = 32
RGB = PictureContract()
JITTERED = DataConfig(size_px=SIZE)
PLAIN = DataConfig(size_px=SIZE, jitter=False, mirror=False)


def store_of(count: int, config: DataConfig = PLAIN, *, equal: bool = False) -> Store:
    """Pairs of noise named 0, 1, ...; with `equal` both halves are equal."""
    halves = [
        np.stack([noise(*config.resize, 3, seed + n) for n in range(count)])
        for seed in (0, 0 if equal else 1000)
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
    count: int = 5, *, config: DataConfig = PLAIN, batch: int = 1, seed: int = 0, equal: bool = False
) -> Loader:
    return Loader(store_of(count, config, equal=equal), config, batch, seed)


def same(one: Batch, other: Batch) -> bool:
    return one.names == other.names and all(
        torch.equal(getattr(one, name), getattr(other, name)) for name in ("source", "target", "positions")
    )


def epoch(shuffled: Loader, number: int) -> list[str]:
    count = len(shuffled.store)
    return [batch_at(shuffled, n).names[0] for n in range(number * count, (number + 1) * count)]


# What a batch holds


def test_a_batch_holds_the_pixels_of_its_pairs() -> None:
    shuffled = loader(batch=3)
    batch = batch_at(shuffled, 0)
    assert batch.source.shape == batch.target.shape == (3, 3, SIZE, SIZE)
    assert batch.positions.tolist() == [0, 1, 2]
    for n, name in enumerate(batch.names):
        assert np.array_equal(tensors.to_array(batch.source[n], RGB), shuffled.store.sources[int(name)])
        assert np.array_equal(tensors.to_array(batch.target[n], RGB), shuffled.store.targets[int(name)])


def test_the_jitter_crops_what_is_stored_larger() -> None:
    shuffled = loader(config=JITTERED)
    batch = batch_at(shuffled, 0)
    stored = shuffled.store.sources[int(batch.names[0])]
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
    shuffled = loader(config=JITTERED, batch=batch, equal=True)
    for n in range(25):
        taken = batch_at(shuffled, n * batch)
        assert torch.equal(taken.source, taken.target)


def test_crops_and_mirrors_differ_between_epochs() -> None:
    shuffled = loader(1, config=JITTERED)
    assert len({batch_at(shuffled, n).source.numpy().tobytes() for n in range(20)}) > 15


def test_without_jitter_and_mirror_pictures_come_as_they_are() -> None:
    shuffled = loader(1)
    assert len({batch_at(shuffled, n).source.numpy().tobytes() for n in range(20)}) == 1


def test_the_mirror_has_a_separate_switch() -> None:
    shuffled = loader(1, config=DataConfig(size_px=SIZE, jitter=False))
    assert len({batch_at(shuffled, n).source.numpy().tobytes() for n in range(20)}) == 2


# Other kinds of pictures and changes


def test_a_batch_need_not_be_square() -> None:
    config = DataConfig(size_px=[32, 64])
    batch = batch_at(loader(config=config, batch=2), 0)
    assert batch.source.shape == (2, 3, 32, 64)


def test_halves_of_other_depth_and_channels_become_tensors_by_their_contracts() -> None:
    deep = PictureContract(channels=1, depth="uint16", high=65535)
    floats = PictureContract(channels=2, depth="float32", low=-2, high=6)
    sources = np.arange(2 * SIZE * SIZE, dtype=np.uint16).reshape(2, SIZE, SIZE, 1) * 31
    targets = np.random.default_rng(0).uniform(-2, 6, (2, SIZE, SIZE, 2)).astype(np.float32)
    store = stored(sources, targets, deep, floats)
    batch = batch_at(Loader(store, PLAIN, 2, 0), 0)
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
    shuffled = Loader(stored(index[None], noise(SIZE, SIZE)[None], labels, config=config), config, 1, 0)
    for batch in (batch_at(shuffled, n) for n in range(8)):
        assert batch.source.shape == (1, 4, SIZE, SIZE)
        assert set(batch.source.unique().tolist()) == {-1, 1}
        assert (batch.source.sum(1) == 1 - 3).all()
        counts = np.bincount(batch.source.argmax(1).flatten(), minlength=4)
        assert np.array_equal(counts, np.bincount(index.ravel(), minlength=4))


@pytest.mark.parametrize("switches", [{"flip": True}, {"turns": True}])
def test_flips_and_turns_are_the_same_for_both_halves(switches: dict[str, bool]) -> None:
    config = DataConfig(size_px=SIZE, jitter=False, mirror=False, **switches)
    shuffled = loader(1, config=config, equal=True)
    taken = [batch_at(shuffled, n) for n in range(30)]
    assert all(torch.equal(batch.source, batch.target) for batch in taken)
    seen = {batch.source.numpy().tobytes() for batch in taken}
    assert len(seen) == (2 if "flip" in switches else 4)


@pytest.mark.parametrize("half", ["source", "target"])
def test_colours_of_one_half_alone_are_changed(half: str) -> None:
    config = DataConfig(size_px=SIZE, jitter=False, mirror=False, colour=0.4, colour_half=half)
    shuffled, plain = loader(1, config=config), batch_at(loader(1), 0)
    other = "target" if half == "source" else "source"
    taken = [batch_at(shuffled, n) for n in range(20)]
    assert len({getattr(batch, half).numpy().tobytes() for batch in taken}) == 20
    assert all(torch.equal(getattr(batch, other), getattr(plain, other)) for batch in taken)


# Positions


@given(position=st.integers(0, 30), batch=st.integers(1, 12))
def test_a_batch_is_its_images_one_by_one(position: int, batch: int) -> None:
    whole = batch_at(loader(config=JITTERED, batch=batch), position)
    alone = loader(config=JITTERED)
    for n in range(batch):
        (name,) = batch_at(alone, position + n).names
        assert whole.names[n] == name
        assert torch.equal(whole.source[n], batch_at(alone, position + n).source[0])


@given(count=st.integers(1, 12), number=st.integers(0, 10**6), seed=st.integers(0, 2**32 - 1))
def test_an_epoch_visits_each_pair_once(count: int, number: int, seed: int) -> None:
    visited = epoch(loader(count, seed=seed), number)
    assert sorted(visited) == sorted(str(n) for n in range(count))


def test_epochs_have_orders_that_differ() -> None:
    shuffled = loader(12)
    assert len({tuple(epoch(shuffled, number)) for number in range(8)}) == 8


def test_seeds_have_orders_that_differ() -> None:
    assert len({tuple(epoch(loader(12, seed=seed), 0)) for seed in range(8)}) == 8


def test_seeds_have_crops_that_differ() -> None:
    crops = {
        batch_at(loader(1, config=JITTERED, seed=seed), 0).source.numpy().tobytes() for seed in range(20)
    }
    assert len(crops) > 15


def test_a_batch_may_be_larger_than_the_store() -> None:
    names = batch_at(loader(2, batch=6), 0).names
    assert [sorted(names[n : n + 2]) for n in (0, 2, 4)] == [["0", "1"]] * 3


# In order


@pytest.mark.parametrize("batch", [1, 2, 5, 8])
def test_in_order_gives_each_pair_once_and_whole(batch: int) -> None:
    store = store_of(5)
    taken = list(in_order(store, batch))
    assert [name for shuffled in taken for name in shuffled.names] == list(store.names)
    assert torch.cat([shuffled.positions for shuffled in taken]).tolist() == [0, 1, 2, 3, 4]
    sources = torch.cat([shuffled.source for shuffled in taken])
    assert np.array_equal(tensors.to_array(sources, RGB), store.sources)
    assert all(len(shuffled.names) == batch for shuffled in taken[:-1])


def test_a_batch_can_be_sent_to_a_device() -> None:
    sent = batch_at(loader(batch=2), 0).to(torch.device("meta"))
    assert {t.device.type for t in (sent.source, sent.target, sent.positions)} == {"meta"}
    assert len(sent.names) == 2


# The draw of one pair

STILL = Draw(0, 0, False, False, 0, np.zeros(3))
sides = st.sampled_from([32, 64])
sizes = st.tuples(sides, sides).map(list)
switches = st.fixed_dictionaries({"mirror": st.booleans(), "flip": st.booleans()})


def draws(count: int, **config: Any) -> list[Draw]:
    """Draws of a square of 32 px out of 36, unless the configuration says otherwise."""
    changed = DataConfig(**({"size_px": 32} | config))
    return [draw(np.random.default_rng(seed), changed) for seed in range(count)]


def same_draw(one: Draw, other: Draw) -> bool:
    return replace(one, colour=0) == replace(other, colour=0) and bool((one.colour == other.colour).all())


@given(seed=st.integers(0, 2**63), size=sizes, jitter=st.booleans(), switches=switches)
def test_a_crop_lies_inside_the_picture(
    seed: int, size: list[int], jitter: bool, switches: dict[str, bool]
) -> None:
    config = DataConfig(size_px=size, jitter=jitter, **switches)
    drawn = draw(np.random.default_rng(seed), config)
    height, width = config.resize
    assert 0 <= drawn.top <= height - size[0]
    assert 0 <= drawn.left <= width - size[1]
    assert drawn.place(noise(height, width, 2), config.size).shape == (*size, 2)


@given(seed=st.integers(0, 2**63))
@pytest.mark.parametrize("switch", ["mirror", "flip", "turns"])
def test_a_switch_changes_nothing_but_its_own(switch: str, seed: int) -> None:
    every = {"mirror": True, "flip": True, "turns": True}
    rng = lambda: np.random.default_rng(seed)  # noqa: E731
    on = draw(rng(), DataConfig(size_px=32, **every))
    off = draw(rng(), DataConfig(size_px=32, **(every | {switch: False})))
    fields = {"mirror": "mirrored", "flip": "flipped", "turns": "turns"}
    assert not getattr(off, fields[switch])
    assert same_draw(off, replace(on, **{fields[switch]: getattr(off, fields[switch])}))


def test_every_place_is_drawn_about_equally_often() -> None:
    drawn = draws(2500)
    places, counts = np.unique([(d.top, d.left) for d in drawn], axis=0, return_counts=True)
    assert len(places) == 25
    assert counts.min() > 60  # of 100


def test_half_of_the_pairs_are_mirrored_and_none_flipped_unless_asked() -> None:
    assert 400 < sum(d.mirrored for d in draws(900)) < 500
    assert not any(d.flipped or d.turns for d in draws(900))
    assert 400 < sum(d.flipped for d in draws(900, flip=True)) < 500


def test_each_turn_is_drawn_about_equally_often() -> None:
    turns, counts = np.unique([d.turns for d in draws(900, turns=True)], return_counts=True)
    assert turns.tolist() == [0, 1, 2, 3]
    assert counts.min() > 180  # of 225


def test_colour_changes_are_spread_over_the_whole_range() -> None:
    drawn = np.array([d.colour for d in draws(900)])
    assert drawn.shape == (900, 3)
    assert (drawn.min(0) < -0.98).all()
    assert (drawn.max(0) > 0.98).all()
    assert abs(drawn.mean(0)).max() < 0.1


def test_without_room_the_crop_is_the_whole() -> None:
    assert {(d.top, d.left) for d in draws(20, jitter=False)} == {(0, 0)}


# Places


def test_the_crop_is_counted_from_the_top_left() -> None:
    array = noise(6, 8)
    placed = replace(STILL, top=1, left=2).place(array, (3, 4))
    assert np.array_equal(placed, array[1:4, 2:6])


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"mirrored": True}, lambda a: a[:, ::-1]),
        ({"flipped": True}, lambda a: a[::-1]),
        ({"turns": 1}, np.rot90),
        ({"turns": 3}, lambda a: np.rot90(a, 3)),
        ({"mirrored": True, "flipped": True}, lambda a: a[::-1, ::-1]),
    ],
)
def test_the_crop_is_what_is_mirrored_flipped_and_turned(change: Any, expected: Any) -> None:
    array = noise(6, 6)
    placed = replace(STILL, top=1, left=2, **change).place(array, (3, 3))
    assert np.array_equal(placed, expected(array[1:4, 2:5]))


def test_the_same_generator_gives_the_same_draw() -> None:
    assert all(same_draw(*both) for both in zip(draws(5), draws(5), strict=True))


# Colours


def recoloured(array: Array, strength: float, *colour: float, **contract: Any) -> Array:
    drawn = replace(STILL, colour=np.array(colour))
    return drawn.recolour(array, PictureContract(**contract), strength)


DEPTHS = [
    ("uint8", {"high": 255.0}),
    ("uint16", {"depth": "uint16", "high": 65535.0}),
    ("float32", {"depth": "float32", "low": -1.0, "high": 3.0}),
]


@pytest.mark.parametrize(("depth", "contract"), DEPTHS)
@pytest.mark.parametrize("channels", [1, 3, 5])
def test_recolouring_keeps_the_depth_and_the_range(
    depth: str, contract: dict[str, Any], channels: int
) -> None:
    low, high = contract.get("low", 0), contract["high"]
    array = (noise(8, 8, channels) / 255 * (high - low) + low).astype(depth)
    for colour in ([1, 1, 1], [-1, -1, -1], [1, -1, 0.5]):
        changed = recoloured(array, 0.9, *colour, **contract)
        assert (changed.dtype, changed.shape) == (array.dtype, array.shape)
        assert changed.min() >= low
        assert changed.max() <= high
        assert not np.array_equal(changed, array)
    unchanged = recoloured(array, 0.9, 0, 0, 0, **contract).astype(float)
    assert abs(unchanged - array).max() <= (high - low) * 1e-5


def test_brightness_contrast_and_saturation_are_what_they_say() -> None:
    array = (noise(16, 16) // 4 + 96).astype(np.uint8)  # far from both ends
    mean = array.mean()
    brighter = recoloured(array, 0.2, 1, 0, 0).astype(float)
    assert brighter.mean() == pytest.approx(1.2 * mean, abs=0.5)
    assert brighter.std() == pytest.approx(array.std(), abs=0.5)
    starker = recoloured(array, 0.5, 0, 1, 0).astype(float)
    assert starker.mean() == pytest.approx(mean, abs=0.5)
    assert starker.std() == pytest.approx(1.5 * array.std(), abs=0.5)
    paler = recoloured(array, 0.99, 0, 0, -1).astype(float)
    assert np.ptp(paler, axis=2).max() <= 2


def test_recoloured_pixels_with_data_never_come_to_the_fill_value() -> None:
    array = np.full((4, 4, 1), 3, np.uint8)
    array[0] = 0  # no data
    changed = recoloured(array, 0.9, -1, 1, 0, channels=1, fill=0.0)
    assert (changed[0] == 0).all()
    assert (changed[1:] > 0).all()
