"""Which pairs are there more than once: equal pixels, or the same picture compressed or resized.

Each half has a difference hash of 64 bits (is a cell brighter than its left neighbour) and a
thumbnail of 8 x 8 px. Equal pixels are told by their digest. For the rest the hashes find
candidates without comparing every pair with every other, and the thumbnails decide.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Array = NDArray[Any]

# Measured on 740 pairs: saved again as JPEG (quality 60 to 95, 3/4 to 3/2 of the size), 99 of 100
# keep all but 7 of 128 bits, and their thumbnails differ by less than 0.07 of the contrast, nowhere
# by more than 0.28. Of different pairs with such hashes the nearest differ by 0.15, and 0.71.
_BITS = 7
_BANDS = 8  # one more than _BITS: hashes that differ in 7 bits agree in one of 8 bands
_APART, _FARTHEST = 0.12, 0.5  # root mean square and maximum, of the contrast
_BRIGHTER = 2  # levels: flat places have no bits that noise could turn
_ONES = np.array([bin(byte).count("1") for byte in range(256)], np.uint8)


def difference_hash(picture: Image.Image) -> int:
    """64 bits of a picture."""
    grey = picture.convert("L").resize((9, 8), Image.Resampling.BOX)
    levels = np.asarray(grey).astype(np.int16)
    bits = np.packbits(levels[:, 1:] - levels[:, :-1] > _BRIGHTER)
    return int.from_bytes(bits.tobytes(), "big")


def thumbnail(picture: Image.Image) -> Array:
    """(8, 8, 3) uint8 of a picture."""
    return np.asarray(picture.convert("RGB").resize((8, 8), Image.Resampling.BOX))


def same_pairs(digests: Array, hashes: Array, thumbnails: Array) -> list[list[int]]:
    """Groups of rows that show the same pair, each sorted, first rows first.

    `digests` and `hashes` are (N, 2) uint64, `thumbnails` (N, 2, 8, 8, 3) uint8: source and target.
    """
    groups = equal_rows(digests)
    first = np.ones(len(digests), bool)
    first[[row for group in groups for row in group[1:]]] = False
    rows = np.flatnonzero(first)  # of equal ones, the first stands for all
    links = [(group[0], row) for group in groups for row in group[1:]]
    links += [(int(rows[a]), int(rows[b])) for a, b in _near(hashes[rows], thumbnails[rows])]
    return _joined(links)


def equal_rows(values: Array) -> list[list[int]]:
    """Groups of two or more equal rows of (N, K), each sorted."""
    if not len(values):
        return []
    _, which = np.unique(values, axis=0, return_inverse=True)
    order = np.argsort(which.ravel(), kind="stable")
    ends = np.flatnonzero(np.diff(which.ravel()[order])) + 1
    return [[int(row) for row in group] for group in np.split(order, ends) if len(group) > 1]


def _near(hashes: Array, thumbnails: Array) -> Iterator[tuple[int, int]]:
    """Rows whose hashes and thumbnails agree."""
    axes = (1, 2, 3, 4)
    for a, b in _candidates(hashes):
        one, other = thumbnails[a].astype(np.float32), thumbnails[b].astype(np.float32)
        contrast = (one - one.mean(axis=(2, 3), keepdims=True)).std(axis=axes)
        apart = np.sqrt(((one - other) ** 2).mean(axis=axes))
        farthest = np.abs(one - other).max(axis=axes)
        same = (apart <= _APART * contrast) & (farthest <= _FARTHEST * contrast) & (contrast > 0)
        yield from zip(a[same].tolist(), b[same].tolist(), strict=True)


def _candidates(hashes: Array) -> Iterator[tuple[Array, Array]]:
    """Rows that differ in few bits.

    Rows sorted by a band lie beside each other where they agree in it. Bits are mixed first: those
    of a white margin are alike in all pictures, and a band of nothing else would tell nothing.
    """
    octets = np.ascontiguousarray(hashes).astype(">u8").view(np.uint8).reshape(len(hashes), 16)
    mixed = np.unpackbits(octets, axis=1)[:, np.random.default_rng(0).permutation(128)]
    bands = np.ascontiguousarray(np.packbits(mixed, axis=1)).view(np.uint16)
    for band in range(_BANDS):
        order = np.argsort(bands[:, band], kind="stable")
        ordered = bands[order, band]
        for step in count(1):
            alike = np.flatnonzero(ordered[step:] == ordered[:-step])
            if not alike.size:
                break
            a, b = order[alike], order[alike + step]
            close = _ONES[octets[a] ^ octets[b]].sum(axis=1) <= _BITS
            yield a[close], b[close]


def _joined(links: list[tuple[int, int]]) -> list[list[int]]:
    """The groups that links between rows make."""
    group_of: dict[int, list[int]] = {}
    for a, b in links:
        one, other = group_of.setdefault(a, [a]), group_of.setdefault(b, [b])
        if one is not other:
            one += other
            group_of.update(dict.fromkeys(other, one))
    unique = {id(group): sorted(group) for group in group_of.values()}
    return sorted(unique.values())
