import numpy as np
import pytest

from pix2pix.pictures.codec import Array, from_pillow
from pix2pix.pictures.contract import PictureContract
from pix2pix.pictures.view import grid, to_view
from tests.helpers import noise

RGB = PictureContract()
DEEP = PictureContract(channels=1, depth="uint16", high=65535)
FLOAT = PictureContract(channels=2, depth="float32", low=-3, high=5)


def eight(channels: int) -> PictureContract:
    return PictureContract(channels=channels)


@pytest.mark.parametrize(
    ("contract", "channels"), [(eight(1), 1), (eight(2), 2), (RGB, 3), (eight(7), 7), (DEEP, 1)]
)
def test_any_picture_can_be_looked_at(contract: PictureContract, channels: int) -> None:
    array = noise(3, 4, channels).astype(contract.depth)
    array *= 257 if contract.depth == "uint16" else 1
    view = to_view(array, contract)
    assert (view.shape, view.dtype) == ((3, 4, 3), np.uint8)
    shown = array[:, :, :3] if channels >= 3 else array[:, :, :1]
    expected = np.broadcast_to(shown // (257 if contract.depth == "uint16" else 1), (3, 4, 3))
    assert np.array_equal(view, expected)


def test_floats_beyond_their_range_are_clipped_in_a_view() -> None:
    array = np.array([-9, -3, 1, 5, 9], np.float32).reshape(1, 5, 1)
    assert to_view(array, FLOAT)[0, :, 0].tolist() == [0, 0, 128, 255, 255]


@pytest.mark.parametrize("columns", [1, 3])
@pytest.mark.parametrize("rows", [1, 4])
@pytest.mark.parametrize(("height", "width", "times"), [(9, 14, 14), (200, 300, 1), (64, 96, 2)])
def test_a_grid_shows_every_picture_whole_in_its_row_and_column(
    rows: int, columns: int, height: int, width: int, times: int
) -> None:
    def colour(row: int, column: int) -> int:
        return 100 + 10 * row + column  # between the black of titles and the white around them

    cells = [
        [np.full((height, width, 3), colour(r, c), np.uint8) for c in range(columns)] for r in range(rows)
    ]
    sheet = from_pillow(grid(cells, [""] * columns))
    corners = np.zeros((rows, columns, 2), int)
    for r in range(rows):
        for c in range(columns):
            result = np.argwhere((sheet == colour(r, c)).all(axis=2))
            corners[r, c] = result.min(0)
            shape = (height * times, width * times)  # small ones are enlarged
            assert len(result) == shape[0] * shape[1]
            assert tuple(result.max(0) - result.min(0) + 1) == shape
    # Rows lie below each other and columns next to each other, with air between and around them.
    assert (np.diff(corners[:, :, 0], axis=0) > height * times).all()
    assert (np.diff(corners[:, :, 1], axis=1) > width * times).all()
    assert (sheet[:, [0, -1]] == 255).all()
    assert (sheet[[0, -1]] == 255).all()


def test_titles_stand_above_their_columns() -> None:
    cell = np.full((20, 60, 3), 255, np.uint8)
    sheet: Array = from_pillow(grid([[cell, cell]], ["left", ""]))
    ink = np.argwhere(sheet.min(axis=2) < 128)
    assert len(ink) > 0
    assert ink[:, 1].max() < sheet.shape[1] / 2
    assert ink[:, 0].max() < 22
