"""Which curves a run's page shows, and one paragraph under each that says how to read it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape

from pix2pix.reports.chart import Curve, Guide, Point, compact, draw

Line = tuple[float, Mapping[str, object]]  # images seen, and what a line of metrics.jsonl holds


@dataclass(frozen=True)
class _Quantity:
    """What one chart shows: its lines (key of metrics.jsonl -> label) and how to read them."""

    title: str
    keys: Mapping[str, str]
    reading: str
    include: tuple[float, ...] = ()
    guide: Guide | None = None
    only_if_it_varies: bool = False


_QUANTITIES = (
    _Quantity(
        "L1 to the target",
        {"loss_l1": "training", "val_l1": "validation"},
        "Mean absolute difference, pixels from −1 to 1, before its weight. Overfitting is "
        "validation rising while training still falls; compare directions, not levels. L1 rewards "
        "blur, so the lowest point is not the best model.",
    ),
    _Quantity(
        "Cross-entropy of the classes",
        {"loss_class": "training"},
        "Mean of −log of the probability given to the true class, before its weight; 0 is sure and "
        "right, the logarithm of the number of classes is guessing.",
        include=(0.0,),
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
        only_if_it_varies=True,
    ),
)


def section(lines: Sequence[Line], seen: int) -> str:
    """The curves of all quantities that the run has, over 0..seen images, as HTML."""
    charts = "\n".join(filter(None, (_chart(quantity, lines, seen) for quantity in _QUANTITIES)))
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


def points_of(lines: Sequence[Line], key: str) -> list[Point]:
    """(images seen, value) of the lines that have a number under the key, NaN and inf included."""
    values = ((images, number(record.get(key))) for images, record in lines)
    return [(images, value) for images, value in values if value is not None]


def number(value: object) -> float | None:
    """A value of a line as a number; None where it is something else or missing."""
    if isinstance(value, float):
        return value
    if isinstance(value, bool) or not isinstance(value, int):
        return None
    try:
        return float(value)
    except OverflowError:  # JSON knows integers of any length
        return math.inf


def _chart(quantity: _Quantity, lines: Sequence[Line], seen: int) -> str:
    """One figure, or nothing where the run has nothing to show for the quantity."""
    named = ((label, points_of(lines, key)) for key, label in quantity.keys.items())
    curves = [Curve(label, points) for label, points in named if points]
    if not curves or (quantity.only_if_it_varies and _is_constant(curves)):
        return ""
    svg = draw(quantity.title, curves, last_images=seen, include=quantity.include, guide=quantity.guide)
    return f"""<figure class="chart">
<div class="bar"><h3>{escape(quantity.title)}</h3><span class="where">{_where(curves)}</span></div>
<p class="now">{_now(curves)}</p>
{svg}
{_warning(curves)}<figcaption>{escape(quantity.reading)}</figcaption>
</figure>"""


def _is_constant(curves: Sequence[Curve]) -> bool:
    return len({value for curve in curves for _, value in curve.points}) == 1


def _now(curves: Sequence[Curve]) -> str:
    """Where each line ends; the script puts the values under the pointer in its place."""
    ends = [f"{curve.smoothed[-1][1]:#.3g}" if curve.smoothed else "–" for curve in curves]
    return "".join(
        f'<span class="key key-{place}"><b>{end}</b> {escape(curve.label)}</span>'
        for place, (curve, end) in enumerate(zip(curves, ends, strict=True), start=1)
    )


def _where(curves: Sequence[Curve]) -> str:
    last = max((curve.finite[-1][0] for curve in curves if curve.finite), default=0)
    return f"at {compact(last)}"


def _warning(curves: Sequence[Curve]) -> str:
    lost = sum(len(curve.points) - len(curve.finite) for curve in curves)
    if not lost:
        return ""
    values = "1 value is" if lost == 1 else f"{lost:,} values are"
    return f'<p class="warning">{values} infinite or not a number, and not drawn.</p>\n'
