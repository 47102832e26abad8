"""A generator's passes for translating: as they are written, captured, or by another runtime.

On a GPU a small picture's pass is mostly the launching of kernels; a captured one is launched at
once. A small shape is captured when it comes a second time, so that single pictures cost nothing
more; large ones keep the GPU busy anyway.
On a processor OpenVINO takes over where there is enough work.

B batch, C channels, H height, W width.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass

import torch
from torch import Tensor

from pix2pix.config import Mode
from pix2pix.device import Precision, computing, on_device, set_precision, uncollected
from pix2pix.inference.openvino import Processor, Run
from pix2pix.networks import Generator
from pix2pix.networks.modes import inference

_KEPT = 8  # shapes whose graphs are kept at a time: each holds the memory of its pass
_SMALL = 2**20  # pixels of a batch, of all its pictures together

_OUT_OF_MEMORY = ("alloc", "memory")  # in what OpenVINO says then

# On GPUs: the switch of precisions and the capture of graphs are the process's own.
_LAUNCHING = threading.Lock()

Shape = tuple[torch.Size, Mode]


@dataclass(frozen=True)
class _Captured:
    graph: torch.cuda.CUDAGraph
    source: Tensor
    keys: Tensor | None
    output: Tensor


class Passes:
    """Passes of one generator on its device; of several threads one passes at a time."""

    def __init__(
        self,
        generator: Generator,
        device: torch.device,
        precision: Precision,
        processor: Processor | None = None,
    ) -> None:
        self.device, self.precision, self.processor = device, precision, processor
        self._generator = generator
        self._passing = threading.Lock()  # the mode is kept in the layers
        if device.type == "cuda":
            generator.to(memory_format=torch.channels_last)
        self._seen: set[Shape] = set()
        self._captures = device.type == "cuda"
        self._captured: OrderedDict[Shape, _Captured] = OrderedDict()
        self._runs: dict[Mode, Run] = {}
        self.by_openvino = False  # the last pass

    def __call__(self, source: Tensor, keys: Tensor | None, mode: Mode) -> Tensor:
        """(B, C, H, W) on the device -> the same of the target; `keys` are those of the noise."""
        with self._passing, self._launching(), inference(self._generator, mode):
            output = self._by_openvino(source, keys, mode)
            self.by_openvino = output is not None
            if output is not None:
                return output
            shape = source.shape, mode
            if self._captures and shape in self._seen:
                try:
                    return self._launched_at_once(shape, source, keys)
                except RuntimeError:  # no memory for it beside what the pass itself takes
                    self._captures = False
                    self._captured.clear()
                    torch.cuda.empty_cache()
            if source.shape[0] * source.shape[2] * source.shape[3] <= _SMALL:
                self._seen.add(shape)
            made: Tensor = self._generator(source, keys)
            return made

    def _launched_at_once(self, shape: Shape, source: Tensor, keys: Tensor | None) -> Tensor:
        if shape not in self._captured:
            self._captured[shape] = self._capture(source, keys)
            if len(self._captured) > _KEPT:
                self._captured.popitem(last=False)
        self._captured.move_to_end(shape)
        return _replayed(self._captured[shape], source, keys)

    @contextmanager
    def _launching(self) -> Iterator[None]:
        """A block in this precision; on a GPU one thread at a time launches what it computes."""
        with _LAUNCHING if self.device.type == "cuda" else nullcontext():
            set_precision(self.precision)
            with on_device(self.device), computing(self.device, self.precision):
                yield

    def _by_openvino(self, source: Tensor, keys: Tensor | None, mode: Mode) -> Tensor | None:
        """Its output, or None where torch is to do it."""
        run = self._run(mode, source)
        try:
            return run(source, keys) if run else None
        except RuntimeError as error:
            # What it has no memory for, torch may have; if not, torch says so.
            if self.processor and not any(w in str(error).lower() for w in _OUT_OF_MEMORY):
                self.processor.give_up(mode, error)
                del self._runs[mode]
            return None

    def _run(self, mode: Mode, source: Tensor) -> Run | None:
        """What OpenVINO makes of the generator, for this thread."""
        if mode in self._runs or self.processor is None:
            return self._runs.get(mode)
        if network := self.processor.network(mode, source):
            self._runs[mode] = network.new_run()
        return self._runs.get(mode)

    def _capture(self, source: Tensor, keys: Tensor | None) -> _Captured:
        """The first pass of this shape was the warm-up. Other threads read and write files."""
        held, held_keys = source.clone(), None if keys is None else keys.clone()
        graph = torch.cuda.CUDAGraph()
        captured = torch.cuda.graph(graph, capture_error_mode="thread_local")
        with uncollected(), captured:
            output = self._generator(held, held_keys)
        return _Captured(graph, held, held_keys, output)


def _replayed(captured: _Captured, source: Tensor, keys: Tensor | None) -> Tensor:
    captured.source.copy_(source)
    if captured.keys is not None and keys is not None:
        captured.keys.copy_(keys)
    captured.graph.replay()
    return captured.output.clone()  # the next replay writes over it
