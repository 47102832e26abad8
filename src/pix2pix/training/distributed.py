"""Several processes that train one model: torchrun starts them, one for each GPU.

    torchrun --nproc-per-node=8 -m -- pix2pix train ...

`training.batch` is the batch of all together: the global order of images, and with it the run, is
the same for any number of processes. Each takes its part of every batch; gradients are averaged in
each turn, so that the weights stay equal. Batch norm alone sees the difference: its statistics are
those of each process's pictures. The first process writes the run. All make the plain step:
recording NCCL's messages in a CUDA graph was never measured.
"""

import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from typing import Any

import torch
import torch.distributed as dist

from pix2pix.errors import UserError


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
        dist.all_reduce(flat)
        flat /= self.world
        parts = torch.split(flat, [t.numel() for t in averaged])
        for tensor, part in zip(averaged, parts, strict=True):
            tensor.copy_(part.view(tensor.shape))

    def gather(self, value: Any) -> list[Any]:
        """Return the values of all processes, the first one's first, once all have called this."""
        values = [value] * self.world
        if self.world > 1:
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
                dist.broadcast(ready, 0)
                tensor.copy_(ready)


ALONE = Processes()


@cache
def _host_group() -> Any:
    """Return the group of messages between processors: they pass while the GPUs are busy."""
    # The others wait while the first one decodes the pairs, which may take hours.
    return dist.new_group(backend="gloo", timeout=timedelta(days=1))


@contextmanager
def process_group(device: str) -> Iterator[tuple[Processes, str]]:
    """Join the processes that torchrun started, if any, and yield them with this one's device.

    Raises UserError where there are more of them than GPUs.
    """
    if "TORCHELASTIC_RUN_ID" not in os.environ:
        yield ALONE, device
        return
    on_gpu = device.partition(":")[0] in ("auto", "cuda") and torch.cuda.is_available()
    if on_gpu:
        device = _own_gpu()
    dist.init_process_group("nccl" if on_gpu else "gloo")
    try:
        yield Processes(dist.get_rank(), dist.get_world_size()), device
    finally:
        _host_group.cache_clear()
        dist.destroy_process_group()


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
