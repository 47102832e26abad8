"""Whether pictures are label maps, which colours they share, and which pictures have others.

A label map has few colours, each of them flat and sharp: nearly all pixels of a flat place lie
within a few levels of one of them, even after JPEG. The colours of a photograph spread out. The
most frequent colour says nothing, because many photographs stand on pure white.

Colours are numbers 0xRRGGBB; a grey level v is 0xVVVVVV.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Array = NDArray[Any]

_EXACT_COLOURS = 64  # a picture of more is judged by its flat places
_SIDE = 64  # samples across and down
_SMEAR_PX = 2
# Measured on JPEG: in 99 of 100 label maps of the facades 98 % of the flat pixels lie near their
# colour, in 95 of 100 photographs less than 90 %.
_FLAT, _APART = 6, 24  # levels
_NEAR, _AROUND = 1, 3  # cells of 8 levels
_SHARP = 0.92
# An exact picture must be flat: index maps are, dark grey photographs are not. A blurred one must
# have flat places to be judged by.
_EXACT_FLAT, _BLURRED_FLAT = 0.2, 0.05
# Shares of a blurred picture: from the first on a colour is there, from the second it is told.
_SEEN, _TOLD = 0.002, 0.01
_ON_BLEND = 20  # levels from the line between two colours: what a smoothed border gives
_PALETTE = {True: 256, False: 48}  # most colours of a palette, exact or not
_MOST = 1 << 14  # distinct colours of all pictures, beyond which there is no palette
_EXAMPLES = 16
_FEW = 25


class Colours(NamedTuple):
    """The colours of one label map, and their shares of it; exact ones have no others.

    None at all where it cannot be told whether it is one.
    """

    exact: bool
    codes: tuple[int, ...]
    shares: tuple[float, ...]


_UNKNOWN = Colours(False, (), ())


@dataclass(frozen=True)
class Palette:
    """The colours that label maps share, the most frequent first, and their shares of all."""

    codes: tuple[int, ...]
    shares: tuple[float, ...]
    exact: bool  # every pixel has one of them, in most pictures


def colours(picture: Image.Image, *, lossy: bool) -> Colours | None:
    """The colours of a grey or RGB picture, or None where it is no label map.

    `lossy` pictures have no exact colours, however few: an edge drawing as JPEG has forty whites.
    """
    if min(picture.size) <= _SMEAR_PX:
        return _UNKNOWN
    pixels, flat = _samples(np.atleast_3d(np.asarray(picture)))
    listed = None if lossy else picture.getcolors(_EXACT_COLOURS)
    if listed is None:
        return _blurred(pixels[flat].astype(np.int16), len(pixels))
    if flat.mean() < _EXACT_FLAT:
        return None
    total = sum(count for count, _ in listed)
    codes = tuple(_code(value) for _, value in listed)
    return Colours(True, codes, tuple(count / total for count, _ in listed))


def name(code: int) -> str:
    """`#rrggbb`."""
    return f"#{code:06x}"


class Gathered:
    """The colours of many pictures, by their indices: what is kept of each is one byte."""

    _NONE, _UNTOLD, _BLURRED, _EXACT = 1, 2, 3, 4  # 0 has not been seen

    def __init__(self, count: int) -> None:
        self._kinds = np.zeros(count, np.uint8)
        # exact? -> colour -> pictures, summed shares, the first pictures with their shares
        self._seen: dict[bool, dict[int, _Seen]] = {True: {}, False: {}}

    def add(self, index: int, found: Colours | None) -> None:
        """Count the colours of one picture."""
        if found is None:
            self._kinds[index] = self._NONE
        elif not found.codes:
            self._kinds[index] = self._UNTOLD
        else:
            self._kinds[index] = self._EXACT if found.exact else self._BLURRED
            self._add_colours(index, found)

    def _add_colours(self, index: int, found: Colours) -> None:
        seen = self._seen[found.exact]
        for code, share in zip(found.codes, found.shares, strict=True):
            if code in seen or len(seen) < _MOST:
                clear = found.exact or share >= _TOLD
                seen.setdefault(code, _Seen()).add(index, share, clear=clear)

    def palette(self) -> Palette | None:
        """The shared colours, or None where most pictures are no label maps or share too few."""
        kinds = np.bincount(self._kinds, minlength=5)
        maps = int(kinds[self._BLURRED] + kinds[self._EXACT])
        if maps < 4 or maps < 0.8 * (maps + kinds[self._NONE]):
            return None
        exact = bool(kinds[self._EXACT] >= kinds[self._BLURRED])
        pictures = int(kinds[self._EXACT if exact else self._BLURRED])
        groups = _grouped(self._seen[exact], 0 if exact else _APART)
        shared = [(c, s) for c, s in groups if s.clear > _rare(pictures)]
        total, covered = (sum(s.share for _, s in some) for some in (groups, shared))
        if not 2 <= len(shared) <= _PALETTE[exact] or covered < 0.9 * total:
            return None
        codes, shares = zip(*((code, s.share / covered) for code, s in shared), strict=True)
        return Palette(codes, shares, exact)

    def strays(self, palette: Palette) -> dict[int, list[tuple[int, float]]]:
        """Picture -> its colours that (nearly) no other picture has, with their shares of it."""
        found: dict[int, list[tuple[int, float]]] = {}
        rare = _rare(int((self._kinds >= self._BLURRED).sum()))
        for exact, seen in self._seen.items():
            far = 0 if exact and palette.exact else _APART
            for code, one in _grouped(seen, far):
                if one.pictures <= rare and not _belongs(code, palette, far):
                    for index, share in one.examples:
                        found.setdefault(index, []).append((code, share))
        return found

    def unlike(self, palette: Palette) -> list[int]:
        """The pictures that are no label maps; where the others are exact, there is no doubt."""
        last = self._UNTOLD if palette.exact else self._NONE
        return np.flatnonzero((self._kinds > 0) & (self._kinds <= last)).tolist()

    def blurred(self) -> list[int]:
        """The label maps with smoothed borders."""
        return np.flatnonzero(self._kinds == self._BLURRED).tolist()


class _Seen:
    """One colour in many pictures: in how many, in how many clearly, and the first of these."""

    def __init__(self) -> None:
        self.pictures = 0
        self.clear = 0
        self.share = 0.0
        self.examples: list[tuple[int, float]] = []

    def add(self, index: int, share: float, *, clear: bool) -> None:
        self.pictures += 1
        self.clear += clear
        self.share += share
        if clear and len(self.examples) < _EXAMPLES:
            self.examples.append((index, share))

    def absorb(self, other: _Seen) -> None:
        """Count the other's pictures too; one with both colours is counted twice, which is rare."""
        self.pictures += other.pictures
        self.clear += other.clear
        self.share += other.share
        self.examples = [*self.examples, *other.examples][:_EXAMPLES]


