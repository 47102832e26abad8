"""Several processes that train one model: torchrun starts them, one for each GPU.

    torchrun --nproc-per-node=8 -m -- pix2pix train ...

`training.batch` is the batch of all together: the global order of images, and with it the run, is
the same for any number of processes. Each takes its part of every batch; gradients are averaged in
each turn, so that the weights stay equal. Batch norm alone sees the difference: its statistics are
those of each process's pictures. The first process writes the run. All make the plain step:
recording NCCL's messages in a CUDA graph was never measured. When one ends, all do (`watch.py`), with
one sentence.
"""

import os
import signal
import socket
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from threading import Timer
from typing import Any

import torch
import torch.distributed as dist

from pix2pix.errors import UserError, first_line
from pix2pix.training.watch import Watch, accept_peers, connect_to_first, open_listener

# What torchrun sets, and torch needs.
_ENVIRONMENT = ("RANK", "WORLD_SIZE", "LOCAL_RANK", "MASTER_ADDR", "MASTER_PORT")
_TORCHRUN = "torchrun --nproc-per-node=2 -m -- pix2pix train ..."
_NOTICE_SECONDS = 60.0  # until the kernel has noticed a network that is cut
_CLOSE_SECONDS = 10.0  # for connections to close after an error


class UnreachableError(Exception):
    """A message between the processes did not come through: another has ended."""


class _Stopped(BaseException):
    """A signal asks the process to end: no `except` for errors may catch it."""


@dataclass(frozen=True)
class Processes:
    """Which of how many processes this one is; alone, nothing below costs anything."""

    rank: int = 0
    world: int = 1

    @property
    def first(self) -> bool:
        """Whether this is the process that writes files and messages."""
        return self.rank == 0

    def check(self, batch: int) -> None:
        """Raise UserError where a batch cannot be shared equally."""
        if batch % self.world:
            raise UserError(
                f"training.batch = {batch} cannot be shared equally by {self.world} processes.",
                f"It counts the images of all together: --set training.batch={self.world}, or a multiple.",
            )

    def share(self, positions: range) -> range:
        """Return this process's part of a batch's positions: no image is seen by two."""
        count = len(positions) // self.world
        return positions[self.rank * count : (self.rank + 1) * count]

    def average(self, tensors: Iterable[torch.Tensor]) -> None:
        """Put the mean over all processes in each tensor's place."""
        if self.world == 1:
            return
        averaged = list(tensors)
        # In one message: a small one costs as much as a large one.
        flat = torch.cat([t.flatten() for t in averaged])
        with _message():
            dist.all_reduce(flat)
        flat /= self.world
        parts = torch.split(flat, [t.numel() for t in averaged])
        for tensor, part in zip(averaged, parts, strict=True):
            tensor.copy_(part.view(tensor.shape))

    def gather(self, value: Any) -> list[Any]:
        """Return the values of all processes, the first one's first, once all have called this."""
        values = [value] * self.world
        if self.world > 1:
            with _message():
                dist.all_gather_object(values, value, group=_host_group())
        return values

    def any_of(self, flags: Sequence[bool]) -> list[bool]:
        """Return for each flag whether it is set in any process."""
        return [any(column) for column in zip(*self.gather(flags), strict=True)]

    def copy_from_first(self, tensors: Iterable[torch.Tensor]) -> None:
        """Put the first process's values in each tensor's place."""
        if self.world > 1:
            for tensor in tensors:
                ready = tensor.contiguous()
                with _message():
                    dist.broadcast(ready, 0)
                tensor.copy_(ready)


ALONE = Processes()


@contextmanager
def _message() -> Iterator[None]:
    """Raise UnreachableError where a message fails: torch's own errors have no type in common."""
    try:
        yield
    except RuntimeError as error:
        raise UnreachableError(first_line(error)) from error


@cache
def _host_group() -> Any:
    """Return the group of messages between processors: they pass while the GPUs are busy."""
    # The others wait while the first one decodes the pairs, which may take hours.
    return dist.new_group(backend="gloo", timeout=timedelta(days=1))


@contextmanager
def process_group(device: str, advice: Callable[[], str]) -> Iterator[tuple[Processes, str]]:
    """Join the processes that torchrun started, if any, and yield them with this one's device.

    Where one of them ends, all do: the first raises UserError with the reason and `advice()`, how the run
    goes on, the others SystemExit. Raises UserError too where there are more of them than GPUs, and
    where they cannot reach each other.
    """
    if not _started_together():
        yield ALONE, device
        return
    on_gpu = device.partition(":")[0] in ("auto", "cuda") and torch.cuda.is_available()
    if on_gpu:
        device = _own_gpu()
    processes = _join("nccl" if on_gpu else "gloo")
    try:
        watch = _watch(processes, advice)
        with _stopped_by_signals(watch), _ending_together(watch):
            yield processes, device
    finally:
        _host_group.cache_clear()
        with _ended_in_time(sys.exception()):
            dist.destroy_process_group()


