"""How the values of pictures spread over their range, and remarks on it for users."""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Literal, NamedTuple

import numpy as np

from pix2pix.pictures.contract import LARGEST
from pix2pix.pictures.formats.numbers import Array

_SAMPLED = 256  # values of a picture, by which the middle of all is known
_ENOUGH = 64  # of them, to say anything
_SQUEEZED = 0.05  # of the range: what all values but one lie in
_CROWDED = 0.02  # of the range: what three in four values lie in
_COMMON = 0.25  # of the values: one that is so frequent is a ground, and says nothing of the spread
_CLASSES = 16  # so few different values are classes, not levels
_PARTS = {4: "a quarter", 8: "an eighth", 16: "a sixteenth"}


class Spread(NamedTuple):
    """The values of pictures of one depth, without those that stand for no data.

    `ends` are the two lowest and the two highest values; the lowest and the highest with their counts.
    """

    depth: str
    size: int
    missing: int
    ends: Mapping[float, int]
    sample: Array

    @property
    def low(self) -> float:
        """Return the lowest value."""
        return min(self.ends)

    @property
    def high(self) -> float:
        """Return the highest value."""
        return max(self.ends)


class Remark(NamedTuple):
    """One sentence on values that are odd: few of them set the range, or the depth is hardly used."""

    kind: Literal["few set the range", "part of the depth"]
    sentence: str


def spread_of(array: Array, fill: float | None = None) -> Spread | None:
    """Return the spread of a picture; None where it holds nothing but `fill` and NaN."""
    values = array[~np.isnan(array)] if array.dtype.kind == "f" else array.ravel()
    values = values if fill is None else values[values != fill]
    if not values.size:
        return None
    low, high = values.min(), values.max()
    inner = values[(values != low) & (values != high)]
    ends = {float(extreme(inner)): 0 for extreme in (np.min, np.max) if inner.size}
    ends |= {float(end): int((values == end).sum()) for end in (low, high)}
    sample = values[:: max(1, values.size // _SAMPLED)][:_SAMPLED].copy()
    return Spread(str(array.dtype), values.size, array.size - values.size, ends, sample)


def merged(spreads: Iterable[Spread | None]) -> Spread | None:
    """Return the spread of several pictures together; of several depths the one of most pictures."""
    present = [spread for spread in spreads if spread]
    if not present:
        return None
    (depth, _), *_ = Counter(spread.depth for spread in present).most_common()
    alike, counts = [spread for spread in present if spread.depth == depth], Counter[float]()
    for spread in alike:
        counts.update(spread.ends)
    values = sorted(counts)
    return Spread(
        depth,
        sum(spread.size for spread in alike),
        sum(spread.missing for spread in alike),
        {value: counts[value] for value in (*values[:2], *values[-2:])},
        np.concatenate([spread.sample for spread in alike]),
    )


def remark(spread: Spread, half: str) -> Remark | None:
    """Return what is odd about the values of a half (source or target) that has no stated range."""
    further = _crowded if spread.depth == "float32" else _shallow
    return _squeezed(spread, half) or further(spread, half)


def _squeezed(spread: Spread, half: str) -> Remark | None:
    """Return the remark on one value at an end that is far from all others."""
    values, whole = sorted(spread.ends), spread.high - spread.low
    for end, other, opposite in (values[:2] + values[-1:], values[:-3:-1] + values[:1]) if whole else ():
        rest = abs(opposite - other)
        if spread.ends[end] >= spread.size / 2 or not 0 < rest <= _SQUEEZED * whole:
            continue
        low, high = sorted((opposite, other))
        sentence = (
            f"few pixels set the range of the {half}s: {spread.ends[end] / spread.size:.2%} of the values "
            f"are {end:g}, all others lie in {low:g} to {high:g}, {rest / whole:.2%} of it. If they stand "
            f"for no data: --set data.{half}_fill={end:g}; else state the range: "
            f"--set 'data.{half}_range=[{low:g},{high:g}]'"
        )
        return Remark("few set the range", sentence)
    return None


def _crowded(spread: Spread, half: str) -> Remark | None:
    """Return the remark on values of which three in four lie in a small part of the range."""
    values, counts = np.unique(spread.sample, return_counts=True)
    common = values[counts.argmax()] if counts.max() > _COMMON * len(spread.sample) else None
    rest = np.sort(spread.sample[spread.sample != common] if common is not None else spread.sample)
    if len(rest) < _ENOUGH:
        return None
    reach = int(0.75 * len(rest))
    widths = rest[reach:] - rest[: len(rest) - reach]
    start = int(widths.argmin())
    low, high, whole = rest[start], rest[start + reach], spread.high - spread.low
    if not 0 < high - low < _CROWDED * whole:
        return None
    ends = np.percentile(rest, (0.5, 99.5))
    sentence = (
        f"few pixels set the range of the {half}s, {spread.low:g} to {spread.high:g}: three in "
        f"four values lie in {low:g} to {high:g}, {(high - low) / whole:.2%} of it; state the range, such as "
        f"--set 'data.{half}_range=[{ends[0]:.4g},{ends[1]:.4g}]'"
    )
    return Remark("few set the range", sentence)


def _shallow(spread: Spread, half: str) -> Remark | None:
    """Return the remark on levels of which the upper three quarters of the depth are not used."""
    largest, high = LARGEST[spread.depth], spread.high
    used = 2 ** int(high).bit_length()
    part = int((largest + 1) // used)
    if part < 4 or len(np.unique(spread.sample)) <= _CLASSES:
        return None
    sentence = (
        f"of the {half}s {_PARTS.get(part, f'1/{part}')} of the depth is used, {spread.low:g} to "
        f"{high:g} of {largest:g}; state the range, so that it fills the network's: "
        f"--set 'data.{half}_range=[0,{used - 1}]'"
    )
    return Remark("part of the depth", sentence)
