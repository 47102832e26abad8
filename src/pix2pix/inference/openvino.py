"""The generator by OpenVINO, which on a processor takes a half to a third of torch's time.

The network is traced from the code of `networks/` and handed over in memory; nothing is written to
disk. That takes as long as some pictures by torch do, so it is done once they have come: a single
picture does not pay for it, a folder or a server hardly notices.

B batch, C channels, H height, W width.
"""

from __future__ import annotations

import importlib
import logging
import os
import sys
import textwrap
import threading
import warnings
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from types import ModuleType
from typing import Any, Literal, get_args

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from pix2pix.config import Mode
from pix2pix.device import Precision
from pix2pix.errors import UserError
from pix2pix.networks import Generator
from pix2pix.networks.graph import Graph, NoiseInput, factors_of, keep_factors

Engine = Literal["auto", "torch", "openvino"]
# A source (B, C, H, W) and the keys of its noise -> the target (B, C', H, W).
Run = Callable[[Tensor, Tensor | None], Tensor]

# Source pixels times the squared width of the network, about 8 kFLOP: what OpenVINO saves on this
# many is about what it takes to make its network (eight pictures of 256 px at width 64).
_WORTH = 2e9
_TOLERANCE = 1e-4  # measured: 4e-6; largest difference from torch, in [-1, 1]
_SETTINGS = {"INFERENCE_PRECISION_HINT": "f32", "PERFORMANCE_HINT": "LATENCY"}

_log = logging.getLogger(__name__)


def make_processor(
    generator: Generator, engine: str, device: torch.device, precision: Precision
) -> Processor | None:
    """What may take over from torch; None where torch does it all.

    Raises UserError for an engine that is unknown or cannot be had here.
    """
    if engine not in get_args(Engine):
        raise UserError(f"--engine {engine} is unknown: wanted {', '.join(get_args(Engine))}.")
    fits = device.type == "cpu" and precision == "fp32"
    if engine == "openvino" and not fits:
        raise UserError(
            f"OpenVINO translates on the processor in fp32, not on {device.type} in {precision}.",
            "Use --engine auto, or --device cpu --precision fp32.",
        )
    if engine == "openvino" and _openvino() is None:
        raise UserError("OpenVINO is not installed.", "Install it: pip install 'pix2pix[fast]'")
    return Processor(generator, at_once=engine == "openvino") if fits and engine != "torch" else None


@dataclass(frozen=True)
class Network:
    """A generator in a mode, compiled by OpenVINO for any batch and size; for many threads."""

    compiled: Any
    noise: tuple[NoiseInput, ...]

    def new_run(self) -> Run:
        """What runs it, for one thread at a time."""
        request, factors = self.compiled.create_infer_request(), _Factors(self.noise)

        def run(source: Tensor, keys: Tensor | None) -> Tensor:
            inputs = [tensor.numpy() for tensor in (source, *factors(source, keys))]
            (target,) = request.infer(inputs, share_inputs=True).values()
            return torch.from_numpy(target)

        return run


class Processor:
    """The networks of one generator, each made when there is enough work for it.

    For many threads; `at_once` makes them for the first picture.
    """

    def __init__(self, generator: Generator, *, at_once: bool) -> None:
        self._generator, self._at_once = generator, at_once
        self._networks: dict[Mode, Network | None] = {}
        self._lock = threading.Lock()
        self._seen = 0.0  # work
        self.may_make: Callable[[], bool] = lambda: True  # asked for the memory of each

    def network(self, mode: Mode, source: Tensor) -> Network | None:
        """The network for a source, (B, C, H, W); None where torch is to do it.

        Raises UserError for a mode that the generator does not have.
        """
        work = source[:, 0].numel() * self._generator.work_per_pixel
        with self._lock:
            self._seen += work
            worth = self._at_once or self._seen >= _WORTH
            if worth and mode not in self._networks and (not _openvino() or self.may_make()):
                self._networks[mode] = _made(self._generator, mode)
            return self._networks.get(mode)

    def give_up(self, mode: Mode, error: Exception) -> None:
        """Leave the mode to torch from now on, and say so once."""
        with self._lock:
            said = mode in self._networks and self._networks[mode] is None
            self._networks[mode] = None
        if not said:
            _tell(error)


