"""Whether an exported graph computes what the package computes, in numbers.

The graph runs on real pictures, where the model has examples beside it, and on made ones: smooth
and noisy, of several sizes and batches where the graph is dynamic; with noise on and off. The other
side is the translator's own generator in the same mode.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional as F

from pix2pix.config import Mode
from pix2pix.errors import UserError
from pix2pix.export.precision import Precision
from pix2pix.files import list_pictures
from pix2pix.inference.translator import Translator
from pix2pix.model_file import model_path
from pix2pix.networks.graph import NoiseInput, keep_factors
from pix2pix.networks.modes import inference
from pix2pix.networks.noise import noise_keys
from pix2pix.pictures import codec, geometry, tensors
from pix2pix.pictures.geometry import pad

# A source (B, C, H, W) and the factors of its noise inputs -> the target (B, C', H, W).
Run = Callable[[Tensor, list[Tensor]], Tensor]

TOLERANCES = {"fp32": 1e-4, "fp16": 1e-2}  # largest difference, in [-1, 1]
INT8_PSNR_DB = 45.0
_EXAMPLES = 4
_SEED = 0


@dataclass(frozen=True)
class Difference:
    """How far a graph is from the package: absolute, in [-1, 1]; PSNR of the worst picture, dB.

    A picture with noise and the same without are two comparisons.
    """

    largest: float
    mean: float
    psnr_db: float
    comparisons: int

    def check(self, precision: Precision) -> None:
        """Raise UserError where it is above the tolerance of the precision."""
        if precision == "int8":
            found, wanted = f"PSNR {self.psnr_db:.1f} dB", f"at least {INT8_PSNR_DB:g} dB"
            good = self.psnr_db >= INT8_PSNR_DB
        else:
            found = f"largest difference {self.largest:.2g}"
            wanted = f"at most {TOLERANCES[precision]:g}"
            good = self.largest <= TOLERANCES[precision]
        if not good:
            raise UserError(
                f"The exported graph does not compute what the model computes: {found} over "
                f"{self.comparisons} comparisons, wanted {wanted}. Nothing was written.",
                "" if precision == "fp32" else "Try --precision fp32.",
            )


@torch.inference_mode()
def compare(
    run: Run, translator: Translator, mode: Mode, noise: Sequence[NoiseInput], sources: list[Tensor]
) -> Difference:
    """The difference over all sources, (B, C, H, W) each; with noise on and off where there is."""
    errors = []
    for source in sources:
        for seed in (None, _SEED) if noise else (None,):
            keys = None if seed is None else noise_keys(seed, torch.zeros(len(source)).long())
            with inference(translator.generator, mode):
                wanted = translator.generator(source, keys)
            found = run(source, keep_factors(noise, source, seed=seed))
            errors += list((found - wanted).abs().double().nan_to_num(nan=math.inf))
    return Difference(
        largest=max(float(error.max()) for error in errors),
        mean=float(torch.cat([error.flatten() for error in errors]).mean()),
        psnr_db=min(map(_psnr_db, errors)),
        comparisons=len(errors),
    )


def comparison_sources(translator: Translator, model: Path, *, dynamic: bool) -> list[Tensor]:
    """What to compare on, (B, C, H, W) each: real sources and made ones.

    Real ones are the pictures in `examples/source` beside the model file, if any.
    """
    height, width = size = translator.header.config.data.size
    multiple = translator.generator.multiple_px
    made = torch.Generator().manual_seed(_SEED)
    sizes = [(height, width)]
    if dynamic:
        sizes += [(height, width + multiple), (height + multiple, width)]
    sources = [_real(translator, path, size, dynamic) for path in _examples(model)]
    for shape in sizes:
        pair = torch.stack(list(_made(translator, shape, made)))
        sources += [pair] if dynamic else list(pair[:, None])
    return sources


def _examples(model: Path) -> list[Path]:
    folder = model_path(model).parent / "examples" / "source"
    return list_pictures(folder)[:_EXAMPLES]


def _real(translator: Translator, path: Path, size: tuple[int, int], dynamic: bool) -> Tensor:
    contract = translator.header.image.source
    array = translator.source(codec.read(path), str(path), made=False)
    if not dynamic:
        array = geometry.fit(array, size, "stretch", labels=bool(contract.classes))
    return pad(tensors.to_tensor(array, contract), translator.generator.multiple_px)[None]


def _made(translator: Translator, size: tuple[int, int], made: torch.Generator) -> Iterator[Tensor]:
    """A smooth picture and one of noise, (C, H, W) each, as the source's contract allows."""
    contract = translator.header.image.source
    for cells in ((5, 5), size):
        drawn = torch.randn(1, contract.tensor_channels, *cells, generator=made)
        values = F.interpolate(drawn, size, mode="bilinear")[0].clamp(-1, 1)
        if contract.one_hot:
            best = values.argmax(0, keepdim=True)
            values = torch.full_like(values, -1).scatter_(0, best, 1)
        yield values


def _psnr_db(error: Tensor) -> float:
    """PSNR of a range of 2 from the absolute errors of one picture."""
    mse = float(error.square().mean())
    return 10 * (math.log10(4) - math.log10(mse)) if mse else math.inf
