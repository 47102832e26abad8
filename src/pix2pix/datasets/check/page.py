"""The page of a report: findings first, with pictures, then what the pairs hold.

It opens from disk: the pictures are inside it, and plotly.min.js lies alongside for the histograms.
"""

import base64
import io
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from pix2pix.datasets.check.findings import KINDS, Finding, grouped
from pix2pix.datasets.check.pair_facts import format_of, read_halves, visible
from pix2pix.datasets.check.report import Report, relative_name
from pix2pix.pairs.pair_set import Pair, evenly_spread
from pix2pix.pictures import codec
from pix2pix.pictures.codec import Array
from pix2pix.progress import in_parallel
from pix2pix.reports.charts import Figure, histogram_chart
from pix2pix.reports.pages import write_page

_LABELS = ("Sources", "Targets")
_SHOWN = 12  # pairs of each split
_PICTURES = 4  # pairs shown for each kind of finding
_FORMATS = 4  # sizes and kinds of values that are listed
_HALF_PX = 192
_GAP_PX = 4  # between source and target
_BARS = 128
_MAX_LINES = 8  # of a histogram
_TOPS = {"uint8": 256.0, "uint16": 65536.0}
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
    counts = Counter(report.splits)
    usable = [(report.splits[row], report.pairs[row]) for row in report.usable]
    sample = {split: evenly_spread([pair for s, pair in usable if s == split], _SHOWN) for split in counts}
    pairs = dict.fromkeys(pair for shown in (*examples.values(), *sample.values()) for pair in shown)
    write_page(
        folder / "index.html",
        "data_check.html",
        [figure for side, label in enumerate(_LABELS) for figure in _histograms(report, side, label)],
        title=f"Data: {relative_name(report.folder, report.folder.parent)}",
        report=report,
        counts=counts,
        groups=groups,
        kinds=KINDS,
        examples=examples,
        sample=sample,
        pictures={pair: shown for pair, shown in in_parallel([*pairs], _picture) if isinstance(shown, str)},
        facts=facts_of(report),
        palettes={label: side for label, side in zip(_LABELS, report.classes, strict=True) if side},
    )
    return folder / "index.html"


def _examples(findings: Sequence[Finding]) -> list[Pair]:
    """Return a few pairs to show for one kind; those of one finding stay together."""
    pairs = dict.fromkeys(pair for finding in findings[:_PICTURES] for pair in finding.pairs)
    return list(pairs)[:_PICTURES]


def _picture(pair: Pair) -> str:
    """Return source and target next to each other as an address that holds them."""
    both = Image.new("RGBA", (2 * _HALF_PX + _GAP_PX, _HALF_PX))
    for number, array in enumerate(read_halves(pair)):
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


def _histograms(report: Report, side: int, label: str) -> list[Figure]:
    """Return a chart for each kind of picture that sources or targets are."""
    kinds: dict[str, list[Array]] = {}
    for halves in report.sample:
        array, _ = halves[side]
        values = array.reshape(-1, array.shape[2])
        fill = report.fills[side]
        known = values if fill is None else values[(values != fill).any(axis=1)]
        kinds.setdefault(format_of(array).kind, []).append(known if len(known) else values)
    return [_histogram(f"{label}, {kind}", np.concatenate(values)) for kind, values in kinds.items()]


def _histogram(title: str, values: Array) -> Figure:
    """Return the chart of values (N, C); its note says what often is a fault: values at the ends."""
    channels = _CHANNELS.get(values.shape[1]) or {f"channel {n + 1}": "ink" for n in range(values.shape[1])}
    top, shown = _TOPS.get(str(values.dtype)), values[:, :_MAX_LINES].astype(np.float64)
    known = shown[~np.isnan(shown).any(axis=1)]  # with data
    shown = known if len(known) else np.zeros((1, shown.shape[1]))
    low, high = (0.0, top) if top else (float(shown.min()), float(shown.max()))
    ends = (low, max(high, low + 1e-6))
    histograms = [np.histogram(channel, _BARS, ends) for channel in shown.T]
    counts, edges = dict(zip(channels, [c for c, _ in histograms], strict=False)), histograms[0][1]
    lowest, highest = np.array(list(counts.values()))[:, [0, -1]].sum(axis=0) / shown.size
    note = (
        f"{lowest:.1%} of the values are lowest (under {edges[1]:g}), "
        f"{highest:.1%} highest ({edges[-2]:g} or more)."
    )
    name = "values-" + title.replace(" ", "-").replace(",", "")
    return histogram_chart(name, title, note, counts, edges.tolist(), list(channels.values()))


def facts_of(report: Report) -> dict[str, str]:
    """Return what the pairs are, by label: counts, layout, sizes, values, classes."""
    pairs, counts = report.pair_set, Counter(report.splits)
    facts = {
        "Pairs": ", ".join(f"{count:,} in {split}" for split, count in counts.items()),
        "Layout": f"{pairs.layout}; {pairs.note}" if pairs.note else pairs.layout,
    }
    formats = [[half.format for half in report.halves(side).values()] for side in range(2)]
    same = formats[0] == formats[1]
    for label, side in [("Each half", formats[0])] if same else zip(_LABELS, formats, strict=True):
        facts[f"{label}: size"] = _counted(form.size for form in side)
        facts[f"{label}: values"] = _counted(form.kind for form in side)
    for label, classes in zip(_LABELS, report.classes, strict=True):
        if missing := _without_data(report, _LABELS.index(label)):
            facts[f"{label}: no data"] = missing
        if classes:
            number, exact = len(classes.shares), "exact" if classes.exact else "blurred"
            facts[f"Colours of the {label.lower()}"] = f"label maps of {number} colours, {exact}"
    return {label: value for label, value in facts.items() if value}


def _without_data(report: Report, side: int) -> str:
    """Return how many of the pixels of sources or targets are without data, or "" for none."""
    spreads = [half.spread for half in report.halves(side).values() if half.spread]
    gone = sum(spread.missing for spread in spreads)
    fill = report.fills[side]
    share = gone / (gone + sum(spread.size for spread in spreads)) if gone else 0.0
    return f"{share:.2%} of the values ({'NaN' if fill is None else f'{fill:g}'})" if gone else ""


def _counted(values: Iterable[str]) -> str:
    """Return `256 x 256 px`, with counts where there are several."""
    counts = Counter(values).most_common()
    shown = [f"{value} ({count:,})" if len(counts) > 1 else value for value, count in counts[:_FORMATS]]
    return ", ".join(shown) + (f" and {len(counts) - _FORMATS:,} more" if len(counts) > _FORMATS else "")
