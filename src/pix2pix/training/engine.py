"""Two engines make the same step: the same order of data, the same noise.

plain   `step.plain_step`, on any device: the reference
graph   `captured.captured_engine`, on one of NVIDIA's GPUs: the step recorded once and replayed

An engine is a block: it yields the function that makes one step of a packet.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Literal, get_args

import torch

from pix2pix.config import Config
from pix2pix.data.feed import Feed, Packet
from pix2pix.device import Precision
from pix2pix.errors import UserError
from pix2pix.training.distributed import ALONE, Processes
from pix2pix.training.meter import Meter
from pix2pix.training.state import State
from pix2pix.training.step import plain_step

EngineName = Literal["plain", "graph"]
Engine = Callable[[Packet], None]  # losses go to the meter, positions to the state
Log = Callable[[str], None]


@dataclass(frozen=True)
class EngineContext:
    """What an engine works with."""

    state: State
    config: Config
    feed: Feed
    meter: Meter
    device: torch.device
    precision: Precision = "fp32"
    processes: Processes = ALONE


@contextmanager
def plain_engine(context: EngineContext, packet: Packet, log: Log) -> Iterator[Engine]:
    """Yield the step as it is written, operation by operation."""

    def step(packet: Packet) -> None:
        x, y = context.feed.pictures(*packet.tensors)
        losses = plain_step(
            context.state, x, y, packet.keys, context.config, context.precision, context.processes
        )
        context.meter.add(losses)

    yield step


def pick_engine(name: str, device: torch.device, processes: Processes = ALONE) -> EngineName:
    """Return the engine of that name; `auto` is graph on NVIDIA's GPUs, plain elsewhere.

    Several processes take plain: recording their messages was never measured. Raises UserError for
    an unknown name.
    """
    if name not in ("auto", *get_args(EngineName)):
        raise UserError(f"--engine {name} is unknown: choose auto, plain or graph.")
    captured = name == "graph" or (name == "auto" and device.type == "cuda" and bool(torch.version.cuda))
    return "graph" if captured and processes.world == 1 else "plain"


def open_engine(
    name: EngineName, context: EngineContext, packet: Packet, log: Log
) -> AbstractContextManager[Engine]:
    """Prepare the engine; `packet` is one of those to come, and the state is left as it was."""
    from pix2pix.training.captured import captured_engine

    return {"plain": plain_engine, "graph": captured_engine}[name](context, packet, log)
