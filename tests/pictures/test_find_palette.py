import tomllib
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from pix2pix.datasets.sample import make_pair
from pix2pix.errors import UserError
from pix2pix.pictures.contract import Ignored
from pix2pix.pictures.find_palette import find_palette, palette_report, stray_colours, thinned
from pix2pix.pictures.palette import Palette, to_colours, to_index
from pix2pix.pictures.palette_file import load_palette
from tests.helpers import noise
from tests.pictures.samples import areas, jpeg

Array = NDArray[Any]
CITY, FACADES = load_palette("cityscapes"), load_palette("facades")
# What the label maps of the paper's facades have, where the shipped palette has the page's colours.
JET = [
    (0, 0, 222),
    (0, 48, 255),
    (174, 0, 0),
    (0, 128, 255),
    (112, 255, 143),
    (32, 255, 223),
    (255, 240, 0),
    (192, 255, 63),
    (255, 159, 0),
    (255, 80, 0),
    (255, 0, 0),
    (0, 207, 255),
]


def _maps(palette: Palette, count: int = 8) -> list[Array]:
    return [to_colours(areas(len(palette.names), seed), palette) for seed in range(count)]


def _shrunk(array: Array) -> Array:
    size = (array.shape[1] * 2 // 3, array.shape[0] * 2 // 3)
    return np.asarray(Image.fromarray(array).resize(size, Image.Resampling.BICUBIC))


def _index(array: Array, palette: Palette, snap: bool = False) -> Array:
    return to_index(array, palette, snap=snap, name="a.png")


def _same(array: Array) -> Array:
    return array


@pytest.mark.parametrize("palette", [CITY, FACADES])
@pytest.mark.parametrize("change", [_same, jpeg, _shrunk, lambda a: jpeg(_shrunk(a), 95)])
def test_a_shipped_palette_is_found_exactly(palette: Palette, change: Callable[[Array], Array]) -> None:
    assert find_palette([change(array) for array in _maps(palette)]) == palette


@pytest.mark.parametrize("quality", [95, 85, 75])
def test_small_compressed_maps_are_recognised_together(quality: int) -> None:
    pairs = [make_pair(0, number, 128) for number in range(12)]
    whole = [jpeg(np.concatenate(pair, axis=1), quality) for pair in pairs]
    maps, photographs = ([array[:, part] for array in whole] for part in (slice(128), slice(128, None)))
    result = find_palette(maps)
    assert result is not None
    assert result.names == FACADES.names
    present = np.unique(np.concatenate([labels.reshape(-1, 3) for labels, _ in pairs]), axis=0).astype(int)
    distances = np.abs(present[:, None] - np.array(result.colours)).max(2).min(1)
    assert distances.max() <= 24
    assert find_palette(photographs) is None
    assert find_palette(maps[:1] if quality == 75 else photographs[:1]) is None


def test_other_colours_under_a_shipped_palettes_names_stay_those_of_the_pictures() -> None:
    data = Palette(FACADES.names, tuple(JET))
    assert find_palette(_maps(data)) == data
    result = find_palette([jpeg(array) for array in _maps(data)])
    assert result is not None
    assert result.names == FACADES.names
    assert np.abs(np.subtract(result.colours, JET)).max() <= 4


def test_an_unknown_palette_is_found_with_numbered_names_by_frequency() -> None:
    palette = Palette(("a", "b", "c"), ((20, 20, 20), (250, 0, 0), (0, 200, 0)))
    index = np.repeat(np.repeat(np.array([[0, 1, 0], [0, 2, 1]], np.uint8), 20, 0), 20, 1)
    lossless = to_colours(index[:, :, None], palette)
    assert find_palette([lossless]) == Palette(("class_0", "class_1", "class_2"), palette.colours)
    result = find_palette([jpeg(lossless)])
    assert result is not None
    assert np.abs(np.subtract(result.colours, palette.colours)).max() <= 2


def test_a_colour_that_is_none_of_the_shipped_ones_comes_last() -> None:
    more = Palette((*CITY.names, "class_0"), (*CITY.colours, (250, 170, 160)))
    assert find_palette(_maps(more)) == more


def test_another_palette_of_strong_colours_is_not_given_the_shipped_names() -> None:
    corners = tuple((r, g, b) for r in (0, 128) for g in (0, 128) for b in (0, 64, 128, 192))
    result = find_palette(_maps(Palette(tuple(map(str, corners)), corners)))
    assert result is not None
    assert set(result.colours) == set(corners)
    assert result.names[0] == "class_0"


def test_class_indexes_get_distinct_colours() -> None:
    result = find_palette([areas(20, seed) for seed in range(3)])
    assert result is not None
    assert result.names == tuple(f"class_{n}" for n in range(20))
    assert not result.is_grey
    np.testing.assert_array_equal(_index(areas(20), result), areas(20))


@pytest.mark.parametrize("change", [_same, jpeg])
def test_masks_of_one_channel_are_black_and_white(change: Callable[[Array], Array]) -> None:
    result = find_palette([change(areas(2, seed) * 255) for seed in range(3)])
    assert result is not None
    assert set(result.colours) == {(0, 0, 0), (255, 255, 255)}


def test_255_among_class_indexes_is_ignored() -> None:
    index = areas(6)
    index[index == 5] = 255
    result = find_palette([index])
    assert result is not None
    assert len(result.names) == 5
    assert result.ignored == Ignored(index=255, colour=(255, 255, 255))
    np.testing.assert_array_equal(_index(index, result), index)
    report = palette_report(lambda: [index], "maps")
    assert report[-3:] == ["[ignore]", "index = 255", 'colour = "#ffffff"']


@pytest.mark.parametrize("levels", [[0, 255], [0, 128, 255]])
def test_the_lightest_of_few_levels_is_a_class(levels: list[int]) -> None:
    result = find_palette([np.array(levels, np.uint8)[areas(len(levels))]])
    assert result is not None
    assert sorted(result.colours) == [(level, level, level) for level in levels]
    assert result.ignored is None


def _shaded(seed: int) -> Array:
    """A smooth thing on white, as in a photograph of goods."""
    y, x = np.mgrid[:128, :128] / 20 + seed
    shade = np.stack([np.sin(x + c) * np.cos(y - c) for c in range(3)], axis=2)
    return np.where(areas(2, seed) == 1, 120 + 80 * shade, 255).astype(np.uint8)


def _edges(seed: int) -> Array:
    """Outlines of one pixel, black on white."""
    index = areas(5, seed).astype(int)
    lines = np.diff(index, axis=0, prepend=index[:1]) != 0
    return np.where(lines, 0, 255).astype(np.uint8).repeat(3, axis=2)


@pytest.mark.parametrize(
    "picture",
    [
        lambda seed: noise(128, 128, seed=seed),
        _shaded,
        lambda seed: jpeg(_shaded(seed)),
        _edges,
        lambda seed: jpeg(_edges(seed)),
        lambda seed: _edges(seed)[:, :, :1],
        lambda seed: (np.mgrid[:128, :128][0] + seed).astype(np.uint8)[:, :, None],
        lambda seed: np.full((64, 64, 3), 200, np.uint8),
        lambda seed: np.zeros((2, 2, 3), np.uint8),
        lambda seed: np.zeros((64, 64, 3), np.uint16),
        lambda seed: np.zeros((64, 64, 5), np.uint8),
    ],
)
def test_pictures_that_are_no_label_maps_have_no_palette(picture: Callable[[int], Array]) -> None:
    assert find_palette([picture(seed) for seed in range(4)]) is None


def test_no_pictures_have_no_palette() -> None:
    assert find_palette([]) is None


def test_more_colours_than_the_limit_are_no_palette() -> None:
    assert find_palette(_maps(CITY), limit=20) == CITY
    assert find_palette(_maps(CITY), limit=19) is None


def test_reading_ends_when_photographs_are_certain() -> None:
    read = []

    def photographs() -> Any:
        y, x = np.mgrid[:512, :512] / 2
        for number in range(100):
            read.append(number)
            yield np.stack([x, y, np.full_like(x, number)], axis=2).astype(np.uint8)

    assert find_palette(photographs()) is None
    assert len(read) < 10


def test_the_report_is_the_palette_with_shares() -> None:
    lines = palette_report(lambda: (jpeg(array) for array in _maps(CITY)), "DATA")
    classes = tomllib.loads("\n".join(lines))["class"]
    assert [entry["name"] for entry in classes] == list(CITY.names)
    shares = [float(line.split("# ")[1].split("%")[0]) for line in lines if "#" in line[12:]]
    assert sum(shares) == pytest.approx(100, abs=0.2)
    assert shares[0] == max(shares)


def test_the_report_on_photographs_says_so() -> None:
    with pytest.raises(UserError, match=r"pictures of DATA share no palette .* --half left"):
        palette_report(lambda: [noise(64, 64)], "DATA")


@pytest.mark.parametrize("change", [_same, jpeg])
def test_colours_that_a_palette_lacks_are_listed_with_their_shares(change: Callable[[Array], Array]) -> None:
    def strays() -> list[tuple[tuple[int, int, int], float]]:
        listed = stray_colours(change(array), CITY, blurred=change is jpeg)
        return [(colour, share) for colour, share in listed if change is _same or share > 1e-3]

    array = to_colours(areas(20), CITY)
    assert strays() == []
    array[32:52, 32:52] = 200, 190, 40
    array[64:80, 96:112] = 10, 90, 130
    (first, share), (second, _) = strays()
    assert np.abs(np.subtract([first, second], [(200, 190, 40), (10, 90, 130)])).max() <= 3
    assert change is jpeg or share == 400 / 128**2


@pytest.mark.parametrize(
    ("size", "kept"), [((64, 64), (64, 64)), ((128, 300), (64, 150)), ((65, 127), (65, 127))]
)
def test_large_pictures_are_thinned_by_whole_steps(size: tuple[int, int], kept: tuple[int, int]) -> None:
    array = np.arange(size[0] * size[1]).reshape(*size, 1)
    small = thinned(array, 64)
    assert small.shape == (*kept, 1)
    assert small[1, 1] == array[size[0] // kept[0], size[1] // kept[1]]
