"""A small line chart as inline SVG: axes, hand-picked ticks, a smoothed line over a faint raw one.

Coordinates are those of the drawing's viewBox, so that the picture scales with the page. A line has
at most MAX_POINTS points however long the run was, and values that are not finite are counted
instead of drawn: one NaN in a `points` attribute makes a browser drop the rest of the line.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from html import escape
from itertools import pairwise
from statistics import fmean

Point = tuple[float, float]

MAX_POINTS = 400
_SMOOTH_FROM = 60  # with fewer points a reader sees the trend unaided
_DOTS_UP_TO = 40  # few points are marked, so that a single one shows at all
_TOO_LARGE = 1e30  # as good as infinite, and safe to subtract and square
_WIDTH, _HEIGHT = 360, 190
_LEFT, _RIGHT, _TOP, _BOTTOM = 42, 14, 8, 24
_PLOT_WIDTH, _PLOT_HEIGHT = _WIDTH - _LEFT - _RIGHT, _HEIGHT - _TOP - _BOTTOM


@dataclass(frozen=True)
class Curve:
    """One line: (images seen, value) in any order; values may be NaN or infinite."""

    label: str
    points: Sequence[Point]

    @cached_property
    def finite(self) -> list[Point]:
        """The points that can be drawn, by images seen."""
        return sorted((x, y) for x, y in self.points if abs(y) < _TOO_LARGE)

    @cached_property
    def smoothed(self) -> list[Point]:
        """The line as it is drawn."""
        return smooth(self.finite)


@dataclass(frozen=True)
class Guide:
    """A horizontal line at a value that has a meaning."""

    value: float
    label: str


@dataclass(frozen=True)
class _Frame:
    """Values low..high and images 0..last, laid over the plot."""

    low: float
    high: float
    last: float

    def x(self, images: float) -> float:
        return _PLOT_WIDTH * images / self.last

    def y(self, value: float) -> float:
        # Far outside the plot a coordinate says nothing more and only makes the file longer.
        share = min(max((self.high - value) / (self.high - self.low), -9.0), 9.0)
        return _PLOT_HEIGHT * share


def draw(
    title: str,
    curves: Sequence[Curve],
    *,
    last_images: float,
    include: Iterable[float] = (),
    guide: Guide | None = None,
) -> str:
    """The chart as an <svg>; the vertical axis holds the values of `include` and the guide too.

    Rare peaks may leave the frame: the axis follows 98 % of the values, because the first steps of
    a GAN would otherwise press everything that follows into a flat line.
    """
    held = [*include, *([guide.value] if guide else [])]
    # A little air on the right, for the last dot.
    frame = _Frame(*_range(curves, held), max(last_images, 1.0) * 1.015)
    parts = [_grid(frame)]
    parts += [_line(curve, frame, number) for number, curve in enumerate(curves, start=1)]
    if guide:
        parts.append(_guide(guide, frame))
    return (
        f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="{escape(title)}"'
        f' data-low="{frame.low:.6g}" data-high="{frame.high:.6g}" data-last="{frame.last:.9g}">'
        f"{_axes(frame)}"
        # A nested <svg> clips what leaves the frame, without ids that clash between charts.
        f'<svg class="plot" x="{_LEFT}" y="{_TOP}" width="{_PLOT_WIDTH}" height="{_PLOT_HEIGHT}">'
        f"{''.join(parts)}</svg></svg>"
    )


def smooth(points: Sequence[Point]) -> list[Point]:
    """Means over windows of a 25th of the line, centred so that no turn is shown too late.

    At most MAX_POINTS of them; short lines come back as they are.
    """
    if len(points) < _SMOOTH_FROM:
        return list(points)
    half = max(2, len(points) // 50)
    values = [y for _, y in points]
    return [
        (points[i][0], fmean(values[max(0, i - half) : i + half + 1]))
        for i in _spread(len(points), MAX_POINTS)
    ]


def thin(points: Sequence[Point]) -> list[Point]:
    """At most MAX_POINTS points that keep every peak: the lowest and highest of each stretch."""
    if len(points) <= MAX_POINTS:
        return list(points)
    edges = _spread(len(points) + 1, MAX_POINTS // 2 + 1)
    kept: list[Point] = []
    for begin, end in pairwise(edges):
        stretch = points[begin:end]
        kept += sorted({min(stretch, key=_value), max(stretch, key=_value)})
    return kept


def ticks(low: float, high: float, count: int = 4) -> list[float]:
    """Round numbers in low..high, about `count` of them, 1, 2 or 5 times a power of ten apart."""
    step = _step((high - low) / count)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [k * step for k in range(first, last + 1)]


def compact(images: float) -> str:
    """Images seen, short: 950, 1.5k, 20k, 1.25M."""
    for size, letter in ((1e6, "M"), (1e3, "k")):
        if images >= size:
            return f"{images / size:.4g}{letter}"
    return f"{images:.4g}"


def _value(point: Point) -> float:
    return point[1]


def _spread(count: int, most: int) -> list[int]:
    """At most `most` indices of range(count), evenly spread, first and last among them."""
    if count <= most:
        return list(range(count))
    return [round(i * (count - 1) / (most - 1)) for i in range(most)]


def _range(curves: Sequence[Curve], held: Sequence[float]) -> tuple[float, float]:
    """Lowest and highest value of the axis, with a little air."""
    bounds = list(held)
    for curve in curves:
        if not curve.finite:
            continue
        values = sorted(map(_value, curve.finite))
        rare = len(values) // 100
        bounds += [values[rare], values[-1 - rare]]
    low, high = min(bounds, default=0.0), max(bounds, default=1.0)
    if high - low <= 1e-9 * max(abs(low), abs(high)):
        margin = abs(high) / 10 or 1.0
        return low - margin, high + margin
    margin = (high - low) * 0.06
    # An axis that begins at a held value, like 0, keeps its foot there.
    return (low if low in held else low - margin), high + margin


def _step(wanted: float) -> float:
    """1, 2 or 5 times a power of ten, whichever is nearest in proportion."""
    power = 10.0 ** math.floor(math.log10(wanted))
    return min((n * power for n in (1, 2, 5, 10)), key=lambda step: abs(math.log(step / wanted)))


def _tick_label(value: float, step: float) -> str:
    """The value with the digits that the step needs: 0.25, 13.0, 5e-5, 2e6."""
    if 1e-3 <= step < 1e4:
        return f"{value:.{max(0, -math.floor(math.log10(step) + 1e-9))}f}"
    digits, power = f"{value:.3e}".split("e")
    return f"{float(digits):g}e{int(power)}" if value else "0"


def _axes(frame: _Frame) -> str:
    """The labels of both axes, outside the plot."""
    marks = ticks(frame.low, frame.high)
    step = _step((frame.high - frame.low) / 4)
    labels = [
        f'<text x="{_LEFT - 7}" y="{_TOP + frame.y(v):.1f}" dy=".35em" text-anchor="end">'
        f"{_tick_label(v, step)}</text>"
        for v in marks
    ]
    labels += [
        f'<text x="{_LEFT + frame.x(v):.1f}" y="{_HEIGHT - 7}" text-anchor="middle">{compact(v)}</text>'
        for v in ticks(0, frame.last)
    ]
    return f'<g class="ticks">{"".join(labels)}</g>'


def _grid(frame: _Frame) -> str:
    lines = "".join(f"M0 {frame.y(v):.1f}h{_PLOT_WIDTH}" for v in ticks(frame.low, frame.high))
    return f'<path class="grid" d="{lines}"/>'


def _guide(guide: Guide, frame: _Frame) -> str:
    y = frame.y(guide.value)
    return (
        f'<path class="guide" d="M0 {y:.1f}h{_PLOT_WIDTH}"/><text class="guide-label"'
        f' x="{_PLOT_WIDTH - 4}" y="{y - 5:.1f}" text-anchor="end">{escape(guide.label)}</text>'
    )


def _line(curve: Curve, frame: _Frame, number: int) -> str:
    """The line, over its faint raw values where it is smoothed, with dots where they are few."""
    line = _polyline(curve.smoothed, frame, f"line line-{number}")
    if curve.smoothed != curve.finite:
        return _polyline(thin(curve.finite), frame, f"raw raw-{number}") + line
    if len(curve.finite) > _DOTS_UP_TO:
        return line
    return line + "".join(
        f'<circle class="dot-{number}" cx="{frame.x(x):.1f}" cy="{frame.y(y):.1f}" r="2.5"/>'
        for x, y in curve.finite
    )


def _polyline(points: Sequence[Point], frame: _Frame, name: str) -> str:
    path = " ".join(f"{frame.x(x):.1f},{frame.y(y):.1f}" for x, y in points)
    return f'<polyline class="{name}" points="{path}"/>'
