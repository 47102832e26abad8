"""Two engines for one step, behind one interface: the same order of data, the same noise.

plain   `step.plain_step`, on any device: the reference
graph   `graph.GraphEngine`, on NVIDIA's GPUs: the whole step captured once and replayed
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, Protocol

import torch

from pix2pix.config import Config
from pix2pix.data.batches import Batch
from pix2pix.data.feed import Feed, Packet
from pix2pix.device import Precision
from pix2pix.errors import UserError
from pix2pix.training.distributed import ALONE, Processes
from pix2pix.training.meter import Meter
from pix2pix.training.state import State
from pix2pix.training.step import plain_step

EngineName = Literal["plain", "graph"]


@dataclass(frozen=True)
class Setting:
    """What an engine works with."""

    state: State
    config: Config
    feed: Feed
    meter: Meter
    device: torch.device
    precision: Precision = "fp32"
    processes: Processes = ALONE


class Engine(Protocol):
    """One step at a time; losses go to the meter, positions to the state."""

    name: EngineName

    def prepare(self, packet: Packet, say: Callable[[str], None]) -> None:
        """What takes long, once, before the first step; `packet` is one of those to come."""

    def step(self, packet: Packet) -> None:
        """One turn of D and one of G on the packet's images."""

    def close(self) -> None:
        """Let go of what is held beside the setting; before the processes part."""


class PlainEngine:
    """The step as it is written down, operation by operation."""

    name: EngineName = "plain"

    def __init__(self, setting: Setting) -> None:
        self.setting = setting

    def prepare(self, packet: Packet, say: Callable[[str], None]) -> None:
        """Nothing."""

    def step(self, packet: Packet) -> None:
        """One turn of D and one of G."""
        its = self.setting
        source, target = its.feed.pictures(*packet.tensors)
        positions = torch.tensor(packet.positions, dtype=torch.int64).to(its.device)
        batch = Batch(source, target, [str(n) for n in packet.positions], positions)
        its.meter.add(plain_step(its.state, batch, its.config, its.precision, its.processes))

    def close(self) -> None:
        """Nothing."""


def pick_engine(name: str, device: torch.device) -> EngineName:
    """The engine of that name; `auto` is graph on NVIDIA's GPUs, plain elsewhere.

    Raises UserError for another name.
    """
    if name == "auto":
        return "graph" if device.type == "cuda" and torch.version.cuda else "plain"
    if name == "plain":
        return "plain"
    if name == "graph":
        return "graph"
    raise UserError(f"--engine {name} is unknown: wanted auto, plain, graph.")


def make_engine(name: EngineName, setting: Setting) -> Engine:
    """The engine, ready to be prepared."""
    if name == "plain":
        return PlainEngine(setting)
    from pix2pix.training.graph import GraphEngine

    return GraphEngine(setting)
