import numpy as np
import pytest

from pix2pix.pictures.codec import Array
from pix2pix.pictures.spread import Remark, merged, remark, spread_of


def of(*arrays: Array) -> Remark | None:
    spread = merged(map(spread_of, arrays))
    assert spread is not None
    return remark(spread, "target")


def random(kind: str = "normal", **options: float) -> Array:
    return np.asarray(getattr(np.random.default_rng(0), kind)(size=(64, 64, 1), **options), np.float32)


def with_first(array: Array, count: int, value: float) -> Array:
    changed = array.copy()
    changed.flat[:count] = value
    return changed


def test_the_ends_of_several_pictures_are_those_of_all() -> None:
    spread = merged(map(spread_of, (np.array([[3, 1, 1]], np.uint8), np.array([[1, 9, 9]], np.uint8))))
    assert spread is not None
    assert (spread.size, spread.ends) == (6, {1: 3, 3: 1, 9: 2})
    assert spread_of(np.full((2, 2), np.nan)) is None
    assert merged([None]) is None


def test_what_stands_for_no_data_is_left_out() -> None:
    floats = spread_of(np.array([[np.nan, 1, 2, 3]]))
    levels = spread_of(np.array([[255, 1, 2, 3]], np.uint8), fill=255)
    for spread in (floats, levels):
        assert spread is not None
        assert (spread.size, spread.missing, spread.low, spread.high) == (3, 1, 1, 3)


@pytest.mark.parametrize("value", [-9999, 1e20])
@pytest.mark.parametrize("count", [1, 400])
def test_one_value_far_from_all_others_is_named(value: float, count: int) -> None:
    found = of(random("uniform"), with_first(random("uniform"), count, value))
    assert found is not None
    assert found.kind == "few set the range"
    assert "few pixels set the range of the targets" in found.sentence
    assert f"are {value:g}, all others lie in" in found.sentence
    assert "data.target_range=[" in found.sentence


def test_a_few_extremes_are_named() -> None:
    rare = random()
    rare.flat[:4] = 500, 700, 900, 1000
    found = of(rare)
    assert found is not None
    assert "three in four values lie in -" in found.sentence


@pytest.mark.parametrize(
    "array",
    [
        random(),
        random("uniform"),
        random("exponential"),
        with_first(random("uniform"), 3000, 0.0),  # a mask, or a map of rain
        np.zeros((64, 64, 1), np.float32),
        (random("uniform") > 0.5).astype(np.float32),
    ],
    ids=["normal", "uniform", "exponential", "mostly 0", "flat", "two values"],
)
def test_usual_values_are_not_remarked(array: Array) -> None:
    assert of(array) is None


@pytest.mark.parametrize(
    ("depth", "highest", "part"),
    [("uint16", 4095, "a sixteenth"), ("uint16", 3000, "a sixteenth"), ("uint16", 1000, "1/64")],
)
def test_a_part_of_the_depth_is_named_with_the_range_to_state(depth: str, highest: int, part: str) -> None:
    found = of((random("uniform") * highest).astype(depth))
    assert found is not None
    assert found.kind == "part of the depth"
    assert f"of the targets {part} of the depth is used" in found.sentence
    assert f"data.target_range=[0,{4095 if highest > 2000 else 1023}]" in found.sentence


@pytest.mark.parametrize(
    "array",
    [(random("uniform") * 40_000).astype(np.uint16), (random("uniform") * 4).astype(np.uint8)],
    ids=["most of the depth", "class indexes"],
)
def test_a_depth_that_is_used_and_classes_are_not_remarked(array: Array) -> None:
    assert of(array) is None
