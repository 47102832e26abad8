"""A whole collection: what is to be done, and what became of it.

The driver reads the model's header and no weights. What is done is kept in the manifest, so that the
same command again does only what is missing or has changed.
"""

from __future__ import annotations

import hashlib
import json
import time
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from pix2pix import __version__
from pix2pix.bulk import parts, tables
from pix2pix.bulk.collection import Collection, Item, find
from pix2pix.bulk.manifest import FOLDER, Manifest, Record
from pix2pix.bulk.places import Place, open_place, refuse_overlap
from pix2pix.bulk.tables import Row
from pix2pix.bulk.work import Options, Work
from pix2pix.bulk.workers import Cluster, Pool
from pix2pix.errors import UserError, counted
from pix2pix.files import exclusive, file_digest, remove_stale, require_space
from pix2pix.model_file import Header, model_path, read_header
from pix2pix.pictures import codec
from pix2pix.progress import Progress

FAILED = "failed.parquet"
_CHUNK = 32  # pictures that are read by one task, at most
_CHUNK_OF_ROWS = 256  # of one row group, which is read at once


@dataclass(frozen=True)
class Request:
    """What the user asked for; None where the job decides, or where it began with something."""

    source: str
    target: str
    model: Path
    options: Options
    column: str | None = None
    address: str | None = None
    workers: int | None = None
    gpus: float | None = None
    engine: str = "auto"
    precision: str = "auto"
    verify: bool = False


@dataclass
class Outcome:
    """How many pictures there are, were the same as before and were translated, in which time.

    `failures` are reasons, by which pictures are named; `failed_file` has them all.
    """

    total: int
    unchanged: int = 0
    translated: int = 0
    seconds: float = 0.0
    failures: list[str] = field(default_factory=list)
    failed_file: str = ""


def run(request: Request, cluster: Cluster, progress: Progress) -> Outcome:
    """Translate what is missing or has changed; raises UserError for a request that cannot be met."""
    source, target = open_place(request.source), open_place(request.target)
    refuse_overlap(source, target)
    header = read_header(request.model)
    _check_options(header, request.options)
    collection = find(source, header, request.options.suffix, request.column)
    places: dict[str, Any] = {
        "source": source,
        "target": target,
        "header": header,
        "column": collection.column,
    }
    with _alone(target):
        kept, manifest = _kept(request, target), Manifest(target)
        if "threads" in kept and not request.verify:
            job = _Run(_work(request, kept, **places), collection, manifest, progress)
            if not job.rows:
                return job.end()
        with cluster.connected(request.address):
            workers = cluster.pool(request.workers, request.gpus, kept.get("threads"), kept.get("device"))
            facts = _facts(request, kept, workers)
            manifest.begin(facts)
            job = _Run(_work(request, facts, **places), collection, manifest, progress)
            return job.finish(cluster, workers)


class _Run:
    """A job under way; `rows` are what is not done, or is to be verified."""

    def __init__(self, work: Work, collection: Collection, manifest: Manifest, progress: Progress) -> None:
        self._work, self._manifest, self._progress = work, manifest, progress
        self._collection, self._how = collection, _how(work)
        self._outcome = Outcome(len(collection.items))
        self._failed: list[Row] = []
        self.rows = self._left()

    def finish(self, cluster: Cluster, workers: Pool) -> Outcome:
        """Do what is left of the job."""
        self._require_space()
        cluster.check_nodes(self._work)
        start = time.monotonic()
        try:
            self._translate(cluster, workers)
        finally:
            self._manifest.save()
        self._outcome.seconds = time.monotonic() - start
        return self.end()

    def end(self) -> Outcome:
        """Tidy up, and write what failed."""
        self._manifest.join()
        if self._work.target.is_local:
            for folder in {self._work.target.local(item.output).parent for item in self._collection.items}:
                remove_stale(folder)
        if self._work.into_parquet:
            parts.settle(self._work.target, self._manifest.records)
        self._report_failed()
        return self._outcome

    def _left(self) -> list[Row]:
        """Return the rows of what is not done, or is to be verified."""
        target, verify = self._work.target, self._work.verify
        sizes = {entry.path: entry.size for entry in target.entries()}
        records = self._manifest.records
        if verify and self._work.into_parquet:
            names = parts.intact(target, records)
            records = {name: record for name, record in records.items() if name in names}
        rows, others = [], 0
        for item in self._collection.items:
            record = records.get(item.name)
            others += record is not None and record.how != self._how
            known = record if record and self._is_there(item, record, sizes) else None
            if known and not verify and (known.size, known.modified) == (item.size, item.modified):
                self._outcome.unchanged += 1
            else:
                rows.append(_row(item, known))
        if others:
            what = counted(others, "picture")
            self._progress.log(f"note: {what} done by another model or in another way, to be done again")
        return rows

    def _is_there(self, item: Item, record: Record, sizes: dict[str, int]) -> bool:
        """Return whether an output is there that was made as this job makes it."""
        size = sizes.get(record.output)
        if self._work.into_parquet:
            return record.how == self._how and size is not None
        return record.how == self._how and record.output == item.output and size == record.output_size

    def _require_space(self) -> None:
        """Raise UserError where the disk is too small for as many bytes as the inputs have."""
        if self._work.target.is_local:
            needed = sum({row["path"]: row["size"] for row in self.rows if not row["known_digest"]}.values())
            what = f"The translations of {counted(len(self.rows), 'picture')}, taken to be as large as those,"
            require_space(self._work.target.local(""), needed, what)

    def _translate(self, cluster: Cluster, workers: Pool) -> None:
        total, done, start = len(self.rows), 0, time.monotonic()
        self._progress.log(f"{counted(total, 'picture')} to do, {_in_words(self._work, workers)}")
        try:
            for block in cluster.results(self._work, workers, _chunks(self.rows, workers)):
                self._take(block)
                done += len(block)
                rate = done / (time.monotonic() - start)
                note = f"{rate:.1f} pictures/s  {len(self._failed)} failed"
                self._progress.update("translating", done, total, "pictures", note)
        except KeyboardInterrupt:
            self._progress.log(f"stopped after {done:,} of {total:,} pictures; the same command goes on")
            raise
        finally:
            self._progress.close()

    def _take(self, rows: list[Row]) -> None:
        """Keep what became of rows; raises UserError where no other can be written either."""
        good = [row for row in rows if row["error"] is None]
        self._failed += [row for row in rows if row["error"] is not None]
        self._outcome.unchanged += sum(row["unchanged"] for row in good)
        self._outcome.translated += sum(not row["unchanged"] for row in good)
        self._manifest.add(
            Record(how=self._how, **{name: row[name] for name in Record._fields if name != "how"})
            for row in good
        )
        if fatal := next((row["error"] for row in rows if row["fatal"]), None):
            done = counted(self._outcome.translated, "picture")
            raise UserError(f"{fatal} {done} done; the same command goes on.")

    def _report_failed(self) -> None:
        """Write `failed.parquet`, or delete an older one where nothing failed."""
        target, failed = self._work.target, sorted(self._failed, key=lambda row: row["name"])
        path = f"{FOLDER}/{FAILED}" if self._work.into_parquet else FAILED
        if failed:
            target.write(path, tables.to_file([{"name": r["name"], "reason": r["error"]} for r in failed]))
        else:
            target.delete(path)
        self._outcome.failed_file = target.name(path)
        self._outcome.failures = [row["error"] for row in failed]


