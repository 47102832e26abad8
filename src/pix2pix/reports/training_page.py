"""The page of a run: progress, previews and curves, refreshed while training.

It is made anew from the run's folder each time, so that it shows the same after a crash or on another
machine as it did while training. Nothing in it comes from the network. index.html has everything that can
be read without scripts; data.js has it once more, and the open page loads that file again and again: a
page from disk may load scripts, but not fetch data.
"""

import json
import math
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from statistics import fmean
from typing import Any, Literal

from pix2pix.pictures.contract import LabelClass
from pix2pix.reports.charts import Figure, Point, drawable, line_chart, smooth
from pix2pix.reports.pages import write_page

PageState = Literal["training", "finished", "stopped"]
Record = Mapping[str, Any]  # one line of metrics.jsonl; every number is a float
REFRESH_SECONDS = 10


@dataclass(frozen=True)
class Quantity:
    """What one chart shows: its curves (key of metrics.jsonl -> label), its unit and how to read it."""

    title: str
    unit: str
    keys: Mapping[str, str]
    note: str
    include: tuple[float, ...] = ()
    guide: tuple[float, str] | None = None
    only_if_it_varies: bool = False


QUANTITIES = (
    Quantity(
        "L1 to the target",
        "mean absolute difference",
        {"loss_l1": "training", "val_l1": "validation"},
        "Pixels from −1 to 1, before its weight. Overfitting is validation rising while training still "
        "falls; compare directions, not levels. L1 rewards blur, so the lowest point is not the best model.",
    ),
    Quantity(
        "Cross-entropy of the classes",
        "nats",
        {"loss_class": "training"},
        "Mean of −log of the probability given to the true class, before its weight; 0 is sure and right, "
        "the logarithm of the number of classes is guessing.",
        include=(0.0,),
    ),
    Quantity(
        "Discriminator’s right answers",
        "share",
        {"d_right": "share"},
        "How often D tells real from generated. Healthy lies between the two ends: at 0.5 it guesses and "
        "has nothing to teach; near 1.0 for long, it wins everywhere and G gets little to learn from.",
        include=(1.0,),
        guide=(0.5, "guessing"),
    ),
    Quantity(
        "Discriminator’s loss",
        "loss, halved",
        {"loss_d": "D"},
        "Halved, as in the paper; with its cross-entropy 0.69 is guessing. It should level off and waver "
        "there. Lying at 0 means that D has won; it does not mean that training is done.",
        include=(0.0,),
    ),
    Quantity(
        "Generator’s adversarial loss",
        "loss",
        {"loss_gan": "G"},
        "How far G is from fooling D. Its opponent improves with it, so it does not keep falling: wavering "
        "around a level is healthy, a climb that never ends means that D pulls away.",
        include=(0.0,),
    ),
    Quantity(
        "Validation PSNR",
        "dB",
        {"val_psnr_db": "validation"},
        "Higher is nearer to the target, pixel by pixel. Good for noticing a collapse; it rewards blur, so "
        "it does not choose the model.",
    ),
    Quantity(
        "Validation SSIM",
        "SSIM, at most 1",
        {"val_ssim": "validation"},
        "Agreement of local structure. It rewards blur as well, if less: when it and the previews disagree, "
        "believe the previews.",
    ),
    Quantity(
        "Right classes",
        "share",
        {
            "val_pixel_accuracy": "of pixels",
            "val_class_accuracy": "mean over classes",
            "val_class_iou": "mean IoU",
        },
        "Pixels of no class are left out. Frequent classes decide the share of right pixels; in the mean IoU "
        "(intersection over union) every class counts the same.",
        include=(0.0, 1.0),
    ),
    Quantity(
        "Validation ST-LPIPS",
        "perceptual distance",
        {"val_st_lpips": "validation"},
        "Distance to the target by features; lower is better. Blur costs more than in L1, small shifts less.",
        include=(0.0,),
    ),
    Quantity(
        "Validation FID",
        "distance of features",
        {"val_fid": "validation"},
        "As KID, but biased upwards with few pictures: compare it only within one run.",
        include=(0.0,),
    ),
    Quantity(
        "Validation KID",
        "distance of features",
        {"val_kid": "validation"},
        "Distance of the outputs from the real pictures as sets, by features: lower is better, about 0 is "
        "indistinguishable. It sees textures that L1 does not; of 100 pictures it is uncertain.",
        include=(0.0,),
    ),
    Quantity(
        "Learning rate",
        "step size",
        {"learning_rate": "Adam"},
        "The step size of both optimisers, shown because it changes in this run.",
        include=(0.0,),
        only_if_it_varies=True,
    ),
)
_IOU = "val_iou/"  # followed by the name of a class
# Losses and measures that were added: prefix of the key -> title, label and note.
_PLAIN = {
    "loss_": ("Loss", "training", "Before its weight."),
    "val_": ("Validation", "validation", "The mean over the validation pairs."),
}


