"""Files and bytes <-> arrays, at the depth they have: 8 bit, 16 bit or float, 1 to 64 channels.

Arrays are (H, W, C) uint8, uint16 or float32, upright: a camera's rotation mark is applied. Colour
profiles are ignored: numbers are taken as stored. A palette's colours are looked up (RGB). CMYK
becomes RGB. Pillow reads what it keeps whole; imagecodecs reads PNG of 16 bits, which Pillow would
cut to 8; tifffile reads every TIFF. The first bytes say what a file is, not its ending.
"""

import io
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Lock
from typing import Any, BinaryIO, Literal, NamedTuple

import imagecodecs
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from pix2pix.errors import UserError, first_line
from pix2pix.files import limit_from_environment, replacing
from pix2pix.pictures import tiff
from pix2pix.pictures.contract import MAX_CHANNELS

Array = NDArray[Any]
Format = Literal["png", "jpeg", "webp"]
LIMIT = "PIX2PIX_MAX_MEGAPIXELS"
_DEFAULT_LIMIT = 178  # where Pillow begins to suspect an attack
# What browsers show. Among all that Pillow reads there are formats that start other programs.
_FORMATS_OF_BYTES = ("PNG", "JPEG", "WEBP", "BMP", "GIF")
_TIFF_HEADS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_NPY_HEAD = b"\x93NUMPY"
# What each kind of file can hold: depths and channels.
_HOLDS: dict[str, tuple[tuple[str, ...], tuple[int, ...]]] = {
    ".png": (("uint8", "uint16"), (1, 2, 3, 4)),
    ".jpg": (("uint8",), (1, 3)),
    ".jpeg": (("uint8",), (1, 3)),
    ".webp": (("uint8",), (3, 4)),
    ".bmp": (("uint8",), (1, 3)),
    ".tif": (("uint8", "uint16", "float32"), tuple(range(1, MAX_CHANNELS + 1))),
    ".tiff": (("uint8", "uint16", "float32"), tuple(range(1, MAX_CHANNELS + 1))),
    ".npy": (("uint8", "uint16", "float32"), tuple(range(1, MAX_CHANNELS + 1))),
}
_OPTIONS: dict[str, dict[str, Any]] = {
    ".jpg": {"quality": 95, "subsampling": 0},
    ".jpeg": {"quality": 95, "subsampling": 0},
    ".webp": {"lossless": True, "exact": True},
}
_OPENING = Lock()  # while Pillow's limit is lifted


class Head(NamedTuple):
    """What the first bytes of a picture claim. `kind` is Pillow's name of the format."""

    kind: str
    height: int
    width: int
    animated: bool


def read(path: Path) -> Array:
    """Return the picture of a file: (H, W, C) uint8, uint16 or float32.

    Raises UserError that names the file where it is missing, broken, no picture, of another depth,
    or larger than the limit.
    """
    with _in_words(str(path), lambda: path.stat().st_size):
        with path.open("rb") as file:
            head = file.read(len(_NPY_HEAD))
            if head.startswith(_NPY_HEAD):
                array = _read_npy(path)
            elif head.startswith(_TIFF_HEADS):
                array = tiff.read(path, lambda height, width: _refuse_large(height, width, path))
            else:
                array = _decode(file, lambda head: _refuse_large(head.height, head.width, path))
        return checked(array, str(path))


def read_bytes(data: bytes, name: str, accept: Callable[[Head], None]) -> Array:
    """Return (H, W, C) uint8 or uint16 of a PNG, JPEG, WebP, BMP or GIF; errors call it `name`.

    `accept` is called before anything is unpacked, and refuses what it likes by raising UserError:
    there is no other limit. Of an animation that it lets pass, the first picture is taken. Raises
    UserError for what is broken or none of these.
    """
    with _in_words(name, lambda: len(data)):
        return checked(_decode(io.BytesIO(data), accept, _FORMATS_OF_BYTES), name)


def colour_table(path: Path) -> tuple[tuple[int, int, int], ...] | None:
    """Return the colours into which the pixels of a file are indexes; () where they are none.

    None where Pillow cannot open it.
    """
    try:
        with path.open("rb") as file, _open(file, None)[0] as opened:
            values = (opened.getpalette() or []) if opened.mode == "P" else []
    except Exception:  # of every type; `read` puts it into words
        return None
    return tuple(zip(values[::3], values[1::3], values[2::3], strict=True))


def write(array: Array, path: Path) -> None:
    """Write (H, W, C) in the format of the suffix, whole or not at all.

    Raises UserError where the format cannot hold the depth or the channels, or the disk refuses.
    """
    check_holds(path, str(array.dtype), array.shape[2])
    suffix = path.suffix.lower()
    with replacing(path) as temporary:
        if suffix == ".npy":
            with temporary.open("wb") as out:
                np.save(out, array)
        elif suffix in (".tif", ".tiff"):
            tiff.write(array, temporary)
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


