"""Before a picture is unpacked: what it claims to be, the limits, and errors of decoders in words."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Lock
from typing import BinaryIO, NamedTuple

from PIL import Image, ImageFile, UnidentifiedImageError

from pix2pix.errors import UserError, first_line
from pix2pix.files import bytes_in_words, limit_from_environment
from pix2pix.parsing import is_pipe

LIMIT = "PIX2PIX_MAX_MEGAPIXELS"
SAVE_ANEW = "Save it anew with another program."
MAX_SIDE_PX = 65_535  # JPEG's own; the network widens a thin strip to hundreds of rows
FRAMES_HINT = "`pix2pix data frames` makes pictures of all its frames."
_DEFAULT_LIMIT = 178  # where Pillow begins to suspect an attack
_DEFAULT_BYTES = 1e9  # unpacked; both rise and fall with the variable
TIFF_HEADS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
NPY_HEAD = b"\x93NUMPY"
MOST_FRAMES = 10_000  # of one animation
MOST_PARTS = 100_000  # segments of a JPEG, chunks of a PNG
TABLES_BYTES = 65_536  # that a small picture may have besides its pixels
# Formats that start other programs, and those that Pillow reads only with the help of others.
_NEVER = {"EPS", "WMF", "BUFR", "GRIB", "HDF5", "MPEG"}
_PLAIN = ("PNG", "JPEG", "WEBP", "BMP", "GIF", "PPM")
_PLAIN_HEADS = (b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"BM", *(b"P%d" % n for n in range(1, 8)), b"Pf", b"PF")
_TEXT_HEADS = (b"P1", b"P2", b"P3")
_LARGE_BYTES = 5_000_000
_WEBP_ANIMATION = 2  # a flag
_OPENING = Lock()  # while Pillow's limit is lifted


class PictureError(ValueError):
    """What is wrong with a file, in words of this package; texts of decoders may hold anything."""

    def __init__(self, why: str, hint: str = "") -> None:
        super().__init__(why)
        self.hint = hint


class ExcessError(PictureError):
    """A file holds more than a picture of its size can need."""

    def __init__(self, why: str) -> None:
        super().__init__(why, SAVE_ANEW)


class Head(NamedTuple):
    """What the first bytes of a picture claim. `kind` is Pillow's name of the format."""

    kind: str
    height: int
    width: int
    frames: int  # of an animation, else 1
    channels: int = 4  # at most
    pixel_bytes: int = 4  # unpacked, at most
    loop: int | None = None  # how often an animation is shown: 0 endlessly, None once


def open_unread(file: BinaryIO, kinds: tuple[str, ...] | None) -> tuple[Image.Image, Head]:
    """Return a picture that is not unpacked yet, of any size, and what it claims to be."""
    with _OPENING:
        # Our limits replace Pillow's, which stays as it was for others in this process.
        limit, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
        try:
            opened = Image.open(file, formats=kinds or _readable(file))
        finally:
            Image.MAX_IMAGE_PIXELS = limit
    # Cameras append a second, smaller picture to a JPEG: no animation.
    frames = getattr(opened, "n_frames", 1) if opened.format != "MPO" else 1
    if frames > MOST_FRAMES:
        raise PictureError(f"it has {frames:,} frames, wanted up to {MOST_FRAMES:,}")
    size, loop = (opened.height, opened.width), opened.info.get("loop")
    return opened, Head(opened.format or "", *size, frames, pixel_bytes=_pixel_bytes(opened), loop=loop)


def head_of(file: BinaryIO) -> Head:
    """Return what a file claims to be that Pillow reads."""
    return open_unread(file, None)[1]


def is_costly(file: BinaryIO) -> bool:
    """Return whether a decoder may take long or much memory for a picture, whatever size it claims.

    Such are animated WebP, formats that are hardly used, and large files of which a decoder reads more than
    the picture. TIFF is not known here.
    """
    size = file.seek(0, 2)
    file.seek(0)
    start = file.read(32)
    file.seek(0)
    if size > _LARGE_BYTES and (start[:4] == b"GIF8" or start[:2] in _TEXT_HEADS or start[24:25] == b"\x10"):
        return True
    if start[:4] == b"RIFF" and start[8:12] == b"WEBP":
        return start[12:16] == b"VP8X" and bool(start[20] & _WEBP_ANIMATION)
    return not start.startswith((*_PLAIN_HEADS, NPY_HEAD)) and bool(_readable(file))


