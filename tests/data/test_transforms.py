import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from pix2pix.data.transforms import Draw, draw
from tests.helpers import noise

sizes = st.integers(1, 40).flatmap(
    lambda size: st.tuples(st.integers(size, size + 20), st.just(size))
)  # (resize_px, size_px)


def draws(count: int, resize_px: int, size_px: int, mirror: bool = True) -> list[Draw]:
    return [draw(np.random.default_rng(seed), resize_px, size_px, mirror) for seed in range(count)]


@given(seed=st.integers(0, 2**63), sizes=sizes, mirror=st.booleans())
def test_a_crop_lies_inside_the_picture(seed: int, sizes: tuple[int, int], mirror: bool) -> None:
    resize_px, size_px = sizes
    drawn = draw(np.random.default_rng(seed), resize_px, size_px, mirror)
    assert 0 <= drawn.top <= resize_px - size_px
    assert 0 <= drawn.left <= resize_px - size_px
    array = noise(resize_px, resize_px, 2)
    assert drawn.apply(array, size_px).shape == (size_px, size_px, 2)


@given(seed=st.integers(0, 2**63), sizes=sizes)
def test_switching_the_mirror_off_moves_no_crop(seed: int, sizes: tuple[int, int]) -> None:
    on, off = (draw(np.random.default_rng(seed), *sizes, mirror) for mirror in (True, False))
    assert (on.top, on.left) == (off.top, off.left)
    assert not off.mirrored


def test_every_place_is_drawn_about_equally_often() -> None:
    drawn = draws(900, 34, 32)
    places, counts = np.unique([(d.top, d.left) for d in drawn], axis=0, return_counts=True)
    assert len(places) == 9
    assert counts.min() > 60  # of 100


def test_half_of_the_pairs_are_mirrored() -> None:
    assert 400 < sum(d.mirrored for d in draws(900, 32, 32)) < 500


def test_without_room_the_crop_is_the_whole() -> None:
    assert {(d.top, d.left) for d in draws(20, 32, 32)} == {(0, 0)}


def test_the_crop_is_counted_from_the_top_left() -> None:
    array = noise(6, 6)
    assert np.array_equal(Draw(1, 2, False).apply(array, 3), array[1:4, 2:5])


def test_the_mirror_turns_the_crop_left_to_right() -> None:
    array = noise(6, 6)
    assert np.array_equal(Draw(1, 2, True).apply(array, 3), array[1:4, 2:5][:, ::-1])


def test_the_same_generator_gives_the_same_draw() -> None:
    assert draws(5, 40, 32) == draws(5, 40, 32)
