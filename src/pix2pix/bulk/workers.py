"""How many workers there are, and what a cluster does with them: known without Ray."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

from pix2pix.bulk.tables import Row
from pix2pix.bulk.work import Work
from pix2pix.errors import UserError, counted

# Shares of a processor that are reserved for a worker's thread, and for reading next to it.
TRANSLATING, READING = 0.75, 0.25


@dataclass(frozen=True)
class Pool:
    """The workers that translate: how many, with how many threads each, or on how many GPUs each.

    `cpus` is what Ray reserves of processors for each, `reading_cpus` for reading a block of pictures.
    """

    workers: int
    threads: int
    gpus: float
    cpus: float
    reading_cpus: float

    @property
    def writers(self) -> int:
        """Return the threads by which a worker writes."""
        return max(2, round(2 * self.cpus))


class Cluster(Protocol):
    """Where the job runs; `cluster` is the one on Ray."""

    def connected(self, address: str | None) -> AbstractContextManager[None]:
        """Return the block in which there are workers."""

    def pool(self, workers: int | None, gpus: float | None, threads: int | None, device: str | None) -> Pool:
        """Return the workers, see `fitting`."""

    def check_nodes(self, work: Work) -> None:
        """Raise UserError that names a machine that cannot work on the job."""

    def results(self, work: Work, workers: Pool, chunks: Sequence[Sequence[Row]]) -> Iterator[list[Row]]:
        """Yield what became of the rows, a block at a time, in any order."""


def fitting(
    resources: tuple[float, float],
    workers: int | None,
    gpus: float | None,
    threads: int | None,
    device: str | None,
) -> Pool:
    """Return the workers for (processors, GPUs); `threads` and `device` are those that the job began with.

    By default each GPU is a worker, else each processor. Raises UserError where so many do not fit.
    """
    cpus, all_gpus = resources
    if gpus is None:
        gpus = 1.0 if device == "cuda" or (all_gpus and device is None) else 0.0
    if gpus > all_gpus:
        raise UserError(
            f"A worker is to have {gpus:g} GPUs, and Ray sees {all_gpus:g}.", "Lower --gpus-per-actor."
        )
    if workers is None:
        workers = max(1, int(all_gpus / gpus if gpus else cpus // (threads or 1)))
    kept = threads is not None
    threads = threads or max(1, int(cpus // workers))
    # With GPUs half of the processors encode and write.
    each = cpus / 2 / workers if gpus else TRANSLATING * threads
    chosen = Pool(workers, threads, gpus, each, min(1.0, cpus / 2) if gpus else READING)
    if workers * each + chosen.reading_cpus > cpus or workers * gpus > all_gpus:
        raise UserError(
            f"{counted(workers, 'worker')} of {counted(threads, 'thread')} and {gpus:g} GPUs do not fit on "
            f"{cpus:g} processors and {all_gpus:g} GPUs.",
            _hint(workers, threads, kept),
        )
    return chosen


def _hint(workers: int, threads: int, kept: bool) -> str:
    """Return what to do where the workers do not fit; `kept` threads are those of a job that goes on."""
    if workers > 1:
        return "Lower --workers."
    if not kept:
        return "Give Ray at least one processor."
    return (
        f"The job keeps its {counted(threads, 'thread')}, since other numbers give other bytes: go on on a "
        "machine with as many processors, or begin anew with another OUT."
    )