def _kept(request: Request, target: Place) -> dict[str, Any]:
    """Return the facts that this job keeps of the one that is there: all, if the model is the same.

    A job that goes on keeps the engine, the threads and the device with which it began.
    """
    path = model_path(request.model)
    before, digest = Manifest.job(target), file_digest(path)
    same = before if before.get("model") == digest else {}
    named = (("engine", request.engine), ("precision", request.precision))
    kept = {**same, **{name: value for name, value in named if value != "auto"}, "model": digest}
    if request.gpus is not None:
        kept["device"] = "cuda" if request.gpus else "cpu"
    return kept


def _facts(request: Request, kept: dict[str, Any], workers: Pool) -> dict[str, Any]:
    """Return what all outputs have in common."""
    on_cpu = not workers.gpus
    usual = "openvino" if on_cpu and request.precision != "bf16" and find_spec("openvino") else "torch"
    return {
        "engine": usual,
        "precision": "auto",
        **kept,
        "threads": workers.threads,
        "device": "cpu" if on_cpu else "cuda",
        "pix2pix": __version__,
    }


def _work(request: Request, facts: dict[str, Any], target: Place, **others: Any) -> Work:
    return Work(
        model=request.model.resolve(),
        model_digest=facts["model"],
        options=request.options,
        device=facts["device"],
        engine=facts["engine"],
        precision=facts["precision"],
        threads=facts["threads"],
        target=target,
        into_parquet=target.root.endswith(tables.ENDING),
        verify=request.verify,
        **others,
    )


def _check_options(header: Header, options: Options) -> None:
    """Raise UserError for what no picture could be translated by."""
    if options.suffix:
        codec.check_holds(Path(f"name{options.suffix}"), *header.image.output)
    if options.make and header.image.photograph is None:
        raise UserError(
            "This model learned from pairs as they are: it makes no sources.", "Leave out --make."
        )


def _how(work: Work) -> str:
    """Return the checksum of all that decides the bytes of an output, but for its input."""
    facts = [work.model_digest, work.device, work.engine, work.precision, work.threads, work.column]
    text = json.dumps([*facts, asdict(work.options)])
    return hashlib.sha256(text.encode()).hexdigest()


def _in_words(work: Work, workers: Pool) -> str:
    each = f"{workers.gpus:g} GPUs" if workers.gpus else counted(work.threads, "thread")
    return f"by {counted(workers.workers, 'worker')} of {each}, {work.engine}"


def _row(item: Item, known: Record | None) -> Row:
    names = ("digest", "output", "output_size", "output_digest")
    return asdict(item) | {f"known_{name}": known and getattr(known, name) for name in names}


def _chunks(rows: list[Row], workers: Pool) -> list[list[Row]]:
    """Return the rows in parts that one task reads: few enough that all workers have work to the end."""
    chunks: list[list[Row]] = []
    largest = max(1, min(_CHUNK, len(rows) // (4 * workers.workers)))
    for row in rows:
        last = chunks[-1] if chunks else []
        of_group = row["group"] >= 0
        alike = last and (
            not of_group or (last[-1]["path"], last[-1]["group"]) == (row["path"], row["group"])
        )
        if alike and len(last) < (_CHUNK_OF_ROWS if of_group else largest):
            last.append(row)
        else:
            chunks.append([row])
    return chunks


def _alone(target: Place) -> AbstractContextManager[None]:
    """Keep other jobs out of a local place while this one writes there."""
    if not target.is_local:
        return nullcontext()
    return exclusive(target.local(f"{FOLDER}/lock"), f"Another job is writing to {target.text}.")