def _readable(file: BinaryIO) -> tuple[str, ...]:
    """Return the formats that a file may have, by its first bytes or else by its ending."""
    place = file.tell()
    file.seek(0)
    start = file.read(32)
    file.seek(place)
    if start.startswith((*_PLAIN_HEADS, b"RIFF")):
        return _PLAIN
    Image.init()
    suffix = Path(str(getattr(file, "name", ""))).suffix.lower()
    return tuple(kind for kind, (_, accept) in Image.OPEN.items() if _may_be(kind, accept, start, suffix))


def _may_be(kind: str, accept: Callable[[bytes], bool | str] | None, start: bytes, suffix: str) -> bool:
    if kind in _NEVER:
        return False
    if accept is None:
        return Image.EXTENSION.get(suffix) == kind
    with suppress(Exception):  # of a start that is too short
        return accept(start[:16]) is True  # else a text says what is not installed
    return False


def _pixel_bytes(opened: Image.Image) -> int:
    """Return how many bytes a pixel has when it is unpacked, colours of palettes looked up."""
    if opened.mode in ("P", "PA", "I", "F"):
        return 4
    tiles = opened.tile if isinstance(opened, ImageFile.ImageFile) else []
    deep = opened.mode.startswith("I;16") or any(";16" in str(tile.args) for tile in tiles)
    return len(opened.getbands()) * (2 if deep else 1)


def animation(name: str, head: Head) -> str:
    """Return the beginning of a sentence about an animation."""
    return f"{name} is an animation of {head.frames:,} frames ({head.kind})"


def most_bytes() -> float:
    """Return how many bytes one picture may have in memory: 1 GB, or what the variable LIMIT allows."""
    return limit_from_environment(LIMIT, _DEFAULT_LIMIT, "") / _DEFAULT_LIMIT * _DEFAULT_BYTES


def refuse_large(height: int, width: int, path: Path, pixel_bytes: int = 1) -> None:
    """Refuse what may unpack to more than the memory, however small the file."""
    limit, unpacked = limit_from_environment(LIMIT, _DEFAULT_LIMIT, ""), height * width * pixel_bytes
    if height * width > limit * 1e6:
        raise UserError(
            f"{path} is {width} x {height} px, {height * width / 1e6:,.0f} megapixels: more than "
            f"the limit of {limit:,.0f}.",
            f"If the file is to be trusted, raise the limit with the variable {LIMIT}.",
        )
    if unpacked > most_bytes():
        raise UserError(
            f"{path} ({width} x {height} px) takes {bytes_in_words(unpacked)} in memory: more than the "
            f"limit of {bytes_in_words(most_bytes())}.",
            f"If the file is to be trusted, raise the variable {LIMIT}, for example to "
            f"{unpacked / _DEFAULT_BYTES * _DEFAULT_LIMIT + 1:.0f}.",
        )
    if max(height, width) > MAX_SIDE_PX:
        raise UserError(
            f"{path} is {width} x {height} px: a side is longer than the limit of {MAX_SIDE_PX:,} px.",
            "Cut it into several pictures.",
        )


@contextmanager
def open_file(path: Path) -> Iterator[BinaryIO]:
    """Open a picture; raise UserError for a pipe or a device, and for what decoders raise in the block."""
    with in_words(str(path), lambda: path.stat().st_size):
        if is_pipe(path):
            raise UserError(f"{path} is a pipe or a device: wanted a file.")
        with path.open("rb") as file:
            yield file


@contextmanager
def in_words(name: str, count_bytes: Callable[[], int], *, quote: bool = True) -> Iterator[None]:
    """Turn whatever a decoder raises into a sentence about the picture of that name.

    Without `quote` it has no words of the decoder's own.
    """
    try:
        yield
    except FileNotFoundError:
        raise UserError(f"There is no file {name}.") from None
    except UnidentifiedImageError:
        raise UserError(f"{name} is not a picture ({count_bytes()} bytes).") from None
    except UserError:
        raise
    except Exception as error:
        # Decoders report broken files by errors of every type, some of their own.
        ours = isinstance(error, PictureError)
        why = first_line(error) if quote or ours else "it is damaged, or cut short"
        raise UserError(f"{name} cannot be read: {why}.", getattr(error, "hint", "")) from None
