"""The page of an evaluation: table, plots, and the pictures that came out best and worst."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from pix2pix.evaluation.evaluate import Evaluation
from pix2pix.evaluation.model_subject import ModelSubject
from pix2pix.evaluation.score import kind_of
from pix2pix.evaluation.subjects import Example, views_with_spread
from pix2pix.measures.histograms import CHANNELS, edges
from pix2pix.pictures import codec
from pix2pix.pictures.conform import to_view
from pix2pix.pictures.tensors import to_array
from pix2pix.reports.charts import Figure, figure
from pix2pix.reports.pages import write_page

_SHOWN = 10  # best and worst pictures by each score
_BINS = 30
_SAMPLES = "How far two samples of one source are apart: 0 where the noise changes nothing."
_NOTES = {
    "memory_distance": "How far each output is from the nearest training target, by features: 0 is a copy.",
    "variety_l1": _SAMPLES,
    "variety_st_lpips": _SAMPLES,
}


def write_report(evaluation: Evaluation, out: Path) -> Path:
    """Write index.html and its pictures; return the page."""
    # Where neither is better, more comes first.
    higher = {name: kind_of(name).higher is not False for name in evaluation.by_picture}
    orders = [
        # NaN comes last, which is the accuracy of a picture without a labelled pixel.
        np.argsort(-values if higher[name] else values, kind="stable")[: int((~np.isnan(values)).sum())]
        for name, values in evaluation.by_picture.items()
    ]
    write_page(
        out / "index.html",
        "evaluation.html",
        _figures(evaluation),
        title=out.resolve().name,
        evaluation=evaluation,
        scores=evaluation.scores,
        facts={k.replace("_", " "): v for k, v in evaluation.subject.identity.items() if k != "versions"},
        cards=[_card(evaluation, number, out) for number in ends_of(orders, _SHOWN)],
        orders=higher,
    )
    return out / "index.html"


def ends_of(orders: Iterable[np.ndarray], count: int) -> list[int]:
    """Return the numbers of the first and the last `count` pictures of each order."""
    return sorted({int(number) for order in orders for number in (*order[:count], *order[-count:])})


def _card(evaluation: Evaluation, number: int, out: Path) -> dict[str, Any]:
    """Write the pictures of one example and return what the page says of it."""
    subject, place = evaluation.subject, evaluation.places[number]
    example = subject.examples(place, place + 1)[0]
    assert isinstance(example, Example)
    shown = views_with_spread(subject, example)
    card: dict[str, Any] = {"name": evaluation.names[number], "near": ""}
    if evaluation.nearest is not None and isinstance(subject, ModelSubject):
        pair = subject.training[int(evaluation.nearest[number])]
        target = to_array(subject.tensors_of(pair)[1], subject.reading.target)
        shown["near"], card["near"] = to_view(target, subject.reading.target), pair.name
    card["files"] = {half: f"pictures/{number:06d}-{half}.png" for half in shown}
    for half, picture in shown.items():
        codec.write(picture, out / card["files"][half])
    scores = {name: float(values[number]) for name, values in evaluation.by_picture.items()}
    card["scores"] = {name: value for name, value in scores.items() if not np.isnan(value)}
    # JSON knows no infinity, which PSNR of equal pictures is.
    card["sorted_by"] = {k: v if np.isfinite(v) else None for k, v in card["scores"].items()}
    return card


def _figures(evaluation: Evaluation) -> list[Figure]:
    figures = [_distribution(name, values) for name, values in evaluation.by_picture.items()]
    columns = evaluation.columns
    if "real_lab" in columns:
        real, fake = (columns.total(name, evaluation.places) for name in ("real_lab", "fake_lab"))
        figures += [_marginal(i, {"real": real[i], "output": fake[i]}) for i in range(len(CHANNELS))]
    return figures


def _distribution(name: str, values: np.ndarray) -> Figure:
    finite = values[np.isfinite(values)].astype(float)
    counts, borders = np.histogram(finite, _BINS)
    trace = {
        "type": "bar",
        "x": [float(f"{x:.5g}") for x in (borders[:-1] + borders[1:]) / 2],
        "y": counts.tolist(),
        "meta": "one",
        "name": "pictures",
    }
    better = {True: "; higher is better", False: "; lower is better", None: ""}[kind_of(name).higher]
    note = _NOTES.get(name, f"Of {len(finite):,} pictures{better}.")
    texts, axes = (f"chart-{name}", name, note), (name, "pictures")
    return figure(texts, [trace], axes, showlegend=False, bargap=0.05)


def _marginal(channel: int, counts: Mapping[str, np.ndarray]) -> Figure:
    """Return the log-probability of L, a or b, as the paper's figure 7."""
    bins = edges(channel)
    centres = ((bins[:-1] + bins[1:]) / 2).round(2).tolist()
    traces = [
        {
            "x": centres,
            "y": [float(f"{p:.3g}") if p > 0 else None for p in count / max(1, count.sum())],
            "name": label,
            "meta": colour,
            "mode": "lines",
            "line": {"width": 2},
        }
        for (label, count), colour in zip(counts.items(), ("three", "two"), strict=True)
    ]
    name = CHANNELS[channel]
    note = "Where the output's line is narrower than the real one, colours are duller than they should be."
    return figure(
        (f"chart-lab-{channel}", f"How often each {name} occurs", note),
        traces,
        (name, "probability (log)"),
        yaxis={"type": "log", "exponentformat": "power"},
        showlegend=True,
        hovermode="x unified",
    )
