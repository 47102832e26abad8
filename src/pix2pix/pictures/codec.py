"""Files <-> arrays, at the depth they have: 8 bit, 16 bit or float, 1 to 64 channels.

Arrays are (H, W, C) uint8, uint16 or float32, upright: a camera's rotation mark is applied. Colour
profiles are ignored: numbers are taken as stored. A palette's colours are looked up (RGB). CMYK
becomes RGB. Pillow reads what it keeps whole; imagecodecs reads PNG of 16 bits, which Pillow would
cut to 8; tifffile reads every TIFF. What a file is, is told by its first bytes, not by its ending.
"""

from __future__ import annotations

import io
import os
import struct
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from pix2pix.errors import UserError
from pix2pix.files import replacing

Array = NDArray[Any]
MAX_CHANNELS = 64
LIMIT = "PIX2PIX_MAX_MEGAPIXELS"
_DEFAULT_LIMIT = 178  # where Pillow begins to suspect an attack
_RAISE = f"If the file is to be trusted, raise the limit with the variable {LIMIT}."
_TIFF = (".tif", ".tiff")
_TIFF_HEADS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_PNG_HEAD = b"\x89PNG\r\n\x1a\n"
_NPY_HEAD = b"\x93NUMPY"
_ORIENTATION = 0x0112  # the EXIF tag
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


class Head(NamedTuple):
    """What the first bytes of a picture claim. `kind` is Pillow's name of the format."""

    kind: str
    height: int
    width: int
    animated: bool


def read(path: Path) -> Array:
    """The picture of a file: (H, W, C) uint8, uint16 or float32.

    Raises UserError that names the file where it is missing, broken, no picture, of another depth,
    or larger than the limit.
    """
    with in_words(str(path), lambda: path.stat().st_size):
        return checked(_decode(path), str(path))


@contextmanager
def in_words(name: str, count_bytes: Callable[[], int]) -> Iterator[None]:
    """Whatever a decoder raises, as a sentence about the picture of that name."""
    try:
        yield
    except FileNotFoundError:
        raise UserError(f"There is no file {name}.") from None
    except Image.DecompressionBombError:
        raise UserError(
            f"{name} claims to be of more than {_DEFAULT_LIMIT} megapixels ({count_bytes()} bytes on disk).",
            _RAISE,
        ) from None
    except UnidentifiedImageError:
        raise UserError(f"{name} is not a picture ({count_bytes()} bytes).") from None
    except UserError:
        raise
    except Exception as error:
        # Decoders report broken files by errors of every type, some of their own.
        raise UserError(f"{name} cannot be read: {_sentence(error)}.") from None


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
        elif suffix in _TIFF:
            _write_tiff(array, temporary)
        elif array.dtype == np.uint16:
            _write_png16(array, temporary)
        else:
            options: dict[str, Any] = {"quality": 95, "subsampling": 0} if suffix in (".jpg", ".jpeg") else {}
            options |= {"lossless": True, "exact": True} if suffix == ".webp" else {}
            to_pillow(array).save(temporary, **options)


def check_holds(path: Path, depth: str, channels: int) -> None:
    """Raise UserError where a file of this suffix cannot hold the depth and channels."""
    depths, counts = _HOLDS.get(path.suffix.lower(), ((), ()))
    if depth in depths and channels in counts:
        return
    fit = [s for s, (d, c) in _HOLDS.items() if depth in d and channels in c]
    raise UserError(
        f"A file ending in '{path.suffix}' cannot hold {channels} channels of {depth}: {path}.",
        f"Endings that can: {' '.join(fit)} (--format).",
    )


def holds(suffix: str, depth: str, channels: int) -> bool:
    """Whether files of this suffix can hold the depth and channels."""
    depths, counts = _HOLDS.get(suffix.lower(), ((), ()))
    return depth in depths and channels in counts


def to_pillow(array: Array) -> Image.Image:
    """A Pillow picture of (H, W, C) uint8, C from 1 to 4."""
    return Image.fromarray(array[:, :, 0] if array.shape[2] == 1 else array)


def from_pillow(image: Image.Image) -> Array:
    """(H, W, C) of a Pillow picture, upright; 16 bits and float where the picture has them."""
    image = ImageOps.exif_transpose(image)
    if image.mode.startswith("I;16"):
        return np.asarray(image).astype(np.uint16)[:, :, None]
    if image.mode == "I":
        # What older files and Pillow call I are 16 bits in nearly all cases.
        return np.asarray(image).clip(0, 65535).astype(np.uint16)[:, :, None]
    if image.mode == "F":
        return np.asarray(image, np.float32)[:, :, None]
    if image.mode == "P":
        image = image.convert("RGBA" if "transparency" in image.info else "RGB")
    if image.mode not in ("L", "LA", "RGB", "RGBA"):
        image = image.convert("L" if image.mode == "1" else "RGB")
    array = np.asarray(image)
    return array[:, :, None] if array.ndim == 2 else array


def _decode(path: Path) -> Array:
    with path.open("rb") as file:
        head = file.read(len(_NPY_HEAD))
        if head.startswith(_NPY_HEAD):
            return _read_npy(path)
        if head.startswith(_TIFF_HEADS):
            return _read_tiff(path)
        if LIMIT in os.environ:
            Image.MAX_IMAGE_PIXELS = None  # the user's limit stands in place of Pillow's
        return decode(file, lambda head: _refuse_large(head.height, head.width, path))


