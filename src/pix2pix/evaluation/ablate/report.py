"""What an ablation writes: a page of tables and pictures, and a line of JSON for each score."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pix2pix.evaluation.ablate.rows import Table
from pix2pix.evaluation.ablate.tables import Line, ScoredRun, columns_of, lines_of
from pix2pix.evaluation.score import json_number
from pix2pix.evaluation.subjects import Example, Subject
from pix2pix.evaluation.table_files import write_jsonl
from pix2pix.pictures import codec
from pix2pix.reports.pages import write_page

_SHOWN = 6  # sources, spread over the validation pairs


def write_pictures(subject: Subject, run: str, out: Path) -> None:
    """Write a row's outputs for the sources that every row shows, with source and target."""
    count = len(subject.names)
    for place in sorted({i * count // _SHOWN for i in range(_SHOWN)}):
        example = subject.examples(place, place + 1)[0]
        if isinstance(example, Example):  # the others are named as failures
            for half, picture in subject.views(example).items():
                name = run if half == "output" else half
                codec.write(picture, out / "pictures" / f"{place:06d}-{name}.png")


def write_tables(
    out: Path,
    over: str,
    tables: Mapping[str, Table],
    scored: Mapping[str, ScoredRun],
    facts: Mapping[str, str],
    notes: Sequence[str],
) -> None:
    """Write index.html and scores.jsonl: the requested table, and others whose rows are all there."""
    shown = []
    for table in tables.values():
        lines = lines_of(table, scored)
        trained = [line for line in lines if line.runs]
        if table.name == over or len(trained) == len(table.rows):
            columns = columns_of(lines)
            compared = {name: any(name in line.paper for line in lines) for name in columns}
            part = {"table": table, "lines": lines, "columns": columns, "compared": compared}
            shown.append({**part, **_sheet(lines, out)})
    write_page(
        out / "index.html",
        "ablation.html",
        title=f"Ablation: {out.resolve().name}",
        tables=shown,
        facts=facts,
        notes=notes,
    )
    write_jsonl(out / "scores.jsonl", [line for run in scored.values() for line in _json_lines(run)])


def _sheet(lines: Sequence[Line], out: Path) -> dict[str, Any]:
    """Return the pictures of a table: one row a source, one column a line that is trained."""
    trained = [line for line in lines if line.runs]
    titles = ["source", *(line.label for line in trained), "target"]
    names = ["source", *(line.runs[0] for line in trained), "target"]
    sources = sorted((out / "pictures").glob("*-source.png"))
    places = [path.name.partition("-")[0] for path in sources]
    return {"titles": titles, "pictures": [[f"pictures/{p}-{name}.png" for name in names] for p in places]}


def _json_lines(run: ScoredRun) -> list[dict[str, Any]]:
    lines = []
    for score in run.scores:
        line = {**score.as_json(), "pictures": run.pictures}
        if score.name in run.real:
            line["real_pictures"] = json_number(run.real[score.name])
        lines.append({**line, **run.about})
    return lines
