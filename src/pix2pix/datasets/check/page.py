"""The page of a report: findings first, with pictures, then what the pairs look like.

It opens from disk: index.html and a few PNG sheets beside it, and nothing from the network.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from importlib import resources
from pathlib import Path

from pix2pix.data.pairs import Pair
from pix2pix.datasets.check.chart import draw
from pix2pix.datasets.check.findings import KINDS, Finding, grouped
from pix2pix.datasets.check.look import Format
from pix2pix.datasets.check.map_colours import Palette, name
from pix2pix.datasets.check.report import HalfReport, Report, relative_name
from pix2pix.datasets.check.sheets import Place, write_sheet
from pix2pix.datasets.check.survey import kind_of
from pix2pix.files import replacing
from pix2pix.reports.document import document

_SHOWN = 8  # sentences of a kind before the reader asks for more
_MOST = 5000  # sentences of a kind on the page
_PICTURES = 4  # pairs shown for each kind
_FORMATS = 4
_SWATCHES = 48
_WORDS = {"error": "errors", "warning": "warnings", "note": "notes"}


def write_report(report: Report, folder: Path) -> Path:
    """Write folder/index.html and the sheets beside it; returns the page.

    The pairs that are shown are read again. Raises UserError where something cannot be written.
    """
    examples = {kind: _examples(some) for kind, some in grouped(report.findings).items()}
    places = write_sheet([p for some in examples.values() for p in some], folder / "findings.png")
    title = f"Data: {relative_name(report.folder, report.folder.parent)}"
    body = "\n".join(
        [
            f"<style>\n{(resources.files(__package__) / 'page.css').read_text('utf-8')}</style>",
            _head(title, report),
            '<div class="split">',
            _findings(report, examples, places),
            _facts(report),
            "</div>",
            _samples(report, folder),
            _values(report),
        ]
    )
    page = folder / "index.html"
    with replacing(page) as temporary:
        temporary.write_text(document(title, body), "utf-8")
    return page


def _examples(findings: Sequence[Finding]) -> list[Pair]:
    """A few pairs to show for one kind; those of one finding stay together."""
    pairs = dict.fromkeys(pair for found in findings[:_PICTURES] for pair in found.pairs)
    return list(pairs)[:_PICTURES]


# The parts of the page


def _head(title: str, report: Report) -> str:
    state = {0: "finished", 1: "bad", 2: "bad"}[report.exit_code]
    words = {0: "nothing to mend", 1: "look at the findings", 2: "nothing can be used"}
    total = sum(report.counts.values())
    counts = Counter[str](found.severity for found in report.findings)
    told = "".join(
        f'<span class="{severity}"><strong>{counts[severity]:,}</strong> '
        f"{severity if counts[severity] == 1 else plural}</span>\n"
        for severity, plural in _WORDS.items()
        if counts[severity]
    )
    return f"""<header class="head">
<div class="title"><h1>{escape(title)}</h1>\
<span class="state {state}">{words[report.exit_code]}</span></div>
<div class="numbers">
<span><strong>{report.usable:,}</strong> of {total:,} pairs can be used</span>
{told}</div>
</header>"""


def _findings(report: Report, examples: Mapping[str, Sequence[Pair]], places: Mapping[Pair, Place]) -> str:
    groups = "\n".join(
        _group(kind, some, _cards(report, examples[kind], places))
        for kind, some in grouped(report.findings).items()
    )
    nothing = '<p class="empty">Nothing was found: every pair was read, and nothing stands out.</p>'
    return f'<section aria-label="Findings">\n<h2>Findings</h2>\n{groups or nothing}\n</section>'


def _group(kind: str, findings: Sequence[Finding], cards: str) -> str:
    about = KINDS[kind]
    return f"""<article class="finding">
