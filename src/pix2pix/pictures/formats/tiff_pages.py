"""The pages of a TIFF: a walk along their offsets that ends, and which of them are the picture.

A page may name another as the next, and carry further ones (SubIFDs): thumbnails, masks, or the
picture itself next to a thumbnail that comes first.
"""

import struct
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import Any, BinaryIO, NamedTuple

import tifffile

from pix2pix.pictures.formats.jpeg import check_block
from pix2pix.pictures.formats.opening import PictureError

_MOST_ENTRIES = 100_000  # of all pages; a page may have 65,535, and pages may lie over each other
_PACKED = 259  # the tag that says how
# None, LZW, JPEG, deflate (two numbers), PackBits, Zstandard: others are decoded in a process apart.
_PLAIN = {1, 5, 7, 8, 32946, 32773, 50000}
MOST_PAGES = 1_000  # of one file; more is no picture but an attack, or a film
_SUB_PAGES = 330  # the tag that lists the offsets of a page's own pages
_LETTERS = {4: "I", 13: "I", 16: "Q", 18: "Q"}  # of an offset, by its type


class _Layout(NamedTuple):
    """How numbers are kept, as letters of `struct`: classic TIFF, or BigTIFF with offsets of 8 bytes."""

    order: str
    entries: str  # how many a page has
    offset: str

    def read(self, file: BinaryIO, kind: str) -> int:
        return int(struct.unpack(self.order + kind, file.read(struct.calcsize(kind)))[0])


class _Page(NamedTuple):
    """One page: the offset of the next (0: none), its entries, how it is packed, and its own pages."""

    following: int
    entries: int
    packed: set[int]
    inner: list[int]


def is_costly(file: BinaryIO) -> bool:
    """Return whether a decoder may take long for a page; raises PictureError as `check_pages` does."""
    return bool(check_pages(file) - _PLAIN)


def open_pages(file: BinaryIO) -> tifffile.TiffFile:
    """Open a TIFF of pages that can be walked; raises PictureError as `check_pages` does."""
    check_pages(file)
    file.seek(0)
    return tifffile.TiffFile(file)


def check_pages(file: BinaryIO) -> set[int]:
    """Return how pages are packed; raise PictureError where they form a circle, or are more than MOST_PAGES.

    A file that is cut short or damaged otherwise is left to the decoder, which names it.
    """
    file.seek(0)
    head = file.read(4)
    order = "<" if head[:2] == b"II" else ">"
    big = head[2:] in (b"+\0", b"\0+")
    layout = _Layout(order, "Q", "Q") if big else _Layout(order, "H", "I")
    file.seek(8 if big else 4)
    with suppress(struct.error):
        return _walk(file, layout, layout.read(file, layout.offset))
    return set()


def _walk(file: BinaryIO, layout: _Layout, first: int) -> set[int]:
    packed, seen, waiting, entries = set[int](), set[int](), [first], 0
    while waiting:
        offset = waiting.pop()
        while offset:
            if offset in seen:
                raise PictureError("its pages name each other in a circle")
            seen.add(offset)
            if len(seen) > MOST_PAGES:
                raise PictureError(f"it has more than {MOST_PAGES:,} pages")
            try:
                page = _read_page(file, layout, offset)
            except struct.error:  # it leads out of the file
                break
            entries += page.entries
            if entries > _MOST_ENTRIES:
                raise PictureError(f"its pages have more than {_MOST_ENTRIES:,} entries")
            packed |= page.packed
            waiting += [place for place in page.inner if place not in seen and place not in waiting]
            offset = page.following
    return packed


def _read_page(file: BinaryIO, layout: _Layout, offset: int) -> _Page:
    file.seek(offset)
    count = min(layout.read(file, layout.entries), 0xFFFF)
    entry = struct.Struct(f"{layout.order}HH{layout.offset}{struct.calcsize(layout.offset)}s")
    data = file.read(count * entry.size)
    page = _Page(layout.read(file, layout.offset), count, set(), [])
    for tag, kind, values, value in entry.iter_unpack(data):
        if tag == _PACKED:
            page.packed.update(struct.unpack(f"{layout.order}H", value[:2]))
        if tag == _SUB_PAGES and kind in _LETTERS:
            with suppress(struct.error):  # they lead out of the file
                page.inner.extend(_offsets(file, layout, values, _LETTERS[kind], value))
    return page


def _offsets(file: BinaryIO, layout: _Layout, count: int, letter: str, value: bytes) -> Sequence[int]:
    """Return the offsets that an entry lists, or to whose place its value points where they are too many."""
    if count > MOST_PAGES:
        raise PictureError(f"it has more than {MOST_PAGES:,} pages")
    size = struct.calcsize(f"={count}{letter}")
    if size > len(value):
        file.seek(struct.unpack(layout.order + layout.offset, value)[0])
        value = file.read(size)
    return struct.unpack(f"{layout.order}{count}{letter}", value[:size])


def blocks(part: Any) -> Iterator[tuple[int, int, Any]]:
    """Yield the offset and the bytes of each strip or tile of a series, or of a page, and its page."""
    for page in getattr(part, "pages", (part,)):
        if page is not None:
            for place, count in zip(page.dataoffsets, page.databytecounts, strict=False):
                yield place, count, page.keyframe


def check_blocks(file: BinaryIO, part: Any) -> None:
    """Raise ExcessError where a strip or tile is a JPEG of many scans, or of a far larger size."""
    for place, count, page in blocks(part) if is_jpeg(part.keyframe) else ():
        file.seek(place)
        check_block(file.read(count), *block_size(page))


def is_jpeg(page: Any) -> bool:
    """Return whether the strips and tiles of a page are JPEGs of any kind."""
    return "JPEG" in getattr(page.compression, "name", "")


def block_size(page: Any) -> tuple[int, int]:
    """Return the height and width of a page's tiles, or of its strips."""
    if page.is_tiled:
        return page.tilelength, page.tilewidth
    return min(page.rowsperstrip, page.imagelength), page.imagewidth


def picture_parts(opened: Any) -> list[Any]:
    """Return the series, or the page, of a tifffile.TiffFile that make up the picture.

    It is the largest that is no reduced copy and no mask, with all others like it, whose samples are
    further channels. Pages within pages count where they are larger.
    """
    whole = [series for series in opened.series if not _is_side_picture(series.keyframe)]
    inner = [page for page in _inner_pages(opened) if not _is_side_picture(page)]
    candidates = [*whole, *inner] or list(opened.series)
    best = max(candidates, key=_area)
    if best in inner:
        return [best]
    alike = (best.axes, best.shape)
    return [part for part in whole or candidates if (part.axes, part.shape) == alike]


def _inner_pages(opened: Any) -> Iterator[Any]:
    for page in opened.pages if len(opened.pages) <= MOST_PAGES else ():
        # Pages like the first are kept as frames, which have no tags.
        if getattr(page, "subifds", None):
            yield from (inner.aspage() for inner in page.pages)


def _is_side_picture(page: Any) -> bool:
    return bool(page.is_reduced or page.subfiletype & 4)


def _area(part: Any) -> int:
    sides = dict(zip(part.axes, part.shape, strict=True))
    return int(sides.get("Y", 0) * sides.get("X", 0))
