"""Files and bytes <-> arrays, at the depth they have: 8 bit, 16 bit or float, 1 to 64 channels.

Arrays are (H, W, C) uint8, uint16 or float32, upright: a camera's rotation mark is applied. Colour
profiles are ignored: numbers are taken as stored. A palette's colours are looked up (RGB). CMYK
and YCbCr become RGB. The first bytes say what a file is, not its ending.
"""

import io
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO, Literal, NamedTuple

import imagecodecs
import numpy as np

from pix2pix.errors import UserError
from pix2pix.files import replacing
from pix2pix.pictures.contract import MAX_CHANNELS, Fill
from pix2pix.pictures.formats import apart, pillow, tiff
from pix2pix.pictures.formats.excess import refuse_excess
from pix2pix.pictures.formats.numbers import Array as Array
from pix2pix.pictures.formats.numbers import channels_last, checked
from pix2pix.pictures.formats.opening import (
    FRAMES_HINT,
    NPY_HEAD,
    TIFF_HEADS,
    Head,
    animation,
    in_words,
    open_file,
    refuse_large,
)
from pix2pix.pictures.formats.pillow import from_pillow as from_pillow
from pix2pix.pictures.formats.pillow import to_pillow as to_pillow
from pix2pix.pictures.missing import as_written

Format = Literal["png", "jpeg", "webp"]
# What browsers show. Among all that Pillow reads there are formats that start other programs.
_FORMATS_OF_BYTES = ("PNG", "JPEG", "WEBP", "BMP", "GIF")
_BROWSER_HEADS = (b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"BM")  # and WebP, in two parts
_ALL_DEPTHS = ("uint8", "uint16", "float32"), tuple(range(1, MAX_CHANNELS + 1))
# What each kind of file can hold: depths and channels.
_HOLDS: dict[str, tuple[tuple[str, ...], tuple[int, ...]]] = {
    ".png": (("uint8", "uint16"), (1, 2, 3, 4)),
    ".jpg": (("uint8",), (1, 3)),
    ".jpeg": (("uint8",), (1, 3)),
    ".webp": (("uint8",), (3, 4)),
    ".bmp": (("uint8",), (1, 3)),
    ".tif": _ALL_DEPTHS,
    ".tiff": _ALL_DEPTHS,
    ".npy": _ALL_DEPTHS,
}
_OPTIONS: dict[str, dict[str, Any]] = {
    ".jpg": {"quality": 95, "subsampling": 0},
    ".jpeg": {"quality": 95, "subsampling": 0},
    ".webp": {"lossless": True, "exact": True},
}


OnNote = Callable[[str], None]  # called with a sentence for the user


def no_note(sentence: str) -> None:
    """Drop the sentence."""


class Picture(NamedTuple):
    """A file's picture (H, W, C), and the value by which it names pixels without data, if it does.

    In floats these are NaN.
    """

    array: Array
    fill: float | None = None


def read(path: Path, note: OnNote = no_note) -> Array:
    """Return the picture of a file: (H, W, C) uint8, uint16 or float32; NaN where a file has no data.

    `note` receives a sentence about what is left out, the later frames of an animation. Raises
    UserError that names the file where it is missing, broken, no picture, of another depth, or larger
    than the limits.
    """
    return read_picture(path, note).array


def read_picture(path: Path, note: OnNote = no_note) -> Picture:
    """Return the picture of a file with the value of its pixels without data; see `read`.

    What a decoder may take long for is decoded in a process apart, with a deadline.
    """
    with open_file(path) as file:
        costly = apart.is_costly(file)
    return Picture(*apart.read(path, note)) if costly else read_here(path, note)


def read_here(path: Path, note: OnNote = no_note) -> Picture:
    """Return the picture of a file as `read_picture` does, decoded in this process whatever it is."""

    def accept(head: Head) -> None:
        refuse_large(head.height, head.width, path, head.pixel_bytes)
        if head.frames > 1:
            note(f"{animation(str(path), head)}; its first frame is taken. {FRAMES_HINT}")

    with open_file(path) as file:
        if is_npy(file):
            return Picture(checked(_read_npy(path), str(path)))
        return _decode(file, str(path), accept)


def size(path: Path) -> tuple[int, int]:
    """Return the (height, width) that a file states; nothing is unpacked, and no size is too large.

    A picture that a camera's mark turns may have them exchanged. Raises UserError that names the file
    where it is missing or no picture.
    """
    with open_file(path) as file:
        if is_npy(file):
            height, width = _open_npy(path).shape[:2]
            return height, width
        if tiff.is_tiff(file):
            return tiff.size(file)
    head = apart.look(path)
    return head.height, head.width


