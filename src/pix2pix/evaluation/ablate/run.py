"""Train and score the rows of an ablation, one after another; the same call goes on where one was stopped."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from statistics import fmean

from rich.console import Console

from pix2pix.errors import UserError
from pix2pix.evaluation.ablate.layout import (
    Request,
    RowRun,
    refuse_other_budget,
    requested_runs,
    runs_on_disk,
)
from pix2pix.evaluation.ablate.report import write_pictures, write_tables
from pix2pix.evaluation.ablate.rows import BASE, Table, ablation_tables
from pix2pix.evaluation.ablate.tables import ScoredRun
from pix2pix.evaluation.evaluate import evaluate, write_scores
from pix2pix.evaluation.labels import find_labels
from pix2pix.evaluation.model_subject import ModelSubject
from pix2pix.evaluation.per_picture import Options
from pix2pix.evaluation.report import write_report
from pix2pix.measures.features import find_features
from pix2pix.model_file import read_header
from pix2pix.progress import Progress, duration
from pix2pix.reports.training_page import read_metrics
from pix2pix.training.plan import Plan, facts_of, make_plan, try_steps
from pix2pix.training.run_folder import RunFolder
from pix2pix.training.session import open_stores
from pix2pix.training.state import new_state
from pix2pix.training.train import train


@dataclass
class Outcome:
    """How an ablation ended; `stopped` says where the user stopped it."""

    tables: dict[str, Table]
    scored: dict[str, ScoredRun] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)  # a sentence for each row that could not be trained
    left_out: list[str] = field(default_factory=list)  # and for each picture
    stopped: str = ""


def ablate(request: Request, console: Console | None = None) -> Outcome:
    """Train the rows of a table that are not trained yet, score them, and write the page after each.

    Rows of other tables and seeds that are in the folder are scored, too. Raises UserError for a request that
    cannot be met; then no row was trained.
    """
    plan, tables = _prepare(request)
    size = plan.config.data.size
    labels = find_labels(plan.reading, request.scorer, request.labels, request.ignore, request.device, size)
    options, progress = Options(find_features(request.features), labels), Progress(console)
    ablation = _Ablation(request, plan, options, Outcome(tables), progress)
    outcome = ablation.outcome
    if labels is None:
        outcome.notes.append(_way_to_a_scorer(request))
    _refuse_other_pairs(request, plan, tables, progress)
    with closing(RunFolder(request.out)) as folder, closing(progress):
        try:
            folder.lock()
        except UserError as error:
            raise UserError(error.message, "Wait for it, or choose another folder with -o.") from None
        ablation.run()
    if outcome.failed and not outcome.scored:
        raise UserError(outcome.failed[0], "No row could be trained.")
    return outcome


@dataclass(frozen=True)
class _Ablation:
    """What rows are trained and scored with, and what became of them."""

    request: Request
    plan: Plan
    options: Options
    outcome: Outcome
    progress: Progress

    def run(self) -> None:
        """Score the rows that are trained, then train and score the others, until the user stops it."""
        tables = self.outcome.tables
        requested = requested_runs(self.request, tables)
        pending = [run for run in requested if run.images_left]
        for run in runs_on_disk(self.request.out, tables, self.request.over):
            if not run.images_left:
                self._score(run)
        self._write()  # not before: a page with fewer rows must not take the place of the last one
        for run in pending:
            place = f"row {requested.index(run) + 1} of {len(requested)}"
            left = duration(_seconds_left(requested, self.plan))
            self.progress.log(f"{place}: {run}, about {left} left for all, scoring not counted")
            if not self._train(run):
                return
            if not run.images_left:
                self._score(run)
                self._write()

    def _train(self, run: RowRun) -> bool:
        """Train a row; False where the user stopped it. A row that breaks does not stop the others."""
        request, console = self.request, self.progress.console
        try:
            result = train(request.data, run.config, run.folder, device=request.device, console=console)
        except UserError as error:
            self.outcome.failed.append(f"{run}: {error}")
            return True
        _extend(self.outcome.left_out, result.failures)
        if not result.finished:
            self.outcome.stopped = f"{run} at image {result.images_seen:,}"
        return result.finished

    def _score(self, run: RowRun) -> None:
        """Score a row on the validation pairs; what was scored before is only read."""
        request, labels = self.request, self.options.labels
        self.progress.log(f"scoring {run}")
        # Whether a row copies is not needed here, and slower than all other scores.
        subject = ModelSubject(
            run.folder, request.data, "validation", None, 0, request.device, "auto", memory=False
        )
        out = request.out / "scores" / run.name
        evaluation = evaluate(subject, out, self.options, self.progress)
        write_scores(evaluation, out)
        write_report(evaluation, out)
        write_pictures(subject, run.name, request.out)
        by_class = labels.rows(evaluation.columns, evaluation.places) if labels else {}
        about = {**subject.identity, **evaluation.measured_by, "row": run.row.name, "run_seed": run.seed}
        self.outcome.scored[run.name] = ScoredRun(
            run.row.name, run.seed, evaluation.scores, by_class.get("real", {}), len(evaluation.names), about
        )
        _extend(self.outcome.notes, evaluation.notes)
        _extend(self.outcome.left_out, evaluation.failures)

    def _write(self) -> None:
        request, outcome = self.request, self.outcome
        facts = _facts(request, self.plan)
        write_tables(request.out, request.over, outcome.tables, outcome.scored, facts, outcome.notes)


def describe_ablation(request: Request) -> dict[str, str]:
    """Return how far each row is, and about how long the rest takes; nothing is written."""
    plan, tables = _prepare(request)
    facts = {}
    requested = requested_runs(request, tables)
    for run in requested:
        total, seen = run.config.training.images, run.images_seen
        state = f"continues at image {seen:,} of {total:,}" if seen else f"{total:,} images"
        facts[run.name] = f"{run}: {'trained' if not run.images_left else state}"
    left = _seconds_left(requested, plan)
    facts["time"] = f"about {duration(left)}; validation and scoring come on top" if left else "none"
    return facts


def _prepare(request: Request) -> tuple[Plan, dict[str, Table]]:
    """Return the plan of the paper's method, which all tables share, and the tables."""
    tables = ablation_tables(request.config)
    refuse_other_budget(request.out, tables, request.over)
    base = next((run for run in requested_runs(request, tables) if run.row.name == BASE), None)
    if base is None:  # of patches, where the stated size is none of them
        sizes = [row.config.model.discriminator_px for row in tables[request.over].rows]
        raise UserError(
            f"No row of --over {request.over} has model.discriminator_px = "
            f"{request.config.model.discriminator_px}.",
            f"Set it to a size of the rows ({', '.join(map(str, sizes))}), best to the largest up to 70.",
        )
    plan = make_plan(request.data, base.config, base.folder, device=request.device)
    if not plan.pairs.validation:
        raise UserError(
            f"{' and '.join(request.data)} has no pairs to validate on (found train: "
            f"{len(plan.pairs.splits['train']):,}), and rows are scored on them.",
            "Move a part of the pairs into a folder val: pix2pix data split.",
        )
    return plan, tables