def to_pillow(array: Array) -> Image.Image:
    """Return a Pillow picture of (H, W, C) uint8, C from 1 to 4."""
    return Image.fromarray(array[:, :, 0] if array.shape[2] == 1 else array)


def from_pillow(image: Image.Image) -> Array:
    """Return (H, W, C) of a Pillow picture, upright; 16 bits and float where the picture has them."""
    image = ImageOps.exif_transpose(image)
    if image.mode.startswith("I"):
        # What older files and Pillow call I are 16 bits in nearly all cases.
        return np.asarray(image).clip(0, 65535).astype(np.uint16)[:, :, None]
    if image.mode not in ("L", "LA", "RGB", "RGBA", "F"):
        transparent = image.mode == "P" and "transparency" in image.info
        image = image.convert("L" if image.mode == "1" else "RGBA" if transparent else "RGB")
    return np.atleast_3d(np.asarray(image))


@contextmanager
def _in_words(name: str, count_bytes: Callable[[], int]) -> Iterator[None]:
    """Turn whatever a decoder raises into a sentence about the picture of that name."""
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
        raise UserError(f"{name} cannot be read: {first_line(error)}.") from None


def _decode(file: BinaryIO, accept: Callable[[Head], None], kinds: tuple[str, ...] | None = None) -> Array:
    """Return what Pillow reads (of these kinds, else of all), and PNG of 16 bits.

    `accept` is called before anything is unpacked, and refuses by raising.
    """
    file.seek(24)
    bits = file.read(1)  # of a PNG
    with warnings.catch_warnings():
        # Of broken metadata; what matters is raised.
        warnings.filterwarnings("ignore", module=r"PIL\.")
        opened, head = _open(file, kinds)
        with opened:
            accept(head)
            if head.kind == "PNG" and bits == b"\x10":
                return _read_png16(file, opened)
            opened.load()
            return from_pillow(opened)


def _open(file: BinaryIO, kinds: tuple[str, ...] | None) -> tuple[Image.Image, Head]:
    """Return a picture that is not unpacked yet, of any size, and what it claims to be."""
    with _OPENING:
        # Our limits replace Pillow's, which stays as it was for others in this process.
        limit, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
        try:
            opened = Image.open(file, formats=kinds)
        finally:
            Image.MAX_IMAGE_PIXELS = limit
    # Cameras append a second, smaller picture to a JPEG: no animation.
    animated = getattr(opened, "is_animated", False) and opened.format != "MPO"
    return opened, Head(opened.format or "", opened.height, opened.width, animated)


def _read_npy(path: Path) -> Array:
    mapped = np.lib.format.open_memmap(path, mode="r")
    if mapped.ndim >= 2:
        _refuse_large(mapped.shape[0], mapped.shape[1], path)
    return np.array(mapped)


def _read_png16(file: BinaryIO, opened: Image.Image) -> Array:
    file.seek(0)
    data = file.read()
    array: Array = imagecodecs.png_decode(data)
    if b"eXIf" not in data:  # Pillow would unpack the picture once more to learn that
        return array
    return tiff.upright(array, opened.getexif().get(tiff.ORIENTATION, 1))


def checked(array: Array, name: str) -> Array:
    """Return the array with three axes and one of the three depths; errors call it `name`."""
    if array.ndim == 2:
        array = array[:, :, None]
    if array.ndim != 3 or 0 in array.shape:
        raise UserError(f"{name} has shape {array.shape}: wanted height x width x channels.")
    if array.shape[2] > MAX_CHANNELS:
        raise UserError(
            f"{name} has {array.shape[2]} channels: wanted up to {MAX_CHANNELS}, in the last axis."
        )
    if array.dtype == bool:
        return array.astype(np.uint8) * np.uint8(255)
    if array.dtype.kind == "f":
        with np.errstate(over="ignore"):  # what is too large for float32 is refused below
            array = array.astype(np.float32)
        if not np.isfinite(array).all():
            raise UserError(f"{name} holds values that are not finite: wanted numbers.")
        return array
    if array.dtype.newbyteorder("=") not in (np.uint8, np.uint16):
        raise UserError(f"{name} holds {array.dtype}: wanted 8 or 16 bits unsigned, or float.")
    return np.ascontiguousarray(array, array.dtype.newbyteorder("="))


def _refuse_large(height: int, width: int, path: Path) -> None:
    """Refuse what may unpack to more than the memory, however small the file."""
    limit = limit_from_environment(LIMIT, _DEFAULT_LIMIT, "")
    if height * width > limit * 1e6:
        raise UserError(
            f"{path} is {width} x {height} px, {height * width / 1e6:,.0f} megapixels: more than "
            f"the limit of {limit:,.0f}.",
            f"If the file is to be trusted, raise the limit with the variable {LIMIT}.",
        )


def _encode_png(array: Array, **options: Any) -> bytes:
    levels = array[:, :, 0] if array.shape[2] == 1 else array
    return bytes(imagecodecs.png_encode(np.ascontiguousarray(levels), **options))