def read_bytes(data: bytes, name: str, accept: Callable[[Head], None]) -> Array:
    """Return (H, W, C) of a stranger's PNG, JPEG, WebP, BMP, GIF or TIFF, as `read` does.

    Errors call it `name`, and hold no text of a decoder. `accept` is called before anything is unpacked, and
    refuses a size by raising UserError: there is no other limit. Of an animation that it lets pass, the first
    picture is taken. Raises UserError for what is broken, none of these formats, or holds more than a picture
    of its size can need.
    """
    with in_words(name, lambda: len(data), quote=False):
        return _decode(io.BytesIO(data), name, accept, _FORMATS_OF_BYTES, strict=True).array


def is_picture(data: bytes) -> bool:
    """Return whether bytes begin like a file of a kind that `read_bytes` reads."""
    return data.startswith((*TIFF_HEADS, *_BROWSER_HEADS)) or (data[:4] == b"RIFF" and data[8:12] == b"WEBP")


def write(array: Array, path: Path, fill: Fill | None = None) -> None:
    """Write (H, W, C) in the format of the suffix, whole or not at all.

    Floats have `fill` in place of NaN, and a TIFF names it as the value of pixels without data.

    Raises UserError where the format cannot hold the depth or the channels, or the disk refuses.
    """
    check_holds(path, str(array.dtype), array.shape[2])
    suffix, array = path.suffix.lower(), as_written(array, fill)
    with replacing(path) as temporary:
        if suffix == ".npy":
            with temporary.open("wb") as out:
                np.save(out, array)
        elif suffix in (".tif", ".tiff"):
            tiff.write(array, temporary, fill)
        elif array.dtype == np.uint16:
            temporary.write_bytes(_encode_png(array))
        else:
            to_pillow(array).save(temporary, **_OPTIONS.get(suffix, {}))


def to_bytes(array: Array, kind: Format) -> bytes:
    """Return the file of (H, W, C) uint8, or for PNG also uint16, with 1 to 4 channels (JPEG: 1 or 3).

    For one reader, now: PNG is packed for speed, WebP with loss.
    """
    if kind == "png":
        # At 256 px in 2 ms, where Pillow takes 33 ms at its own setting and 9 ms at its lightest;
        # the files of photographs are about as large.
        png = imagecodecs.PNG
        return _encode_png(array, level=1, filter=png.FILTER.PAETH, strategy=png.STRATEGY.RLE)
    out = io.BytesIO()
    options: dict[str, int] = {"subsampling": 0} if kind == "jpeg" else {"method": 0}
    to_pillow(array).save(out, kind, quality=92, **options)
    return out.getvalue()


def check_holds(path: Path, depth: str, channels: int) -> None:
    """Raise UserError where a file of this suffix cannot hold the depth and channels."""
    if not holds(path.suffix, depth, channels):
        fit = [suffix for suffix in _HOLDS if holds(suffix, depth, channels)]
        raise UserError(
            f"A file ending in '{path.suffix}' cannot hold {channels} channels of {depth}: {path}.",
            f"Endings that can: {' '.join(fit)} (--format).",
        )


def holds(suffix: str, depth: str, channels: int) -> bool:
    """Return whether files of this suffix can hold the depth and channels."""
    depths, counts = _HOLDS.get(suffix.lower(), ((), ()))
    return depth in depths and channels in counts


def is_npy(file: BinaryIO) -> bool:
    """Return whether a file is an array of numpy."""
    file.seek(0)
    return file.read(len(NPY_HEAD)) == NPY_HEAD


def _decode(
    file: BinaryIO,
    name: str,
    accept: Callable[[Head], None],
    kinds: tuple[str, ...] | None = None,
    *,
    strict: bool = False,
) -> Picture:
    """Return a TIFF, or what Pillow reads; `accept` and `kinds` as for `pillow.read`."""

    def accept_whole(head: Head) -> None:
        accept(head)
        refuse_excess(file, head, strict=strict)

    if tiff.is_tiff(file):
        array, fill = tiff.read(file, accept_whole)
    else:
        array, fill = pillow.read(file, accept_whole, kinds), None
    return Picture(checked(array, name, fill), fill)


def _open_npy(path: Path) -> Array:
    return channels_last(np.lib.format.open_memmap(path, mode="r"), str(path))


def _read_npy(path: Path) -> Array:
    mapped = _open_npy(path)
    if mapped.ndim >= 2:
        height, width, *inner = mapped.shape
        refuse_large(height, width, path, math.prod(inner) * mapped.dtype.itemsize)
    return np.array(mapped)


def _encode_png(array: Array, **options: Any) -> bytes:
    levels = array[:, :, 0] if array.shape[2] == 1 else array
    return bytes(imagecodecs.png_encode(np.ascontiguousarray(levels), **options))
