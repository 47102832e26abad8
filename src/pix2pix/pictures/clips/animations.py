"""Animations, GIF and WebP, as frames with their times; the frame that movies have too."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from PIL import Image

from pix2pix.errors import UserError
from pix2pix.files import bytes_in_words, replacing
from pix2pix.pictures.codec import Array, is_npy, read_here
from pix2pix.pictures.formats import apart
from pix2pix.pictures.formats.numbers import checked
from pix2pix.pictures.formats.opening import head_of, open_file, open_unread, refuse_large
from pix2pix.pictures.formats.pillow import from_pillow, to_pillow
from pix2pix.pictures.formats.tiff import is_tiff

WRITTEN = (".gif", ".webp")
_KINDS = ("GIF", "WEBP", "PNG")  # by Pillow's names
_LIMIT_BYTES = 2**30  # of frames: Pillow gathers all before it writes
_UNTIMED = Fraction(1, 10)  # seconds for which browsers show a frame without a time
# By how much, in levels of 255, a frame may fit a palette worse than the one that it was made from.
_PALETTE_SLACK = 1.0


class Frame(NamedTuple):
    """One frame of a clip, (H, W, C) uint8: when it begins and for how long it is shown, in seconds."""

    array: Array
    start: Fraction
    duration: Fraction


def read_frames(path: Path) -> Iterator[Array]:
    """Yield every frame of an animation (H, W, C), as it is shown; of another picture the only one.

    Raises UserError as `read` does.
    """
    yield from (array for array, _ in read_timed_frames(path))


def read_timed_frames(path: Path) -> Iterator[tuple[Array, float]]:
    """Yield every frame of an animation as `read_frames` does, and for how many milliseconds it is shown."""
    with open_file(path) as file:
        costly = apart.is_costly(file)
    yield from apart.frames(path) if costly else frames_here(path)


def frames_here(path: Path) -> Iterator[tuple[Array, float]]:
    """Yield frames as `read_timed_frames` does, decoded in this process."""
    with open_file(path) as file:
        # Of a single picture Pillow alone would halve the depth of 16 bits.
        if is_npy(file) or is_tiff(file) or head_of(file).frames == 1:
            yield read_here(path).array, 0.0
            return
        opened, head = open_unread(file, None)
        refuse_large(head.height, head.width, path, head.pixel_bytes)
        with opened:
            for number in range(head.frames):
                opened.seek(number)
                array = checked(from_pillow(opened), str(path))  # which WebP's times are known after
                yield array, float(opened.info.get("duration") or 0)


class Animation:
    """The frames of a GIF, an animated WebP or PNG. Raises UserError for other files."""

    time_base, rate, pixel_shape = Fraction(1, 1000), Fraction(25), None

    def __init__(self, path: Path) -> None:
        self._path, self.failures = path, list[str]()
        self.sound, self.packets = list[Any](), list[Any]()  # it has none
        head = apart.look(path)
        self.count, self.loop = head.frames, head.loop

    def frames(self) -> Iterator[Frame]:
        """Yield the frames up to the first that cannot be read, which `failures` names."""
        start, frames = Fraction(0), read_timed_frames(self._path)
        for number in range(1, self.count + 1):
            try:
                array, milliseconds = next(frames)
            except UserError as error:
                if number == 1:
                    raise
                self.failures.append(f"{error} Only the {number - 1} frames before are translated.")
                return
            duration = Fraction(round(milliseconds), 1000) or _UNTIMED
            yield Frame(array, start, duration)
            start += duration

    def close(self) -> None:
        """Do nothing: the file is open only while frames are read."""


def is_animation(path: Path) -> bool:
    """Return whether a file is a picture of several frames; pages of a TIFF are none."""
    try:
        head = apart.look(path)
    except UserError:
        return False
    return head.frames > 1 and head.kind in _KINDS


def write(
    path: Path, frames: Iterable[Frame], loop: int | None, is_cut: Callable[[Array, Array], bool]
) -> None:
    """Write frames as the animation of the path's ending, whole or not at all.

    `loop` is how often it is shown: 0 endlessly, None once. GIF has 256 colours a frame: they are
    chosen anew only at a cut and where they no longer fit, else still pixels would flicker. Raises
    UserError where the frames need too much memory, or the disk refuses.
    """
    gif, pictures = path.suffix.lower() == ".gif", list[Image.Image]()
    durations, palette, size = list[int](), _Palette(is_cut), 0
    for frame in frames:
        size += frame.array.nbytes
        if size > _LIMIT_BYTES:
            raise UserError(
                f"The frames of {path} take more than {bytes_in_words(_LIMIT_BYTES)}, and an animation is "
                "written from memory.",
                "Write .mp4, .webm or .mkv instead.",
            )
        end = round((frame.start + frame.duration) * 1000)
        durations.append(max(1, end - sum(durations)))
        pictures.append(palette.apply(frame.array) if gif else to_pillow(frame.array))
    options: dict[str, Any] = {"duration": durations}
    if gif:
        options |= {"optimize": False} | ({} if loop is None else {"loop": loop})
    else:
        options |= {"lossless": True, "loop": 1 if loop is None else loop}
    with replacing(path) as temporary:
        pictures[0].save(temporary, save_all=True, append_images=pictures[1:], **options)


class _Palette:
    """The 256 colours of a GIF's frames, which are kept while they fit."""

    def __init__(self, is_cut: Callable[[Array, Array], bool]) -> None:
        self._is_cut = is_cut
        self._colours: Image.Image | None = None
        self._before: Array | None = None
        self._error = 0.0  # of the frame that the colours were made from

    def apply(self, array: Array) -> Image.Image:
        """Return the frame in the colours of earlier frames, or in its own if those do not fit."""
        picture = to_pillow(array).convert("RGB")
        cut = self._before is None or self._is_cut(self._before, array)
        self._before = array
        if self._colours is not None and not cut:
            kept = picture.quantize(palette=self._colours, dither=Image.Dither.NONE)
            if _distance(kept, picture) <= self._error + _PALETTE_SLACK:
                return kept
        self._colours = picture.quantize(256)
        chosen = picture.quantize(palette=self._colours, dither=Image.Dither.NONE)
        self._error = _distance(chosen, picture)
        return chosen


def _distance(indexed: Image.Image, picture: Image.Image) -> float:
    one, other = (np.asarray(image.convert("RGB"), np.int16) for image in (indexed, picture))
    return float(np.abs(one - other).mean())