def _samples(picture: Array) -> tuple[Array, Array]:
    """(N, C) pixels of a regular grid, and which of them equal those to their right and below.

    Two pixels further, because JPEG smears colours over two.
    """
    rows, columns = (
        ((np.arange(min(_SIDE, n)) + 0.5) * n / min(_SIDE, n)).astype(int)
        for n in (picture.shape[0] - _SMEAR_PX, picture.shape[1] - _SMEAR_PX)
    )
    here, right, below = (
        picture[np.ix_(rows + down, columns + across)].astype(np.int16)
        for down, across in ((0, 0), (0, _SMEAR_PX), (_SMEAR_PX, 0))
    )
    steps = np.maximum(np.abs(here - right), np.abs(here - below))
    return here.reshape(-1, picture.shape[2]), (steps <= _FLAT).all(axis=2).ravel()


def _blurred(pixels: Array, samples: int) -> Colours | None:
    """The colours around which the flat pixels (N, C) of a picture gather, if they do."""
    if len(pixels) < _BLURRED_FLAT * samples:
        return _UNKNOWN
    cells = (pixels >> 3) @ np.array([1024, 32, 1][-pixels.shape[1] :])
    clusters = list(_clusters(cells))
    others = len(pixels) - clusters[0][1]
    if others >= _SEEN * samples and sum(n for _, _, n in clusters[1:]) < _SHARP * others:
        return None
    kept = [(cell, size / samples) for cell, size, _ in clusters if size >= _SEEN * samples]
    codes = tuple(_code(pixels[cells == cell].mean(axis=0).round()) for cell, _ in kept)
    return Colours(False, codes, tuple(share for _, share in kept))