def decode(file: BinaryIO, accept: Callable[[Head], None], kinds: tuple[str, ...] | None = None) -> Array:
    """What Pillow reads (of these kinds, else of all), and PNG of 16 bits.

    `accept` is called before anything is unpacked, and refuses by raising.
    """
    file.seek(0)
    head = file.read(26)
    file.seek(0)
    if head.startswith(_PNG_HEAD) and head[24:25] == b"\x10":  # 16 bits
        width, height = struct.unpack(">II", head[16:24])
        accept(Head("PNG", height, width, animated=False))
        return _read_png16(file)
    with warnings.catch_warnings():
        # Of large pictures and of broken metadata; what matters is raised.
        warnings.filterwarnings("ignore", module=r"PIL\.")
        with Image.open(file, formats=kinds) as opened:
            # Cameras append a second, smaller picture to a JPEG: no animation.
            animated = getattr(opened, "is_animated", False) and opened.format != "MPO"
            accept(Head(opened.format or "", opened.height, opened.width, animated))
            opened.load()
            return from_pillow(opened)


def _read_npy(path: Path) -> Array:
    mapped = np.lib.format.open_memmap(path, mode="r")
    if mapped.ndim >= 2:
        _refuse_large(mapped.shape[0], mapped.shape[1], path)
    return np.array(mapped)


def _read_tiff(path: Path) -> Array:
    """Pages and samples as channels, wherever the file keeps them; smaller copies are left out."""
    import tifffile

    with tifffile.TiffFile(path) as opened:
        first = opened.series[0]
        alike = [s for s in opened.series if (s.axes, s.shape) == (first.axes, first.shape)]
        sizes = dict(zip(first.axes, first.shape, strict=True))
        if "Y" not in sizes or "X" not in sizes:
            raise ValueError(f"its axes are {first.axes}, wanted rows and columns")
        size = sizes["Y"], sizes["X"]
        _refuse_large(*size, path)
        channels = len(alike) * first.size // max(1, size[0] * size[1])
        if channels > MAX_CHANNELS:  # before they fill the memory
            raise ValueError(f"it has {channels} pages and channels, wanted up to {MAX_CHANNELS}")
        places = [first.axes.index(a) for a in "YX"]
        parts = [np.moveaxis(s.asarray(), places, (0, 1)).reshape(*size, -1) for s in alike]
        page = first.keyframe
        array = _plain(np.concatenate(parts, axis=2), page)
        orientation = page.tags.get(_ORIENTATION)
        return _upright(array, orientation.value if orientation else 1)


def _plain(array: Array, page: Any) -> Array:
    """Numbers of a TIFF as everyone means them: colours looked up, white highest, no CMYK."""
    kind = page.photometric.name
    if kind == "PALETTE" and page.colormap is not None:  # (3, colours) of 16 bits
        looked_up: Array = page.colormap[:, array[:, :, 0]] >> 8
        return looked_up.astype(np.uint8).transpose(1, 2, 0)
    if kind == "MINISWHITE" and array.dtype.kind in "bu":
        return ~array
    if kind == "SEPARATED" and array.dtype == np.uint8 and array.shape[2] == 4:
        return np.asarray(Image.fromarray(array, "CMYK").convert("RGB"))
    return array


def _read_png16(file: BinaryIO) -> Array:
    import imagecodecs

    data = file.read()
    array: Array = imagecodecs.png_decode(data)
    if b"eXIf" not in data:
        return array
    with Image.open(io.BytesIO(data)) as opened:
        return _upright(array, opened.getexif().get(_ORIENTATION, 1))


def _upright(array: Array, orientation: int) -> Array:
    """(H, W, ...) as it was seen, by EXIF's orientation from 1 to 8."""
    if orientation not in range(2, 9):
        return array
    if orientation >= 5:
        array = array.swapaxes(0, 1)
    if orientation in (2, 3, 6, 7):
        array = array[:, ::-1]
    return array[::-1] if orientation in (3, 4, 7, 8) else array


def checked(array: Array, name: str) -> Array:
    """The array with three axes and one of the three depths; `name` is what errors call it."""
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
    """A small file may unpack to more than the memory: the size is checked before that."""
    try:
        limit = float(os.environ.get(LIMIT, _DEFAULT_LIMIT))
    except ValueError:
        raise UserError(f"{LIMIT} is '{os.environ[LIMIT]}': wanted a number.") from None
    if height * width > limit * 1e6:
        raise UserError(
            f"{path} is {width} x {height} px, {height * width / 1e6:,.0f} megapixels: more than "
            f"the limit of {limit:,.0f}.",
            _RAISE,
        )


def _write_tiff(array: Array, path: Path) -> None:
    import tifffile

    colour = array.shape[2] in (3, 4) and array.dtype != np.float32
    tifffile.imwrite(
        path,
        array[:, :, 0] if array.shape[2] == 1 else array,
        photometric="rgb" if colour else "minisblack",
        planarconfig="contig" if array.shape[2] > 1 else None,
        compression="zlib",
        metadata=None,
    )


def _write_png16(array: Array, path: Path) -> None:
    import imagecodecs

    ordered = np.ascontiguousarray(array)  # the encoder takes no other
    path.write_bytes(imagecodecs.png_encode(ordered[:, :, 0] if array.shape[2] == 1 else ordered))


def _sentence(error: Exception) -> str:
    told = str(error).strip().splitlines()
    return told[0].rstrip(".") if told else type(error).__name__
