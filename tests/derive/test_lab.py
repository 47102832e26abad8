import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from pix2pix.derive.lab import LAB_RANGES, for_digest, join_lab, split_lab, split_tensor
from pix2pix.errors import UserError
from pix2pix.pictures.contract import PictureContract
from pix2pix.pictures.tensors import from_levels, to_levels
from tests.helpers import noise

Array = NDArray[np.generic]


def photograph(height: int, width: int, dtype: str = "uint8", channels: int = 3) -> Array:
    """Noise over the depth's range; floats from 0 to 1."""
    picture = noise(height, width, channels)
    if dtype == "uint16":
        return picture.astype(np.uint16) * 257
    return picture if dtype == "uint8" else (picture / 255).astype(np.float32)


@pytest.mark.parametrize(
    ("rgb", "lab"),
    # As computed by others for sRGB and D65.
    [
        ((255, 255, 255), (100, 0, 0)),
        ((0, 0, 0), (0, 0, 0)),
        ((255, 0, 0), (53.24, 80.09, 67.20)),
        ((0, 255, 0), (87.73, -86.18, 83.18)),
        ((0, 0, 255), (32.30, 79.19, -107.86)),
        ((119, 119, 119), (50.03, 0, 0)),
        ((1, 1, 1), (0.274, 0, 0)),
    ],
)
def test_lab_of_known_colours(rgb: tuple[int, ...], lab: tuple[float, ...]) -> None:
    for picture in (np.array([[rgb]], np.uint8), np.array([[rgb]], np.uint16) * 257):
        L, ab = split_lab(picture)
        assert L.dtype == ab.dtype == np.float32
        np.testing.assert_allclose([*L[0, 0], *ab[0, 0]], lab, atol=0.05)


@given(
    st.sampled_from([np.uint8, np.uint16, np.float32]).flatmap(
        lambda dtype: hnp.arrays(
            dtype, (3, 2, 3), elements=st.floats(0, 1, width=32) if dtype == np.float32 else None
        )
    )
)
def test_lab_joins_to_what_was_split(picture: Array) -> None:
    L, ab = split_lab(picture)
    white = 1 if picture.dtype == np.float32 else np.iinfo(picture.dtype).max
    np.testing.assert_allclose(join_lab(L, ab), picture / white, atol=1e-4)
    for values, (least, most) in zip((L, ab), LAB_RANGES, strict=True):
        assert least - 1e-3 <= values.min()
        assert values.max() <= most + 1e-3


def test_a_grey_picture_has_a_lab_without_colour() -> None:
    L, ab = split_lab(photograph(8, 8, channels=1))
    assert L.shape == (8, 8, 1)
    assert ab.shape == (8, 8, 2)
    assert abs(ab).max() < 0.01  # scikit-image's white is not quite that of its matrix


def test_lab_beyond_the_gamut_is_clipped() -> None:
    rgb = join_lab(np.full((1, 1, 1), 90.0), np.full((1, 1, 2), 110.0))
    assert rgb.dtype == np.float32
    assert rgb.min() >= 0
    assert rgb.max() == 1


def test_floats_that_are_no_srgb_have_no_lab() -> None:
    with pytest.raises(UserError, match="from 0 to 1200"):
        split_lab(np.array([[[0, 5, 1200]]], np.float32))


def sample(depth: str) -> tuple[Array, PictureContract]:
    """Noise with black, white and greys in it, and its contract."""
    levels = noise(16, 16)
    levels[:4] = np.arange(64, dtype=np.uint8).reshape(4, 16, 1) * 4
    levels[4, 0] = 255
    if depth == "uint16":
        return levels.astype(np.uint16) * 257, PictureContract(depth="uint16", high=65535.0)
    if depth == "float32":
        return levels.astype(np.float32) / 255, PictureContract(depth="float32", low=0.0, high=1.0)
    return levels, PictureContract()


@pytest.mark.parametrize("depth", ["uint8", "uint16", "float32"])
def test_batches_have_the_colours_of_the_formula(depth: str) -> None:
    array, contract = sample(depth)
    source, target = split_tensor(from_levels(to_levels(array[None]), contract), contract)
    (low, high), (_, most) = LAB_RANGES
    lightness, colours = for_digest(array)
    for tensor, expected in (
        (source[0, 0], 2 * (lightness[:, :, 0] - low) / (high - low) - 1),
        (target[0].movedim(0, -1), colours / most),
    ):
        assert tensor.dtype == torch.float32
        np.testing.assert_allclose(tensor.numpy(), expected, rtol=0, atol=3e-6)


def test_training_and_translating_agree() -> None:
    array, _ = sample("uint8")
    for trained, translated in zip(for_digest(array), split_lab(array), strict=True):
        np.testing.assert_allclose(trained, translated, rtol=0, atol=0.03)  # of 100 and of 220
