"""Ways to run a generator for translating: torch runs it as it is written, an executor faster.

What users call an engine (`--engine openvino`) is the name of an executor, or torch.

An executor takes a source (B, C, H, W), the keys of its noise and the mode. It returns the target,
(B, C', H, W), or None where torch is to run this pass. Several threads may call it at once.

A further executor is a module with a builder, and the builder's line in `EXECUTORS`. A builder takes
a generator, its device and precision, and

requested     whether the user named this executor: it then runs from the first picture on
may_compile   a function to call before the executor takes memory for its own network

It returns None where it cannot run; if it was requested, it may raise a UserError with the reason.

B batch, C channels, H height, W width.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import nullcontext

import torch
from torch import Tensor

from pix2pix.config import Mode
from pix2pix.device import Precision, computing, on_device, set_precision
from pix2pix.errors import UserError
from pix2pix.inference import openvino
from pix2pix.networks import Generator
from pix2pix.networks.modes import in_mode, is_averaging, share_weights

Executor = Callable[[Tensor, Tensor | None, Mode], Tensor | None]
Builder = Callable[[Generator, torch.device, Precision, bool, Callable[[], bool]], Executor | None]

EXECUTORS: dict[str, Builder] = {"openvino": openvino.build}

# On GPUs the switch of precisions belongs to the process: one thread launches at a time.
_LAUNCHING = threading.Lock()


def pick_executor(
    engine: str,
    generator: Generator,
    device: torch.device,
    precision: Precision,
    may_compile: Callable[[], bool] = lambda: True,
) -> tuple[str, Executor | None]:
    """Return the name of an engine and its executor; `auto` is the first that can run here.

    ("torch", None): torch runs every pass. Raises UserError for an unknown engine, and for one that
    cannot run here.
    """
    if engine not in (names := ("auto", "torch", *EXECUTORS)):
        raise UserError(f"--engine {engine} is unknown: wanted {', '.join(names)}.")
    for name, build in EXECUTORS.items():
        if engine in ("auto", name):
            executor = build(generator, device, precision, engine == name, may_compile)
            if executor is not None:
                return name, executor
    if engine in EXECUTORS:
        raise UserError(f"--engine {engine} cannot run this model on {device.type} in {precision}.")
    return "torch", None


class Passes:
    """Passes of one generator on its device, one at a time; torch runs what the executor leaves."""

    def __init__(
        self,
        generator: Generator,
        device: torch.device,
        precision: Precision,
        executor: tuple[str, Executor | None] = ("torch", None),
    ) -> None:
        self.generator, self.device, self.precision = generator, device, precision
        self.ran_by = "torch"  # the last pass
        self._executor = executor
        self._lock = threading.Lock()  # the mode is kept in the layers
        if device.type == "cuda":
            generator.to(memory_format=torch.channels_last)

    def share(self) -> Passes:
        """Return other passes of the same weights, for another thread."""
        return Passes(share_weights(self.generator), self.device, self.precision, self._executor)

    def __call__(self, source: Tensor, keys: Tensor | None, mode: Mode) -> Tensor:
        """(B, C, H, W) on the device -> the same of the target; `keys` are those of the noise."""
        name, execute = self._executor
        with self._lock, _LAUNCHING if self.device.type == "cuda" else nullcontext():
            set_precision(self.precision)
            with (
                on_device(self.device),
                computing(self.device, self.precision),
                in_mode(self.generator, mode),
            ):
                # An executor's network takes the statistics of each picture alone.
                alone = not is_averaging(self.generator)
                target = execute(source, keys, mode) if execute and alone else None
                self.ran_by = "torch" if target is None else name
                output: Tensor = self.generator(source, keys) if target is None else target
                return output
