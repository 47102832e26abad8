import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
import torch

from pix2pix.config import Config, DataConfig
from pix2pix.data.reading import Reading, find_reading, read_raw
from pix2pix.derive.recipe import apply, parse
from pix2pix.errors import UserError
from pix2pix.pairs.find import Half, Pair
from pix2pix.pairs.pair_set import whole_pair
from pix2pix.pictures import codec
from pix2pix.pictures.codec import Array, Picture
from pix2pix.pictures.contract import PictureContract
from pix2pix.pictures.formats.tiff import NO_DATA
from pix2pix.pictures.palette_file import load_palette
from pix2pix.pictures.tensors import from_levels, to_array, to_levels
from tests.helpers import noise, write, write_text

FACADES = load_palette("facades")
COLOURS = np.array(FACADES.colours, np.uint8)


def pair(folder: Path, name: str, source: Array | None, target: Array, ending: str = "png") -> Pair:
    """Two files; where there is no source, one photograph."""
    right = Half(write(folder / "target" / f"{name}.{ending}", target), "whole")
    left = right
    if source is not None:
        left = Half(write(folder / "source" / f"{name}.{ending}", source), "whole")
    return Pair(name, left, right)


def config(**data: Any) -> Config:
    return Config.parse({"data": data})


def reading_of(pairs: list[Pair], **data: Any) -> Reading:
    return find_reading(pairs, config(**data))


def deep(height: int, width: int, channels: int) -> Array:
    return np.random.default_rng(0).integers(0, 65536, (height, width, channels), np.uint16)


def floats(height: int, width: int, channels: int, low: float = -1, high: float = 1) -> Array:
    values = np.random.default_rng(0).uniform(low, high, (height, width, channels))
    values.flat[0], values.flat[-1] = low, high
    return values.astype(np.float32)


# Channels and depth


@pytest.mark.parametrize("channels", [1, 2, 3, 4, 7, 64])
@pytest.mark.parametrize("depth", ["uint8", "uint16", "float32"])
def test_channels_and_depth_of_each_half_are_found(tmp_path: Path, depth: str, channels: int) -> None:
    make_one = {"uint8": noise, "uint16": deep, "float32": floats}[depth]
    target = make_one(8, 8, channels)
    reading = reading_of([pair(tmp_path, "a", noise(8, 8, 1), target, "tif")])
    assert reading.source == PictureContract(channels=1)
    high = {"uint8": 255, "uint16": 65535, "float32": 1}[depth]
    low = -1 if depth == "float32" else 0
    assert reading.target == PictureContract(
        channels=channels,
        depth=depth,
        low=low,
        high=high,
        suffix=".tif",
        fill="nan" if depth == "float32" else None,
    )
    assert reading.photograph is None


def test_what_comes_out_is_what_is_in_the_files(tmp_path: Path) -> None:
    example = pair(tmp_path, "a", noise(8, 9, 4), deep(8, 9, 1))
    source, target = reading_of([example]).read(example, (8, 9))
    assert np.array_equal(source, noise(8, 9, 4))
    assert np.array_equal(target, deep(8, 9, 1))


def test_the_largest_of_several_kinds_is_taken(tmp_path: Path) -> None:
    pairs = [
        pair(tmp_path, "a", noise(8, 8, 1), noise(8, 8, 3)),
        pair(tmp_path, "b", noise(8, 8, 3), deep(8, 8, 1)),
    ]
    reading = reading_of(pairs)
    assert reading.source == PictureContract(channels=3)
    assert reading.target == PictureContract(channels=3, depth="uint16", high=65535)
    for example in pairs:
        source, target = reading.read(example, (8, 8))
        assert (source.shape, source.dtype) == ((8, 8, 3), np.uint8)
        assert (target.shape, target.dtype) == ((8, 8, 3), np.uint16)


