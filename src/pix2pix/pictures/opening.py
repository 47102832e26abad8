"""Before a picture is unpacked: what it claims to be, the limits, and errors of decoders in words."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Lock
from typing import BinaryIO, NamedTuple

from PIL import Image, UnidentifiedImageError

from pix2pix.errors import UserError, first_line
from pix2pix.files import limit_from_environment

LIMIT = "PIX2PIX_MAX_MEGAPIXELS"
MAX_SIDE_PX = 65_535  # JPEG's own; the network widens a thin strip to hundreds of rows
FRAMES_HINT = "`pix2pix data frames` makes pictures of all its frames."
_DEFAULT_LIMIT = 178  # where Pillow begins to suspect an attack
_OPENING = Lock()  # while Pillow's limit is lifted


class PictureError(ValueError):
    """What is wrong with a file, in words of this package; texts of decoders may hold anything."""


class Head(NamedTuple):
    """What the first bytes of a picture claim. `kind` is Pillow's name of the format."""

    kind: str
    height: int
    width: int
    frames: int  # of an animation, else 1
    channels: int = 4  # at most


def open_unread(file: BinaryIO, kinds: tuple[str, ...] | None) -> tuple[Image.Image, Head]:
    """Return a picture that is not unpacked yet, of any size, and what it claims to be."""
    with _OPENING:
        # Our limits replace Pillow's, which stays as it was for others in this process.
        limit, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
        try:
            opened = Image.open(file, formats=kinds)
        finally:
            Image.MAX_IMAGE_PIXELS = limit
    # Cameras append a second, smaller picture to a JPEG: no animation.
    frames = getattr(opened, "n_frames", 1) if opened.format != "MPO" else 1
    return opened, Head(opened.format or "", opened.height, opened.width, frames)


def animation(name: str, head: Head) -> str:
    """Return the beginning of a sentence about an animation."""
    return f"{name} is an animation of {head.frames:,} frames ({head.kind})"


def refuse_large(height: int, width: int, path: Path) -> None:
    """Refuse what may unpack to more than the memory, however small the file."""
    limit = limit_from_environment(LIMIT, _DEFAULT_LIMIT, "")
    if height * width > limit * 1e6:
        raise UserError(
            f"{path} is {width} x {height} px, {height * width / 1e6:,.0f} megapixels: more than "
            f"the limit of {limit:,.0f}.",
            f"If the file is to be trusted, raise the limit with the variable {LIMIT}.",
        )
    if max(height, width) > MAX_SIDE_PX:
        raise UserError(
            f"{path} is {width} x {height} px: a side is longer than the limit of {MAX_SIDE_PX:,} px.",
            "Cut it into several pictures.",
        )


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
        quotable = quote or isinstance(error, PictureError)
        why = first_line(error) if quotable else "it is damaged, or cut short"
        raise UserError(f"{name} cannot be read: {why}.") from None
