import numpy as np
import pytest
from numpy.typing import NDArray

from pix2pix.export.precision import quantised


def weights(*shape: int) -> NDArray[np.float32]:
    return np.random.default_rng(0).normal(0, 0.02, shape).astype(np.float32)


@pytest.mark.parametrize("axis", [0, 1])
def test_no_weight_moves_by_more_than_half_a_level_of_its_channel(axis: int) -> None:
    values = weights(6, 5, 4, 4) * np.float32(10) ** np.arange(5)[:, None, None]
    levels, scales = quantised(values, axis)
    assert (levels.dtype, scales.dtype) == (np.int8, np.float32)
    assert scales.shape == ((6, 1, 1, 1) if axis == 0 else (1, 5, 1, 1))
    assert (np.abs(levels * scales - values) <= scales * 0.5001).all()


def test_the_largest_weight_of_a_channel_keeps_its_value() -> None:
    values = weights(3, 2, 4, 4)
    levels, scales = quantised(values, 0)
    assert np.abs(levels).max((1, 2, 3)).tolist() == [127] * 3
    largest = np.abs(values).max((1, 2, 3))
    np.testing.assert_allclose(np.abs(levels * scales).max((1, 2, 3)), largest, rtol=1e-6)


def test_a_channel_of_zeros_stays_one() -> None:
    values = weights(2, 2, 4, 4)
    values[1] = 0
    levels, scales = quantised(values, 0)
    assert np.isfinite(scales).all()
    assert not (levels * scales)[1].any()
