from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from pix2pix.config import DataConfig
from pix2pix.data.origins import find_data
from pix2pix.errors import UserError
from pix2pix.pairs.find import PairSet
from tests.helpers import scene, write, write_text


def find(*data: Path, layout: str = "") -> PairSet:
    return find_data(list(data), DataConfig(layout=layout))


def refused(*data: Path) -> str:
    with pytest.raises(UserError) as caught:
        find(*data)
    return str(caught.value)


def singles(folder: Path, count: int, first: int = 0, labels: bool = False) -> Path:
    for n in range(first, first + count):
        picture = scene(n, 48, 64)
        write(folder / f"{n}.png", picture // 64 * 64 if labels else picture)
    return folder


def pairs(folder: Path, count: int, first: int = 0) -> Path:
    for n in range(first, first + count):
        write(folder / f"{n}.png", np.concatenate([scene(n, 48, 64), scene(n + 500, 48, 64)], axis=1))
    return folder


def test_single_pictures_are_refused_with_the_likely_calls(tmp_path: Path) -> None:
    message = refused(singles(tmp_path / "photos", 5))
    assert (
        "0.png and others like it are single pictures of 64 x 48 px: they go on across the middle" in message
    )
    for call in ("pix2pix train SOURCES TARGETS", "--make edges", "--layout side-by-side"):
        assert call in message
    assert find(tmp_path / "photos", layout="side-by-side").layout == "side by side"


def test_two_folders_of_unknown_names_are_named(tmp_path: Path) -> None:
    for split in ("train", "val"):
        singles(tmp_path / split / "depth", 4)
        singles(tmp_path / split / "view", 4)
    assert f"`pix2pix train {tmp_path} --layout depth:view`" in refused(tmp_path)
    assert len(find(tmp_path, layout="depth:view").splits["train"]) == 4


def test_a_folder_whose_targets_lie_next_to_it_is_refused_with_both(tmp_path: Path) -> None:
    train = singles(tmp_path / "train", 4)
    targets = singles(tmp_path / "trainannot", 4, labels=True)
    assert f"`pix2pix train {train} {targets}`" in refused(train)


def test_single_pictures_among_those_held_out_are_refused_with_another_call(tmp_path: Path) -> None:
    for n in (9, 39, 49, 51):  # names that are held out
        write(tmp_path / f"{n}.png", scene(n, 48, 64))
    for n in range(6):
        write(tmp_path / f"{n}.png", np.full((48, 64, 3), 255, np.uint8))  # too even to tell
    message = refused(tmp_path)
    assert "pix2pix train SOURCES TARGETS" in message
    assert f"pix2pix train {tmp_path}`" not in message


def test_photographs_among_their_masks_are_no_pairs(tmp_path: Path) -> None:
    singles(tmp_path, 4)
    singles(tmp_path, 4, first=10, labels=True)
    assert "single pictures" in refused(tmp_path)


@pytest.mark.parametrize("split", ["val", "test"])
def test_pairs_of_which_one_split_has_single_pictures_are_refused(tmp_path: Path, split: str) -> None:
    pairs(tmp_path / "train", 5)
    singles(tmp_path / split, 5)
    message = refused(tmp_path)
    assert f"The pictures of {split} are single ones of 64 x 48 px, while those of train are pairs" in message
    assert f"`pix2pix train {tmp_path / 'train'}`" in message
    even = np.full((48, 64, 3), 255, np.uint8)
    for path in (tmp_path / split).iterdir():
        write(path, even)
    assert "single ones" in refused(tmp_path)  # by their shape alone


def test_pictures_over_one_another_and_three_side_by_side_are_named(tmp_path: Path) -> None:
    for n in range(6):
        panels = [scene(n + 100 * k, 48, 48) for k in range(3)]
        write(tmp_path / "stacked" / f"{n}.png", np.concatenate(panels[:2], axis=0))
        write(tmp_path / "triple" / f"{n}.png", np.concatenate(panels, axis=1))
    assert "are two pictures, one over the other, of 48 x 96 px: wanted two" in refused(tmp_path / "stacked")
    assert "are three pictures side by side, of 144 x 48 px" in refused(tmp_path / "triple")


def test_pairs_side_by_side_are_pairs(tmp_path: Path) -> None:
    pairs(tmp_path / "train", 5)
    pairs(tmp_path / "val", 2, first=50)
    assert find(tmp_path).notes == ()


def test_pictures_that_cannot_be_read_say_nothing(tmp_path: Path) -> None:
    for n in range(4):
        write_text(tmp_path / f"{n}.png")
    assert find(tmp_path).layout == "side by side"


def video(root: Path, clips: int, frames: int) -> Path:
    """Pairs of a camera that moves slowly over a scene, in several clips."""
    for clip in range(clips):
        long = scene(clip, 48, 64 + 2 * frames)
        for n in range(frames):
            for half in ("images", "masks"):
                write(root / half / f"clip{clip}_{n:03d}.png", long[:, 2 * n : 2 * n + 64])
    return root


def test_frames_of_a_video_that_are_held_out_are_reported(tmp_path: Path) -> None:
    note = find(video(tmp_path / "many", 4, 20)).note
    assert "as frames of one video do" in note
    many = tmp_path / "many"
    assert f"`pix2pix data split {many} -o many-split --by '(.*?)\\D?\\d+$'` keeps them together" in note
    named = find(many, layout="images:masks").note
    assert f"`pix2pix data split {many} --layout images:masks -o many-split --by" in named
    assert "into a folder val" in find(video(tmp_path / "one", 1, 80)).note


def test_pictures_of_different_things_are_no_video(tmp_path: Path) -> None:
    for half in ("images", "masks"):
        singles(tmp_path / half, 60)
    assert "video" not in find(tmp_path).note


def test_one_folder_of_single_pictures_among_masks_is_enough_to_refuse(tmp_path: Path) -> None:
    for band in ("red", "green"):
        for n in range(5):
            write(tmp_path / f"train_{band}" / f"{band}_{n}.png", scene(n, 48, 64))
            even = np.full((48, 64, 1), 255 * (n % 2), np.uint8)
            even[:, 32:] = np.arange(48, dtype=np.uint8)[:, None, None] * 5  # a mask that ends in the middle
            write(tmp_path / f"train_{band}_mask" / f"mask_{n}.png", even)
    assert "are single pictures of 64 x 48 px" in refused(tmp_path)


def noise(folder: Path, names: Sequence[str], channels: int = 3) -> Path:
    """Pictures that tell nothing of whether they go on across their middle."""
    for n, name in enumerate(names):
        write(folder / name, np.random.default_rng(n).integers(0, 255, (48, 48, channels), np.uint8))
    return folder


def test_folders_whose_names_make_pairs_are_no_pairs_side_by_side(tmp_path: Path) -> None:
    for band in ("red", "gt"):
        noise(tmp_path / band, [f"{band}_patch_{n}.png" for n in range(6)])
    message = refused(tmp_path)
    assert "The names in gt/ and red/ make pairs: folders are no pairs side by side" in message
    assert f"`pix2pix train {tmp_path} --layout red:gt`" in message


def test_two_folders_of_which_one_is_grey_are_no_pairs_side_by_side(tmp_path: Path) -> None:
    noise(tmp_path / "photos", ["f-001-01.png", "m-002-05.png", "f-007-03.png"])
    noise(tmp_path / "sketches", ["F2-001.png", "M1-002.png", "F-7-sz1.png"], channels=1)
    assert "photos/ and sketches/ hold 3 pictures each, one in colour and the other in grey" in refused(
        tmp_path
    )


def test_square_pictures_that_tell_nothing_are_reported(tmp_path: Path) -> None:
    found = find(noise(tmp_path, [f"{n}.png" for n in range(6)]))
    assert "the halves would be 24 x 48 px (if they are: --layout side-by-side)" in found.note
    assert "tells" not in find(tmp_path, layout="side-by-side").note
