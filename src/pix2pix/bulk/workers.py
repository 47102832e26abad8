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
    machines: Sequence[tuple[float, float]],
    workers: int | None,
    gpus: float | None,
    threads: int | None,
    device: str | None,
) -> Pool:
    """Return the workers for machines of (processors, GPUs) each, since none can lie on two of them.

    By default each GPU is a worker, else each processor; `threads` and `device` are those that the job
    began with. Raises UserError where so many do not fit.
    """
    cpus, all_gpus = (sum(column) for column in zip(*machines, strict=True))
    if gpus is None:
        gpus = 1.0 if device == "cuda" or (all_gpus and device is None) else 0.0
    most = max(of_machine for _, of_machine in machines)
    if gpus > most:
        where = "Ray sees" if len(machines) == 1 else "no machine of the cluster has more than"
        raise UserError(
            f"A worker is to have {gpus:g} GPUs, and {where} {most:g}.", "Lower --gpus-per-actor."
        )
    if workers is None:
        each = (_times(of_machine, gpus) if gpus else own // (threads or 1) for own, of_machine in machines)
        workers = max(1, int(sum(each)))
    kept = threads is not None
    threads = threads or _threads(machines, workers, gpus)
    share = _with_gpu(machines, workers, gpus) if gpus else TRANSLATING * threads
    chosen = Pool(workers, threads, gpus, share, min(1.0, cpus / 2) if gpus else READING)
    if not _fits(machines, chosen):
        where = "" if len(machines) == 1 else f" of {len(machines)} machines"
        raise UserError(
            f"{counted(workers, 'worker')} of {counted(threads, 'thread')} and {gpus:g} GPUs do not fit on "
            f"{cpus:g} processors and {all_gpus:g} GPUs{where}.",
            _hint(workers, threads, kept),
        )
    return chosen


def _times(there: float, each: float) -> int:
    """Return how often a share of GPUs is there; `//` loses one, as ten tenths are less than 1."""
    return int(there / each + 1e-6)


def _threads(machines: Sequence[tuple[float, float]], workers: int, gpus: float) -> int:
    """Return the most threads of which each of the workers finds as many on one machine; 1 at least."""
    places = [(cpus, _times(own, gpus) if gpus else workers) for cpus, own in machines]
    largest = int(max(cpus for cpus, _ in places))
    counts = (
        n for n in range(largest, 1, -1) if sum(min(cpus // n, most) for cpus, most in places) >= workers
    )
    return next(counts, 1)


def _with_gpu(machines: Sequence[tuple[float, float]], workers: int, gpus: float) -> float:
    """Return the processors of a worker with GPUs: half of a machine's encode and write."""
    return min(cpus / 2 / min(workers, _times(own, gpus)) for cpus, own in machines if own >= gpus)


def _fits(machines: Sequence[tuple[float, float]], pool: Pool) -> bool:
    """Return whether all workers find a machine, and reading finds one after them."""
    if not pool.cpus:
        return False
    left, free = pool.workers, 0.0
    for cpus, gpus in machines:
        here = int(min(left, cpus // pool.cpus, _times(gpus, pool.gpus) if pool.gpus else left))
        left, free = left - here, max(free, cpus - here * pool.cpus)
    return not left and free >= pool.reading_cpus


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
