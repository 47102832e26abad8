"""How every export is made: trace, write, read back, compare; only then the file gets its name.

The exported graph runs on the model's examples, if there are any, and on made pictures: smooth and
noisy, of several sizes and batches where the graph is dynamic; with noise on and off. It is compared
with the translator's own generator in the same mode.
"""

import logging
import math
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor
from torch.nn import functional as F

from pix2pix.config import Mode
from pix2pix.errors import UserError
from pix2pix.files import file_digest, list_pictures, replacing
from pix2pix.inference.translator import Translator
from pix2pix.model_file import Header, model_path, versions
from pix2pix.networks.graph import Graph
from pix2pix.networks.modes import in_mode
from pix2pix.networks.noise import NoiseInput, keep_factors, noise_keys
from pix2pix.pictures import codec, geometry, tensors
from pix2pix.pictures.contract import PictureContract
from pix2pix.progress import Progress

FORMAT = 1  # of the facts in a file
TOLERANCES = {"fp32": 1e-4, "fp16": 1e-2}  # largest difference, in [-1, 1]
INT8_PSNR_DB = 45.0
_EXAMPLES = 4
_SEED = 0

Storage = Literal["fp32", "fp16", "int8"]  # of weights; all arithmetic is in float32
# A source (B, C, H, W) and the factors of its noise inputs -> the target (B, C', H, W).
Runner = Callable[[Tensor, list[Tensor]], Tensor]
# Writes a graph with its facts to a path, and returns what runs the written file.
Writer = Callable[[Graph, dict[str, Any], Path], Runner]


@dataclass(frozen=True)
class Difference:
    """How far a graph is from the package: absolute, in [-1, 1]; PSNR of the worst picture, dB.

    A picture with noise and the same without are two comparisons.
    """

    largest: float
    mean: float
    psnr_db: float
    comparisons: int

    def check(self, precision: Storage) -> None:
        """Raise UserError where it is above the tolerance of the precision."""
        if precision == "int8":
            good, limit = self.psnr_db >= INT8_PSNR_DB, f"at least {INT8_PSNR_DB:g} dB"
            measured = f"PSNR {self.psnr_db:.1f} dB"
        else:
            good, limit = self.largest <= TOLERANCES[precision], f"at most {TOLERANCES[precision]:g}"
            measured = f"largest difference {self.largest:.2g}"
        if not good:
            raise UserError(
                f"The exported graph does not compute what the model computes: {measured} over "
                f"{self.comparisons} comparisons, wanted {limit}. Nothing was written.",
                "" if precision == "fp32" else "Try --precision fp32.",
            )


@dataclass(frozen=True)
class Exported:
    """A written file, its inputs with their shapes, and its difference from the package.

    `facts` is the file's description of itself.
    """

    path: Path
    size_bytes: int
    inputs: dict[str, list[int | str]]
    difference: Difference
    facts: dict[str, Any]


def export_checked(
    model: Path,
    out: Path,
    write: Writer,
    *,
    suffix: str,
    precision: Storage = "fp32",
    mode: Mode | None = None,
    dynamic: bool = False,
    progress: Progress | None = None,
) -> Exported:
    """Write a model file's generator, in its own mode unless given, whole or not at all.

    Raises UserError where `out` lacks the suffix or cannot be written, where the model lacks the
    mode, and where the file differs from the package by more than the precision's tolerance.
    """
    if out.suffix != suffix:
        raise UserError(f"{out} does not end in {suffix}: wanted a file such as model{suffix}.")
    translator = Translator.load(model, "cpu")
    header = translator.header
    graph = Graph(translator.generator, mode or header.mode, header.config.data.size, dynamic=dynamic)
    description = facts(graph, header, model, precision)
    sources = comparison_sources(translator, model, dynamic=dynamic)
    with replacing(out) as temporary, closing(progress or Progress()) as report:
        temporary.touch()  # a folder that refuses does so now, not after the work
        report.update("exporting", 0, 2, "steps", "writing the graph")
        with ExitStack() as quiet:  # exporters have messages to developers
            quiet.callback(logging.disable, logging.root.manager.disable)
            logging.disable(logging.WARNING)
            quiet.enter_context(warnings.catch_warnings(action="ignore"))
            runner = write(graph, description, temporary)
        report.update("exporting", 1, 2, "steps", "comparing it with the package")
        difference = compare(runner, translator, graph.mode, graph.noise, sources)
        difference.check(precision)
        report.update("exporting", 2, 2, "steps")
    return Exported(out, out.stat().st_size, graph.shapes(), difference, description)