def _refuse_other_pairs(
    request: Request, plan: Plan, tables: Mapping[str, Table], progress: Progress
) -> None:
    """Raise UserError where a row on disk learned from other pairs; decodes the pairs, once for all rows."""
    stores = open_stores(plan, False, progress)
    if not stores.scored:
        raise UserError(f"None of the validation pairs can be read: {stores.failures[-1]}")
    for run in runs_on_disk(request.out, tables, request.over):
        if run.images_seen and read_header(run.folder).provenance.data_digest != stores.training.digest:
            raise UserError(
                f"{run.folder} was trained on other pairs than {' and '.join(request.data)} has now.",
                "Choose another folder with -o.",
            )


def _extend(sentences: list[str], more: Sequence[str]) -> None:
    """Add the sentences that are not there yet."""
    sentences += [sentence for sentence in dict.fromkeys(more) if sentence not in sentences]


def _seconds_left(runs: Sequence[RowRun], plan: Plan) -> float:
    """Return seconds of training that are left, at the speed of the rows so far, or of a few timed steps."""
    left = sum(run.images_left for run in runs)
    lines = [line for run in runs for line in read_metrics(run.folder / "metrics.jsonl")[-3:]]
    if speeds := [line["seconds"] / line["images"] for line in lines if line.get("seconds")]:
        return left * fmean(speeds)
    if not left:
        return 0.0
    _, seconds = try_steps(plan, new_state(plan.config, plan.device))
    return left * seconds / plan.config.training.batch


def _facts(request: Request, plan: Plan) -> dict[str, str]:
    """Return what all rows share, for the page."""
    facts = facts_of(plan)
    kept = ("data", "pictures", "batch", "inference mode", "device")
    images = plan.config.training.images
    epochs = images / len(plan.pairs.splits["train"])
    return {
        "images a row": f"{images:,} ({epochs:.3g} epochs)",
        **{name: facts[name] for name in kept},
        "width": f"{plan.config.model.width}, discriminator {plan.config.model.discriminator_width}",
        "scorer": str(request.scorer or "none"),
    }


def _way_to_a_scorer(request: Request) -> str:
    palette = request.labels or request.config.data.source_labels
    if not palette:
        return "The FCN-score is not measured: it needs label maps of known classes, and a --scorer."
    pairs = " ".join(reversed(request.data))  # photographs are the sources now
    if len(request.data) == 1:
        pairs += f" --set data.source={'left' if request.config.data.source == 'right' else 'right'}"
    size = str(request.config.data.size_px).replace(" ", "")
    return (
        "The FCN-score is not measured: it needs a network that finds the classes in photographs. Train it "
        f"on the same pairs, pix2pix train {pairs} --recipe scorer --set data.target_labels={palette} "
        f"--set data.snap_labels=true --set data.size_px={size} --run scorer, and add --scorer scorer."
    )
