from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pix2pix.datasets.file_tasks import Done
from pix2pix.datasets.prepare import combine, resize, write_frames
from pix2pix.errors import UserError
from pix2pix.pictures import codec
from pix2pix.pictures.codec import read
from tests.helpers import files_below, noise, pixels, write, write_text


def refused(call: Callable[..., object], *words: object, **options: object) -> str:
    with pytest.raises(UserError) as caught:
        call(*words, **options)
    return str(caught.value)


def array(dtype: str, channels: int, height: int = 8, width: int = 8) -> np.ndarray:
    values = noise(height, width, channels, seed=channels).astype(np.float32)
    return (values * 257 if dtype == "uint16" else values).astype(dtype)


@pytest.mark.parametrize(
    ("dtype", "channels", "suffix"),
    [
        ("uint8", 1, ".png"),
        ("uint8", 3, ".png"),
        ("uint8", 4, ".png"),
        ("uint16", 1, ".png"),
        ("uint16", 3, ".png"),
        ("uint8", 7, ".tif"),
        ("float32", 1, ".tif"),
        ("float32", 3, ".tif"),
    ],
)
def test_halves_keep_depth_and_channels(tmp_path: Path, dtype: str, channels: int, suffix: str) -> None:
    left = array(dtype, channels)
    right = left[::-1]
    codec.write(left, tmp_path / "s" / "sub" / "a.b.tif")
    codec.write(right, tmp_path / "t" / "sub" / "a.b.tif")
    done = combine(tmp_path / "s", tmp_path / "t", tmp_path / "out")
    assert done == Done({"": 1}, 1, [], [])
    whole = codec.read(tmp_path / "out" / "sub" / f"a.b{suffix}")
    assert whole.dtype == dtype
    np.testing.assert_array_equal(whole, np.concatenate([left, right], axis=1))


@pytest.mark.parametrize("grey", ["s", "t"])
def test_grey_next_to_colour_becomes_colour(tmp_path: Path, grey: str) -> None:
    for name in ("s", "t"):
        write(tmp_path / name / "a.png", array("uint8", 1 if name == grey else 3))
    combine(tmp_path / "s", tmp_path / "t", tmp_path / "out")
    half = np.split(pixels(tmp_path / "out" / "a.png"), 2, axis=1)["st".index(grey)]
    np.testing.assert_array_equal(half, array("uint8", 1).repeat(3, axis=2))


def test_what_does_not_fit_is_named_and_the_rest_is_made(tmp_path: Path) -> None:
    s, t = tmp_path / "s", tmp_path / "t"
    for name, left, right in [
        ("good", array("uint8", 3), array("uint8", 3)),
        ("size", array("uint8", 3, 8, 9), array("uint8", 3)),
        ("depth", array("uint16", 3), array("uint8", 3)),
        ("count", array("uint8", 4), array("uint8", 3)),
    ]:
        codec.write(left, s / f"{name}.tif")
        codec.write(right, t / f"{name}.tif")
    write_text(s / "text.png")
    write(t / "text.png")
    write(s / "alone.png")
    write_text(t / "readme.md")
    done = combine(s, t, tmp_path / "out")
    assert done.pairs == {"": 1}
    assert done.failures == [
        f"{s / 'alone.png'} has no partner in {t}.",
        f"{s / 'count.tif'} has 4 channels but {t / 'count.tif'} has 3. "
        "Leave them in two folders: `pix2pix train SOURCES TARGETS`.",
        f"{s / 'depth.tif'} is uint16 but {t / 'depth.tif'} is uint8: wanted equal ones.",
        f"{s / 'size.tif'} is 9 x 8 px but {t / 'size.tif'} is 8 x 8 px: wanted equal ones.",
        f"{s / 'text.png'} is not a picture (17 bytes).",
    ]
    assert done.ignored == [t / "readme.md"]
    assert files_below(tmp_path / "out") == {"good.png"}


