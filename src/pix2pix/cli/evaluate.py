"""`pix2pix evaluate`."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Annotated, Any

from typer import Argument, Option

from pix2pix.cli.common import choice, console_progress, loading, mode_choice, report_failures
from pix2pix.cli.options import Device, Mode, Out
from pix2pix.errors import UserError

Model = Annotated[Path | None, Argument(help="Model file, or the folder of a run.")]
Pairs = Annotated[list[str] | None, Argument(help="Pairs, as for train.")]
Real = Annotated[Path | None, Option(metavar="DIR", help="Score a folder: the real pictures.")]
Fake = Annotated[Path | None, Option(metavar="DIR", help="The pictures to score, of the same names.")]
Split = Annotated[str, Option(help="validation (val, else test), train, val, test or all.")]
Features = Annotated[
    str | None,
    Option(
        metavar="FILE|inception",
        help="Feature network of KID and FID: ONNX, with a .toml next to it; Inception's .pth, or its name "
        "to fetch it.",
    ),
]
Scorer = Annotated[Path | None, Option(metavar="MODEL|ONNX", help="Segmentation network of the FCN-score.")]
Labels = Annotated[
    str | None, Option(metavar="NAME|FILE", help="Palette of the label maps, where the model states none.")
]
Ignore = Annotated[
    list[str] | None, Option(metavar="CLASS", help="Leave this class out of the scores; repeatable.")
]
Variety = Annotated[bool, Option("--variety", help="How far 8 samples of a source are apart: 8 passes each.")]
Lpips = Annotated[
    bool, Option("--lpips", help="LPIPS by torchvision's AlexNet; fetches its weights if they are missing.")
]
_SAMPLES = 8  # of each source for the variety


def evaluate(
    out: Out,
    model: Model = None,
    data: Pairs = None,
    real: Real = None,
    fake: Fake = None,
    split: Split = "validation",
    features: Features = None,
    scorer: Scorer = None,
    labels: Labels = None,
    ignore: Ignore = None,
    variety: Variety = False,
    lpips: Lpips = False,
    mode: Mode = None,
    seed: Annotated[int, Option(min=0, help="Seed of the noise.")] = 0,
    device: Device = "auto",
    engine: Annotated[str, Option(help="auto, torch, openvino.")] = "auto",
) -> None:
    """Score a model on pairs, or a folder of pictures against real ones, and write a page.

    \b
    pix2pix evaluate runs/facades facades -o report
    pix2pix evaluate runs/facades facades --scorer runs/scorer --labels facades -o report
    pix2pix evaluate --real photos --fake translated -o report
    """
    with loading():
        from pix2pix.evaluation.labels import find_labels
        from pix2pix.evaluation.model_subject import SPLITS, ModelSubject
        from pix2pix.evaluation.per_picture import Options
        from pix2pix.evaluation.subjects import FolderSubject
        from pix2pix.measures.features import find_features
        from pix2pix.measures.lpips import find_lpips
    _refuse_incomplete(model, data, real, fake)
    choice("--split", split, SPLITS)
    subject: Any
    if model and data:
        picked: Any = mode_choice(mode)
        samples = _SAMPLES if variety else 1
        subject = ModelSubject(model, data, split, picked, seed, device, engine, samples)
        image, size = subject.translator.header.image, subject.config.size
        by_class = find_labels(image, scorer, labels, ignore or [], device, size)
    else:
        needs_model = {"--scorer": scorer, "--labels": labels, "--ignore": ignore, "--variety": variety}
        if option := next((option for option, value in needs_model.items() if value), None):
            raise UserError(
                f"{option} needs a model and its pairs: two folders hold no label maps and no noise.",
                "Give MODEL and DATA instead of --real and --fake.",
            )
        subject, by_class = FolderSubject(real or Path(), fake or Path(), device), None
    _score(subject, out, Options(find_features(features), by_class, find_lpips(fetch=lpips)))


def _refuse_incomplete(
    model: Path | None, data: list[str] | None, real: Path | None, fake: Path | None
) -> None:
    """Raise UserError for anything but a model with its pairs, or two folders."""
    what = "Give MODEL and DATA, or two folders: --real DIR --fake DIR."
    if model and (real or fake):
        raise UserError("Both a model and folders to score are given: it is one or the other.", what)
    if real and not fake:
        raise UserError("--fake is missing: the pictures to score.", "Add --fake DIR.")
    if fake and not real:
        raise UserError("--real is missing: the pictures to compare with.", "Add --real DIR.")
    if model and not data:
        raise UserError(f"DATA is missing: {model} is scored on pairs.", what)
    if not model and not real:
        raise UserError("There is nothing to score.", what)


def _score(subject: Any, out: Path, options: Any) -> None:
    from pix2pix.evaluation.evaluate import evaluate as score
    from pix2pix.evaluation.evaluate import write_scores
    from pix2pix.evaluation.report import write_report

    with closing(console_progress()) as progress:
        try:
            evaluation = score(subject, out, options, progress)
        except KeyboardInterrupt:
            progress.log(f"stopped after {progress.done:,} pictures; the same command goes on from there")
            raise
        write_scores(evaluation, out)
        page = write_report(evaluation, out)
    print(*evaluation.scores, *(f"note: {note}" for note in evaluation.notes), f"page: {page}", sep="\n")
    report_failures(evaluation.failures, "picture", "left out")
