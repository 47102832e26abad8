from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pix2pix.errors import UserError
from pix2pix.pictures.clips import animations
from pix2pix.pictures.clips.animations import Animation, Frame, is_animation, write
from pix2pix.pictures.codec import Array
from tests.helpers import noise, scene, write_text
from tests.helpers import write as write_picture


def never(before: Array, after: Array) -> bool:
    return False


def frames(arrays: list[Array], milliseconds: list[int]) -> list[Frame]:
    starts = [sum(milliseconds[:n]) for n in range(len(arrays))]
    return [
        Frame(array, Fraction(start, 1000), Fraction(length, 1000))
        for array, start, length in zip(arrays, starts, milliseconds, strict=True)
    ]


@pytest.mark.parametrize("ending", ["gif", "webp"])
@pytest.mark.parametrize("loop", [0, 3])
def test_frames_times_and_loops_come_back(tmp_path: Path, ending: str, loop: int) -> None:
    path, times = tmp_path / f"a.{ending}", [40, 70, 200]
    arrays = [np.full((9, 13, 3), level, np.uint8) for level in (0, 90, 200)]
    write(path, frames(arrays, times), loop, never)
    read = Animation(path)
    shown = list(read.frames())
    assert (read.count, read.loop, read.failures) == (3, loop, [])
    assert [frame.duration * 1000 for frame in shown] == times
    assert [frame.start * 1000 for frame in shown] == [0, 40, 110]
    for frame, array in zip(shown, arrays, strict=True):
        assert np.abs(frame.array.astype(int) - array).max() <= 1


def test_still_pixels_keep_their_colours_in_a_gif_while_others_change(tmp_path: Path) -> None:
    background, moving = scene(0, 48, 64), noise(48, 64)
    arrays = [background.copy() for _ in range(6)]
    for number, array in enumerate(arrays):
        array[:12, number * 8 : number * 8 + 12] = moving[:12, :12] // 2 + background[:12, :12] // 2
    path = tmp_path / "a.gif"
    write(path, frames(arrays, [40] * 6), 0, never)
    shown = [frame.array[20:] for frame in Animation(path).frames()]
    assert all(np.array_equal(frame, shown[0]) for frame in shown)


@pytest.mark.parametrize("says_cut", [True, False])
def test_a_gif_takes_new_colours_where_the_old_ones_do_not_fit(tmp_path: Path, says_cut: bool) -> None:
    red, blue = (np.zeros((32, 32, 3), np.uint8) for _ in range(2))
    red[..., 0], blue[..., 2] = scene(1, 32, 32)[..., 0], scene(2, 32, 32)[..., 0]
    path = tmp_path / "a.gif"
    write(path, frames([red, blue], [40, 40]), 0, lambda before, after: says_cut)
    shown = list(Animation(path).frames())
    assert np.abs(shown[1].array.astype(int) - blue).mean() < 3


def test_frames_without_a_time_are_shown_as_browsers_show_them(tmp_path: Path) -> None:
    write_picture(tmp_path / "a.png")
    (frame,) = Animation(tmp_path / "a.png").frames()
    assert frame.duration == Fraction(1, 10)
    assert not is_animation(tmp_path / "a.png")


def test_pages_are_no_frames(tmp_path: Path) -> None:
    pages = [Image.fromarray(noise(8, 9, seed=n)) for n in range(2)]
    pages[0].save(tmp_path / "a.tif", save_all=True, append_images=pages[1:])
    assert not is_animation(tmp_path / "a.tif")


def test_a_cut_animation_gives_the_frames_before_and_says_so(tmp_path: Path) -> None:
    path = tmp_path / "a.gif"
    write(path, frames([noise(32, 32, seed=n) for n in range(4)], [40] * 4), 0, never)
    assert is_animation(path)
    whole = Animation(path)
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 5 // 8])
    assert 1 <= len(list(whole.frames())) < 4
    assert "Only the " in whole.failures[0]


def test_what_is_no_picture_and_what_is_too_large_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(UserError, match="is not a picture"):
        Animation(write_text(tmp_path / "a.gif"))
    monkeypatch.setattr(animations, "_LIMIT_BYTES", 5000)
    with pytest.raises(UserError, match=r"written from memory\. Write \.mp4"):
        write(tmp_path / "b.webp", frames([noise(32, 32)] * 2, [40] * 2), 0, never)
    assert not (tmp_path / "b.webp").exists()