def test_existing_pairs_stay_without_force(tmp_path: Path) -> None:
    for name in ("s", "t"):
        write(tmp_path / name / "a.png")
        write(tmp_path / name / "b.png")
    write(tmp_path / "out" / "a.png", noise(4, 4))
    done = combine(tmp_path / "s", tmp_path / "t", tmp_path / "out")
    assert done.failures == [
        f"{tmp_path / 'out' / 'a.png'} exists. It was left as it is; --force replaces it."
    ]
    assert pixels(tmp_path / "out" / "a.png").shape == (4, 4, 3)
    assert combine(tmp_path / "s", tmp_path / "t", tmp_path / "out", force=True).written == 2
    assert pixels(tmp_path / "out" / "a.png").shape == (32, 64, 3)


def test_a_format_that_cannot_hold_it_is_refused(tmp_path: Path) -> None:
    for name in ("s", "t"):
        codec.write(array("uint16", 3), tmp_path / name / "a.tif")
    message = refused(combine, tmp_path / "s", tmp_path / "t", tmp_path / "out", ".jpg")
    assert "cannot hold 3 channels of uint16" in message
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("dtype", "channels", "suffix"),
    [("uint8", 3, ".png"), ("uint16", 3, ".png"), ("float32", 5, ".tif"), ("uint8", 1, ".bmp")],
)
def test_pictures_are_resized_at_their_own_depth(
    tmp_path: Path, dtype: str, channels: int, suffix: str
) -> None:
    smooth = np.linspace(0, 1, 32, dtype=np.float32)[:, None, None] * np.ones((32, 48, channels))
    scale = {"uint8": 255, "uint16": 65535, "float32": 1}[dtype]
    codec.write((smooth * scale).astype(dtype), tmp_path / "in" / "sub" / f"a{suffix}")
    done = resize(tmp_path / "in", tmp_path / "out", (16, 12))
    assert done == Done({"": 1}, 1, [], [])
    got = codec.read(tmp_path / "out" / "sub" / f"a{suffix}")
    assert got.dtype == dtype
    assert got.shape == (16, 12, channels)
    expected = (np.arange(16) * 2 + 0.5) / 31 * scale
    assert np.abs(got[2:-2, 3, 0] - expected[2:-2]).max() < scale / 200
    assert len(np.unique(got)) == 16


def test_halves_do_not_mix(tmp_path: Path) -> None:
    whole = np.zeros((32, 64, 3), np.uint8)
    whole[:, 32:] = 255
    write(tmp_path / "in" / "a.png", whole)
    write(tmp_path / "in" / "odd.png", noise(32, 63))
    done = resize(tmp_path / "in", tmp_path / "out", (24, 20), halves=True)
    (failure,) = done.failures
    assert failure.startswith(f"{tmp_path / 'in' / 'odd.png'} is 63 x 32 px, so its halves differ in width")
    got = pixels(tmp_path / "out" / "a.png")
    assert got.shape == (24, 40, 3)
    assert not got[:, :20].any()
    assert (got[:, 20:] == 255).all()


