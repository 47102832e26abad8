"""The job on Ray: a cluster of this machine alone, or one that runs already.

Reading is Ray's tasks, translating and writing is an actor pool. Ray Data holds back what is read too
early, and starts killed workers and their rows again.
"""

from __future__ import annotations

import logging
import os
import signal
import socket
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from functools import partial
from pathlib import Path
from typing import Any

import ray
import ray.data
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from pix2pix.bulk import reading, tables
from pix2pix.bulk.deaths import Counts, Turns, guarded, loading
from pix2pix.bulk.tables import Row
from pix2pix.bulk.translating import Translate
from pix2pix.bulk.work import Work, obstacle
from pix2pix.bulk.workers import Pool, fitting
from pix2pix.errors import UserError, first_line

_STORE_BYTES = 2**31  # of the memory that Ray's processes on one machine share


@contextmanager
def connected(address: str | None) -> Iterator[None]:
    """Start Ray on this machine alone, or connect to a cluster; it ends with the block.

    Raises UserError where there is no cluster at the address.
    """
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"  # else Ray reports to its makers
    os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")  # of what it prints from C++
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")  # as Ray's next version
    os.environ.setdefault("RAY_raylet_start_wait_time_s", "300")  # a busy machine takes minutes
    alone = {"include_dashboard": False, "object_store_memory": _STORE_BYTES, "num_cpus": _processors()}
    how: dict[str, Any] = {"address": address} if address else alone
    try:
        _call(address or "")
        with _own_sigterm(), _silent():  # a line that says the level of its lines
            ray.init(**how, logging_level=logging.CRITICAL, log_to_driver=False)
    except Exception as error:  # Ray's are of any kind
        if address:
            raise UserError(
                f"There is no Ray cluster at {address}: {first_line(error)}.",
                "Start one with 'ray start --head', or leave --address out; if it is there and asks for a "
                "token, set RAY_AUTH_MODE=token.",
            ) from None
        raise UserError(f"Ray does not start on this machine: {first_line(error)}.") from None
    # A thread of Ray's prints whatever becomes of workers.
    with Path(os.devnull).open("w", encoding="utf-8") as nowhere, redirect_stdout(nowhere):
        try:
            _without_progress()
            yield
        finally:
            ray.shutdown()


def _without_progress() -> None:
    """Switch Ray Data's own progress and notes off."""
    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = context.enable_operator_progress_bars = False
    context.print_on_execution_start = False
    for name in ("ray", "ray.data"):
        logging.getLogger(name).setLevel(logging.CRITICAL)


def pool(workers: int | None, gpus: float | None, threads: int | None, device: str | None) -> Pool:
    """Return the workers, see `fitting`."""
    machines = [(node["Resources"].get("CPU", 0.0), node["Resources"].get("GPU", 0.0)) for node in _nodes()]
    return fitting(machines, workers, gpus, threads, device)


def check_nodes(work: Work) -> None:
    """Raise UserError that names a machine that does not see the model, IN or OUT."""
    # A machine without processors for Ray, often the first one of a cluster, does none of the work.
    nodes = [node for node in _nodes() if node["Resources"].get("CPU")]
    ask = ray.remote(obstacle)
    places = [NodeAffinitySchedulingStrategy(node["NodeID"], soft=False) for node in nodes]
    answers = [ask.options(num_cpus=0, scheduling_strategy=place).remote(work) for place in places]
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
            raise UserError(sentence)


def results(work: Work, workers: Pool, chunks: Sequence[Sequence[Row]]) -> Iterator[list[Row]]:
    """Yield what became of the rows, a block at a time, in any order.

    Raises UserError where Ray gives up.
    """
    about: dict[str, Any] = {"batch_size": None, "batch_format": "pyarrow"}
    blocks = [tables.to_table(chunk) for chunk in chunks]
    ledger = _Ledger()
    read: dict[str, Any] = {
        **about,
        "fn_kwargs": {"work": work, "ledger": ledger},
        "num_cpus": workers.reading_cpus,
        "concurrency": min(max(1, int(ray.cluster_resources()["CPU"])), len(blocks)),
    }
    translate: dict[str, Any] = {
        **about,
        "fn_constructor_args": (work, workers.writers, ledger),
        # Of two blocks one is translated while the other arrives or is written.
        "compute": ray.data.ActorPoolStrategy(
            size=min(workers.workers, len(blocks)),
            max_concurrent_calls_per_actor=2,
            enable_true_multi_threading=True,
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


class _Ledger:
    """A ledger in a process of Ray's, for all workers."""

    def __init__(self) -> None:
        self._counts = ray.remote(Counts).options(num_cpus=0, max_restarts=-1, max_task_retries=-1).remote()

    def begin(self, key: str) -> int:
        return int(ray.get(self._counts.begin.remote(key)))

    def end(self, key: str) -> None:
        self._counts.end.remote(key)


def _read(table: Any, work: Work, ledger: _Ledger) -> Iterator[Any]:
    rows = tables.to_rows(table)
    for block in guarded(ledger, "reading", rows, partial(reading.read, work), Turns()):
        yield tables.to_table(block)


class _Translate:
    """The actor, on tables."""

    def __init__(self, work: Work, writers: int, ledger: _Ledger) -> None:
        self._ledger, self._turns = ledger, Turns()
        worker = ray.get_runtime_context().get_actor_id()  # the same after a restart
        self._translate = Translate(work, writers, loading(ledger, worker))

    def __call__(self, table: Any) -> Iterator[Any]:
        rows = tables.to_rows(table)
        for block in guarded(self._ledger, "translating", rows, self._blocks, self._turns):
            yield tables.to_table(block)

    def _blocks(self, rows: list[Row]) -> Iterator[list[Row]]:
        yield self._translate(rows)


def _nodes() -> list[dict[str, Any]]:
    return [node for node in ray.nodes() if node["Alive"]]


def _call(address: str) -> None:
    """Raise OSError where nothing answers at HOST:PORT: Ray would try for minutes."""
    host, _, port = address.rpartition(":")
    if port.isdigit() and "//" not in host:
        socket.create_connection((host.strip("[]"), int(port)), timeout=10).close()


@contextmanager
def _own_sigterm() -> Iterator[None]:
    """Take back the signal, at which Ray ends the process as it is."""
    before = signal.getsignal(signal.SIGTERM)
    try:
        yield
    finally:
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, before)


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
