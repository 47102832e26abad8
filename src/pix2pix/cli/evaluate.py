"""The commands that score: thin, each imports its stage when it is called."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Annotated, Any

from typer import Argument, Option

from pix2pix.cli.common import Device, Mode, Out, choice, console_progress, loading, report_failures
from pix2pix.errors import UserError


def evaluate(
    out: Out,
    model: Annotated[Path | None, Argument(help="Model file, or the folder of a run.")] = None,
    data: Annotated[list[str] | None, Argument(help="Pairs, as for train.")] = None,
    real: Annotated[Path | None, Option(metavar="DIR", help="Score a folder: the real pictures.")] = None,
    fake: Annotated[
        Path | None, Option(metavar="DIR", help="The pictures to score, of the same names.")
    ] = None,
    split: Annotated[
        str, Option(help="validation (val, else test), train, val, test or all.")
    ] = "validation",
    features: Annotated[
        Path | None,
        Option(metavar="FILE", help="Feature network of KID and FID: ONNX, with a .toml next to it."),
    ] = None,
    scorer: Annotated[
        Path | None, Option(metavar="MODEL|ONNX", help="Segmentation network of the FCN-score.")
    ] = None,
    labels: Annotated[
        str | None,
        Option(metavar="NAME|FILE", help="Palette of the label maps, where the model states none."),
    ] = None,
    ignore: Annotated[
        list[str] | None, Option(metavar="CLASS", help="Leave this class out of the scores; repeatable.")
    ] = None,
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
        from pix2pix.evaluation.evaluate import Options, write_scores
        from pix2pix.evaluation.evaluate import evaluate as score
        from pix2pix.evaluation.labels import find_labels
        from pix2pix.evaluation.report import write_report
        from pix2pix.evaluation.subjects import SPLITS, FolderSubject, ModelSubject
        from pix2pix.measures.features import find_features
    if (real is None) != (fake is None) or (real is None) == (model is None or not data):
        raise UserError(
            "There is nothing to score.", "Give MODEL and DATA, or two folders: --real DIR --fake DIR."
        )
    choice("--split", split, SPLITS)
    subject: Any
    if model and data:
        picked: Any = mode
        subject = ModelSubject(model, data, split, picked, seed, device, engine)
        by_class = find_labels(subject.translator.header.image, scorer, labels, ignore or [], device)
    else:
        subject, by_class = FolderSubject(real or Path(), fake or Path()), None
    with closing(console_progress()) as progress:
        evaluation = score(subject, out, Options(find_features(features), by_class), progress)
        write_scores(evaluation, out)
        page = write_report(evaluation, out)
    print(*evaluation.scores, *(f"note: {note}" for note in evaluation.notes), f"page: {page}", sep="\n")
    report_failures(evaluation.failures, "picture", "left out")