def facts(graph: Graph, header: Header, model: Path, precision: str) -> dict[str, Any]:
    """Return an exported file's description of itself, as JSON holds it."""
    image = header.image.model_dump(mode="json")
    digest = file_digest(model_path(model))
    return {
        "format": FORMAT,
        "mode": graph.mode,
        "precision": precision,
        "size_px": list(graph.size_px),
        "multiple_px": graph.multiple_px,
        "dynamic": graph.dynamic,
        "noise": [asdict(one) for one in graph.noise],
        **{key: image[key] for key in ("source", "target", "made", "photograph")},
        "model_digest": digest,
        "versions": versions(),
    }


@torch.inference_mode()
def compare(
    runner: Runner, translator: Translator, mode: Mode, noise: Sequence[NoiseInput], sources: list[Tensor]
) -> Difference:
    """Return the difference over all sources, (B, C, H, W) each; with noise on and off if it has noise."""
    errors: list[Tensor] = []
    for source in sources:
        for seed in (None, _SEED) if noise else (None,):
            keys = None if seed is None else noise_keys(seed, torch.zeros(len(source)).long())
            with in_mode(translator.generator, mode):
                expected = translator.generator(source, keys)
            target = runner(source, keep_factors(noise, source, seed=seed))
            errors += (target - expected).abs().double().nan_to_num(nan=math.inf)
    return Difference(
        largest=max(float(error.max()) for error in errors),
        mean=float(torch.cat([error.flatten() for error in errors]).mean()),
        psnr_db=min(map(_psnr_db, errors)),
        comparisons=len(errors),
    )


def comparison_sources(translator: Translator, model: Path, *, dynamic: bool) -> list[Tensor]:
    """Return what to compare on, (B, C, H, W) each: real sources and made ones.

    Real ones are the pictures in `examples/source` next to the model file, if any.
    """
    height, width = size = translator.header.config.data.size
    multiple = translator.generator.multiple_px
    sizes = [size, (height, width + multiple), (height + multiple, width)] if dynamic else [size]
    examples = list_pictures(model_path(model).parent / "examples" / "source")[:_EXAMPLES]
    sources = [_real(translator, path, size, dynamic) for path in examples]
    generator = torch.Generator().manual_seed(_SEED)
    for shape in sizes:
        pair = torch.stack(list(_made(translator.header.image.source, shape, generator)))
        sources += [pair] if dynamic else list(pair[:, None])
    return sources


def _real(translator: Translator, path: Path, size: tuple[int, int], dynamic: bool) -> Tensor:
    contract = translator.header.image.source
    array = translator.source(codec.read(path), str(path), made=False)
    if not dynamic:
        array = geometry.fit(array, size, "stretch", labels=bool(contract.classes))
    source = tensors.network_input(tensors.to_tensor(array, contract), contract)
    return geometry.pad(source, translator.generator.multiple_px)[None]


def _made(contract: PictureContract, size: tuple[int, int], generator: torch.Generator) -> Iterator[Tensor]:
    """Yield a smooth picture and one of noise, (C, H, W) each, as the source's contract allows."""
    for cells in ((5, 5), size):
        coarse = torch.randn(1, contract.tensor_channels, *cells, generator=generator)
        values = F.interpolate(coarse, size, mode="bilinear")[0].clamp(-1, 1)
        if contract.one_hot:
            best = values.argmax(0, keepdim=True)
            values = torch.full_like(values, -1).scatter_(0, best, 1)
        yield values


def _psnr_db(error: Tensor) -> float:
    """PSNR of a range of 2 from the absolute errors of one picture."""
    mse = float(error.square().mean())
    return 10 * (math.log10(4) - math.log10(mse)) if mse else math.inf
