"""The page of a report: findings first, with pictures, then what the pairs hold.

It opens from disk: the pictures are inside it, and plotly.min.js lies alongside for the histograms.
"""

from __future__ import annotations

import base64
import io
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from pix2pix.data.pairs import Pair
from pix2pix.datasets.check.findings import KINDS, Finding, grouped
from pix2pix.datasets.check.label_maps import Classes
from pix2pix.datasets.check.pair_facts import read_halves, visible
from pix2pix.datasets.check.report import HalfReport, Report, relative_name
from pix2pix.pictures import codec
from pix2pix.pictures.codec import Array
from pix2pix.reports.charts import Figure, histogram_chart
from pix2pix.reports.pages import write_page

_PICTURES = 4  # pairs shown for each kind of finding
_FORMATS = 4  # sizes and kinds of values that are listed
_HALF_PX = 192
_GAP_PX = 4  # between source and target
_MAX_LINES = 8  # of a histogram
_BARS = 128
_CHANNELS = {
    1: {"grey": "ink"},
    3: {"red": "red", "green": "green", "blue": "blue"},
    4: {"red": "red", "green": "green", "blue": "blue", "alpha": "ink"},
}


def write_report(report: Report, folder: Path) -> Path:
    """Write folder/index.html and return it.

    The pairs that are shown are read again. Raises UserError where the page cannot be written.
    """
    groups = grouped(report.findings)
    examples = {kind: _examples(findings) for kind, findings in groups.items()}
    pairs = [pair for shown in (*examples.values(), *report.sample.values()) for pair in shown]
    pictures = {pair: picture for pair in dict.fromkeys(pairs) if (picture := _picture(pair))}
    sides = {"sources": report.source, "targets": report.target}
    page = folder / "index.html"
    write_page(
        page,
        "data_check.html",
        [
            _histogram(f"{label.capitalize()}, {kind}", values)
            for label, side in sides.items()
            for kind, values in side.values.items()
        ],
        title=f"Data: {relative_name(report.folder, report.folder.parent)}",
        report=report,
        groups=groups,
        kinds=KINDS,
        examples=examples,
        pictures=pictures,
        facts=_facts(report),
        palettes={label: _swatches(side.classes) for label, side in sides.items() if side.classes},
    )
    return page


def _examples(findings: Sequence[Finding]) -> list[Pair]:
    """Return a few pairs to show for one kind; those of one finding stay together."""
    pairs = dict.fromkeys(pair for finding in findings[:_PICTURES] for pair in finding.pairs)
    return list(pairs)[:_PICTURES]


def _picture(pair: Pair) -> str | None:
    """Return source and target next to each other as an address that holds them, None where one is broken."""
    halves = read_halves(pair)
    if isinstance(halves, list):
        return None
    both = Image.new("RGBA", (2 * _HALF_PX + _GAP_PX, _HALF_PX))
    for number, array in enumerate(halves):
        picture = codec.to_pillow(visible(array)).convert("RGB")
        scale = _HALF_PX / max(picture.size)
        size = (max(1, round(picture.width * scale)), max(1, round(picture.height * scale)))
        # Few pixels are shown as they are, many are averaged.
        small = picture.resize(size, Image.Resampling.NEAREST if scale > 2 else Image.Resampling.BICUBIC)
        left, top = (_HALF_PX - small.width) // 2, (_HALF_PX - small.height) // 2
        both.paste(small, (number * (_HALF_PX + _GAP_PX) + left, top))
    data = io.BytesIO()
    both.save(data, "WEBP", quality=90)
    return f"data:image/webp;base64,{base64.b64encode(data.getvalue()).decode()}"


def _histogram(title: str, values: Array) -> Figure:
    """Return the chart of values (N, C); its note says what often is a fault: values at the ends."""
    top = {"uint8": 256, "uint16": 65536}.get(str(values.dtype))
    low, high = (0.0, float(top)) if top else (float(values.min()), float(values.max()))
    bounds = (low, max(high, low + 1e-6))
    channels = _CHANNELS.get(values.shape[1]) or {f"channel {n + 1}": "ink" for n in range(values.shape[1])}
    histograms = [np.histogram(channel, _BARS, bounds) for channel in values.T[:_MAX_LINES]]
    counts = {name: count for name, (count, _) in zip(channels, histograms, strict=False)}
    edges = histograms[0][1].tolist()
    lowest, highest = (
        sum(count[end] for count in counts.values()) / values[:, :_MAX_LINES].size for end in (0, -1)
    )
    note = (
        f"{lowest:.1%} of the values are lowest (under {edges[1]:g}), "
        f"{highest:.1%} highest ({edges[-2]:g} or more)."
    )
    name = "values-" + title.replace(" ", "-").replace(",", "")
    return histogram_chart(name, title, note, counts, edges, list(channels.values()))


def _swatches(classes: Classes) -> list[dict[str, object]]:
    palette = classes.palette
    return [
        {"colour": f"#{bytes(colour).hex()}", "name": name, "share": share}
        for colour, name, share in zip(palette.colours, palette.names, classes.shares, strict=True)
    ]


def _facts(report: Report) -> dict[str, str]:
    facts = {
        "Pairs": ", ".join(f"{count:,} in {split}" for split, count in report.counts.items()),
        "Layout": f"{report.layout}; {report.note}" if report.note else report.layout,
    }
    if report.source.formats == report.target.formats:
        facts |= _format_facts("Each half", report.source)
    else:
        facts |= _format_facts("Sources", report.source) | _format_facts("Targets", report.target)
    for label, side in (("sources", report.source), ("targets", report.target)):
        if side.classes:
            exact = "exact" if side.classes.exact else "blurred"
            facts[f"Colours of the {label}"] = f"label maps of {len(side.classes.shares)} colours, {exact}"
    return facts


def _format_facts(label: str, side: HalfReport) -> dict[str, str]:
    sizes, kinds = Counter[str](), Counter[str]()
    for form, count in side.formats.items():
        sizes[f"{form.width} x {form.height} px"] += count
        kinds[form.kind] += count
    return {f"{label}: size": _counted(sizes), f"{label}: values": _counted(kinds)} if sizes else {}


def _counted(counts: Counter[str]) -> str:
    """Return `256 x 256 px`, with counts where there are several."""
    if len(counts) == 1:
        return next(iter(counts))
    shown = [f"{value} ({count:,})" for value, count in counts.most_common(_FORMATS)]
    more = len(counts) - len(shown)
    return ", ".join(shown) + (f" and {more:,} more" if more else "")
