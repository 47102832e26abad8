"""A histogram as inline SVG: one line for each channel, and how much lies at the ends."""

from __future__ import annotations

from html import escape
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pix2pix.datasets.check.histogram import Histogram

Array = NDArray[Any]

_WIDTH, _HEIGHT, _FOOT = 360, 150, 20
_BARS = 128
_NAMES = {1: ("grey",), 3: ("red", "green", "blue"), 4: ("red", "green", "blue", "alpha")}
_MOST_LINES = 8


def draw(title: str, values: Histogram) -> str:
    """The histogram as a <figure>; heights are roots of shares, so that rare values show too."""
    counts = values.counts.reshape(len(values.counts), _BARS, -1).sum(axis=2)[:_MOST_LINES]
    heights = np.sqrt(counts / np.maximum(counts.sum(axis=1, keepdims=True), 1))
    heights /= max(float(heights.max()), 1e-9)
    names = channel_names(len(values.counts))
    lines = "".join(
        f'<path class="{_style(name)}" d="{_outline(line)}"/>'
        for name, line in zip(names, heights, strict=False)
    )
    keys = "".join(f'<span class="key {_style(n)}">{escape(n)}</span>' for n in names[:_MOST_LINES])
    return f"""<figure class="chart">
<div class="bar"><h3>{escape(title)}</h3><span class="where">{_range(values)}</span></div>
<p class="now">{keys}</p>
<div class="values"><svg viewBox="0 0 {_WIDTH} {_HEIGHT + _FOOT}" role="img" \
aria-label="{escape(title)}: how often each value occurs">{_axis(values)}{lines}</svg></div>
<figcaption>{_ends(values)}</figcaption>
</figure>"""


def channel_names(count: int) -> list[str]:
    """`red`, `green`, `blue`; numbers where there are more than are known by name."""
    return list(_NAMES.get(count, [f"channel {number}" for number in range(1, count + 1)]))


def _style(name: str) -> str:
    return f"of-{name}" if name in ("red", "green", "blue") else "of-other"


def _outline(heights: Array) -> str:
    """The steps from left to right, closed along the foot."""
    step = _WIDTH / len(heights)
    steps = "".join(f"V{_HEIGHT * (1 - height):.1f}h{step:.4g}" for height in heights.tolist())
    return f"M0 {_HEIGHT}{steps}V{_HEIGHT}Z"


def _axis(values: Histogram) -> str:
    marks = np.linspace(values.low, values.high, 5)
    ends = ("start", "middle", "middle", "middle", "end")
    labels = "".join(
        f'<text x="{_WIDTH * at / 4:g}" y="{_HEIGHT + 15}" text-anchor="{end}">{mark:g}</text>'
        for at, (mark, end) in enumerate(zip(marks.tolist(), ends, strict=True))
    )
    grid = "".join(f"M{_WIDTH * at / 4:g} 0v{_HEIGHT}" for at in range(5))
    return f'<path class="grid" d="{grid}"/>{labels}'


def _range(values: Histogram) -> str:
    return f"{values.counts.shape[0]} × {values.counts[0].sum():,} values".replace("1 × ", "")


def _ends(values: Histogram) -> str:
    """What often is a fault: values pressed against the ends of their range."""
    total = max(int(values.counts.sum()), 1)
    low, high = (float(values.counts[:, end].sum()) / total for end in (0, -1))
    step = (values.high - values.low) / values.counts.shape[1]
    return (
        f"{low:.1%} of the values are lowest (under {values.low + step:g}), "
        f"{high:.1%} highest ({values.high - step:g} or more)."
    )