def _clusters(cells: Array) -> Iterator[tuple[int, int, int]]:
    """(fullest cell, pixels around it, pixels near it), the largest first.

    Cells are cubes of 8 levels. It ends where the rest is too small to count, or where so many
    pixels are not near that this is no label map, whatever comes.
    """
    found, counts = np.unique(cells, return_counts=True)
    places = np.stack([found >> 10, found >> 5 & 31, found & 31], axis=1)
    left, largest, astray = len(cells), 0, 0
    while left >= max(1, _SEEN * len(cells)) and astray <= (1 - _SHARP) * (len(cells) - largest):
        fullest = counts.argmax()
        distance = np.abs(places - places[fullest]).max(axis=1)
        around, near = int(counts[distance <= _AROUND].sum()), int(counts[distance <= _NEAR].sum())
        yield int(found[fullest]), around, near
        largest, astray = (largest, astray + around - near) if largest else (around, 0)
        rest = distance > _AROUND
        found, counts, places, left = found[rest], counts[rest], places[rest], left - around


def _code(value: Any) -> int:
    """0xRRGGBB of a grey level or of three levels."""
    levels = [int(v) for v in np.atleast_1d(value)]
    red, green, blue = levels if len(levels) == 3 else levels * 3
    return red << 16 | green << 8 | blue


def _levels(codes: Sequence[int]) -> Array:
    """(N, 3) of 0xRRGGBB."""
    numbers = np.array(codes, np.int64)
    return np.stack([numbers >> 16, numbers >> 8 & 255, numbers & 255], axis=1)


def _grouped(seen: dict[int, _Seen], apart: int) -> list[tuple[int, _Seen]]:
    """Colours and what is within `apart` levels of them as one, the most frequent first."""
    ordered = sorted(seen.items(), key=lambda item: -item[1].share)
    if not apart:
        return ordered
    groups: list[tuple[int, _Seen]] = []
    centres = np.empty((0, 3), np.int64)
    for code, one in ordered:
        here = _levels([code])
        near = np.flatnonzero(np.abs(centres - here).max(axis=1) <= apart)
        if near.size:
            groups[int(near[0])][1].absorb(one)
        else:
            groups.append((code, _copied(one)))
            centres = np.concatenate([centres, here])
    return groups


def _copied(seen: _Seen) -> _Seen:
    fresh = _Seen()
    fresh.absorb(seen)
    return fresh


def _rare(pictures: int) -> int:
    """In so many pictures, at most, a colour is a stray rather than a rare class.

    Of few pictures none can say: there each colour counts as a class.
    """
    return min(max(1, pictures // 500), _EXAMPLES) if pictures >= _FEW else 0


def _belongs(code: int, palette: Palette, far: int) -> bool:
    """Whether a colour is within `far` levels of one of the palette, or a blend of two of them.

    Smoothed borders give blends; where no level is allowed, there are none.
    """
    here, known = _levels([code])[0], _levels(palette.codes)
    if code in palette.codes or not far:
        return code in palette.codes
    if np.abs(known - here).max(axis=1).min() <= far:
        return True
    first, second = np.triu_indices(len(known), 1)
    return bool(_to_lines(here, known[first], known[second]).min() <= _ON_BLEND)


def _to_lines(point: Array, starts: Array, ends: Array) -> Array:
    """How far a colour lies from the straight lines between others, in its worst channel."""
    along = ends - starts
    shares = ((point - starts) * along).sum(axis=1) / np.maximum((along**2).sum(axis=1), 1)
    nearest = starts + np.clip(shares, 0, 1)[:, None] * along
    distances: Array = np.abs(point - nearest).max(axis=1)
    return distances
