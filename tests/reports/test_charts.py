"""Figures for plotly: plain dicts with few points, whatever the run has logged."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pytest

from pix2pix.reports.charts import MAX_POINTS, drawable, histogram_chart, line_chart, smooth, thin


def chart(*curves: list[tuple[float, float]], **options: Any) -> dict[str, Any]:
    named = {f"curve {number}": curve for number, curve in enumerate(curves)}
    return line_chart("id", "title", "note", named, axes=("images", "loss"), **options)


def test_few_points_are_drawn_as_they_are_and_dotted() -> None:
    (trace,) = chart([(2.0, 4.0), (1.0, 3.0)])["data"]
    assert (trace["x"], trace["y"]) == ([1, 2], [3, 4])
    assert trace["mode"] == "lines+markers"


def test_a_long_line_is_smoothed_over_its_faint_values() -> None:
    rng = np.random.default_rng(0)
    figure = chart([(float(i), float(rng.normal())) for i in range(10_000)])
    faint, solid = figure["data"]
    assert (faint["opacity"], faint["showlegend"]) == (0.3, False)
    assert np.std(solid["y"]) < 0.2 * np.std(faint["y"])
    assert len(faint["x"]) <= MAX_POINTS
    assert len(solid["x"]) <= MAX_POINTS


def test_values_that_are_not_finite_are_left_out() -> None:
    broken = [math.nan, math.inf, -math.inf, 1e300]
    figure = chart([(float(i), value) for i, value in enumerate([1.0, *broken, 2.0])])
    assert figure["data"][0]["x"] == [0, 5]
    assert len(drawable([(1.0, math.nan)])) == 0
    json.dumps(chart([(1.0, math.nan)]), allow_nan=False)


def test_thinning_keeps_every_peak_in_order() -> None:
    line = drawable([(float(i), 1.0 if i == 777 else 0.0) for i in range(10_000)])
    kept = thin(line)
    assert len(kept) <= MAX_POINTS
    assert [777.0, 1.0] in kept.tolist()
    assert (np.diff(kept[:, 0]) > 0).all()


def test_smoothing_is_centred() -> None:
    step = drawable([(float(i), float(i >= 500)) for i in range(1001)])
    half_way = min(smooth(step).tolist(), key=lambda point: abs(point[1] - 0.5))
    assert half_way[0] == pytest.approx(500, abs=5)


def test_rare_peaks_leave_the_axis_and_held_values_do_not() -> None:
    values = [0.5] * 99 + [0.6] * 99 + [1000.0]
    figure = chart([(float(i), v) for i, v in enumerate(values)], include=(0.0,), guide=(0.7, "guessing"))
    low, high = figure["layout"]["yaxis"]["range"]
    assert low == 0
    assert 0.7 < high < 1
    assert figure["layout"]["shapes"][0]["label"]["text"] == "guessing"


@pytest.mark.parametrize("value", [0.0, 0.3, -5.0, 1e29])
def test_a_flat_line_lies_in_the_middle(value: float) -> None:
    low, high = chart([(0.0, value), (10.0, value)])["layout"]["yaxis"]["range"]
    assert (low + high) / 2 == pytest.approx(value)
    assert low < high


def test_axes_have_titles_and_several_lines_a_legend() -> None:
    layout = chart([(0.0, 1.0)], [(0.0, 2.0)])["layout"]
    assert layout["xaxis"]["title"]["text"] == "images"
    assert layout["yaxis"]["title"]["text"] == "loss"
    assert layout["showlegend"]
    assert not chart([(0.0, 1.0)])["layout"]["showlegend"]


def test_heights_of_histograms_are_roots_of_shares() -> None:
    counts = {"red": np.array([1, 3]), "green": np.array([0, 0])}
    figure = histogram_chart("id", "title", "note", counts, [0.0, 128.0, 256.0], ("red", "green"))
    red, green = figure["data"]
    assert red["y"] == pytest.approx([0.5, math.sqrt(0.75)], abs=1e-4)
    assert green["y"] == [0, 0]
    assert (red["meta"], red["x"]) == ("red", [0, 128])