def test_labels_get_no_new_values_by_the_nearest(tmp_path: Path) -> None:
    write(tmp_path / "in" / "a.png", noise(32, 32, 1) // 64 * 64)
    resize(tmp_path / "in", tmp_path / "out", (50, 50), nearest=True)
    assert set(np.unique(pixels(tmp_path / "out" / "a.png"))) == {0, 64, 128, 192}


@pytest.mark.parametrize("dtype", ["uint8", "float32"])
def test_a_sharp_edge_does_not_overshoot(tmp_path: Path, dtype: str) -> None:
    edge = np.zeros((8, 8, 1), dtype)
    edge[:, 4:] = 255
    codec.write(edge, tmp_path / "in" / "a.tif")
    resize(tmp_path / "in", tmp_path / "out", (8, 40))
    row = codec.read(tmp_path / "out" / "a.tif")[0, :, 0].astype(float)
    assert (np.diff(row) >= 0).all()
    assert (row[0], row[-1]) == (0, 255)


def test_what_cannot_be_resized_is_named(tmp_path: Path) -> None:
    data = tmp_path / "in"
    write(data / "a.png")
    write(data / "a.bmp")
    write_text(data / "b.jpg")
    write_text(data / "notes.txt")
    done = resize(data, tmp_path / "out", (16, 16), ".png")
    assert files_below(tmp_path / "out") == {"a.png"}
    assert done.failures == [
        f"{data / 'a.png'} would become {tmp_path / 'out' / 'a.png'}, as {data / 'a.bmp'}.",
        f"{data / 'b.jpg'} is not a picture (17 bytes).",
    ]
    assert done.ignored == [data / "notes.txt"]
    message = refused(resize, data, tmp_path / "out", (16, 16), ".png")
    assert all(name in message for name in ("a.png would", "b.jpg is not", "a.png exists"))
    assert message.endswith("None of 3 could be used.")
    assert "lies in" in refused(resize, data, data, (16, 16))


def test_source_and_target_folders_are_both_resized(tmp_path: Path) -> None:
    for name in ("source/a.png", "target/a.png"):
        write(tmp_path / "in" / name)
    resize(tmp_path / "in", tmp_path / "out", (16, 16))
    assert files_below(tmp_path / "out") == {"source/a.png", "target/a.png"}


# Drawing


def test_resizing_keeps_what_stands_for_no_data(tmp_path: Path) -> None:
    picture = np.full((32, 32, 1), 5, np.float32)
    picture[:8] = -9999
    path = tmp_path / "in" / "a.tif"
    path.parent.mkdir()
    codec.write(picture, path, -9999.0)
    resize(tmp_path / "in", tmp_path / "out", (16, 16))
    small, fill = codec.read_picture(tmp_path / "out" / "a.tif")
    assert fill == -9999
    assert np.isnan(small[:4]).all()
    assert np.allclose(small[4:], 5)


def animation(path: Path, frames: int = 3) -> Path:
    pictures = [Image.fromarray(np.full((8, 9, 3), 80 * n, np.uint8)) for n in range(frames)]
    path.parent.mkdir(parents=True, exist_ok=True)
    pictures[0].save(path, save_all=True, append_images=pictures[1:], lossless=True)
    return path


def test_every_frame_becomes_a_picture(tmp_path: Path) -> None:
    done = write_frames(animation(tmp_path / "a.gif"), tmp_path / "out")
    assert (dict(done.pairs), list(done.failures)) == ({"": 1}, [])
    assert files_below(tmp_path / "out") == {f"a-000{n}.png" for n in (1, 2, 3)}
    assert [int(read(tmp_path / "out" / f"a-000{n}.png")[0, 0, 0]) for n in (1, 2, 3)] == [0, 80, 160]


def test_folders_keep_their_sub_folders_and_broken_files_are_named(tmp_path: Path) -> None:
    animation(tmp_path / "in" / "x" / "a.webp", 2)
    animation(tmp_path / "in" / "b.webp", 2)
    write_text(tmp_path / "in" / "c.webp")
    done = write_frames(tmp_path / "in", tmp_path / "out")
    assert files_below(tmp_path / "out") == {"x/a-0001.png", "x/a-0002.png", "b-0001.png", "b-0002.png"}
    assert [failure for failure in done.failures if "c.webp is not a picture" in failure]


def test_frames_that_exist_stay_unless_forced(tmp_path: Path) -> None:
    path, out = animation(tmp_path / "a.gif"), tmp_path / "out"
    write_frames(path, out)
    with pytest.raises(UserError, match=r"a-0001\.png exists"):
        write_frames(path, out)
    assert write_frames(path, out, force=True).written == 1


def test_a_folder_without_pictures_and_a_missing_file_are_refused(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match="holds no pictures"):
        write_frames(tmp_path / "empty", tmp_path / "out")
    with pytest.raises(UserError, match="There is no file"):
        write_frames(tmp_path / "gone.gif", tmp_path / "out")


def test_frames_of_two_files_do_not_overwrite_each_other(tmp_path: Path) -> None:
    animation(tmp_path / "in" / "a.gif")
    animation(tmp_path / "in" / "a.webp")
    done = write_frames(tmp_path / "in", tmp_path / "out")
    assert len(files_below(tmp_path / "out")) == 3
    assert [failure for failure in done.failures if "a.webp would become" in failure]
