"""How the values of pictures spread over their range, and what of it a user should know."""

from collections.abc import Iterable, Sequence
from typing import Any, Literal, NamedTuple

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


class End(NamedTuple):
    """The lowest or the highest value, how many values equal it, and the nearest other one."""

    value: float
    times: int
    other: float


class Spread(NamedTuple):
    """Of pictures of one depth: their values, without those that stand for no data."""

    depth: str
    size: int
    missing: int
    low: End
    high: End
    sample: Array


class Remark(NamedTuple):
    """What is odd: few values set the range, or the depth is hardly used; one sentence."""

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
    second = (inner.min(), inner.max()) if inner.size else (high, low)
    lowest, highest = (
        End(float(end), int((values == end).sum()), float(other))
        for end, other in zip((low, high), second, strict=True)
    )
    sample = values[:: max(1, values.size // _SAMPLED)][:_SAMPLED].copy()
    return Spread(str(array.dtype), values.size, array.size - values.size, lowest, highest, sample)


def merged(spreads: Iterable[Spread | None]) -> Spread | None:
    """Return the spread of several pictures together; of several depths the one of most pictures."""
    present = [spread for spread in spreads if spread]
    if not present:
        return None
    depths = [spread.depth for spread in present]
    depth = max(dict.fromkeys(depths), key=depths.count)
    alike = [spread for spread in present if spread.depth == depth]
    low = min(alike, key=lambda spread: spread.low.value).low.value
    high = max(alike, key=lambda spread: spread.high.value).high.value
    return Spread(
        depth,
        sum(spread.size for spread in alike),
        sum(spread.missing for spread in alike),
        _end(low, [spread.low for spread in alike], [s.high.value for s in alike], min),
        _end(high, [spread.high for spread in alike], [s.low.value for s in alike], max),
        np.concatenate([spread.sample for spread in alike]),
    )


def _end(value: float, ends: Sequence[End], opposite: Sequence[float], nearest: Any) -> End:
    count = sum(end.times for end in ends if end.value == value)
    others = [end.other if end.value == value else end.value for end in ends]
    others += opposite  # of pictures of one or two values
    different = [other for other in others if other != value]
    return End(value, count, nearest(different, default=value))


def remark(spread: Spread, half: str) -> Remark | None:
    """Return what is odd about the values of a half (source or target) that has no stated range."""
    squeezed = _squeezed(spread, half)
    if squeezed or spread.depth == "float32":
        return squeezed or _crowded(spread, half)
    return _shallow(spread, half, spread.high.value)


def _squeezed(spread: Spread, half: str) -> Remark | None:
    """Return the remark on one value at an end that is far from all others."""
    whole = spread.high.value - spread.low.value
    for end, opposite in ((spread.low, spread.high), (spread.high, spread.low)):
        rest = abs(opposite.value - end.other)
        if end.times >= spread.size / 2 or not rest <= _SQUEEZED * whole or rest == 0:
            continue
        low, high = sorted((opposite.value, end.other))
        sentence = (
            f"few pixels set the range of the {half}s: {end.times / spread.size:.2%} of the values are "
            f"{end.value:g}, all others lie in {low:g} to {high:g}, {rest / whole:.2%} of it. If they stand "
            f"for no data: --set data.{half}_fill={end.value:g}; else state the range: "
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
    low, high, whole = rest[start], rest[start + reach], spread.high.value - spread.low.value
    if not 0 < high - low < _CROWDED * whole:
        return None
    ends = np.percentile(rest, (0.5, 99.5))
    sentence = (
        f"few pixels set the range of the {half}s, {spread.low.value:g} to {spread.high.value:g}: three in "
        f"four values lie in {low:g} to {high:g}, {(high - low) / whole:.2%} of it; state the range, such as "
        f"--set 'data.{half}_range=[{ends[0]:.4g},{ends[1]:.4g}]'"
    )
    return Remark("few set the range", sentence)


def _shallow(spread: Spread, half: str, high: float) -> Remark | None:
    """Return the remark on levels of which the upper three quarters of the depth are not used."""
    largest = LARGEST[spread.depth]
    used = 2 ** int(high).bit_length()
    part = int((largest + 1) // used)
    if part < 4 or len(np.unique(spread.sample)) <= _CLASSES:
        return None
    sentence = (
        f"of the {half}s {_PARTS.get(part, f'1/{part}')} of the depth is used, {spread.low.value:g} to "
        f"{high:g} of {largest:g}; state the range, so that it fills the network's: "
        f"--set 'data.{half}_range=[0,{used - 1}]'"
    )
    return Remark("part of the depth", sentence)
