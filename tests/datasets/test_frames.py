from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pix2pix.datasets.frames import write_frames
from pix2pix.errors import UserError
from pix2pix.pictures.codec import read
from tests.helpers import files_below, write_text


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
