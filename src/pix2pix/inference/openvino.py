"""The generator by OpenVINO, which on a processor takes a half to a third of torch's time.

The network is traced from the code of `networks/` and handed over in memory; nothing is written to
disk. Compiling it takes as long as some pictures by torch do, so it is done after as many: a single
picture does not pay for it, and a folder or a server hardly notices.

B batch, C channels, H height, W width.
"""

from __future__ import annotations

import importlib
import logging
import os
import textwrap
import threading
import warnings
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from importlib.util import find_spec
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from pix2pix.config import Mode
from pix2pix.device import Precision
from pix2pix.errors import UserError
from pix2pix.networks import Generator
from pix2pix.networks.graph import Graph, sample_side
from pix2pix.networks.noise import NoiseInput, factors_of, keep_factors

# Source pixels times the generator's work per pixel: what OpenVINO saves on this many is about what
# it takes to compile the network (eight pictures of 256 px at width 64).
_WORTH_COMPILING = 2e9
_TOLERANCE = 1e-4  # measured: 4e-6; largest difference from torch, in [-1, 1]
_SETTINGS = {"INFERENCE_PRECISION_HINT": "f32", "PERFORMANCE_HINT": "LATENCY"}

_log = logging.getLogger(__name__)


def build(
    generator: Generator,
    device: torch.device,
    precision: Precision,
    requested: bool,
    may_compile: Callable[[], bool],
) -> OpenVINO | None:
    """Build the executor, or return None where it cannot run; see `executor.EXECUTORS`."""
    fits = device.type == "cpu" and precision == "fp32"
    if fits and find_spec("openvino"):
        return OpenVINO(generator, 0 if requested else _WORTH_COMPILING, may_compile)
    if not requested:
        return None
    if fits:
        raise UserError("OpenVINO is not installed.", "Install it: pip install 'pix2pix[fast]'")
    raise UserError(
        f"OpenVINO translates on the processor in fp32, not on {device.type} in {precision}.",
        "Use --engine auto, or --device cpu --precision fp32.",
    )


class OpenVINO:
    """The networks of a generator, each compiled when there was enough work; for many threads."""

    def __init__(self, generator: Generator, work: float, may_compile: Callable[[], bool]) -> None:
        self._generator, self._may_compile = generator, may_compile
        self._traced_px = sample_side(generator.multiple_px)
        self._work_left = work  # until compiling is worth it
        self._networks: dict[Mode, _Network | None] = {}  # None: left to torch
        self._lock = threading.RLock()

    def __call__(self, source: Tensor, keys: Tensor | None, mode: Mode) -> Tensor | None:
        """(B, C, H, W) -> the target, or None where torch is to run this pass."""
        if min(source.shape[2:]) < self._traced_px:
            return None
        network = self._network(source, mode)
        try:
            return network(source, keys) if network else None
        except RuntimeError as error:
            # Torch may have the memory that OpenVINO lacks; if not, torch reports it.
            if not any(word in str(error).lower() for word in ("alloc", "memory")):
                self._leave_to_torch(mode, error)
            return None

    def _network(self, source: Tensor, mode: Mode) -> _Network | None:
        with self._lock:
            self._work_left -= source[:, 0].numel() * self._generator.work_per_pixel
            if self._work_left <= 0 and mode not in self._networks and self._may_compile():
                graph = Graph(self._generator, mode, (self._traced_px, self._traced_px), dynamic=True)
                try:
                    # OpenVINO gives the thread in which it compiles a stack for signals and frees it;
                    # in the main thread the next Ctrl-C would end the program by a segmentation fault.
                    with ThreadPoolExecutor(1) as thread:
                        self._networks[mode] = thread.submit(_compiled, graph).result()
                except Exception as error:  # another version may fail in any way: torch can translate
                    self._leave_to_torch(mode, error)
            return self._networks.get(mode)

    def _leave_to_torch(self, mode: Mode, error: Exception) -> None:
        """Leave the mode to torch from now on; log it once."""
        with self._lock:
            if mode not in self._networks or self._networks[mode]:
                reason = textwrap.shorten(str(error), 100, placeholder=" ...")
                _log.warning("note: OpenVINO cannot run this model, so torch does (%s)", reason)
            self._networks[mode] = None


