"""Which curves a run's page shows, and one paragraph under each that says how to read it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape

from pix2pix.training.chart import Curve, Guide, Point, compact, draw

Record = Mapping[str, object]


@dataclass(frozen=True)
class _Quantity:
    """What one chart shows: its lines (key of metrics.jsonl -> label) and how to read them."""

    title: str
    keys: Mapping[str, str]
    reading: str
    include: tuple[float, ...] = ()
    guide: Guide | None = None


_QUANTITIES = (
    _Quantity(
        "L1 to the target",
        {"loss_l1": "training", "val_l1": "validation"},
        "Mean absolute difference, pixels from −1 to 1, before its weight. Overfitting is "
        "validation rising while training still falls; compare directions, not levels. L1 rewards "
        "blur, so the lowest point is not the best model.",
    ),
    _Quantity(
        "Discriminator’s right answers",
        {"d_right": "share"},
        "How often D tells real from generated. Healthy lies between the two ends: at 0.5 it "
        "guesses and has nothing to teach; near 1.0 for long, it wins everywhere and the generator "
        "gets little to learn from.",
        include=(1.0,),
        guide=Guide(0.5, "guessing"),
    ),
    _Quantity(
        "Discriminator’s loss",
        {"loss_d": "D"},
        "Halved, as in the paper; with its cross-entropy 0.69 is guessing. It should level off and "
        "waver there. Lying at 0 means that D has won; it does not mean that training is done.",
        include=(0.0,),
    ),
    _Quantity(
        "Generator’s adversarial loss",
        {"loss_gan": "G"},
        "How far G is from fooling D. Its opponent improves with it, so it does not go down for "
        "ever: wavering around a level is healthy, a climb that never ends means that D pulls "
        "away.",
        include=(0.0,),
    ),
    _Quantity(
        "Validation PSNR, dB",
        {"val_psnr_db": "validation"},
        "Higher is nearer to the target, pixel by pixel. Good for noticing a collapse; it rewards "
        "blur, so it does not choose the model.",
    ),
    _Quantity(
        "Validation SSIM",
        {"val_ssim": "validation"},
        "Agreement of local structure, 1 at most. It rewards blur as well, if less: when it and "
        "the previews disagree, believe the previews.",
    ),
    _Quantity(
        "Learning rate",
        {"learning_rate": "Adam"},
        "The step size of both optimisers, shown because it changes in this run.",
        include=(0.0,),
    ),
)


def section(records: Sequence[Record], seen: int) -> str:
    charts = "\n".join(filter(None, (_chart(quantity, records, seen) for quantity in _QUANTITIES)))
    if not charts:
        return (
            '<section aria-label="Curves"><p class="empty">No curves yet: they begin with the '
            "first line of metrics.jsonl.</p></section>"
        )
    return f"""<section aria-label="Curves">
<h2>Curves</h2>
<p class="quiet">Across: images seen. Faint: the values as logged; solid: their running mean. Judge
the model by its previews first, then read here why it does what it does.</p>
<div class="charts">
{charts}
</div>
</section>"""


def images_of(record: Record) -> float:
    images = _number(record, "images")
    return images if images is not None and math.isfinite(images) else -1.0


def _number(record: Record, key: str) -> float | None:
    value = record.get(key)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if abs(value) < 1e300 or value != value else math.inf


def points_of(records: Sequence[Record], key: str) -> list[Point]:
    values = ((images_of(record), _number(record, key)) for record in records)
    return [(images, value) for images, value in values if value is not None]


def _chart(quantity: _Quantity, records: Sequence[Record], seen: int) -> str:
    """One figure, or nothing where no line of the run has the quantity."""
    curves = [Curve(label, points_of(records, key)) for key, label in quantity.keys.items()]
    curves = [curve for curve in curves if curve.points]
    constant = len({value for curve in curves for _, value in curve.points}) == 1
    if not curves or ("learning_rate" in quantity.keys and constant):
        return ""
    ends = [latest(curve) for curve in curves]
    numbers = "".join(
        f'<span class="key key-{i}"><b>{f"{end[1]:#.3g}" if end else "–"}</b> '
        f"{escape(curve.label)}</span>"
        for i, (curve, end) in enumerate(zip(curves, ends, strict=True), start=1)
    )
    where = max((end[0] for end in ends if end), default=0)
    svg = draw(
        quantity.title, curves, last_images=seen, include=quantity.include, guide=quantity.guide
    )
    return f"""<figure class="chart">
<h3>{escape(quantity.title)}</h3>
<p class="now">{numbers}<span class="where">at {compact(where)} images</span></p>
{svg}
{_warning(curves)}<figcaption>{escape(quantity.reading)}</figcaption>
</figure>"""


def _warning(curves: Sequence[Curve]) -> str:
    lost = sum(len(curve.points) - len(curve.finite()) for curve in curves)
    if not lost:
        return ""
    values = "1 value is" if lost == 1 else f"{lost:,} values are"
    return f'<p class="warning">{values} infinite or not a number, and not drawn.</p>\n'
