"""The result of a study: % of fakes labelled real by algorithm, as the paper's tables have it."""

from collections.abc import Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import BaseModel

from pix2pix import __version__
from pix2pix.errors import UserError
from pix2pix.evaluation.study.answers import FILE, Answer, Answers
from pix2pix.evaluation.study.protocol import Question, Study, read_study
from pix2pix.evaluation.study.stats import Percentage, percentage
from pix2pix.files import write_text
from pix2pix.reports.charts import Figure, figure, histogram_chart
from pix2pix.reports.pages import write_page

_BINS = 40  # of the chart of display times


class ResultRow(BaseModel):
    """One algorithm. `reals_labelled_real` is None where a trial shows a real and a fake picture."""

    algorithm: str
    participants: int
    unfinished: int
    fakes: int
    fakes_labelled_real: Percentage | None
    reals_labelled_real: Percentage | None


class StudyReport(BaseModel):
    """What a study came to. `shown_ms` has median and 99th percentile, None before the first participant."""

    study: str
    question: Question
    paired: bool
    practice: int
    trials: int
    version: str = __version__
    rows: list[ResultRow]
    show_ms: int
    shown_ms: dict[str, float] | None


def write_report(folder: Path) -> tuple[StudyReport, Path]:
    """Write report.json and report.html into the folder of a study; return the report and the page.

    Participants who did not finish are counted and left out; so is practice. Raises UserError where there is
    no study, or nobody has taken part.
    """
    study = read_study(folder)
    if not (folder / FILE).exists():
        raise UserError(f"{folder} has no answers yet.", f"Run it with `pix2pix study serve {folder}`.")
    sessions = [list(rows) for _, rows in groupby(Answers(folder, study).all(), lambda row: row.participant)]
    finished = [session for session in sessions if all(row.answer is not None for row in session)]
    counted = [[row for row in session if row.number >= study.practice] for session in finished]
    shown = np.array([ms for session in counted for row in session for ms in row.shown_ms])
    report = StudyReport(
        study=study.id,
        question=study.question,
        paired=study.paired,
        practice=study.practice,
        trials=study.trials,
        rows=[_row(study, number, counted, sessions) for number in range(len(study.algorithms))],
        show_ms=study.show_ms,
        shown_ms=_percentiles(shown) if shown.size else None,
    )
    write_text(folder / "report.json", report.model_dump_json(indent=2) + "\n")
    page = folder / "report.html"
    figures = [_rates_chart(report), *([_times_chart(shown, study)] if shown.size else [])]
    write_page(page, "study.html", figures, title="Perceptual study", report=report)
    return report, page


def _row(
    study: Study, algorithm: int, counted: Sequence[list[Answer]], sessions: Sequence[list[Answer]]
) -> ResultRow:
    own = [session for session in counted if session[0].algorithm == algorithm]
    enrolled = sum(session[0].algorithm == algorithm for session in sessions)
    if study.question == "pair":
        fakes, reals = own, []
    else:
        fakes, reals = ([[row for row in rows if row.truth == truth] for rows in own] for truth in (1, 0))
    # A fake passes as real where the answer is wrong, a real picture where it is right.
    fooled = [np.mean([row.answer != row.truth for row in rows]) for rows in fakes]
    recognised = [np.mean([row.answer == row.truth for row in rows]) for rows in reals]
    return ResultRow(
        algorithm=study.algorithms[algorithm].name,
        participants=len(own),
        unfinished=enrolled - len(own),
        fakes=sum(map(len, fakes)),
        fakes_labelled_real=percentage(fooled),
        reals_labelled_real=percentage(recognised),
    )


def _percentiles(shown: np.ndarray[Any, Any]) -> dict[str, float]:
    return {name: round(float(np.percentile(shown, q)), 1) for name, q in (("median", 50), ("p99", 99))}


def _rates_chart(report: StudyReport) -> Figure:
    shown = [row for row in reversed(report.rows) if row.fakes_labelled_real]
    rates = [row.fakes_labelled_real for row in shown if row.fakes_labelled_real]
    trace = {
        "x": [r.value for r in rates],
        "y": [row.algorithm for row in shown],
        "mode": "markers",
        "meta": "one",
        "error_x": {
            "type": "data",
            "symmetric": False,
            "array": [(r.high or r.value) - r.value for r in rates],
            "arrayminus": [r.value - (r.value if r.low is None else r.low) for r in rates],
        },
        "hovertemplate": "%{x:.1f} %<extra></extra>",
    }
    note = "Bars are 95 % bootstrap intervals over participants."
    if report.question == "pair":
        note += " At 50 % people only guess."
    return figure(
        ("rates", "Fakes labelled real", note),
        [trace],
        ("% of fakes labelled real", ""),
        xaxis={"rangemode": "tozero"},
        yaxis={"type": "category", "dtick": 1, "range": [-0.5, len(shown) - 0.5]},
        showlegend=False,
    )


def _times_chart(shown: np.ndarray[Any, Any], study: Study) -> Figure:
    low, high = min(shown.min(), study.show_ms) - 20, max(np.percentile(shown, 99.5), study.show_ms) + 20
    counts, edges = np.histogram(shown, _BINS, (float(low), float(high)))
    note = f"Milliseconds that pictures were on the screen, as browsers measured: wanted {study.show_ms}."
    return histogram_chart("times", "Display times", note, {"pictures": counts}, edges.tolist(), ["two"])