def write_training_page(
    run: Path,
    *,
    title: str,
    images_total: int,
    state: PageState,
    facts: Mapping[str, str],
    classes: Sequence[LabelClass] = (),
    best: str = "",
) -> None:
    """Write run/index.html and run/data.js from run/metrics.jsonl and run/previews/*.png.

    `facts` are label -> value, shown alongside the preview. `classes` are those of the targets, `best`
    says how good the best model is. While "training", the page refreshes itself. Either input may be missing.
    """
    records, previews = read_metrics(run / "metrics.jsonl"), find_previews(run / "previews")
    seen = int(max([*(record["images"] for record in records), *previews], default=0))
    shown = _shown(records)
    values: dict[str, object] = {
        "title": title,
        "state": state,
        "refresh_seconds": REFRESH_SECONDS,
        "seen": seen,
        "total": images_total,
        "share": min(seen / images_total, 1.0) if images_total > 0 else 1.0,
        "time_left": _time_left(records, images_total - seen) if state == "training" else "",
        "written": datetime.now().astimezone(),
        "facts": facts,
        "previews": previews,
        "scores": [row for quantity, curves in shown for row in _latest(quantity, curves)],
        "classes": _iou_of(classes, records),
        "best": best,
    }
    figures = [_figure(quantity, curves) for quantity, curves in shown]
    # In this order: a page that finds other charts in data.js than it has reloads itself.
    write_page(run / "index.html", "training.html", figures, **values)
    write_page(run / "data.js", "training_data.js", figures, **values)


def training_figures(records: Sequence[Record]) -> list[Figure]:
    """Return the charts of a run's metrics."""
    return [_figure(quantity, curves) for quantity, curves in _shown(records)]


def _shown(records: Sequence[Record]) -> list[tuple[Quantity, dict[str, list[Point]]]]:
    """Return what the metrics hold, with its curves."""
    quantities = [*QUANTITIES, *_unnamed(records)]
    return [(quantity, curves) for quantity in quantities if (curves := _curves(quantity, records))]


def _figure(quantity: Quantity, curves: Mapping[str, Sequence[Point]]) -> Figure:
    return line_chart(
        "chart-" + next(iter(quantity.keys)),
        quantity.title,
        quantity.note,
        curves,
        axes=("images seen", quantity.unit),
        include=quantity.include,
        guide=quantity.guide,
    )


def read_metrics(path: Path) -> list[Record]:
    """Return the lines of metrics.jsonl that are whole: a crash may have cut the last."""
    records: list[Record] = []
    for text in path.read_bytes().splitlines() if path.is_file() else ():
        with suppress(ValueError, TypeError, KeyError, RecursionError):
            record = json.loads(text, parse_int=float)
            if not isinstance(record["images"], bool) and math.isfinite(record["images"]):
                records.append(record)
    return records


def find_previews(folder: Path) -> dict[int, str]:
    """Return images seen -> file name, oldest first; files whose names are no numbers are no previews."""
    names = [path.name for path in folder.glob("*.png") if path.stem.isascii() and path.stem.isdigit()]
    return {int(name[:-4]): name for name in sorted(names, key=lambda name: int(name[:-4]))}


def _unnamed(records: Sequence[Record]) -> list[Quantity]:
    """Return a plain chart for each loss and score that none of QUANTITIES names."""
    named = {key for quantity in QUANTITIES for key in quantity.keys}
    every = (key for record in records for key in record)
    keys = dict.fromkeys(key for key in every if key not in named and not key.startswith(_IOU))
    return [
        Quantity(f"{title}: {key.removeprefix(prefix).replace('_', ' ')}", "value", {key: label}, note)
        for prefix, (title, label, note) in _PLAIN.items()
        for key in keys
        if key.startswith(prefix)
    ]


def _curves(quantity: Quantity, records: Sequence[Record]) -> dict[str, list[Point]]:
    """Return the points of each curve that the run has, by label."""
    every = {label: _points(records, key) for key, label in quantity.keys.items()}
    curves = {label: points for label, points in every.items() if points}
    constant = len({value for points in curves.values() for _, value in points}) == 1
    return {} if constant and quantity.only_if_it_varies else curves


def _points(records: Sequence[Record], key: str) -> list[Point]:
    """Return (images seen, value) of the records that have a number under the key, NaN and inf included."""
    return [(record["images"], record[key]) for record in records if isinstance(record.get(key), float)]


def _latest(quantity: Quantity, curves: Mapping[str, Sequence[Point]]) -> list[dict[str, object]]:
    """Return where each curve ends, smoothed, and how many of its values are not drawn."""
    rows: list[dict[str, object]] = []
    for label, points in curves.items():
        line = drawable(points)
        ends = smooth(line)[-1] if len(line) else (max(points)[0], math.nan)
        value = f"{ends[1]:#.3g}" if len(line) else "–"
        name = f"{quantity.title}, {label}" if len(curves) > 1 else quantity.title
        rows.append({"name": name, "value": value, "images": ends[0], "lost": len(points) - len(line)})
    return rows


def _iou_of(classes: Sequence[LabelClass], records: Sequence[Record]) -> list[dict[str, str]]:
    """Return each class with its colour and its latest IoU; none before the first validation."""
    latest = next((record for record in reversed(records) if any(k.startswith(_IOU) for k in record)), {})
    return [
        {
            "name": label.name,
            "colour": f"#{bytes(label.colour).hex()}",
            "iou": f"{latest[key]:.3f}" if (key := _IOU + label.name) in latest else "not in these pictures",
        }
        for label in classes
        if latest
    ]


def _time_left(records: Sequence[Record], images: int) -> str:
    """Return how long the rest takes at the speed of the last lines, or nothing where that is unknown."""
    speeds = [speed for _, speed in _points(records, "images_per_second") if 0 < speed < math.inf]
    if images <= 0 or not speeds:
        return ""
    hours, minutes = divmod(math.ceil(images / fmean(speeds[-20:]) / 60), 60)
    return f"about {f'{hours:,} h ' if hours else ''}{minutes} min left"
