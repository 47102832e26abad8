"""The page of a report: findings first, with pictures, then what the pairs hold.

It opens from disk: the pictures are inside it, and plotly.min.js lies alongside for the histograms.
"""

from __future__ import annotations

import base64
import io
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from PIL import Image

from pix2pix.data.pairs import Pair
from pix2pix.datasets.check.findings import KINDS, Finding, grouped
from pix2pix.datasets.check.histogram import Histogram
from pix2pix.datasets.check.look import half, visible
from pix2pix.datasets.check.map_colours import name
from pix2pix.datasets.check.report import HalfReport, Report, relative_name
from pix2pix.datasets.check.survey import kind_of
from pix2pix.errors import UserError
from pix2pix.pictures import codec
from pix2pix.reports.charts import Figure, histogram_chart
from pix2pix.reports.pages import write_page

_PICTURES = 4  # pairs shown for each kind of finding
_FORMATS = 4  # sizes and kinds of values that are listed
_HALF_PX = 192
_GAP_PX = 4  # between source and target
_MAX_LINES = 8
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
            for kind, values in side.histograms.items()
        ],
        title=f"Data: {relative_name(report.folder, report.folder.parent)}",
        report=report,
        groups=groups,
        kinds=KINDS,
        examples=examples,
        pictures=pictures,
        facts=_facts(report),
        palettes={
            label: [
                {"colour": name(code), "name": "", "share": share}
                for code, share in zip(side.palette.codes, side.palette.shares, strict=True)
            ]
            for label, side in sides.items()
            if side.palette
        },
    )
    return page


def _examples(findings: Sequence[Finding]) -> list[Pair]:
    """Return a few pairs to show for one kind; those of one finding stay together."""
    pairs = dict.fromkeys(pair for finding in findings[:_PICTURES] for pair in finding.pairs)
    return list(pairs)[:_PICTURES]


def _picture(pair: Pair) -> str | None:
    """Return source and target side by side as an address that holds them, None where one is broken."""
    both = Image.new("RGBA", (2 * _HALF_PX + _GAP_PX, _HALF_PX))
    for number, side in enumerate((pair.source, pair.target)):
        try:
            array = half(codec.read(side.path), side)
        except UserError:
            return None
        if array is None:
            return None
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


def _histogram(title: str, values: Histogram) -> Figure:
    """Return the chart, and under it what often is a fault: values at the ends of their range."""
    counts = values.counts.reshape(len(values.counts), 128, -1).sum(axis=2)
    step = (values.high - values.low) / 128
    low, high = (float(counts[:, end].sum()) / max(int(counts.sum()), 1) for end in (0, -1))
    note = (
        f"{low:.1%} of the values are lowest (under {values.low + step:g}), "
        f"{high:.1%} highest ({values.high - step:g} or more)."
    )
    numbered = {f"channel {number}": "ink" for number in range(1, len(counts) + 1)}
    channels = list(_CHANNELS.get(len(counts), numbered).items())[:_MAX_LINES]
    lines = {channel: line for (channel, _), line in zip(channels, counts, strict=False)}
    edges = [values.low + step * number for number in range(129)]
    name = "values-" + title.replace(" ", "-").replace(",", "")
    return histogram_chart(name, title, note, lines, edges, [colour for _, colour in channels])


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
        if side.palette:
            exact = "exact" if side.palette.exact else "blurred"
            facts[f"Colours of the {label}"] = f"label maps of {len(side.palette.codes)} colours, {exact}"
    return facts


def _format_facts(label: str, side: HalfReport) -> dict[str, str]:
    sizes, kinds = Counter[str](), Counter[str]()
    for form, count in side.formats.items():
        sizes[f"{form.width} x {form.height} px"] += count
        kinds[kind_of(form)] += count
    return {f"{label}: size": _counted(sizes), f"{label}: values": _counted(kinds)} if sizes else {}


def _counted(counts: Counter[str]) -> str:
    """Return `256 x 256 px`, with counts where there are several."""
    if len(counts) == 1:
        return next(iter(counts))
    shown = [f"{value} ({count:,})" for value, count in counts.most_common(_FORMATS)]
    more = len(counts) - len(shown)
    return ", ".join(shown) + (f" and {more:,} more" if more else "")
