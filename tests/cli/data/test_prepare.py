"""`pix2pix data split`, `combine` and `resize`; archives and globs in place of folders."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from tests.cli.command import good, pix2pix, refused
from tests.helpers import files_below, noise, pixels, scene, write, write_pairs, write_text


def test_split_counts_and_names_what_was_left_out(place: Path) -> None:
    write_pairs(place / "in", 20, 8)
    assert good("data", "split", "in", "-o", "out", "--val", "0.3", "--test", "0.2").startswith("out: train ")
    assert good("data", "split", "in", "-o", "out", "--val", "0.3", "--test", "0.2").endswith(
        ", 20 there before\n"
    )
    (place / "in" / "empty.png").touch()
    write_text(place / "in" / "notes.txt")
    result = pix2pix("data", "split", "in", "-o", "new", "--link")
    assert result.exit_code == 1
    assert "1 pair was left out:\n  in/empty.png is empty" in result.stderr
    assert "not used, as no pictures of pairs:\n  in/notes.txt" in result.stderr
    assert len(files_below(place / "new")) == 20


def test_combine_makes_pairs_of_two_folders(place: Path) -> None:
    for folder in ("s", "t"):
        write(place / folder / "a.png")
    assert good("data", "combine", "s", "t", "-o", "out") == "out: 1 pairs\n"
    assert pixels(place / "out" / "a.png").shape == (32, 64, 3)
    assert "exists" in refused("data", "combine", "s", "t", "-o", "out")
    assert good("data", "combine", "s", "t", "-o", "out", "--force", "--format", "TIF")
    assert "--format gif is unknown" in refused("data", "combine", "s", "t", "-o", "out", "--format", "gif")


@pytest.mark.parametrize(
    ("size", "words", "shape"),
    [("16", [], (16, 16, 3)), ("16x24", [], (16, 24, 3)), ("16x24", ["--pairs", "--nearest"], (16, 48, 3))],
)
def test_resize_takes_height_and_width(
    place: Path, size: str, words: list[str], shape: tuple[int, ...]
) -> None:
    write(place / "in" / "a.png", noise(20, 40))
    assert good("data", "resize", "in", "-o", "out", "--size", size, *words) == "out: 1 pictures\n"
    assert pixels(place / "out" / "a.png").shape == shape


@pytest.mark.parametrize("size", ["", "x", "0", "256x", "16x0", "-1", "1.5", "256,512", "99999"])
def test_resize_refuses_what_is_no_size(place: Path, size: str) -> None:
    write(place / "in" / "a.png")
    assert "is no size" in refused("data", "resize", "in", "-o", "out", f"--size={size}")
    assert not (place / "out").exists()


def test_archives_and_globs_are_taken_in_place_of_folders(place: Path) -> None:
    for n in range(12):
        write(place / "s" / f"{n}.png", scene(n, 32, 32))
        write(place / "t" / f"{n}.png", scene(n, 32, 32, 1) // 128 * np.uint8(255))
    for half in ("s", "t"):
        shutil.make_archive(str(place / half), "zip", place / half)
    assert good("data", "combine", "s.zip", "t/*.png", "-o", "pairs").startswith("pairs: 12 pairs")
    shutil.make_archive(str(place / "packed"), "gztar", place / "pairs")
    assert good("data", "split", "packed.tar.gz", "-o", "a", "--layout", "side-by-side").startswith(
        "a: train "
    )
    assert good("data", "split", "s/*.png", "t.zip", "-o", "b").startswith("b: train ")
    assert len(files_below(place / "b")) == 24
    assert (
        good("data", "palette", "t.zip") == good("data", "palette", "t/*.png") == good("data", "palette", "t")
    )
    assert good("data", "resize", "s/[0-4].png", "-o", "small", "--size", "16") == "small: 5 pictures\n"
    assert good("data", "check", "s/*.png", "t.zip")


@pytest.mark.parametrize(
    "words", [("split", "-o", "out"), ("palette",), ("resize", "-o", "out", "--size", "16"), ("check",)]
)
def test_refusals_name_the_archive_and_not_where_it_was_unpacked(
    place: Path, cache: Path, words: tuple[str, ...]
) -> None:
    write_text(place / "set" / "a.txt")
    shutil.make_archive(str(place / "packed"), "zip", place, "set")
    message = refused("data", words[0], "packed.zip", *words[1:])
    assert "packed.zip" in message
    assert str(cache) not in message


def test_pictures_that_are_left_out_are_named_within_their_archive(place: Path, cache: Path) -> None:
    write(place / "set" / "a.png", scene(0, 32, 32))
    write_text(place / "set" / "b.png")
    write_text(place / "set" / "notes.txt")
    shutil.make_archive(str(place / "packed"), "zip", place, "set")
    result = pix2pix("data", "resize", "packed.zip", "-o", "out", "--size", "16")
    assert result.exit_code == 1
    assert "packed.zip/set/b.png is not a picture" in result.stderr
    assert "packed.zip/set/notes.txt" in result.stderr
    assert str(cache) not in result.stderr


@pytest.mark.parametrize(
    "words", [("split", "{}", "-o", "out"), ("combine", "s", "{}", "-o", "out"), ("palette", "{}")]
)
def test_lists_of_pairs_are_named_where_folders_are_wanted(place: Path, words: tuple[str, ...]) -> None:
    write(place / "s" / "a.png")
    for listed, what in (("pairs.csv", "is a manifest"), ("hub:owner/name", "is a hub data set")):
        message = refused("data", *(word.format(listed) for word in words))
        assert f"{listed} {what}: wanted a folder, an archive or a glob" in message
