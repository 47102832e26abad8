import io
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from numpy.typing import NDArray
from PIL import Image

from pix2pix.errors import UserError
from pix2pix.pictures import palette as palettes
from pix2pix.pictures.find_palette import find_palette, palette_report, stray_colours
from pix2pix.pictures.palette import Palette, describe, load_palette, palette_names, to_colours, to_index
from tests.helpers import noise, write_text

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

_colours = st.tuples(*[st.integers(0, 255)] * 3)
_names = st.text(st.characters(exclude_categories=["Cs"]), min_size=1).filter(str.strip)
_palettes = st.lists(
    st.tuples(_names, _colours), min_size=1, max_size=80, unique_by=(lambda c: c[0], lambda c: c[1])
).map(lambda classes: Palette(*map(tuple, zip(*classes, strict=True))))


@st.composite
def _label_maps(draw: st.DrawFn) -> tuple[Array, Palette]:
    palette = draw(_palettes)
    shape = (*draw(arrays.array_shapes(min_dims=2, max_dims=2, max_side=9)), 1)
    index = draw(arrays.arrays(np.uint8, shape, elements=st.integers(0, len(palette.names) - 1)))
    return index, palette


def _areas(classes: int, seed: int = 0, size_px: int = 128) -> Array:
    """(H, W, 1) rectangles and ellipses at random, thin ones among them."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:size_px, :size_px]
    index = np.zeros((size_px, size_px, 1), np.uint8)
    for _ in range(40):
        top, left, height, width = *rng.integers(0, size_px, 2), *rng.integers(1, 25, 2)
        down, right = (y - top) / height, (x - left) / width
        box = np.maximum(abs(down), abs(right)) < 1
        index[box if rng.random() < 0.5 else down**2 + right**2 < 1] = rng.integers(classes)
    return index


def _maps(palette: Palette, count: int = 8) -> list[Array]:
    return [to_colours(_areas(len(palette.names), seed), palette) for seed in range(count)]


def _jpeg(array: Array, quality: int = 90) -> Array:
    """What JPEG with halved colour makes of a picture."""
    file = io.BytesIO()
    grey = array.shape[2] == 1
    picture = Image.fromarray(array[:, :, 0] if grey else array)
    picture.save(file, "JPEG", quality=quality, **({} if grey else {"subsampling": 2}))
    return np.atleast_3d(np.asarray(Image.open(file)))


def _shrunk(array: Array) -> Array:
    size = (array.shape[1] * 2 // 3, array.shape[0] * 2 // 3)
    return np.asarray(Image.fromarray(array).resize(size, Image.Resampling.BICUBIC))


def _index(array: Array, palette: Palette, snap: bool = False) -> Array:
    return to_index(array, palette, snap=snap, name="a.png")


def _nearest(array: Array, palette: Palette) -> Array:
    offsets = array[:, :, None].astype(int) - np.array(palette.colours)
    return (offsets**2).sum(3).argmin(2)[:, :, None]


def test_the_shipped_palettes_have_their_classes() -> None:
    assert palette_names() == ["cityscapes", "facades"]
    assert (len(CITY.names), len(FACADES.names)) == (20, 12)
    assert dict(zip(CITY.names, CITY.colours, strict=True))["road"] == (128, 64, 128)
    assert dict(zip(FACADES.names, FACADES.colours, strict=True))["window sill"] == (104, 248, 152)


@given(palette=_palettes)
def test_a_palette_survives_its_file(tmp_path_factory: pytest.TempPathFactory, palette: Palette) -> None:
    path = tmp_path_factory.mktemp("palette") / "mine.toml"
    path.write_text("\n".join(describe(palette)), "utf-8")
    assert load_palette(str(path)) == palette


def test_an_unknown_palette_is_refused_with_the_nearest_name(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="did you mean 'facades'"):
        load_palette("facade")
    with pytest.raises(UserError, match=r"no palette 'x'\. Name one of cityscapes, facades"):
        load_palette("x")
    with pytest.raises(UserError, match=r"mine\.toml"):
        load_palette(str(tmp_path / "mine.toml"))


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("[[class]", "Cannot read"),
        ("", "Write for each"),
        ("class = 1", "Write for each"),
        ("class = []", "1 to 256"),
        ('[[class]]\nname = "a"', "Write for each"),
        ('[[class]]\nname = 1\ncolour = "#000000"', "Write for each"),
        ('[[class]]\nname = "a"\ncolour = "#00000"', "Write for each"),
        ('[[class]]\nname = "a"\ncolour = "#00000g"', "Write for each"),
        ('[[class]]\nname = "a"\ncolour = "#000000"\ncolor = 1', "Write for each"),
        ('[[class]]\nname = " "\ncolour = "#000000"', "no name"),
        ('[[class]]\nname = "a"\ncolour = "#0000ff"\n' * 2, "2 classes of the name 'a'"),
        (
            '[[class]]\nname="a"\ncolour="#0000ff"\n[[class]]\nname="b"\ncolour="#0000FF"',
            "2 classes of the colour '#0000ff'",
        ),
    ],
)
def test_a_wrong_palette_file_is_named_with_what_is_wrong(tmp_path: Path, text: str, wanted: str) -> None:
    path = write_text(tmp_path / "mine.toml", text)
    with pytest.raises(UserError, match=wanted) as raised:
        load_palette(str(path))
    assert str(path) in str(raised.value)


@given(made=_label_maps(), snap=st.booleans())
def test_exact_colours_give_the_classes_back(made: tuple[Array, Palette], snap: bool) -> None:
    index, palette = made
    colours = to_colours(index, palette)
    np.testing.assert_array_equal(_index(colours, palette, snap), index)
    assert colours.dtype == _index(colours, palette).dtype == np.uint8


def test_alpha_is_ignored_and_indexes_pass_at_any_depth() -> None:
    index = _areas(20)
    alpha = np.concatenate([to_colours(index, CITY), noise(128, 128, 1)], axis=2)
    np.testing.assert_array_equal(_index(alpha, CITY), index)
    np.testing.assert_array_equal(_index(index.astype(np.uint16), CITY), index)


def test_an_index_of_no_class_is_refused() -> None:
    with pytest.raises(UserError, match=r"a\.png has the class index 12, .* 12 classes \(0 to 11"):
        _index(np.full((2, 2, 1), 12, np.uint8), FACADES)


@pytest.mark.parametrize("shape", [(2, 2, 2), (2, 2, 7)])
def test_a_picture_of_other_channels_is_no_label_map(shape: tuple[int, ...]) -> None:
    with pytest.raises(UserError, match=r"a\.png has \d channels of uint8"):
        _index(np.zeros(shape, np.uint8), CITY)


@pytest.mark.parametrize("kind", [np.uint16, np.float32])
def test_a_picture_of_other_depth_is_no_label_map(kind: type) -> None:
    with pytest.raises(UserError, match="wanted RGB of 8 bits"):
        _index(np.zeros((2, 2, 3), kind), CITY, snap=True)


def test_a_stray_colour_is_named_with_the_way_out() -> None:
    array = to_colours(_areas(20), CITY)
    array[3, 4:6], array[5, 5] = (1, 2, 3), (9, 9, 9)
    with pytest.raises(UserError) as raised:
        _index(array, CITY)
    for part in ("a.png", "3 pixels", "2 colours", "2 of them are #010203", "data.snap_labels=true"):
        assert part in str(raised.value)


def test_one_channel_of_a_grey_palette_holds_levels() -> None:
    mask = Palette(("out", "in"), ((0, 0, 0), (255, 255, 255)))
    index = _areas(2)
    np.testing.assert_array_equal(_index(index * 255, mask), index)
    blurred = _jpeg(index * 255)
    with pytest.raises(UserError, match="colours that the palette has not"):
        _index(blurred, mask)
    assert (_index(blurred, mask, snap=True) != index).mean() < 0.01


@given(arrays.arrays(np.int8, (12, 12, 3), elements=st.integers(-4, 4)), st.integers(0, 99))
def test_snapping_takes_the_nearest_class_where_there_is_no_doubt(error: Array, seed: int) -> None:
    index = _areas(20, seed)[:12, :12]
    array = (to_colours(index, CITY).astype(int) + error).clip(0, 255).astype(np.uint8)
    np.testing.assert_array_equal(_index(array, CITY, snap=True), _nearest(array, CITY))


def test_snapping_in_doubt_everywhere_takes_the_nearest_class() -> None:
    palette = Palette(("a", "b"), ((0, 0, 0), (200, 0, 0)))
    array = np.stack([np.arange(60, 140)[None].repeat(3, 0)] + [np.zeros((3, 80))] * 2, axis=2)
    array = array.astype(np.uint8)
    np.testing.assert_array_equal(_index(array, palette, snap=True), _nearest(array, palette))


@pytest.mark.parametrize(("palette", "quality"), [(CITY, 90), (FACADES, 90), (FACADES, 75)])
def test_blurred_borders_do_not_become_a_third_class(palette: Palette, quality: int) -> None:
    indexes = [_areas(len(palette.names), seed) for seed in range(4)]
    blurred = [_jpeg(to_colours(index, palette), quality) for index in indexes]
    wrong, nearest = (
        np.mean([way(b) != index for b, index in zip(blurred, indexes, strict=True)])
        for way in (lambda b: _index(b, palette, snap=True), lambda b: _nearest(b, palette))
    )
    assert wrong < nearest / 2


def test_a_line_of_one_pixel_keeps_its_class_when_another_place_is_blurred() -> None:
    index = np.zeros((32, 32, 1), np.uint8)
    index[10], index[20, 20] = 5, 7
    array = to_colours(index, CITY)
    array[0, 0] += 9
    np.testing.assert_array_equal(_index(array, CITY, snap=True), index)


@pytest.mark.parametrize("shape", [(100, 70), (1, 300), (300, 1), (0, 5)])
def test_large_pictures_are_snapped_in_blocks_without_a_seam(
    shape: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    array = np.resize(_jpeg(to_colours(_areas(20), CITY), 60), (*shape, 3))
    whole = _index(array, CITY, snap=True)
    monkeypatch.setattr(palettes, "_PIXELS_AT_ONCE", 1)
    np.testing.assert_array_equal(_index(array, CITY, snap=True), whole)


def test_more_than_64_classes_snap() -> None:
    rng = np.random.default_rng(0)
    codes = rng.permutation(6**3)[:150]
    colours = tuple((int(c) // 36 * 51, int(c) // 6 % 6 * 51, int(c) % 6 * 51) for c in codes)
    palette = Palette(tuple(f"c{n}" for n in range(150)), colours)
    index = _areas(150)
    assert (_index(_jpeg(to_colours(index, palette), 95), palette, snap=True) != index).mean() < 0.1


def _same(array: Array) -> Array:
    return array


@pytest.mark.parametrize("palette", [CITY, FACADES])
@pytest.mark.parametrize("change", [_same, _jpeg, _shrunk, lambda a: _jpeg(_shrunk(a), 95)])
def test_a_shipped_palette_is_found_exactly(palette: Palette, change: Callable[[Array], Array]) -> None:
    assert find_palette([change(array) for array in _maps(palette)]) == palette


def test_other_colours_under_a_shipped_palettes_names_stay_those_of_the_pictures() -> None:
    data = Palette(FACADES.names, tuple(JET))
    assert find_palette(_maps(data)) == data
    found = find_palette([_jpeg(array) for array in _maps(data)])
    assert found is not None
    assert found.names == FACADES.names
    assert np.abs(np.subtract(found.colours, JET)).max() <= 4


def test_an_unknown_palette_is_found_with_numbered_names_by_frequency() -> None:
    palette = Palette(("a", "b", "c"), ((20, 20, 20), (250, 0, 0), (0, 200, 0)))
    index = np.repeat(np.repeat(np.array([[0, 1, 0], [0, 2, 1]], np.uint8), 20, 0), 20, 1)
    lossless = to_colours(index[:, :, None], palette)
    assert find_palette([lossless]) == Palette(("class_0", "class_1", "class_2"), palette.colours)
    found = find_palette([_jpeg(lossless)])
    assert found is not None
    assert np.abs(np.subtract(found.colours, palette.colours)).max() <= 2


def test_a_colour_beside_the_shipped_ones_comes_last() -> None:
    more = Palette((*CITY.names, "class_0"), (*CITY.colours, (250, 170, 160)))
    assert find_palette(_maps(more)) == more


def test_another_palette_of_strong_colours_is_not_given_the_shipped_names() -> None:
    corners = tuple((r, g, b) for r in (0, 128) for g in (0, 128) for b in (0, 64, 128, 192))
    found = find_palette(_maps(Palette(tuple(map(str, corners)), corners)))
    assert found is not None
    assert set(found.colours) == set(corners)
    assert found.names[0] == "class_0"


def test_class_indexes_get_distinct_colours() -> None:
    found = find_palette([_areas(20, seed) for seed in range(3)])
    assert found is not None
    assert found.names == tuple(f"class_{n}" for n in range(20))
    assert not found.is_grey
    np.testing.assert_array_equal(_index(_areas(20), found), _areas(20))


@pytest.mark.parametrize("change", [_same, _jpeg])
def test_masks_of_one_channel_are_black_and_white(change: Callable[[Array], Array]) -> None:
    found = find_palette([change(_areas(2, seed) * 255) for seed in range(3)])
    assert found is not None
    assert set(found.colours) == {(0, 0, 0), (255, 255, 255)}


def test_class_indexes_with_255_for_no_class_are_levels() -> None:
    index = _areas(6)
    index[index == 5] = 255
    found = find_palette([index])
    assert found is not None
    assert set(found.colours) == {(n, n, n) for n in (0, 1, 2, 3, 4, 255)}
    np.testing.assert_array_equal(to_colours(_index(index, found), found)[:, :, :1], index)


def _shaded(seed: int) -> Array:
    """A smooth thing on white, as in a photograph of goods."""
    y, x = np.mgrid[:128, :128] / 20 + seed
    shade = np.stack([np.sin(x + c) * np.cos(y - c) for c in range(3)], axis=2)
    return np.where(_areas(2, seed) == 1, 120 + 80 * shade, 255).astype(np.uint8)


def _edges(seed: int) -> Array:
    """Outlines of one pixel, black on white."""
    areas = _areas(5, seed).astype(int)
    lines = np.diff(areas, axis=0, prepend=areas[:1]) != 0
    return np.where(lines, 0, 255).astype(np.uint8).repeat(3, axis=2)


@pytest.mark.parametrize(
    "picture",
    [
        lambda seed: noise(128, 128, seed=seed),
        _shaded,
        lambda seed: _jpeg(_shaded(seed)),
        _edges,
        lambda seed: _jpeg(_edges(seed)),
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
    lines = palette_report(lambda: (_jpeg(array) for array in _maps(CITY)), "DATA")
    classes = tomllib.loads("\n".join(lines))["class"]
    assert [entry["name"] for entry in classes] == list(CITY.names)
    shares = [float(line.split("# ")[1].split("%")[0]) for line in lines if "#" in line[12:]]
    assert sum(shares) == pytest.approx(100, abs=0.2)
    assert shares[0] == max(shares)


def test_the_report_on_photographs_says_so() -> None:
    with pytest.raises(UserError, match=r"pictures of DATA share no palette .* --half left"):
        palette_report(lambda: [noise(64, 64)], "DATA")


def test_a_palette_is_described_as_its_file() -> None:
    mask = Palette(("out", 'a "b"'), ((0, 0, 0), (255, 0, 171)))
    assert describe(mask, [0.25, 0.75]) == [
        "[[class]]",
        'name = "out"',
        'colour = "#000000"  # 25.00% of the pixels',
        "",
        "[[class]]",
        r'name = "a \"b\""',
        'colour = "#ff00ab"  # 75.00% of the pixels',
    ]


@pytest.mark.parametrize("change", [_same, _jpeg])
def test_colours_that_a_palette_lacks_are_listed_with_their_shares(change: Callable[[Array], Array]) -> None:
    def strays() -> list[tuple[tuple[int, int, int], float]]:
        listed = stray_colours(change(array), CITY, blurred=change is _jpeg)
        return [(colour, share) for colour, share in listed if change is _same or share > 1e-3]

    array = to_colours(_areas(20), CITY)
    assert strays() == []
    array[32:52, 32:52] = 200, 190, 40
    array[64:80, 96:112] = 10, 90, 130
    (first, share), (second, _) = strays()
    assert np.abs(np.subtract([first, second], [(200, 190, 40), (10, 90, 130)])).max() <= 3
    assert change is _jpeg or share == 400 / 128**2