@pytest.mark.parametrize(
    ("channels", "wanted"),
    [((4, 4), 4), ((4, 3), 3), ((3, 4), 3), ((1, 4), 3), ((2, 2), 2), ((2, 1), 1), ((2, 3), 3)],
)
def test_alpha_counts_only_where_every_picture_has_it(
    tmp_path: Path, channels: tuple[int, int], wanted: int
) -> None:
    pairs = [pair(tmp_path, str(n), noise(8, 8), noise(8, 8, c)) for n, c in enumerate(channels)]
    reading = reading_of(pairs)
    assert reading.target.channels == wanted
    for example in pairs:
        assert reading.read(example, (8, 8))[1].shape == (8, 8, wanted)


def test_channels_may_be_asked_for(tmp_path: Path) -> None:
    example = pair(tmp_path, "a", noise(8, 8), noise(8, 8))
    asked = Config.parse({"model": {"source_channels": 1, "target_channels": 4}})
    reading = find_reading([example], asked)
    assert [a.shape[2] for a in reading.read(example, (8, 8))] == [1, 4]


def test_a_picture_that_does_not_fit_is_refused_by_name(tmp_path: Path) -> None:
    few = [pair(tmp_path, f"{n:02}", noise(8, 8), noise(8, 8)) for n in range(16)]
    odd = pair(tmp_path, "odd", noise(8, 8), noise(8, 8, 5), "tif")
    reading = reading_of([*few, odd])
    with pytest.raises(UserError, match=r"target/odd\.tif has 5 channels: wanted 3"):
        reading.read(odd, (8, 8))
    real = pair(tmp_path, "real", noise(8, 8), floats(8, 8, 3), "tif")
    with pytest.raises(UserError, match=r"target/real\.tif holds float32, the other pictures"):
        reading.read(real, (8, 8))


def test_pictures_that_cannot_be_read_decide_nothing(tmp_path: Path) -> None:
    bad = [pair(tmp_path, str(n), noise(8, 8), noise(8, 8)) for n in range(3)]
    for example in bad:
        write_text(example.target.path)
    good = pair(tmp_path, "good", noise(8, 8, 1), deep(8, 8, 3))
    assert reading_of([*bad, good]).target.depth == "uint16"
    with pytest.raises(
        UserError, match=r"0\.png is not a picture .* None of the 3 pairs that were tried could be"
    ):
        reading_of(bad)
    with pytest.raises(UserError, match=r"0\.png is not a picture \([0-9]+ bytes\)\.$"):
        reading_of(bad[:1])


# Ranges of floats


def test_the_range_of_floats_is_measured_on_all_pairs(tmp_path: Path) -> None:
    pairs = [
        pair(tmp_path, f"{n:02}", floats(4, 4, 1, -n, 2), floats(4, 4, 2, 0, 3 * n + 1), "tif")
        for n in range(20)
    ]
    write_text(pairs[7].source.path)  # it is named when the pairs are decoded
    reading = reading_of(pairs)
    assert (reading.source.low, reading.source.high) == (-19, 2)
    assert (reading.target.low, reading.target.high) == (0, 58)