@contextmanager
def _ended_in_time(error: BaseException | None) -> Iterator[None]:
    """Report an error and end the process where closing the connections after it takes too long.

    They may wait for a process that has died, in a library that cannot be interrupted.
    """

    def end() -> None:
        if isinstance(error, UserError):
            print(f"pix2pix: {error}", file=sys.stderr, flush=True)
        os._exit(2)

    timer = Timer(_CLOSE_SECONDS, end)
    timer.daemon = True
    if error is not None:
        timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _started_together() -> bool:
    """Return whether torchrun, or another with the same environment, started several processes."""
    missing = [name for name in _ENVIRONMENT if name not in os.environ]
    if "TORCHELASTIC_RUN_ID" in os.environ or not missing:
        return True
    if (world := os.environ.get("WORLD_SIZE", "1")) in ("", "1"):
        return False
    raise UserError(
        f"WORLD_SIZE is {world}, for several processes, but {', '.join(missing)} "
        f"{'is' if len(missing) == 1 else 'are'} not set.",
        f"Start them with {_TORCHRUN}, or unset WORLD_SIZE to train with one.",
    )


def _join(backend: str) -> Processes:
    """Connect this process with all others; raises UserError where that fails."""
    try:
        dist.init_process_group(backend)
        _host_group()
    except (RuntimeError, ValueError) as error:
        raise UserError(
            f"Process {os.environ['RANK']} of {os.environ['WORLD_SIZE']} cannot join the others: "
            f"{first_line(error)}.",
            "Name the network interface between the machines by GLOO_SOCKET_IFNAME and, with GPUs, "
            "NCCL_SOCKET_IFNAME; all ports must be open.",
        ) from None
    return Processes(dist.get_rank(), dist.get_world_size())


def _watch(processes: Processes, advice: Callable[[], str]) -> Watch:
    """Connect the first process with each other one, so that the end of any is noticed."""
    rank, world, local = processes.rank, processes.world, int(os.environ["LOCAL_RANK"])
    listener, port, password = open_listener(world) if processes.first else (None, 0, "")
    places = processes.gather((port, password, socket.gethostname()))
    hosts = [host for _, _, host in places]
    names = [f"Process {n} of {world}{f' on {host}' * (len({*hosts}) > 1)}" for n, host in enumerate(hosts)]
    port, password, _ = places[0]
    if listener is not None:
        peers = accept_peers(listener, password, world - 1)
    else:
        peers = connect_to_first(os.environ["MASTER_ADDR"], port, password, rank)
    return Watch(peers, names, local == 0 or rank == local == 1, advice)


@contextmanager
def _ending_together(watch: Watch) -> Iterator[None]:
    """Let no process wait for one that has ended, and let one of all report why."""
    try:
        yield
    except UnreachableError as error:
        _ignore_signals()
        ended = watch.verdict(_NOTICE_SECONDS)
        raise ended or watch.report(UserError(f"A message to other processes failed: {error}.")) from None
    except _Stopped as error:
        _ignore_signals()
        raise watch.report(UserError(f"Training was stopped by {error}.", watch.advice())) from None
    except UserError as error:
        _ignore_signals()
        raise watch.report(error) from None
    except BaseException:
        _ignore_signals()
        watch.close(well=False)
        raise
    watch.close(well=True)


def _ignore_signals() -> None:
    """Let no signal keep this process from reporting why it ends."""
    with suppress(ValueError):  # only the main thread may handle signals
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, signal.SIG_IGN)


@contextmanager
def _stopped_by_signals(watch: Watch) -> Iterator[None]:
    """Turn signals that come before or after the steps into a sentence."""

    def stop(number: int, frame: object) -> None:
        # torchrun sends one, too, because another process has ended: that is what must be reported,
        # and is noticed in a moment.
        if not watch.has_ended(1.0):
            _ignore_signals()
            raise _Stopped(signal.Signals(number).name)

    before = {}
    with suppress(ValueError):  # only the main thread may handle signals
        before = {number: signal.signal(number, stop) for number in (signal.SIGTERM, signal.SIGINT)}
    # After an error they stay ignored: whoever else ends this process now, the reason must be printed.
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def _own_gpu() -> str:
    """Return this process's GPU, which becomes the current one."""
    local = int(os.environ["LOCAL_RANK"])
    processes, gpus = int(os.environ.get("LOCAL_WORLD_SIZE", local + 1)), torch.cuda.device_count()
    if processes > gpus:
        raise UserError(
            f"{processes} processes were started on a machine with {gpus} GPU{'s' * (gpus > 1)}: each "
            "needs its own.",
            f"Start torchrun with --nproc-per-node={gpus}.",
        )
    torch.cuda.set_device(local)
    return f"cuda:{local}"