class _Network:
    """A generator in a mode, compiled for any batch and size; for many threads."""

    def __init__(self, compiled: Any, noise: tuple[NoiseInput, ...]) -> None:
        self.compiled, self._noise = compiled, noise
        self._idle: list[tuple[Any, Callable[..., list[Tensor]]]] = []  # requests with their masks

    def __call__(self, source: Tensor, keys: Tensor | None) -> Tensor:
        try:
            request, masks = self._idle.pop()
        except IndexError:  # each thread has its own request
            # Masks are kept for the next picture: in a folder they are mostly the same.
            request = self.compiled.create_infer_request()
            masks = lru_cache(1)(lambda keys, *size: factors_of(self._noise, torch.tensor(keys), *size))
        try:
            noise = (
                keep_factors(self._noise, source)
                if keys is None
                else masks(tuple(keys.tolist()), *source.shape[2:])
            )
            inputs = [tensor.numpy() for tensor in (source, *noise)]
            (target,) = request.infer(inputs, share_inputs=True).values()
            return torch.from_numpy(target)
        finally:
            self._idle.append((request, masks))


def _compiled(graph: Graph) -> _Network:
    """Return the network, compared with torch on a picture of noise; raises where they differ.

    Not to be called in inference mode, whose tensors cannot be traced.
    """
    openvino = import_quietly()
    from openvino.frontend import FrontEndManager
    from openvino.frontend.pytorch.ts_decoder import TorchScriptPythonDecoder

    from pix2pix.inference.deconvolutions import rewrite

    random = torch.Generator().manual_seed(0)
    source = torch.rand((1, graph.source_channels, *graph.size_px), generator=random) * 2 - 1
    example = (source, *keep_factors(graph.noise, source, seed=0))

    with warnings.catch_warnings(action="ignore"), torch.no_grad():  # warnings are for developers
        expected = graph(*example)
        # A function, whose weights are constants of the trace.
        traced = torch.jit.trace(lambda *inputs: graph(*inputs), example, check_trace=False)  # type: ignore[no-untyped-call]
        reader = FrontEndManager().load_by_framework("pytorch")
        decoder = TorchScriptPythonDecoder(traced, example_input=example)  # `convert` still uses it
        model = reader.convert(reader.load(decoder))
    model.reshape({n: openvino.PartialShape([-1, t.shape[1], -1, -1]) for n, t in enumerate(example)})
    transposed = [module for module in graph.modules() if isinstance(module, nn.ConvTranspose2d)]
    rewrite(model, [convolution.weight.detach().numpy() for convolution in transposed])
    threads = os.environ.get("OMP_NUM_THREADS", "")  # the user's limit for torch; else all cores
    settings = _SETTINGS | ({"INFERENCE_NUM_THREADS": int(threads)} if threads.isdigit() else {})
    network = _Network(openvino.Core().compile_model(model, "CPU", settings), graph.noise)
    (target,) = network.compiled.create_infer_request().infer([tensor.numpy() for tensor in example]).values()
    if not (difference := float(np.abs(target - expected.numpy()).max())) <= _TOLERANCE:
        raise RuntimeError(f"it differs from torch by {difference:.2g}")
    return network


def import_quietly() -> Any:
    """Import OpenVINO with its telemetry off.

    On import it would start a process that reports to its maker, and write into the user's home. It
    does neither where CI is set, the only switch that it reads before it does so.
    """
    before = os.environ.get("CI")
    os.environ["CI"] = "true"
    try:
        return importlib.import_module("openvino")
    finally:
        del os.environ["CI"]
        if before is not None:
            os.environ["CI"] = before
