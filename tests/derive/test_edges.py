import numpy as np
import pytest
from numpy.typing import NDArray

from pix2pix.derive import edges
from tests.helpers import noise

Array = NDArray[np.generic]


def draw(photograph: Array) -> NDArray[np.bool_]:
    """(H, W), true on the lines."""
    drawn = edges.draw(photograph, edges.LOW, edges.HIGH, edges.SIGMA_PX)
    assert drawn.dtype == np.uint8
    assert drawn.shape == (*photograph.shape[:2], 1)
    assert set(np.unique(drawn)) <= {0, 255}
    return drawn[:, :, 0] == 0


def square(inside: object, outside: object, dtype: str = "uint8") -> Array:
    """(64, 64, C): a square of 32 px in the middle."""
    picture = np.empty((64, 64, np.size(inside)), dtype)
    picture[:] = outside
    picture[16:48, 16:48] = inside
    return picture


def scene() -> NDArray[np.uint8]:
    """(96, 96, 3): smooth blobs in colours."""
    rows, columns = np.mgrid[:96, :96] / 96
    waves = [np.sin(k * 5 * rows + 3 * k * columns**2) for k in (1, 2, 3)]
    return ((np.stack(waves, -1) + 1) * 127).astype(np.uint8)


def test_a_square_gets_one_closed_thin_outline() -> None:
    lines = draw(square(200, 50))
    rows, columns = np.nonzero(lines)
    # On one side or the other of the border between 15 and 16, and between 47 and 48.
    assert set(rows) | set(columns) <= set(range(15, 49))
    assert not lines[18:46, 18:46].any()
    assert lines[18:46].sum(1).tolist() == [2] * 28
    assert lines[:, 18:46].sum(0).tolist() == [2] * 28


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
@pytest.mark.parametrize("shape", [(1, 1, 1), (1, 70, 3), (37, 1000, 1), (64, 64, 5)])
def test_an_empty_picture_has_no_line(dtype: str, shape: tuple[int, ...]) -> None:
    assert not draw(np.full(shape, 77, dtype)).any()


def test_depth_offset_and_dimming_change_next_to_nothing() -> None:
    picture = scene()
    lines = draw(picture)
    assert lines.mean() > 0.02
    for same in (
        picture.astype(np.uint16) * 257,
        picture.astype(np.uint16) * 60,
        picture.astype(np.float32) / 1e6 - 3e-5,
        picture.astype(np.float32) + 1e5,
    ):
        assert (draw(same) != lines).mean() < 0.002


def test_colours_of_equal_grey_are_divided() -> None:
    assert draw(square((200, 60, 60), (60, 132, 60))).sum() > 100


def test_noise_of_an_empty_picture_is_not_drawn() -> None:
    assert not draw(100 + noise(64, 64) % 5).any()


def test_a_faint_edge_is_drawn_where_it_continues_a_strong_one() -> None:
    picture = np.zeros((64, 200, 1), np.uint8)
    picture[32:, :150, 0] = np.linspace(255, 35, 150)  # a step that fades to below the threshold
    picture[32:, 170:] = 40  # a faint step alone
    lines = draw(picture)
    assert lines[30:34, :145].any(axis=0).all()
    assert not lines[:, 165:].any()


def test_short_lines_are_not_drawn() -> None:
    picture = np.zeros((64, 64, 1), np.uint8)
    picture[20, 20] = 255
    assert not (edges.draw(picture, edges.LOW, edges.HIGH, 0.7) == 0).any()
    picture[20, 20:40] = 255
    assert (edges.draw(picture, edges.LOW, edges.HIGH, 0.7) == 0).any()


def test_thresholds_and_blur_take_lines_away() -> None:
    picture = noise(64, 64, 1)
    many, fewer, few = (
        (edges.draw(picture, low, high, sigma_px) == 0).sum()
        for low, high, sigma_px in ((0.1, 0.2, 1), (0.1, 0.9, 1), (0.1, 0.9, 3))
    )
    assert many > fewer > few
