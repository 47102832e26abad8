"""The job on Ray: a cluster of this machine alone, or one that runs already.

Reading is Ray's tasks, translating and writing is an actor pool. Ray Data holds back what is read too
early, and starts killed workers and their rows again.
"""

from __future__ import annotations

import logging
import os
import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import ray
import ray.data
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from pix2pix.bulk import reading, tables
from pix2pix.bulk.tables import Row
from pix2pix.bulk.translating import Translate
from pix2pix.bulk.work import Work, obstacle
from pix2pix.errors import UserError, counted, first_line

_STORE_BYTES = 2**31  # of the memory that Ray's processes on one machine share
# Shares of a processor that Ray reserves for a worker's thread, and for reading next to it.
_TRANSLATING, _READING = 0.75, 0.25


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


@contextmanager
def connected(address: str | None) -> Iterator[None]:
    """Start Ray on this machine alone, or connect to a cluster; it ends with the block.

    Raises UserError where there is no cluster at the address.
    """
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"  # else Ray reports to its makers
    os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")  # of what it prints from C++
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")  # as Ray's next version
    alone = {"include_dashboard": False, "object_store_memory": _STORE_BYTES, "num_cpus": _processors()}
    how: dict[str, Any] = {"address": address} if address else alone
    try:
        _call(address or "")
        with _silent():  # a line that says the level of its lines
            ray.init(**how, logging_level=logging.CRITICAL, log_to_driver=False)
    except (ConnectionError, ValueError, RuntimeError, OSError) as error:
        if address:
            raise UserError(
                f"There is no Ray cluster at {address}: {first_line(error)}.",
                "Start one with 'ray start --head', or leave --address out.",
            ) from None
        raise UserError(f"Ray does not start on this machine: {first_line(error)}.") from None
    try:
        # Progress is ours.
        context = ray.data.DataContext.get_current()
        context.enable_progress_bars = context.enable_operator_progress_bars = False
        context.print_on_execution_start = False
        for name in ("ray", "ray.data"):
            logging.getLogger(name).setLevel(logging.CRITICAL)
        yield
    finally:
        ray.shutdown()


def pool(workers: int | None, gpus: float | None, threads: int | None, device: str | None) -> Pool:
    """Return the workers of a cluster; `threads` and `device` are those that the job began with.

    By default each GPU is a worker, else each processor. Raises UserError where so many do not fit.
    """
    there = ray.cluster_resources()
    cpus, all_gpus = there.get("CPU", 0.0), there.get("GPU", 0.0)
    if gpus is None:
        gpus = 1.0 if device == "cuda" or (all_gpus and device is None) else 0.0
    if gpus > all_gpus:
        raise UserError(
            f"A worker is to have {gpus:g} GPUs, and Ray sees {all_gpus:g}.", "Lower --gpus-per-actor."
        )
    if workers is None:
        workers = max(1, int(all_gpus / gpus if gpus else cpus // (threads or 1)))
    threads = threads or max(1, int(cpus // workers))
    # With GPUs half of the processors encode and write.
    each = cpus / 2 / workers if gpus else _TRANSLATING * threads
    chosen = Pool(workers, threads, gpus, each, min(1.0, cpus / 2) if gpus else _READING)
    if workers * each + chosen.reading_cpus > cpus or workers * gpus > all_gpus:
        raise UserError(
            f"{counted(workers, 'worker')} of {counted(threads, 'thread')} and {gpus:g} GPUs do not fit on "
            f"{cpus:g} processors and {all_gpus:g} GPUs.",
            "Lower --workers.",
        )
    return chosen


def check_nodes(work: Work) -> None:
    """Raise UserError that names a machine that does not see the model, IN or OUT."""
    nodes = [node for node in ray.nodes() if node["Alive"]]
    ask = ray.remote(obstacle)
    answers = [
        ask.options(
            num_cpus=_READING, scheduling_strategy=NodeAffinitySchedulingStrategy(node["NodeID"], soft=False)
        ).remote(work)
        for node in nodes
    ]
    for node, answer in zip(nodes, answers, strict=True):
        try:
            sentence = ray.get(answer)
        except ray.exceptions.RayError as error:
            reason = str(error).strip().splitlines()[-1].rstrip(".")
            raise UserError(
                f"The machine {node['NodeManagerAddress']} cannot work on the job: {reason}.",
                "Install the same pix2pix on all machines.",
            ) from None
        if sentence:
            raise UserError(f"The machine {node['NodeManagerAddress']} cannot work on the job. {sentence}")


def results(work: Work, workers: Pool, chunks: Sequence[Sequence[Row]]) -> Iterator[list[Row]]:
    """Yield what became of the rows, a block at a time, in any order.

    Raises UserError where Ray gives up.
    """
    about: dict[str, Any] = {"batch_size": None, "batch_format": "pyarrow"}
    blocks = [tables.to_table(chunk) for chunk in chunks]
    read: dict[str, Any] = {
        **about,
        "fn_kwargs": {"work": work},
        "num_cpus": workers.reading_cpus,
        "concurrency": max(1, int(ray.cluster_resources()["CPU"])),
    }
    translate: dict[str, Any] = {
        **about,
        "fn_constructor_args": (work, workers.writers),
        # Of two blocks one is translated while the other arrives or is written.
        "compute": ray.data.ActorPoolStrategy(
            size=workers.workers, max_concurrent_calls_per_actor=2, enable_true_multi_threading=True
        ),
        "num_cpus": workers.cpus,
        "num_gpus": workers.gpus,
    }
    data = ray.data.from_arrow(blocks).map_batches(_read, **read).map_batches(_Translate, **translate)
    try:
        for table in data.iter_batches(batch_size=None, batch_format="pyarrow"):
            yield tables.to_rows(table)
    except ray.exceptions.RayError as error:
        reason = str(error).strip().splitlines()[-1].rstrip(".")
        raise UserError(f"Ray gave up: {reason}.", "The same command again goes on.") from None


def _read(table: Any, work: Work) -> Iterator[Any]:
    for block in reading.read(work, tables.to_rows(table)):
        yield tables.to_table(block)


class _Translate:
    """The actor, on tables."""

    def __init__(self, work: Work, writers: int) -> None:
        self._translate = Translate(work, writers)

    def __call__(self, table: Any) -> Any:
        return tables.to_table(self._translate(tables.to_rows(table)))


def _call(address: str) -> None:
    """Raise OSError where nothing answers at HOST:PORT: Ray would try for minutes."""
    host, _, port = address.rpartition(":")
    if port.isdigit() and "//" not in host:
        socket.create_connection((host.strip("[]"), int(port)), timeout=10).close()


@contextmanager
def _silent() -> Iterator[None]:
    """Drop what a library writes to standard error by itself."""
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


def _processors() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
