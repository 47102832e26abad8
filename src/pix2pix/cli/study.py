"""The commands `pix2pix study ...`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from typer import Argument, Option

from pix2pix.cli.common import choice, command_group, counting, extra
from pix2pix.cli.options import Host, OpenPage, Port
from pix2pix.errors import UserError

if TYPE_CHECKING:
    from pix2pix.evaluation.study.report import ResultRow

study_app = command_group("Ask people which pictures are real: the paper's perceptual study.")
StudyFolder = Annotated[Path, Argument(help="Folder that `study make` wrote.")]


@study_app.command()
def make(
    real: Annotated[Path, Option(metavar="DIR", help="Folder of real pictures.")],
    fake: Annotated[
        list[str], Option(metavar="NAME=DIR", help="Folder of an algorithm's pictures; repeatable.")
    ],
    out: Annotated[Path, Option("--out", "-o", help="Folder of the study.")],
    paired: Annotated[
        bool, Option("--paired", help="Show real and fake of the same source, by name (colourisation).")
    ] = False,
    trial: Annotated[
        str, Option(help="picture: real or fake?  pair: which of two is fake, as in the paper?")
    ] = "picture",
    size: Annotated[int, Option(min=16, max=2048, help="Height and width in px; 256 in the paper.")] = 256,
    seed: Annotated[int, Option(help="Another seed draws other trials.")] = 0,
) -> None:
    """Make a study: pictures of one size, and the protocol in study.json.

    \b
    pix2pix study make --real photos --fake L1=out/l1 --fake L1+cGAN=out/cgan -o study
    pix2pix study make --real photos --fake ours=out --paired --trial pair -o study
    """
    from pix2pix.evaluation.study.make import make as make_study

    question = choice("--trial", trial, ("picture", "pair"))
    fakes = dict(_named(text) for text in fake)
    if len(fakes) < len(fake):
        raise UserError("Two --fake have the same name.", "Name each algorithm once.")
    with counting("writing", "pictures") as on_progress:
        study = make_study(
            real,
            fakes,
            out,
            paired=paired,
            question=question,
            size_px=size,
            seed=seed,
            on_progress=on_progress,
        )
    print(f"{out}: {len(study.real)} real pictures, fakes of {', '.join(fakes)}")
    print(f"next: pix2pix study serve {out}")


@study_app.command()
def serve(
    study: StudyFolder,
    host: Host = "127.0.0.1",
    port: Port = None,
    origins: Annotated[
        list[str] | None, Option("--origin", metavar="URL", help="Address of a proxy; repeatable.")
    ] = None,
    open_page: OpenPage = False,
) -> None:
    """Run a study in browsers; answers are kept as they come. Started again, it goes on.

    \b
    pix2pix study serve study --open
    pix2pix study serve study --host 0.0.0.0 --port 8080
    """
    with extra("serve", "Serving"):
        from pix2pix.evaluation.study.app import serve as serve_study

    serve_study(study, host, port, origins or (), open_page=open_page)


@study_app.command()
def report(study: StudyFolder) -> None:
    """Print % of fakes labelled real with 95 % intervals, and write report.html and report.json.

    \b
    pix2pix study report study
    """
    from pix2pix.evaluation.study.report import write_report

    result, page = write_report(study)
    width = max(len(row.algorithm) for row in result.rows)
    for row in result.rows:
        print(f"{row.algorithm:<{width}}  {_summary(row)}")
    if times := result.shown_ms:
        print(f"shown {times['median']:g} ms (median), 99 % up to {times['p99']:g} ms")
    print(f"page: {page}")


def _summary(row: ResultRow) -> str:
    """Return what a row of the report says, as one line."""
    people = f"{row.participants} participants, {row.unfinished} unfinished left out"
    if (rate := row.fakes_labelled_real) is None:
        return people
    interval = "" if rate.low is None else f" (95 %: {rate.low:.1f} to {rate.high:.1f} %)"
    return f"{rate.value:.1f} % labelled real{interval}, {people}"


def _named(text: str) -> tuple[str, Path]:
    """Return name and folder of NAME=DIR."""
    name, separator, folder = text.partition("=")
    if not (name and separator and folder):
        raise UserError(f"--fake {text} has no name: wanted NAME=DIR, such as L1=out/l1.")
    return name, Path(folder)
