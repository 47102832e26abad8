import io
from pathlib import Path

import pytest
from PIL import Image

from pix2pix.errors import UserError
from pix2pix.pictures.formats.opening import (
    LIMIT,
    MAX_SIDE_PX,
    Head,
    animation,
    in_words,
    open_unread,
    refuse_large,
)
from tests.helpers import png_bomb


def file_of(image: Image.Image, kind: str, **more: object) -> io.BytesIO:
    file = io.BytesIO()
    image.save(file, kind, **more)
    return file


def test_the_head_is_known_before_anything_is_unpacked(tmp_path: Path) -> None:
    png_bomb(tmp_path / "bomb.png")
    limit = Image.MAX_IMAGE_PIXELS
    with (tmp_path / "bomb.png").open("rb") as file:
        _, head = open_unread(file, None)
    assert (head.kind, head.height, head.width, head.frames) == ("PNG", 50_000, 50_000, 1)
    assert limit == Image.MAX_IMAGE_PIXELS


def test_frames_are_those_of_an_animation_and_not_a_cameras_second_picture() -> None:
    images = [Image.new("RGB", (8, 6), colour) for colour in ("red", "green", "blue")]
    _, head = open_unread(file_of(images[0], "GIF", save_all=True, append_images=images[1:]), None)
    assert animation("a.gif", head) == "a.gif is an animation of 3 frames (GIF)"
    _, head = open_unread(file_of(images[0], "MPO", save_all=True, append_images=images[1:]), None)
    assert head == Head("MPO", 6, 8, 1, pixel_bytes=3)


def test_only_named_formats_are_opened() -> None:
    file = file_of(Image.new("L", (4, 4)), "PNG")
    with pytest.raises(UserError, match=r"^a is not a picture \(9 bytes\)"), in_words("a", lambda: 9):
        open_unread(file, ("JPEG",))


def test_large_pictures_are_refused_by_area_and_by_side(monkeypatch: pytest.MonkeyPatch) -> None:
    refuse_large(13_000, 13_000, Path("a.png"))
    with pytest.raises(UserError, match=r"a\.png is 14000 x 14000 px, 196 megapixels: more than the limit"):
        refuse_large(14_000, 14_000, Path("a.png"))
    with pytest.raises(UserError, match="a side is longer"):
        refuse_large(MAX_SIDE_PX + 1, 1, Path("a.png"))
    monkeypatch.setenv(LIMIT, "200")
    refuse_large(14_000, 14_000, Path("a.png"))


def test_whatever_a_decoder_raises_is_a_sentence() -> None:
    for error, words in (
        (FileNotFoundError(), "There is no file a.png."),
        (RuntimeError("broken stream.\nmore"), "a.png cannot be read: broken stream."),
        (UserError("as it is"), "as it is"),
    ):
        with pytest.raises(UserError) as caught, in_words("a.png", lambda: 0):
            raise error
        assert str(caught.value) == words
