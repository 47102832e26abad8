"""`pix2pix bulk`: whole collections."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from typer import Argument, Option

from pix2pix.cli.common import console_progress, extra, loading, picture_suffix, translation_choices
from pix2pix.cli.options import Format, Half, Make, Mode, NoiseSeed, Precision, Scale

if TYPE_CHECKING:
    from pix2pix.bulk.job import Outcome

Source = Annotated[
    str, Argument(metavar="IN", help="Folder, Parquet data set, or URI of one (s3://, gs://).")
]
Target = Annotated[
    str, Argument(metavar="OUT", help="Folder or URI; a Parquet data set where it ends with .parquet.")
]
Model = Annotated[Path, Option("--model", metavar="MODEL", help="A model.safetensors, or a run's folder.")]
Column = Annotated[
    str | None, Option(metavar="NAME", help="Column of pictures in a Parquet data set, if it has several.")
]
Engine = Annotated[str, Option(help="auto, torch, openvino; kept for the whole job.")]
Address = Annotated[
    str | None, Option(help="Of a running Ray cluster: auto, HOST:PORT.  [default: this machine alone]")
]
Gpus = Annotated[
    float | None,
    Option("--gpus-per-actor", min=0.0, help="GPUs of each worker.  [default: 1 if there are any]"),
]
Processes = Annotated[
    int | None, Option(min=1, help="Processes that translate.  [default: one a GPU, else one a core]")
]
Verify = Annotated[
    bool, Option("--verify", help="Read all inputs and outputs that are there, and do again what differs.")
]

_NAMED = 10  # failures that are named on the console


def bulk(
    source: Source,
    target: Target,
    model: Model,
    column: Column = None,
    half: Half = "whole",
    suffix: Format = None,
    mode: Mode = None,
    seed: NoiseSeed = 0,
    make: Make = False,
    size: Scale = None,
    workers: Processes = None,
    gpus: Gpus = None,
    address: Address = None,
    engine: Engine = "auto",
    precision: Precision = "auto",
    verify: Verify = False,
) -> None:
    """Translate a whole collection on Ray; the same command again does what is missing or has changed.

    \b
    pix2pix bulk photos houses --model runs/facades
    pix2pix bulk s3://bucket/photos s3://bucket/houses --model runs/facades --address auto
    pix2pix bulk photos.parquet houses.parquet --model runs/facades --workers 2
    """
    with extra("bulk", "Translating a collection"), loading():
        from pix2pix.bulk import cluster
        from pix2pix.bulk.job import Request, run
        from pix2pix.bulk.work import Options

    side, known_mode, scaled = translation_choices(half, mode, size)
    options = Options(side, known_mode, seed, make, scaled, picture_suffix(suffix))
    request = Request(
        source, target, model, options, column, address, workers, gpus, engine, precision, verify
    )
    _report(run(request, cluster, console_progress()), target)


def _report(outcome: Outcome, target: str) -> None:
    """Print the result of a job; exit code 1 where pictures failed."""
    rate = f"  {outcome.translated / outcome.seconds:.1f} pictures/s" if outcome.translated else ""
    print(
        f"{outcome.translated:,} of {outcome.total:,} pictures translated to {target}, "
        f"{outcome.unchanged:,} unchanged{rate}"
    )
    if outcome.failures:
        more = len(outcome.failures) - _NAMED
        named = outcome.failures[:_NAMED] + ([f"and {more:,} more"] if more > 0 else [])
        count = "1 picture" if len(outcome.failures) == 1 else f"{len(outcome.failures):,} pictures"
        print(f"{count} failed, see {outcome.failed_file}:", *named, sep="\n  ", file=sys.stderr)
        raise typer.Exit(1)