class _Factors:
    """Masks as factors, kept for the next picture: in a folder they are mostly the same."""

    def __init__(self, noise: tuple[NoiseInput, ...]) -> None:
        self._noise = noise
        self._for: tuple[Any, ...] = ()
        self._kept: list[Tensor] = []

    def __call__(self, source: Tensor, keys: Tensor | None) -> list[Tensor]:
        if keys is None:
            return keep_factors(self._noise, source)
        wanted = (*keys.tolist(), *source.shape[2:])
        if wanted != self._for:
            self._kept = factors_of(self._noise, keys, *source.shape[2:])
            self._for = wanted
        return self._kept


def _made(generator: Generator, mode: Mode) -> Network | None:
    """The network, if there is OpenVINO and it computes what torch computes; else None."""
    openvino = _openvino()
    if openvino is None:
        return None
    side = generator.multiple_px
    graph = Graph(generator, mode, (side, side), dynamic=True)
    try:
        # In a thread of its own: OpenVINO gives the thread in which it compiles a stack for signals
        # and frees it; the next Ctrl-C there would end the program by a segmentation fault.
        with ThreadPoolExecutor(1) as thread:
            network, difference = thread.submit(_compiled, openvino, graph).result()
    except Exception as error:  # whatever another version of it does: there is torch
        _tell(error)
        return None
    if difference <= _TOLERANCE:
        return network
    _log.warning("note: OpenVINO differs from torch by %.2g, so torch translates", difference)
    return None


def _tell(error: Exception) -> None:
    why = textwrap.shorten(str(error), 100, placeholder=" ...")
    _log.warning("note: OpenVINO cannot run this model, so torch does (%s)", why)


def _compiled(openvino: ModuleType, graph: Graph) -> tuple[Network, float]:
    """The network, and its largest difference from torch on a picture of noise.

    Not to be called in inference mode, whose tensors cannot be traced.
    """
    from openvino.frontend import FrontEndManager
    from openvino.frontend.pytorch.ts_decoder import TorchScriptPythonDecoder

    from pix2pix.inference.deconvolutions import rewrite

    random = torch.Generator().manual_seed(0)
    source = torch.rand((1, graph.source_channels, *graph.size_px), generator=random) * 2 - 1
    example = (source, *keep_factors(graph.noise, source, seed=0))
    wanted: list[Tensor] = []

    def forward(*inputs: Tensor) -> Tensor:
        target: Tensor = graph(*inputs)
        wanted.append(target.detach().clone())
        return target

    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")  # of tracing, for developers
        traced = torch.jit.trace(forward, example, check_trace=False)  # type: ignore[no-untyped-call]
        reader = FrontEndManager().load_by_framework("pytorch")
        decoder = TorchScriptPythonDecoder(traced, example_input=example)
        model = reader.convert(reader.load(decoder))
    model.reshape({n: openvino.PartialShape([-1, one.shape[1], -1, -1]) for n, one in enumerate(example)})
    rewrite(model, _transposed_weights(graph))
    compiled = openvino.Core().compile_model(model, "CPU", _SETTINGS | _threads())
    (found,) = compiled.create_infer_request().infer([one.numpy() for one in example]).values()
    difference = float(np.abs(found - wanted[0].numpy()).max())
    return Network(compiled, graph.noise), difference


def _transposed_weights(graph: Graph) -> list[NDArray[np.float32]]:
    """The weights of its transposed convolutions, in order; the same memory."""
    convs = [m for m in graph.generator.modules() if isinstance(m, nn.ConvTranspose2d)]
    return [conv.weight.detach().numpy() for conv in convs]


def _threads() -> dict[str, int]:
    """As many as the user wants of torch; else all cores."""
    wanted = os.environ.get("OMP_NUM_THREADS", "")
    return {"INFERENCE_NUM_THREADS": int(wanted)} if wanted.isdigit() else {}


def _openvino() -> ModuleType | None:
    """The package, if it is installed.

    Its telemetry is left out: when it is imported it would fork this process and tell its maker.
    """
    if loaded := sys.modules.get("openvino"):  # by whoever uses it beside this
        return loaded
    telemetry = sys.modules.get("openvino_telemetry")
    sys.modules["openvino_telemetry"] = None  # type: ignore[assignment]
    try:
        return importlib.import_module("openvino")
    except ImportError:
        return None
    finally:
        del sys.modules["openvino_telemetry"]
        if telemetry:
            sys.modules["openvino_telemetry"] = telemetry