<h3>{escape(about.title)} <span class="count">{len(findings):,}</span>
<span class="state {about.severity}">{about.severity}</span></h3>
{_sentences(findings)}
{cards}<p class="quiet">{escape(about.advice)}</p>
</article>"""


def _sentences(findings: Sequence[Finding]) -> str:
    lines = [f"<li>{escape(found.sentence)}</li>" for found in findings[:_MOST]]
    text = f"<ul>{''.join(lines[:_SHOWN])}</ul>"
    if len(lines) > _SHOWN:
        text += (
            f"<details><summary>{len(findings) - _SHOWN:,} more</summary>"
            f"<ul>{''.join(lines[_SHOWN:])}</ul></details>"
        )
    if len(findings) > _MOST:
        text += f'<p class="quiet">The last {len(findings) - _MOST:,} are not listed.</p>'
    return text


def _cards(report: Report, pairs: Iterable[Pair], places: Mapping[Pair, Place]) -> str:
    """Pairs as pictures with their names under them; those that could not be read are left out."""
    cards = "".join(
        f'<figure><div class="shown" role="img" aria-label="Source and target" '
        f'style="{escape(places[pair].style)}"></div>'
        f"<figcaption>{escape(report.name(pair))}</figcaption></figure>"
        for pair in pairs
        if pair in places
    )
    return f'<div class="cards">{cards}</div>\n' if cards else ""


def _facts(report: Report) -> str:
    facts = {
        "Pairs": ", ".join(f"{count:,} in {split}" for split, count in report.counts.items()),
        "Layout": f"{report.layout}; {report.note}" if report.note else report.layout,
    }
    if report.source.formats == report.target.formats:
        facts |= _format_facts("Each half", report.source)
    else:
        facts |= _format_facts("Sources", report.source) | _format_facts("Targets", report.target)
    for label, half in (("Sources", report.source), ("Targets", report.target)):
        if half.palette:
            facts[f"Colours of the {label.lower()}"] = (
                f"label maps of {len(half.palette.codes)} colours, "
                f"{'exact' if half.palette.exact else 'blurred'}"
            )
    rows = "\n".join(
        f"<div><dt>{escape(label)}</dt><dd>{escape(value)}</dd></div>" for label, value in facts.items()
    )
    return (
        f'<section aria-label="These pairs">\n<h2>These pairs</h2>\n<dl class="facts">\n{rows}\n'
        "</dl>\n</section>"
    )


def _format_facts(label: str, half: HalfReport) -> dict[str, str]:
    sizes, kinds = Counter[str](), Counter[str]()
    for found, count in half.formats.items():
        sizes[_size(found)] += count
        kinds[kind_of(found)] += count
    return {f"{label}: size": _counted(sizes), f"{label}: values": _counted(kinds)} if sizes else {}


def _size(found: Format) -> str:
    return f"{found.width} x {found.height} px"


def _counted(counts: Counter[str]) -> str:
    """`256 x 256 px`, with counts where there are several."""
    if len(counts) == 1:
        return next(iter(counts))
    shown = [f"{value} ({count:,})" for value, count in counts.most_common(_FORMATS)]
    more = len(counts) - len(shown)
    return ", ".join(shown) + (f" and {more:,} more" if more else "")


def _samples(report: Report, folder: Path) -> str:
    parts = []
    for split, pairs in report.sample.items():
        cards = _cards(report, pairs, write_sheet(pairs, folder / f"pairs-{split}.png"))
        if cards:
            parts.append(f"<h3>{len(pairs):,} of {report.counts[split]:,} in {split}</h3>\n{cards}")
    if not parts:
        return ""
    return (
        '<section class="part" aria-label="Pairs">\n<h2>Pairs</h2>\n<p class="quiet">Source on the '
        f"left, target on the right; evenly spread over all.</p>\n{chr(10).join(parts)}\n</section>"
    )


def _values(report: Report) -> str:
    parts = [
        draw(f"{label}, {kind}", values)
        for label, half in (("Sources", report.source), ("Targets", report.target))
        for kind, values in half.histograms.items()
    ]
    if not parts:
        return ""
    charts, palettes = "\n".join(parts), _palettes(report)
    return f"""<section class="part" aria-label="Values">
<h2>Values</h2>
<p class="quiet">How often each value occurs in all pictures. Heights are square roots, so that rare
values show beside frequent ones.</p>
<div class="charts">
{charts}
</div>
{palettes}</section>"""


def _palettes(report: Report) -> str:
    return "".join(
        f"<h3>Colours of the {label}</h3>\n{_swatches(half.palette)}\n"
        for label, half in (("sources", report.source), ("targets", report.target))
        if half.palette
    )


def _swatches(palette: Palette) -> str:
    some = list(zip(palette.codes, palette.shares, strict=True))[:_SWATCHES]
    shown = "".join(
        f'<li><span class="swatch" style="background: {name(code)}"></span>{name(code)} '
        f'<span class="quiet">{share:.1%}</span></li>'
        for code, share in some
    )
    more = len(palette.codes) - len(some)
    return f'<ul class="swatches">{shown}{f"<li>and {more} more</li>" if more else ""}</ul>'
