from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from numpy.typing import NDArray

from pix2pix.errors import UserError
from pix2pix.pictures import palette as palettes
from pix2pix.pictures.contract import IGNORED, Ignored
from pix2pix.pictures.palette import Palette, label_contract, of_contract, stray_share, to_colours, to_index
from pix2pix.pictures.palette_file import describe, load_palette, palette_names
from tests.helpers import noise, write_text
from tests.pictures.samples import areas, jpeg

Array = NDArray[Any]
CITY, FACADES = load_palette("cityscapes"), load_palette("facades")

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


def test_a_palette_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"There is no palette file .*gone\.toml\.") as caught:
        load_palette(str(tmp_path / "gone.toml"))
    assert "Errno" not in str(caught.value)
    assert "pix2pix data palette" in caught.value.hint


@pytest.mark.parametrize(
    ("text", "expected"),
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
def test_a_wrong_palette_file_is_named_with_what_is_wrong(tmp_path: Path, text: str, expected: str) -> None:
    path = write_text(tmp_path / "mine.toml", text)
    with pytest.raises(UserError, match=expected) as raised:
        load_palette(str(path))
    assert str(path) in str(raised.value)


@given(made=_label_maps(), snap=st.booleans())
def test_exact_colours_give_the_classes_back(made: tuple[Array, Palette], snap: bool) -> None:
    index, palette = made
    colours = to_colours(index, palette)
    np.testing.assert_array_equal(_index(colours, palette, snap), index)
    assert colours.dtype == _index(colours, palette).dtype == np.uint8


@pytest.mark.parametrize("kind", [np.uint16, np.float32, np.int64])
def test_indexes_may_be_of_any_type_that_holds_them(kind: Any) -> None:
    index = areas(2).astype(kind)
    assert np.array_equal(_index(index, STREET), index)
    assert stray_share(index, STREET) == 0
    with pytest.raises(UserError, match=r"no label map|the class index 2"):
        _index(index + kind(1.5), STREET)


def test_alpha_is_ignored_and_indexes_pass_at_any_depth() -> None:
    index = areas(20)
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
    array = to_colours(areas(20), CITY)
    array[3, 4:6], array[5, 5] = (1, 2, 3), (9, 9, 9)
    with pytest.raises(UserError) as raised:
        _index(array, CITY)
    for part in ("a.png", "3 pixels", "2 colours", "2 of them are #010203", "data.snap_labels=true"):
        assert part in str(raised.value)


def test_one_channel_of_a_grey_palette_holds_levels() -> None:
    mask = Palette(("out", "in"), ((0, 0, 0), (255, 255, 255)))
    index = areas(2)
    np.testing.assert_array_equal(_index(index * 255, mask), index)
    blurred = jpeg(index * 255)
    with pytest.raises(UserError, match="colours that the palette has not"):
        _index(blurred, mask)
    assert (_index(blurred, mask, snap=True) != index).mean() < 0.01


@given(arrays.arrays(np.int8, (12, 12, 3), elements=st.integers(-4, 4)), st.integers(0, 99))
def test_snapping_takes_the_nearest_class_where_there_is_no_doubt(error: Array, seed: int) -> None:
    index = areas(20, seed)[:12, :12]
    array = (to_colours(index, CITY).astype(int) + error).clip(0, 255).astype(np.uint8)
    np.testing.assert_array_equal(_index(array, CITY, snap=True), _nearest(array, CITY))


def test_snapping_in_doubt_everywhere_takes_the_nearest_class() -> None:
    palette = Palette(("a", "b"), ((0, 0, 0), (200, 0, 0)))
    array = np.stack([np.arange(60, 140)[None].repeat(3, 0)] + [np.zeros((3, 80))] * 2, axis=2)
    array = array.astype(np.uint8)
    np.testing.assert_array_equal(_index(array, palette, snap=True), _nearest(array, palette))


@pytest.mark.parametrize(("palette", "quality"), [(CITY, 90), (FACADES, 90), (FACADES, 75)])
def test_blurred_borders_do_not_become_a_third_class(palette: Palette, quality: int) -> None:
    indexes = [areas(len(palette.names), seed) for seed in range(4)]
    blurred = [jpeg(to_colours(index, palette), quality) for index in indexes]
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
    array = np.resize(jpeg(to_colours(areas(20), CITY), 60), (*shape, 3))
    whole = _index(array, CITY, snap=True)
    monkeypatch.setattr(palettes, "_PIXELS_AT_ONCE", 1)
    np.testing.assert_array_equal(_index(array, CITY, snap=True), whole)


def test_more_than_64_classes_snap() -> None:
    rng = np.random.default_rng(0)
    codes = rng.permutation(6**3)[:150]
    colours = tuple((int(c) // 36 * 51, int(c) // 6 % 6 * 51, int(c) % 6 * 51) for c in codes)
    palette = Palette(tuple(f"c{n}" for n in range(150)), colours)
    index = areas(150)
    assert (_index(jpeg(to_colours(index, palette), 95), palette, snap=True) != index).mean() < 0.1


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


# Ignored pixels

WHITE, BLACK = (255, 255, 255), (0, 0, 0)
STREET = Palette(("road", "car"), ((128, 64, 128), (64, 0, 128)), Ignored(index=255, colour=WHITE))
INDEXES = np.array([[0, 1, 255]], np.uint8)[:, :, None]


def test_ignored_pixels_survive_indexes_and_colours() -> None:
    assert np.array_equal(_index(INDEXES, STREET), INDEXES)
    drawn = to_colours(INDEXES, STREET)
    assert drawn[0, 2].tolist() == [255, 255, 255]
    assert np.array_equal(_index(drawn, STREET), INDEXES)
    assert of_contract(label_contract(STREET, one_hot=True)) == STREET


def test_the_classes_count_on_over_an_ignored_index() -> None:
    files = np.array([[0, 2, 3, 1]], np.uint16)[:, :, None]
    middle = Palette(("a", "b", "c"), CITY.colours[:3], Ignored(index=1, colour=WHITE))
    assert _index(files, middle)[0, :, 0].tolist() == [0, 1, 2, IGNORED]
    with pytest.raises(UserError, match=r"class index 4.*\(0 to 3\)"):
        _index(files + np.uint16(1), middle)


def test_an_unknown_index_says_how_it_is_ignored() -> None:
    with pytest.raises(UserError, match=r"class index 255.*\[ignore\] index = 255"):
        _index(INDEXES, Palette(STREET.names, STREET.colours))


def test_a_blurred_ignored_area_stays_ignored() -> None:
    index = np.zeros((32, 32, 1), np.uint8)
    index[:, 16:] = IGNORED
    blurred = jpeg(to_colours(index, STREET), 75)
    assert (_index(blurred, STREET, snap=True) == index).mean() > 0.97


@pytest.mark.parametrize(
    ("table", "expected"),
    [
        ("index = 7", Ignored(index=7, colour=BLACK)),
        ('colour = "#00ff00"', Ignored(index=255, colour=(0, 255, 0))),
        ('index = 0\ncolour = "#ffffff"', Ignored(index=0, colour=WHITE)),
    ],
)
def test_a_file_names_what_is_ignored(tmp_path: Path, table: str, expected: Ignored) -> None:
    text = "\n".join([*describe(CITY), "[ignore]", table])
    if expected.colour == BLACK:  # a class of CITY is black: the next free one is taken
        expected = Ignored(index=expected.index, colour=WHITE)
    loaded = load_palette(str(write_text(tmp_path / "a.toml", text)))
    assert loaded.ignored == expected
    written = write_text(tmp_path / "b.toml", "\n".join(describe(loaded)))
    assert load_palette(str(written)) == loaded


def test_an_ignored_level_of_greys_is_its_index(tmp_path: Path) -> None:
    text = '[[class]]\nname = "a"\ncolour = "#000000"\n[ignore]\nindex = 128'
    palette = load_palette(str(write_text(tmp_path / "a.toml", text)))
    assert _index(np.array([[[0], [128]]], np.uint8), palette)[0, :, 0].tolist() == [0, IGNORED]


@pytest.mark.parametrize(
    "table", ["index = -1", "index = 70000", "index = true", 'colour = "red"', "level = 3", ""]
)
def test_a_wrong_table_of_what_is_ignored_is_refused(tmp_path: Path, table: str) -> None:
    text = "\n".join([*describe(FACADES), "[ignore]", table])
    with pytest.raises(UserError, match=r"a\.toml: The table \[ignore\] is wrong.*index = 255"):
        load_palette(str(write_text(tmp_path / "a.toml", text)))


def test_an_ignored_colour_is_of_no_class() -> None:
    with pytest.raises(UserError, match="ignores the colour #804080, which is that of 'road'"):
        Palette(STREET.names, STREET.colours, Ignored(index=255, colour=STREET.colours[0]))
