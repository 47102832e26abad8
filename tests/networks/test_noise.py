import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from pix2pix.networks.noise import keep_mask, noise_keys, noisy_dropout

U32 = st.integers(0, 2**32 - 1)
SHAPE = (5, 7, 6)


def mix(h: np.ndarray) -> np.ndarray:
    """The 32-bit finaliser on unsigned numbers that wrap by themselves."""
    h = (h ^ (h >> np.uint32(16))) * np.uint32(0x21F0AAAD)
    h = (h ^ (h >> np.uint32(15))) * np.uint32(0x735A2D97)
    return h ^ (h >> np.uint32(15))


def hashed(counters: list[np.ndarray]) -> np.ndarray:
    h = np.zeros(1, np.uint32)
    for counter in counters:
        h = mix((h ^ counter) + np.uint32(0x9E3779B9))
    return h


def reference_mask(
    seed: int, sample: int, layer: int, shape: tuple[int, int, int], drop: float
) -> np.ndarray:
    c, h, w = np.indices(shape, dtype=np.uint32)
    fixed = [np.full(1, n, np.uint32) for n in (seed, sample, layer)]
    return hashed([*fixed, c, h, w]) >= np.uint32(drop * 2**32)


def mask(
    seed: int = 0, sample: int = 0, layer: int = 0, shape: tuple[int, int, int] = SHAPE, drop: float = 0.5
) -> torch.Tensor:
    return keep_mask(noise_keys(seed, torch.tensor([sample])), layer, shape, drop)[0]


@given(U32, U32, st.integers(0, 9), st.floats(0, 0.99))
def test_masks_equal_a_hash_on_wrapping_integers(seed: int, sample: int, layer: int, drop: float) -> None:
    expected = reference_mask(seed, sample, layer, SHAPE, drop)
    assert np.array_equal(mask(seed, sample, layer, drop=drop).numpy(), expected)


def test_keys_are_these_numbers() -> None:
    assert noise_keys(0, torch.arange(4)).tolist() == [3385628684, 2702502840, 2779471151, 3869933021]
    assert noise_keys(2**32 - 1, torch.tensor([0, 1, 79_999, 2**32 - 1])).tolist() == [
        985129868,
        2448172260,
        2631658613,
        2467121899,
    ]


def test_a_mask_is_this_one() -> None:
    drawn = ["".join("#" if kept else "." for kept in row) for row in mask(shape=(1, 6, 12))[0]]
    assert drawn == [
        "..##.#..#.##",
        "#....##.##.#",
        "#######.##..",
        "#..#.##.....",
        "#.#.##...###",
        "##...##.#...",
    ]


def test_a_mask_does_not_depend_on_the_memory_layout() -> None:
    keys, x = noise_keys(3, torch.arange(2)), torch.randn(2, 8, 16, 16)
    plain = noisy_dropout(x, keys, 1, 0.5)
    moved = noisy_dropout(x.to(memory_format=torch.channels_last), keys, 1, 0.5)
    assert torch.equal(plain, moved)


@given(st.integers(1, 7), st.integers(1, 9), st.integers(1, 9))
def test_a_smaller_mask_is_the_top_left_corner_of_a_larger(c: int, h: int, w: int) -> None:
    assert torch.equal(mask(shape=(c, h, w)), mask(shape=(7, 9, 9))[:c, :h, :w])


def test_a_sample_has_its_mask_in_any_batch() -> None:
    together = keep_mask(noise_keys(5, torch.tensor([4, 0, 9])), 2, SHAPE, 0.5)
    for place, sample in enumerate((4, 0, 9)):
        assert torch.equal(together[place], mask(5, sample, 2))


@pytest.mark.parametrize("drop", [0.0, 0.1, 0.5, 0.9])
def test_the_share_kept_is_one_less_the_share_dropped(drop: float) -> None:
    kept = mask(seed=11, shape=(16, 64, 64), drop=drop).double().mean()
    # Five standard deviations of a fair draw.
    assert abs(float(kept) - (1 - drop)) <= 5 * (drop * (1 - drop) / 65536) ** 0.5


def test_seed_sample_and_layer_each_give_an_unrelated_mask() -> None:
    shape = (16, 64, 64)
    first = mask(shape=shape)
    for other in (mask(seed=1, shape=shape), mask(sample=1, shape=shape), mask(layer=1, shape=shape)):
        assert 0.49 < float((first == other).double().mean()) < 0.51


def test_neighbours_are_unrelated_along_each_axis() -> None:
    drawn = mask(seed=7, shape=(64, 64, 64)).double() - 0.5
    for axis in range(3):
        ahead, behind = drawn.narrow(axis, 1, 63), drawn.narrow(axis, 0, 63)
        assert abs(float((ahead * behind).mean()) * 4) < 0.02


def test_seed_and_sample_are_not_interchangeable() -> None:
    assert noise_keys(1, torch.tensor([2])).item() != noise_keys(2, torch.tensor([1])).item()


def test_what_stays_is_scaled_and_what_goes_is_zero() -> None:
    x = torch.ones(1, *SHAPE, dtype=torch.float64)
    out = noisy_dropout(x, noise_keys(0, torch.tensor([0])), 0, 0.2)
    expected = torch.where(mask(drop=0.2), 1.25, 0.0).double()
    torch.testing.assert_close(out[0], expected, rtol=0, atol=1e-15)


def test_gradients_flow_through_what_stays_only() -> None:
    x = torch.ones(1, *SHAPE, requires_grad=True)
    torch.autograd.backward(noisy_dropout(x, noise_keys(0, torch.tensor([0])), 0, 0.5).sum())
    assert x.grad is not None
    assert torch.equal(x.grad[0], mask().float() * 2)


def test_factors_may_stand_in_for_keys() -> None:
    x = torch.randn(1, *SHAPE)
    by_keys = noisy_dropout(x, noise_keys(0, torch.tensor([0])), 3, 0.5)
    torch.testing.assert_close(noisy_dropout(x, {3: mask(layer=3)[None] * 2.0}, 3, 0.5), by_keys)


def test_a_part_of_a_picture_gets_its_rows_of_the_mask() -> None:
    keys = noise_keys(3, torch.tensor([0, 1]))
    mask = keep_mask(keys, 2, (5, 12, 7), 0.3)
    assert keep_mask(keys, 2, (5, 4, 7), 0.3, first_row=6).tolist() == mask[:, :, 6:10].tolist()
