"""The page of an evaluation: table, plots, and the pictures that came out best and worst."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from pix2pix.evaluation.evaluate import Evaluation
from pix2pix.evaluation.subjects import Example, FolderSubject, ModelSubject
from pix2pix.measures.histograms import CHANNELS, edges
from pix2pix.pictures import codec
from pix2pix.pictures.conform import to_view
from pix2pix.pictures.contract import PictureContract
from pix2pix.pictures.tensors import to_array
from pix2pix.reports.charts import Figure
from pix2pix.reports.pages import write_page

_SHOWN = 10  # best and worst pictures by each score
# name -> whether more is better, for scores of single pictures
_SORTED = {
    "l1": False,
    "psnr_db": True,
    "ssim": True,
    "st_lpips": False,
    "pixel_accuracy": True,
    "memory_distance": True,
}


def write_report(evaluation: Evaluation, out: Path) -> Path:
    """Write index.html and its pictures; return the page."""
    orders = {
        name: np.argsort(-values if _SORTED[name] else values, kind="stable")
        for name, values in evaluation.by_picture.items()
        if name in _SORTED
    }
    shown = sorted({int(i) for order in orders.values() for i in (*order[:_SHOWN], *order[-_SHOWN:])})
    cards = [_card(evaluation, place, out) for place in shown]
    write_page(
        out / "index.html",
        "evaluation.html",
        _figures(evaluation),
        title=out.resolve().name,
        evaluation=evaluation,
        scores=evaluation.scores,
        facts={k.replace("_", " "): v for k, v in evaluation.subject.identity.items() if k != "versions"},
        cards=cards,
        orders={name: bool(_SORTED[name]) for name in orders},
    )
    return out / "index.html"


def _card(evaluation: Evaluation, place: int, out: Path) -> dict[str, Any]:
    """Write the pictures of one example and return what the page says of it."""
    subject, name = evaluation.subject, evaluation.names[place]
    position = list(subject.names).index(name)
    example = subject.examples(position, position + 1)[0]
    assert isinstance(example, Example)
    files = {}
    for half, picture in views(subject, example).items():
        path = out / "pictures" / f"{place:06d}-{half}.png"
        codec.write(picture, path)
        files[half] = f"pictures/{path.name}"
    scores = {k: float(v[place]) for k, v in evaluation.by_picture.items() if k in _SORTED}
    card: dict[str, Any] = {"name": name, "files": files, "scores": scores, "near": ""}
    if "memory_place" in evaluation.by_picture and isinstance(subject, ModelSubject):
        pair = subject.training[int(evaluation.by_picture["memory_place"][place])]
        target = to_array(subject.tensors_of(pair)[1], subject.reading.target)
        codec.write(to_view(target, subject.reading.target), out / "pictures" / f"{place:06d}-near.png")
        files["nearest in training"], card["near"] = f"pictures/{place:06d}-near.png", pair.name
    return card


def views(subject: object, example: Example) -> dict[str, np.ndarray]:
    """Return source (of a model), output and target for a person to see: (H, W, 3) uint8 each."""
    if isinstance(subject, ModelSubject) and example.source is not None:
        reading = subject.reading
        source = to_array(example.source, reading.source)
        output, target = (to_array(t, reading.target) for t in (example.output, example.target))
        seen, made = reading.view(source, output)
        return {"source": seen, "output": made, "target": reading.view(source, target)[1]}
    contract = subject.contract if isinstance(subject, FolderSubject) else PictureContract()
    return {
        name: to_view(to_array(t, contract), contract)
        for name, t in (("output", example.output), ("target", example.target))
    }


def _figures(evaluation: Evaluation) -> list[Figure]:
    figures = [
        _distribution(name, values) for name, values in evaluation.by_picture.items() if name in _SORTED
    ]
    columns = evaluation.columns
    if "real_lab" in columns:
        real, fake = (np.asarray(columns[n]).sum(0) for n in ("real_lab", "fake_lab"))
        figures += [_marginal(i, {"real": real[i], "output": fake[i]}) for i in range(len(CHANNELS))]
    return figures


def _distribution(name: str, values: np.ndarray) -> Figure:
    finite = values[np.isfinite(values)].astype(float)
    trace = {
        "type": "histogram",
        "x": finite.round(5).tolist(),
        "nbinsx": 30,
        "meta": "one",
        "name": "pictures",
    }
    layout = {
        "xaxis": {"title": {"text": name}},
        "yaxis": {"title": {"text": "pictures"}},
        "showlegend": False,
        "bargap": 0.05,
    }
    direction = "higher is better" if _SORTED[name] else "lower is better"
    note = (
        f"Of {len(finite):,} pictures; {direction}."
        if name != "memory_distance"
        else ("How far each output is from the nearest training target in feature space: near 0 is a copy.")
    )
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