def test_ranges_of_both_halves_are_measured_in_one_pass(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pairs = [pair(tmp_path, f"{n:02}", floats(4, 4, 1), floats(4, 4, 2), "tif") for n in range(20)]
    reads: list[Path] = []
    threads: set[int] = set()
    decode = codec.read_picture

    def counted(path: Path, *note: Any) -> Picture:
        reads.append(path)
        threads.add(threading.get_ident())
        return decode(path, *note)

    monkeypatch.setattr(codec, "read_picture", counted)
    assert reading_of(pairs[:1]).source.high == 1
    probed = len(reads)
    assert probed == 4
    reading_of(pairs)
    assert len(reads) == probed + 2 * 16 + 2 * 20
    assert threading.get_ident() in threads
    assert len(threads) > 1


def test_a_stated_range_is_not_measured(tmp_path: Path) -> None:
    example = pair(tmp_path, "a", floats(4, 4, 1), floats(4, 4, 2), "npy")
    reading = reading_of([example], source_range=[-8.0, 8.0], target_range=[0, 100])
    assert (reading.source.low, reading.source.high) == (-8, 8)
    assert (reading.target.low, reading.target.high) == (0, 100)


@pytest.mark.parametrize("depth", ["uint8", "uint16", "float32"])
def test_a_stated_range_counts_for_every_depth_and_clips(tmp_path: Path, depth: str) -> None:
    target = np.array([[[10], [100], [200]]], depth)
    example = pair(tmp_path, "a", target, target, "tif")
    reading = reading_of([example], source_range=[100, 200], target_range=[10, 100])
    stored = [to_levels(array[None]) for array in reading.read(example, (1, 3))]
    source, target_tensor = reading.tensors(from_levels, stored)
    assert source.flatten().tolist() == [-1, -1, 1]
    assert target_tensor.flatten().tolist() == [-1, 1, 1]
    back = to_array(target_tensor[0], reading.target)
    assert back.dtype == depth
    assert back.ravel().tolist() == [10, 100, 100]


def test_twelve_bits_in_sixteen_are_noted_unless_a_range_is_stated(tmp_path: Path) -> None:
    twelve = (deep(32, 32, 1) >> 4).astype(np.uint16)
    example = pair(tmp_path, "a", noise(32, 32), twelve)
    (note,) = reading_of([example]).notes
    assert "of the targets a sixteenth of the depth is used, " in note
    assert "data.target_range=[0,4095]" in note
    assert reading_of([example], target_range=[0, 4095]).notes == ()


def test_few_pixels_that_set_the_range_are_noted(tmp_path: Path) -> None:
    pairs = [pair(tmp_path, str(n), floats(16, 16, 1), floats(16, 16, 1), "tif") for n in range(20)]
    hot = floats(16, 16, 1)
    hot[3, 4] = -9999
    pairs.append(pair(tmp_path, "hot", hot, floats(16, 16, 1), "tif"))
    (note,) = reading_of(pairs).notes
    assert "few pixels set the range of the sources: 0.02% of the values are -9999" in note
    assert reading_of(pairs, source_range=[-1, 1]).notes == ()


def test_pictures_of_the_other_depth_fill_the_stated_range(tmp_path: Path) -> None:
    pairs = [
        pair(tmp_path, "a", noise(4, 4), np.array([[[0], [255]]], np.uint8).repeat(4, 0).repeat(2, 1)),
        pair(tmp_path, "b", noise(4, 4), deep(4, 4, 1) >> 4),
    ]
    reading = reading_of(pairs, target_range=[0, 4095])
    assert np.unique(reading.read(pairs[0], (4, 4))[1]).tolist() == [0, 4095]


@pytest.mark.parametrize("recipe", ["gray", "inpaint", "downscale:4"])
def test_made_sources_have_the_stated_range_of_the_photographs(tmp_path: Path, recipe: str) -> None:
    twelve = (deep(32, 32, 3) >> 4).astype(np.uint16)
    example = pair(tmp_path, "a", None, twelve, "tif")
    reading = reading_of([example], make=recipe, target_range=[0, 4095])
    assert (reading.source.low, reading.source.high, reading.source.clip) == (0, 4095, True)
    source = reading.read(example, (32, 32))[0]
    if recipe == "inpaint":
        assert abs(int(source[16, 16, 0]) - 2047.5) <= 0.5


def test_equal_floats_have_a_range_too(tmp_path: Path) -> None:
    flat = np.full((4, 4, 1), 7, np.float32)
    reading = reading_of([pair(tmp_path, "a", flat, flat, "tif")])
    assert (reading.source.low, reading.source.high) == (7, 8)


# Pixels without data


def with_gap(array: Array, value: float) -> Array:
    changed = array.copy()
    changed[:2] = value
    return changed


def no_data_tif(path: Path, array: Array, tag: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    tags = [(NO_DATA, "s", 0, tag, True)]
    tifffile.imwrite(path, array[:, :, 0], photometric="minisblack", extratags=tags)
    return path


@pytest.mark.parametrize("dtype", ["float32", "float64", "int16"])
def test_what_a_tiff_names_is_out_of_the_range(tmp_path: Path, dtype: str) -> None:
    target = with_gap(np.arange(64, dtype=dtype).reshape(8, 8, 1), -9999)
    example = pair(tmp_path, "a", noise(8, 8), noise(8, 8), "tif")
    no_data_tif(example.target.path, target, "-9999")
    reading = reading_of([example])
    assert (reading.target.low, reading.target.high, reading.target.fill) == (16, 63, -9999)
    (note,) = reading.notes
    assert note == "25.00% of the targets are pixels without data (-9999), kept out of range, loss and scores"
    stored = reading.read(example, (8, 8))[1]
    assert np.isnan(stored[:2]).all()
    assert np.array_equal(stored[2:], target[2:].astype(np.float32))


@pytest.mark.parametrize("ending", ["npy", "tif"])
def test_not_a_number_is_no_data_wherever_it_turns_up(tmp_path: Path, ending: str) -> None:
    pairs = [pair(tmp_path, f"{n:02}", noise(8, 8), floats(8, 8, 2), ending) for n in range(20)]
    odd = with_gap(floats(8, 8, 2), np.nan)
    pairs.append(pair(tmp_path, "odd", noise(8, 8), odd, ending))
    for stated in ([], [-1, 1]):
        reading = reading_of(pairs, target_range=stated)
        assert (reading.target.low, reading.target.high, reading.target.fill) == (-1, 1, "nan")
        assert np.array_equal(np.isnan(reading.read(pairs[-1], (8, 8))[1]), np.isnan(odd))


@pytest.mark.parametrize("depth", ["uint8", "uint16", "float32"])
def test_a_stated_value_is_no_data_at_every_depth(tmp_path: Path, depth: str) -> None:
    target = with_gap(np.arange(100, 164, dtype=depth).reshape(8, 8, 1), 7)
    example = pair(tmp_path, "a", target, target, "tif")
    reading = reading_of([example], source_fill=7, target_fill=7)
    stored = [to_levels(array[None]) for array in reading.read(example, (8, 8))]
    source, tensor = reading.tensors(from_levels, stored)
    assert torch.isnan(tensor[0, 0, :2]).all()
    assert not torch.isnan(tensor[0, 0, 2:]).any()
    assert (source[0, 0, :2] == 0).all()  # for the network as what lies beyond the border
    assert np.array_equal(np.nan_to_num(to_array(tensor[0], reading.target), nan=7), target)


def test_levels_without_data_are_named_by_a_tiff_too(tmp_path: Path) -> None:
    example = pair(tmp_path, "a", noise(8, 8), noise(8, 8), "tif")
    no_data_tif(example.target.path, with_gap(noise(8, 8, 1) // 2 + 1, 0), "0")
    reading = reading_of([example])
    assert reading.target.fill == 0
    enlarged = reading.read(example, (16, 16))[1]
    assert (enlarged[:3] == 0).all()
    assert (enlarged[5:] > 0).all()


def test_a_value_that_the_depth_does_not_hold_is_refused(tmp_path: Path) -> None:
    example = pair(tmp_path, "a", noise(8, 8), noise(8, 8))
    with pytest.raises(UserError, match=r"data\.target_fill is -9999, which the targets, uint8, do not hold"):
        reading_of([example], target_fill=-9999)


def test_a_target_without_any_data_is_left_out_by_name(tmp_path: Path) -> None:
    pairs = [pair(tmp_path, name, noise(8, 8), floats(8, 8, 1), "tif") for name in "ab"]
    pairs.append(pair(tmp_path, "c", noise(8, 8), np.full((8, 8, 1), np.nan, np.float32), "npy"))
    reading = reading_of(pairs)
    with pytest.raises(UserError, match=r"c\.npy holds no data: there is nothing to learn from"):
        reading.read(pairs[-1], (8, 8))


def test_photographs_without_data_make_no_sources(tmp_path: Path) -> None:
    example = pair(tmp_path, "a", None, with_gap(floats(32, 32, 3), np.nan), "npy")
    with pytest.raises(UserError, match="values that are not finite"):
        reading_of([example], make="gray").read(example, (32, 32))


# Halves and several sources


def test_a_side_by_side_picture_of_any_depth_is_halved(tmp_path: Path) -> None:
    path = write(tmp_path / "a.png", deep(8, 16, 3))
    example = Pair("a", Half(path, "right"), Half(path, "left"))
    source, target = reading_of([example]).read(example, (8, 8))
    assert np.array_equal(source, deep(8, 16, 3)[:, 8:])
    assert np.array_equal(target, deep(8, 16, 3)[:, :8])


def several(folder: Path, *sources: Array) -> Pair:
    halves = [Half(write(folder / f"source_{n}.tif", array), "whole") for n, array in enumerate(sources)]
    target = Half(write(folder / "target.png", noise(8, 8)), "whole")
    return Pair("a", halves[0], target, tuple(halves[1:]))


def test_several_sources_are_joined_as_channels(tmp_path: Path) -> None:
    arrays = [noise(8, 8, channels, seed=channels) for channels in (3, 1, 4)]
    example = several(tmp_path, *arrays)
    reading = reading_of([example])
    assert reading.source.channels == 8
    assert np.array_equal(reading.read(example, (8, 8))[0], np.concatenate(arrays, axis=2))


def test_several_sources_come_to_the_deepest_of_their_depths(tmp_path: Path) -> None:
    example = several(tmp_path, noise(8, 8, 1), deep(8, 8, 1))
    source = reading_of([example]).read(example, (8, 8))[0]
    assert source.dtype == np.uint16
    assert np.array_equal(source[:, :, 0], noise(8, 8, 1)[:, :, 0].astype(np.uint16) * 257)
    assert np.array_equal(source[:, :, 1:], deep(8, 8, 1))


def test_levels_are_not_joined_with_floats(tmp_path: Path) -> None:
    example = several(tmp_path, noise(8, 8, 1), floats(8, 8, 1))
    with pytest.raises(UserError, match=r"source_0\.tif holds uint8, the other pictures float32"):
        read_raw(example)


@pytest.mark.parametrize("odd", [0, 1])
def test_halves_of_different_size_are_both_named(tmp_path: Path, odd: int) -> None:
    example = several(tmp_path, *(noise(8, 9 if n == odd else 8) for n in range(2)))
    with pytest.raises(UserError) as caught:
        read_raw(example)
    path = tmp_path / f"source_{odd}.tif"
    assert str(caught.value) == (
        f"{path} is 9 x 8 px but {tmp_path / 'target.png'} is 8 x 8 px: wanted equal sizes. "
        f"`pix2pix data resize {tmp_path} -o {tmp_path.name}-resized --size 8x9` makes them so (label maps "
        "with --nearest)."
    )


def of_two_sizes(root: Path, source_px: int, target_px: int) -> str:
    """What is said of a pair in the folders `my x` and `y`, one folder down in both."""
    halves = [
        write(root / half / "ch01" / "1.png", noise(px, px))
        for half, px in (("my x", source_px), ("y", target_px))
    ]
    with pytest.raises(UserError) as caught:
        read_raw(whole_pair("ch01/1", *halves))
    return str(caught.value)


def test_the_folder_of_all_targets_is_to_be_resized_whatever_its_name(tmp_path: Path) -> None:
    said = of_two_sizes(tmp_path / "a b", 9, 8)
    assert f"`pix2pix data resize '{tmp_path}/a b/y' -o y-resized --size 9x9`" in said


def test_a_folder_that_is_the_working_directory_has_a_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, target = (
        write(tmp_path / "x" / "1.png", noise(9, 9)),
        write(tmp_path / "y" / "1.png", noise(8, 8)),
    )
    monkeypatch.chdir(target.parent)
    with pytest.raises(UserError) as caught:
        read_raw(whole_pair("1", source, Path("1.png")))
    assert "`pix2pix data resize . -o y-resized --size 9x9`" in str(caught.value)


def test_sources_that_are_a_fraction_of_the_targets_are_not_to_reduce_these(tmp_path: Path) -> None:
    said = of_two_sizes(tmp_path, 8, 16)
    assert f"To learn to enlarge: `pix2pix train {tmp_path}/y --make downscale:2`, or" in said
    assert (
        f"enlarge the sources with `pix2pix data resize '{tmp_path}/my x' -o 'my x-resized' --size 16x16`"
        in said
    )


def test_a_factor_that_no_recipe_takes_is_not_proposed(tmp_path: Path) -> None:
    said = of_two_sizes(tmp_path, 1, 257)
    assert "downscale" not in said
    assert "-o y-resized --size 1x1` makes them so" in said
    assert "--make downscale:256`" in of_two_sizes(tmp_path, 1, 256)


def test_each_file_of_a_pair_is_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target, other = (
        write(tmp_path / name, noise(8, 16, seed=n)) for n, name in enumerate(("t.png", "o.png"))
    )
    halves = (Half(other, "right"), Half(target, "right"), Half(other, "left"))
    reads: list[Path] = []
    decode, read = codec.read_picture, codec.read
    monkeypatch.setattr(codec, "read_picture", lambda path, *note: (reads.append(path), decode(path))[1])
    source, right = read_raw(Pair("a", Half(other, "left"), Half(target, "left"), halves))
    assert sorted(reads) == sorted([target, other])
    assert np.array_equal(right, read(target)[:, :8])
    columns = read(other)
    expected = [columns[:, :8], columns[:, 8:], read(target)[:, 8:], columns[:, :8]]
    assert np.array_equal(source, np.concatenate(expected, axis=2))


# Sizes


@pytest.mark.parametrize("fit", ["stretch", "crop", "pad"])
def test_halves_are_fitted_alike(tmp_path: Path, fit: str) -> None:
    array = noise(10, 20)
    example = pair(tmp_path, "a", array, array)
    source, target = reading_of([example], fit=fit).read(example, (16, 16))
    assert source.shape == (16, 16, 3)
    assert np.array_equal(source, target)


def test_crop_and_pad_keep_the_shape_and_stretch_does_not(tmp_path: Path) -> None:
    # A square in a wide picture stays one, or becomes half as wide.
    array = np.zeros((32, 64, 3), np.uint8)
    array[8:24, 24:40] = 255
    example = pair(tmp_path, "a", array, array)
    areas = {}
    for fit in ("stretch", "crop", "pad"):
        white = reading_of([example], fit=fit).read(example, (32, 32))[0][:, :, 0] > 127
        if fit == "pad":
            white = white[8:24]  # above and below it is mirrored
        rows, columns = np.flatnonzero(white.any(1)), np.flatnonzero(white.any(0))
        areas[fit] = (len(rows), len(columns))
    assert areas == {"stretch": (16, 8), "crop": (16, 16), "pad": (8, 8)}


# Label maps


def labels(height: int = 12, width: int = 10) -> Array:
    return np.random.default_rng(0).integers(0, len(COLOURS), (height, width, 1), np.uint8)


def test_labels_as_colours_have_three_channels(tmp_path: Path) -> None:
    example = pair(tmp_path, "a", COLOURS[labels()[:, :, 0]], noise(12, 10))
    reading = reading_of([example], source_labels="facades")
    assert (reading.source.tensor_channels, reading.source.one_hot) == (3, False)
    assert [c.name for c in reading.source.classes] == list(FACADES.names)
    source, _ = reading.read(example, (6, 5))
    assert set(map(tuple, source.reshape(-1, 3))) <= set(FACADES.colours)


@pytest.mark.parametrize("as_index", [False, True])
def test_one_hot_labels_are_read_as_indexes(tmp_path: Path, as_index: bool) -> None:
    kept = labels() if as_index else COLOURS[labels()[:, :, 0]]
    example = pair(tmp_path, "a", noise(12, 10), kept)
    reading = reading_of([example], target_labels="facades", target_one_hot=True)
    assert reading.target.tensor_channels == len(COLOURS)
    assert np.array_equal(reading.read(example, (12, 10))[1], labels())
    for fit in ("stretch", "crop", "pad"):
        sized = reading_of([example], target_labels="facades", target_one_hot=True, fit=fit)
        index = sized.read(example, (32, 64))[1]
        assert index.shape == (32, 64, 1)
        assert index.max() < len(COLOURS)


def test_stray_colours_are_refused_by_name_or_snapped(tmp_path: Path) -> None:
    blurred = COLOURS[labels()[:, :, 0]] ^ np.uint8(1)
    example = pair(tmp_path, "a", blurred, noise(12, 10))
    with pytest.raises(UserError, match=r"source/a\.png has 120 pixels .* data\.snap_labels"):
        reading_of([example], source_labels="facades").read(example, (12, 10))
    reading = reading_of([example], source_labels="facades", snap_labels=True)
    source = reading.read(example, (12, 10))[0]
    assert set(map(tuple, source.reshape(-1, 3))) <= set(FACADES.colours)


# Sources that are made


@pytest.mark.parametrize(
    ("recipe", "channels"),
    [("gray", 1), ("edges", 1), ("inpaint", 3), ("inpaint:boxes:2", 3), ("downscale:4", 3)],
)
@pytest.mark.parametrize("depth", ["uint8", "uint16", "float32"])
def test_sources_are_made_from_photographs_of_any_depth(
    tmp_path: Path, recipe: str, channels: int, depth: str
) -> None:
    make_one = {"uint8": noise, "uint16": deep, "float32": floats}[depth]
    example = pair(tmp_path, "a", None, make_one(32, 32, 3), "tif")
    reading = reading_of([example], make=recipe)
    source, target = reading.read(example, (32, 32))
    assert np.array_equal(target, make_one(32, 32, 3))
    assert np.array_equal(source, apply(parse(recipe), target, "a"))
    assert reading.source.channels == source.shape[2] == channels
    assert reading.source.depth == source.dtype
    assert reading.target == reading.photograph
    assert reading.source.low <= source.min()
    assert source.max() <= reading.source.high
    for view in reading.view(source, target):
        assert (view.shape, view.dtype) == ((32, 32, 3), np.uint8)


def test_lab_makes_lightness_and_colours_of_any_photograph(tmp_path: Path) -> None:
    smooth = np.linspace(0, 255, 32 * 32 * 3).reshape(32, 32, 3).astype(np.uint8)
    pairs = [
        pair(tmp_path, "a", None, smooth),
        pair(tmp_path, "b", None, noise(32, 32, 1)),
        pair(tmp_path, "c", None, noise(32, 32, 4)),
    ]
    reading = reading_of(pairs, make="lab")
    assert reading.source == PictureContract(channels=1, depth="float32", low=0, high=100)
    assert reading.target == PictureContract(channels=2, depth="float32", low=-110, high=110)
    assert reading.photograph == PictureContract()
    assert reading.stored == (reading.photograph,)
    for example in pairs:
        (stored,) = reading.read(example, (16, 32))
        assert (stored.shape, stored.dtype) == ((16, 32, 3), np.uint8)
    levels = [to_levels(reading.read(pairs[0], (32, 32))[0][None])]
    source, target = reading.tensors(from_levels, levels)
    assert (source.shape, target.shape) == ((1, 1, 32, 32), (1, 2, 32, 32))
    halves = to_array(source[0], reading.source), to_array(target[0], reading.target)
    assert abs(reading.view(*halves)[1].astype(int) - smooth).max() <= 1


def test_sources_are_made_after_sizing(tmp_path: Path) -> None:
    example = pair(tmp_path, "a", None, noise(64, 64))
    source, target = reading_of([example], make="inpaint").read(example, (32, 32))
    assert (source[8:24, 8:24] == 127).all()
    assert np.array_equal(source[:8], target[:8])


def test_a_photograph_without_a_mask_is_named_and_the_others_are_read(tmp_path: Path) -> None:
    pairs = [pair(tmp_path, name, None, noise(32, 32)) for name in ("a", "b")]
    write(tmp_path / "masks" / "b.png", np.full((32, 32, 1), 255, np.uint8))
    reading = reading_of(pairs, make=f"mask:{tmp_path / 'masks'}")
    assert (reading.read(pairs[1], (32, 32))[0] == 127).all()
    with pytest.raises(UserError, match=r"target/a\.png: There is no mask .*masks/a"):
        reading.read(pairs[0], (32, 32))


@pytest.mark.parametrize(
    ("recipe", "photograph", "why"),
    [
        ("gray", noise(8, 8, 5), "has 5 channels: wanted grey or RGB"),
        ("lab", noise(8, 8, 5), "has 5 channels: wanted 3"),
        ("lab", floats(8, 8, 3, 0, 255), "wanted sRGB in 0..1"),
    ],
)
def test_a_photograph_from_which_nothing_can_be_made_is_named(
    tmp_path: Path, recipe: str, photograph: Array, why: str
) -> None:
    example = pair(tmp_path, "a", None, photograph, "tif")
    with pytest.raises(UserError) as caught:
        reading_of([example], make=recipe).read(example, (8, 8))
    assert "target/a.tif" in str(caught.value)
    assert why in str(caught.value)


def test_an_unknown_recipe_is_refused_before_anything_is_read(tmp_path: Path) -> None:
    example = Pair("a", *[Half(tmp_path / "gone.png", "whole")] * 2)
    with pytest.raises(UserError, match="No source can be made by 'grey'"):
        reading_of([example], make="grey")


# Classes


@pytest.mark.parametrize("half", ["source", "target"])
def test_one_hot_labels_need_their_classes(tmp_path: Path, half: str) -> None:
    pairs = [pair(tmp_path, "a", noise(8, 8, 1), noise(8, 8, 1))]
    with pytest.raises(
        UserError, match=f"{half}_one_hot needs the classes.*--set data.{half}_labels=facades"
    ):
        reading_of(pairs, **{f"{half}_one_hot": True})


def ignoring(folder: Path) -> str:
    """The file of a palette of two classes that ignores the index 255."""
    classes = "".join(f'[[class]]\nname = "{c}"\ncolour = "#00000{c}"\n' for c in range(2))
    return str(write_text(folder / "two.toml", f"{classes}[ignore]\nindex = 255\n"))


def test_ignored_pixels_are_read_as_no_class(tmp_path: Path) -> None:
    target = np.array([[0, 1], [255, 1]], np.uint8)[:, :, None]
    pairs = [pair(tmp_path, "a", noise(2, 2, 3), target)]
    reading = reading_of(pairs, target_labels=ignoring(tmp_path), target_one_hot=True)
    stored = reading.read(pairs[0], (2, 2))
    assert np.array_equal(stored[1], target)
    _, tensor = reading.tensors(from_levels, [to_levels(half[None]) for half in stored])
    assert tensor[0].movedim(0, -1).tolist() == [[[1, -1], [-1, 1]], [[-1, -1], [-1, 1]]]


def test_targets_in_colours_cannot_ignore_pixels(tmp_path: Path) -> None:
    pairs = [pair(tmp_path, "a", noise(2, 2, 3), noise(2, 2, 1))]
    with pytest.raises(UserError, match=r"ignores pixels.*--set data\.target_one_hot=true"):
        reading_of(pairs, target_labels=ignoring(tmp_path))


def test_without_data_outputs_and_targets_are_seen_alike() -> None:
    filled = PictureContract(channels=1, depth="float32", low=0, high=1, fill="nan")
    target = torch.tensor([[[[0.5, torch.nan]]]])
    output = torch.tensor([[[[0.25, 0.75]]]])
    reading = Reading(PictureContract(), filled, DataConfig())
    seen = [reading.as_seen(torch.zeros(1, 3, 1, 2), half, target).tolist() for half in (output, target)]
    assert seen == [[[[[0.25, 0.0]]]], [[[[0.5, 0.0]]]]]
