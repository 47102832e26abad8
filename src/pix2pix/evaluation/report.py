"""The page of an evaluation: table, plots, and the pictures that came out best and worst."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from pix2pix.evaluation.evaluate import Evaluation
from pix2pix.evaluation.score import HIGHER_IS_BETTER
from pix2pix.evaluation.subjects import Example, FolderSubject, ModelSubject
from pix2pix.measures.histograms import CHANNELS, edges
from pix2pix.pictures import codec
from pix2pix.pictures.conform import as_map, to_view
from pix2pix.pictures.contract import PictureContract
from pix2pix.pictures.tensors import to_array
from pix2pix.reports.charts import Figure
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
    higher = {name: HIGHER_IS_BETTER.get(name, True) for name in evaluation.by_picture}
    orders = [
        # NaN comes last, which is the accuracy of a picture without a labelled pixel.
        np.argsort(-values if higher[name] else values, kind="stable")[: int((~np.isnan(values)).sum())]
        for name, values in evaluation.by_picture.items()
    ]
    shown = sorted({int(i) for order in orders for i in (*order[:_SHOWN], *order[-_SHOWN:])})
    write_page(
        out / "index.html",
        "evaluation.html",
        _figures(evaluation),
        title=out.resolve().name,
        evaluation=evaluation,
        scores=evaluation.scores,
        facts={k.replace("_", " "): v for k, v in evaluation.subject.identity.items() if k != "versions"},
        cards=[_card(evaluation, number, out) for number in shown],
        orders=higher,
    )
    return out / "index.html"


def _card(evaluation: Evaluation, number: int, out: Path) -> dict[str, Any]:
    """Write the pictures of one example and return what the page says of it."""
    subject, place = evaluation.subject, evaluation.places[number]
    example = subject.examples(place, place + 1)[0]
    assert isinstance(example, Example)
    shown = views(subject, example)
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


def views(subject: object, example: Example) -> dict[str, np.ndarray]:
    """Return source (of a model), output, target, and the spread over variants, for a person to see.

    Each is (H, W, 3) uint8, the spread (H, W, 1).
    """
    if isinstance(subject, ModelSubject) and example.source is not None:
        reading = subject.reading
        source = to_array(example.source, reading.source)
        output, target = (to_array(t, reading.target) for t in (example.output, example.target))
        seen, made = reading.view(source, output)
        pictures = {"source": seen, "output": made, "target": reading.view(source, target)[1]}
    else:
        contract = subject.contract if isinstance(subject, FolderSubject) else PictureContract()
        halves = {"output": example.output, "target": example.target}
        pictures = {name: to_view(to_array(half, contract), contract) for name, half in halves.items()}
    if example.variants is not None:
        pictures["spread"] = as_map(example.variants.std(0, correction=0).mean(0).numpy())
    return pictures


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
    layout = {
        "xaxis": {"title": {"text": name}},
        "yaxis": {"title": {"text": "pictures"}},
        "showlegend": False,
        "bargap": 0.05,
    }
    better = {True: "; higher is better", False: "; lower is better", None: ""}[HIGHER_IS_BETTER.get(name)]
    note = _NOTES.get(name, f"Of {len(finite):,} pictures{better}.")
    return {"id": f"chart-{name}", "title": name, "note": note, "data": [trace], "layout": layout}


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
    layout = {
        "xaxis": {"title": {"text": CHANNELS[channel]}},
        "yaxis": {"title": {"text": "probability (log)"}, "type": "log", "exponentformat": "power"},
        "showlegend": True,
        "hovermode": "x unified",
    }
    note = "Where the output's line is narrower than the real one, colours are duller than they should be."
    return {
        "id": f"chart-lab-{channel}",
        "title": f"How often each {CHANNELS[channel]} occurs",
        "note": note,
        "data": traces,
        "layout": layout,
    }
