"""What a decoder may take any time for is decoded in a process that can be ended, with the same result."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pix2pix.errors import UserError
from pix2pix.pictures import codec
from pix2pix.pictures.clips import animations
from pix2pix.pictures.formats import apart
from pix2pix.pictures.formats.opening import LIMIT
from tests.helpers import noise, write, write_text
from tests.pictures.samples import refusal

LOSSLESS = {"save_all": True, "lossless": True, "duration": 40}


def clip(path: Path, frames: int = 3) -> Path:
    """An animated WebP of noise."""
    first, *others = (Image.fromarray(noise(8, 9, seed=n)) for n in range(frames))
    first.save(path, append_images=others, loop=2, **LOSSLESS)
    return path


def costly(path: Path) -> bool:
    with path.open("rb") as file:
        return apart.is_costly(file)


def test_only_what_may_take_long_is_decoded_apart(tmp_path: Path) -> None:
    for name in ("a.png", "a.jpg", "a.webp", "a.bmp", "a.tif", "a.npy"):
        assert not costly(write(tmp_path / name))
    Image.fromarray(noise(8, 8)).save(tmp_path / "a.gif")
    Image.fromarray(noise(8, 8)).save(tmp_path / "a.ppm")
    write_text(tmp_path / "b.png", "no picture")
    assert not any(costly(tmp_path / name) for name in ("a.gif", "a.ppm", "b.png"))
    assert costly(clip(tmp_path / "clip.webp"))
    Image.fromarray(noise(8, 8)).save(tmp_path / "a.jp2")
    Image.fromarray(noise(8, 8)).save(tmp_path / "a.tga")
    assert costly(tmp_path / "a.jp2")
    assert costly(tmp_path / "a.tga")


def test_what_is_decoded_apart_is_what_this_process_reads(tmp_path: Path) -> None:
    path, notes = clip(tmp_path / "a.webp"), list[str]()
    np.testing.assert_array_equal(codec.read(path, notes.append), noise(8, 9, seed=0))
    assert "is an animation of 3 frames" in notes[0]
    assert codec.size(path) == (8, 9)
    frames = list(animations.read_timed_frames(path))
    assert [milliseconds for _, milliseconds in frames] == [40, 40, 40]
    for number, (frame, _) in enumerate(frames):
        np.testing.assert_array_equal(frame, noise(8, 9, seed=number))
    animation = animations.Animation(path)
    assert (animation.count, animation.loop) == (3, 2)
    assert animations.is_animation(path)


def test_what_takes_too_long_is_named_and_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = clip(tmp_path / "a.webp")
    monkeypatch.setenv(apart.SECONDS, "0.01")  # no process starts in that time
    assert f"{path} took more than 0.01 seconds to decode. If the file" in refusal(path)
    with pytest.raises(UserError, match=apart.SECONDS):
        list(animations.read_frames(path))


def test_errors_and_limits_are_those_of_this_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = clip(tmp_path / "a.webp")
    whole = path.read_bytes()
    path.write_bytes(whole[:60])
    assert f"{path} " in refusal(path)
    path.write_bytes(whole)
    monkeypatch.setenv(LIMIT, "0.00001")
    assert "megapixels: more than the limit" in refusal(path)


def test_a_format_that_starts_other_programs_is_no_picture(tmp_path: Path) -> None:
    Image.fromarray(noise(8, 8)).save(tmp_path / "a.eps")
    assert "is not a picture" in refusal(tmp_path / "a.eps")
