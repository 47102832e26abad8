"""Charts as plotly figures: plain dicts, which charts.js draws in the colours of the page.

`meta` of a trace names the CSS variable of its colour, so that a chart is right on light and dark pages.
"""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

Figure = dict[str, Any]  # id, title, note, data and layout; the last two are plotly's
Point = tuple[float, float]

MAX_POINTS = 400  # of one line, however long the run was
_SMOOTH_FROM = 60  # with fewer points a reader sees the trend unaided
_DOTS_UP_TO = 40  # few points are marked, so that a single one shows at all
_TOO_LARGE = 1e30  # as good as infinite
_COLOURS = ("one", "two", "three", "four")


def figure(
    texts: tuple[str, str, str],
    traces: list[dict[str, Any]],
    axes: tuple[str, str],
    *,
    xaxis: Mapping[str, Any] = MappingProxyType({}),
    yaxis: Mapping[str, Any] = MappingProxyType({}),
    **layout: Any,
) -> Figure:
    """Return a chart: `texts` are id, title and note, `axes` the titles of both; all else is plotly's."""
    titled = {"xaxis": {"title": {"text": axes[0]}, **xaxis}, "yaxis": {"title": {"text": axes[1]}, **yaxis}}
    return {
        **dict(zip(("id", "title", "note"), texts, strict=True)),
        "data": traces,
        "layout": titled | layout,
    }


def line_chart(
    name: str,
    title: str,
    note: str,
    curves: Mapping[str, Sequence[Point]],
    *,
    axes: tuple[str, str],
    include: Sequence[float] = (),
    guide: tuple[float, str] | None = None,
) -> Figure:
    """Return lines over images seen: each smoothed, over its faint values as logged.

    curves: label -> (x, y) in any order; values that are not finite are left out. axes: titles of x and y.
    The vertical axis holds `include` and the guide, a horizontal line with a meaning. Rare peaks may leave
    it: the first steps of a GAN would otherwise press everything that follows into a flat line.
    """
    finite = {label: drawable(points) for label, points in curves.items()}
    traces = [
        t
        for colour, (label, line) in zip(_COLOURS, finite.items(), strict=False)
        for t in _traces(label, line, colour)
    ]
    held = [*include, *([guide[0]] if guide else [])]
    chart = figure(
        (name, title, note),
        traces,
        axes,
        xaxis={"rangemode": "tozero"},
        yaxis={"range": _range([line[:, 1] for line in finite.values()], held)},
        showlegend=len(finite) > 1,
        hovermode="x unified",
    )
    if guide:
        place = {"type": "line", "xref": "paper", "x0": 0, "x1": 1, "y0": guide[0], "y1": guide[0]}
        label = {"text": guide[1], "textposition": "end", "yanchor": "bottom"}
        chart["layout"]["shapes"] = [{**place, "line": {"dash": "dot", "width": 1}, "label": label}]
    return chart


def histogram_chart(
    name: str,
    title: str,
    note: str,
    counts: Mapping[str, NDArray[Any]],
    edges: Sequence[float],
    colours: Sequence[str],
) -> Figure:
    """Return steps over values, one line for each label; heights are roots, so that rare values show too."""
    traces = [
        {
            "x": list(edges[:-1]),
            "y": np.sqrt(line / max(line.sum(), 1)).round(5).tolist(),
            "name": label,
            "meta": colour,
            "mode": "lines",
            "line": {"shape": "hv", "width": 1},
            "fill": "tozeroy",
            "customdata": (line / max(line.sum(), 1)).tolist(),
            "hovertemplate": "%{customdata:.2%}",
        }
        for (label, line), colour in zip(counts.items(), colours, strict=False)
    ]
    return figure(
        (name, title, note),
        traces,
        ("value", "how often (square root)"),
        xaxis={"range": [edges[0], edges[-1]]},
        yaxis={"showticklabels": False, "rangemode": "tozero"},
        showlegend=len(traces) > 1,
        hovermode="x unified",
    )


def drawable(points: Sequence[Point]) -> NDArray[np.float64]:
    """Return the finite points as (N, 2), by x."""
    line = np.array(sorted(points), np.float64).reshape(-1, 2)
    return line[np.abs(line[:, 1]) < _TOO_LARGE]  # false for what is not a number


def smooth(line: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return means over windows of a 25th of the line, centred so that no turn is shown too late.

    At most MAX_POINTS of them; short lines come back as they are.
    """
    if len(line) < _SMOOTH_FROM:
        return line
    half = max(2, len(line) // 50)
    centres = np.linspace(0, len(line) - 1, min(len(line), MAX_POINTS)).round().astype(int)
    means = [line[max(0, i - half) : i + half + 1, 1].mean() for i in centres]
    return np.stack([line[centres, 0], means], axis=1)


def thin(line: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return at most MAX_POINTS points that keep every peak: the lowest and highest of each stretch."""
    if len(line) <= MAX_POINTS:
        return line
    edges = np.linspace(0, len(line), MAX_POINTS // 2 + 1).astype(int)
    values = line[:, 1]
    kept = {
        low + int(end(values[low:high])) for low, high in pairwise(edges) for end in (np.argmin, np.argmax)
    }
    return line[sorted(kept)]


def _traces(label: str, line: NDArray[np.float64], colour: str) -> list[dict[str, Any]]:
    solid = smooth(line)
    mode = "lines+markers" if len(line) <= _DOTS_UP_TO else "lines"
    traces = [{**_points(solid), "name": label, "meta": colour, "mode": mode, "line": {"width": 2}}]
    if len(line) >= _SMOOTH_FROM:
        faint = {"opacity": 0.3, "line": {"width": 1}, "hoverinfo": "skip", "showlegend": False}
        traces.insert(0, {**_points(thin(line)), "meta": colour, "mode": "lines", **faint})
    return traces


def _points(line: NDArray[np.float64]) -> dict[str, Any]:
    # Six digits are more than a screen shows.
    return {"x": line[:, 0].tolist(), "y": [float(f"{y:.6g}") for y in line[:, 1]]}


def _range(lines: Sequence[NDArray[np.float64]], held: Sequence[float]) -> list[float]:
    """Return the ends of an axis, with a little air: it holds 98 % of the values, and `held`."""
    ends = [np.percentile(values, (1, 99), method="nearest") for values in lines if values.size]
    low, high = (float(pick([*held, *np.ravel(ends)], default=0.0)) for pick in (min, max))
    air = (high - low) * 0.06 or abs(high) / 10 or 1.0
    # An axis that begins at a held value, such as 0, keeps its foot there.
    return [low if low in held and low < high else low - air, high + air]
