"""Several processes that train one model: torchrun starts them, each on a GPU of its own.

    torchrun --nproc-per-node=8 -m -- pix2pix train ...

`training.batch` is the batch of all together: the global order of images, and with it the run, is
the same for any number of processes. Each takes its part of every batch; gradients are averaged in
each turn, so that the weights stay equal. Batch norm alone sees the difference: its statistics are
those of a process's own pictures. The first process writes the run.
"""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor

from pix2pix.errors import UserError


@dataclass(frozen=True)
class Processes:
    """Which of how many this one is; alone, nothing below costs anything."""

    rank: int = 0
    world: int = 1

    @property
    def first(self) -> bool:
        """Whether this is the process that writes and speaks."""
        return self.rank == 0

    def in_words(self) -> str:
        """For a line of text; nothing where it is alone."""
        return f", {self.world} processes" if self.world > 1 else ""

    def check(self, batch: int) -> None:
        """Raise UserError where a batch cannot be shared equally."""
        if batch % self.world:
            raise UserError(
                f"training.batch = {batch} cannot be shared equally by {self.world} processes.",
                f"It counts the images of all together: --set training.batch={self.world}, or a multiple.",
            )

    def share(self, positions: range) -> range:
        """This process's part of a batch's positions: no image is seen by two."""
        count = len(positions) // self.world
        return positions[self.rank * count : (self.rank + 1) * count]

    def average(self, tensors: Iterable[Tensor]) -> None:
        """Put the mean over all processes in each tensor's place."""
        if self.world == 1:
            return
        by_type: dict[torch.dtype, list[Tensor]] = defaultdict(list)
        for tensor in tensors:
            by_type[tensor.dtype].append(tensor)
        for some in by_type.values():
            # In one piece: a small message costs as much as a large one.
            flat = torch.cat([t.flatten() for t in some])
            dist.all_reduce(flat)
            flat /= self.world
            parts = torch.split(flat, [t.numel() for t in some])
            for tensor, part in zip(some, parts, strict=True):
                tensor.copy_(part.view(tensor.shape))

    def agree(self, wishes: Sequence[bool]) -> list[bool]:
        """Each wish is granted to all where any process has it."""
        if self.world == 1:
            return list(wishes)
        gathered: list[Any] = [None] * self.world
        dist.all_gather_object(gathered, list(wishes), group=_host_group())
        return [any(column) for column in zip(*gathered, strict=True)]

    def tell(self, what: Any) -> Any:
        """What the first process has, in all of them."""
        if self.world == 1:
            return what
        told = [what]
        dist.broadcast_object_list(told, group=_host_group())
        return told[0]

    def copy_first(self, tensors: Iterable[Tensor]) -> None:
        """Put the first process's values in each tensor's place."""
        if self.world > 1:
            for tensor in tensors:
                ready = tensor.contiguous()
                dist.broadcast(ready, 0)
                tensor.copy_(ready)

    def wait(self) -> None:
        """Go on when all have come here."""
        self.agree([False])


ALONE = Processes()

_HOST_GROUPS: list[Any] = []


def _host_group() -> Any:
    """Messages between processors: they pass while the GPUs are at work."""
    if not _HOST_GROUPS:
        # The others wait while the first one decodes a set, which may take hours.
        _HOST_GROUPS.append(dist.new_group(backend="gloo", timeout=timedelta(days=1)))
    return _HOST_GROUPS[0]


def join_processes(device: str) -> tuple[Processes, str]:
    """Meet the other processes that torchrun started; this one's device. Alone where none did.

    Raises UserError where there are more of them than GPUs.
    """
    if "TORCHELASTIC_RUN_ID" not in os.environ:
        return ALONE, device
    local = int(os.environ["LOCAL_RANK"])
    on_gpu = device.partition(":")[0] in ("auto", "cuda") and torch.cuda.is_available()
    if on_gpu:
        here, found = int(os.environ.get("LOCAL_WORLD_SIZE", local + 1)), torch.cuda.device_count()
        if here > found:
            raise UserError(
                f"{here} processes were started on a machine with {found} "
                f"GPU{'s' * (found > 1)}: wanted one GPU for each.",
                f"Start torchrun with --nproc-per-node={found}.",
            )
        device = f"cuda:{local}"
        torch.cuda.set_device(local)
    if not dist.is_initialized():
        dist.init_process_group("nccl" if on_gpu else "gloo")
    return Processes(dist.get_rank(), dist.get_world_size()), device


def leave_processes() -> None:
    """Say farewell, where there was anybody."""
    if dist.is_available() and dist.is_initialized():
        _HOST_GROUPS.clear()
        dist.destroy_process_group()
