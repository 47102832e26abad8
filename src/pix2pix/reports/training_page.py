"""The page of a run: progress, previews and curves in one file that opens from disk.

It is made anew from the run's folder each time, so that it shows the same after a crash or on
another machine as it did while training. Nothing in it comes from the network.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from datetime import datetime
from html import escape
from pathlib import Path
from statistics import fmean
from typing import Literal

from pix2pix.files import replacing
from pix2pix.reports.chart import compact
from pix2pix.reports.curves import Line, number, points_of, section
from pix2pix.reports.document import document

PageState = Literal["training", "finished", "stopped"]
REFRESH_SECONDS = 10
_PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"


def write_page(
    run: Path, *, title: str, images_total: int, state: PageState, facts: Mapping[str, str]
) -> None:
    """Write run/index.html from run/metrics.jsonl and run/previews/*.png, whole or not at all.

    `facts` are label -> value, shown beside the preview. While "training" the page refreshes
    itself. Text is escaped here; either input may be missing.
    """
    lines = _read_metrics(run / "metrics.jsonl")
    previews = _find_previews(run / "previews")
    seen = int(max([*(images for images, _ in lines), *previews], default=0))
    body = "\n".join(
        [
            _head(title, seen, images_total, state, lines),
            '<div class="split">',
            _preview(previews),
            _facts(facts),
            "</div>",
            section(lines, seen),
        ]
    )
    text = document(title, body, refresh_seconds=REFRESH_SECONDS if state == "training" else None)
    with replacing(run / "index.html") as temporary:
        temporary.write_text(text, "utf-8", errors="replace")


# Reading the run's folder


def _read_metrics(path: Path) -> list[Line]:
    """The lines of metrics.jsonl that are whole: a crash may have cut the last."""
    lines: list[Line] = []
    for text in path.read_bytes().splitlines() if path.is_file() else ():
        try:
            record = json.loads(text)
        except ValueError:
            continue
        images = number(record.get("images")) if isinstance(record, dict) else None
        if images is not None and math.isfinite(images):
            lines.append((images, record))
    return lines


def _find_previews(folder: Path) -> dict[int, Path]:
    """Images seen -> picture, oldest first; files whose names are no numbers are not previews."""
    found = {int(p.stem): p for p in folder.glob("*.png") if p.stem.isascii() and p.stem.isdigit()}
    return dict(sorted(found.items()))


# The parts of the page


def _head(title: str, seen: int, total: int, state: PageState, lines: Sequence[Line]) -> str:
    left = _time_left(lines, total - seen) if state == "training" else ""
    now = datetime.now().astimezone()
    share = min(seen / total, 1.0) if total > 0 else 1.0
    return f"""<header class="head">
<div class="title"><h1>{escape(title)}</h1><span class="state {state}">{state}</span></div>
<progress max="1" value="{share:.4f}" aria-label="Images seen of {total:,}"></progress>
<div class="numbers">
<span><strong>{seen:,}</strong> of {total:,} images</span>
<span>{math.floor(share * 100)}%{left}</span>
<span class="quiet">written <time datetime="{now.isoformat(timespec="seconds")}">\
{now:%Y-%m-%d %H:%M:%S}</time></span>
</div>
</header>"""


def _time_left(lines: Sequence[Line], images: int) -> str:
    """How long the rest takes at the speed of the last lines, or nothing where that is unknown."""
    speeds = [speed for _, speed in points_of(lines, "images_per_second") if 0 < speed < math.inf]
    if images <= 0 or not speeds:
        return ""
    minutes = math.ceil(images / fmean(speeds[-20:]) / 60)
    hours, rest = divmod(minutes, 60)
    return f" · about {f'{hours:,} h ' if hours else ''}{rest} min left"


def _preview(previews: Mapping[int, Path]) -> str:
    """The newest preview; the script lets one step through the older ones, links do without it."""
    if not previews:
        return (
            '<section aria-label="Preview"><p class="empty">No preview yet: the first comes with '
            "the first validation.</p></section>"
        )
    images, newest = list(previews.items())[-1]
    names = json.dumps([path.name for path in previews.values()])
    seen = f"{images:,} images"
    alt = "Preview after {}: source, output and target, one example a row"
    links = " ".join(f'<a href="previews/{path.name}">{compact(at)}</a>' for at, path in previews.items())
    return f"""<section aria-label="Preview">
<div class="bar">
<h2>Preview</h2><span class="quiet" id="preview-images">{seen}</span>
<div class="steps" hidden>
<button type="button" aria-label="Older preview">‹</button>
<input type="range" id="preview-slider" min="0" max="{len(previews) - 1}" \
value="{len(previews) - 1}" aria-label="Preview, by images seen" data-names="{escape(names)}">
<button type="button" aria-label="Newer preview">›</button>
</div>
</div>
<a class="shot" href="previews/{newest.name}"><img id="preview" src="previews/{newest.name}" \
alt="{alt.format(seen)}" data-alt="{alt}"{_size(newest)}></a>
<noscript><p class="quiet">All previews, by images seen: {links}</p></noscript>
</section>"""


def _size(path: Path) -> str:
    """Attributes by which the page does not jump while a PNG loads, and small ones stay crisp."""
    with path.open("rb") as file:
        head = file.read(24)
    if len(head) < 24 or not head.startswith(_PNG_SIGNATURE):
        return ""
    width, height = (int.from_bytes(head[i : i + 4], "big") for i in (16, 20))
    return f' width="{width}" height="{height}" style="max-width: {3 * width}px"'


def _facts(facts: Mapping[str, str]) -> str:
    if not facts:
        return ""
    rows = "\n".join(
        f"<div><dt>{escape(label)}</dt><dd>{escape(value)}</dd></div>" for label, value in facts.items()
    )
    return (
        f'<section aria-label="This run">\n<h2>This run</h2>\n<dl class="facts">\n{rows}\n</dl>\n</section>'
    )
