from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pix2pix.config import DataConfig
from pix2pix.data.transforms import Draw, draw
from pix2pix.pictures.codec import Array
from pix2pix.pictures.contract import PictureContract
from tests.helpers import noise

STILL = Draw(0, 0, False, False, 0, np.zeros(3))
sides = st.sampled_from([32, 64])
sizes = st.tuples(sides, sides).map(list)
switches = st.fixed_dictionaries({"mirror": st.booleans(), "flip": st.booleans()})


def draws(count: int, **config: Any) -> list[Draw]:
    """Draws of a square of 32 px out of 36, unless the configuration says otherwise."""
    changed = DataConfig(**({"size_px": 32} | config))
    return [draw(np.random.default_rng(seed), changed) for seed in range(count)]


def same(one: Draw, other: Draw) -> bool:
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
    assert same(off, replace(on, **{fields[switch]: getattr(off, fields[switch])}))


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
    assert all(same(*both) for both in zip(draws(5), draws(5), strict=True))


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
