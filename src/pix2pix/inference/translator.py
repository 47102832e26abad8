"""Picture in, picture out: `Translator.load("model.safetensors").translate(image)`.

Any height and width: pictures are mirrored at the right and the bottom up to a multiple of the
generator's 2**depth, translated, and cropped back.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar, overload

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from pix2pix.config import Mode
from pix2pix.derive import lab, recipe
from pix2pix.device import Precision, describe, pick_device, pick_precision
from pix2pix.errors import UserError
from pix2pix.inference.executor import Passes
from pix2pix.inference.openvino import Processor, make_processor
from pix2pix.model_file import Header, load_model
from pix2pix.networks import Generator
from pix2pix.networks.modes import share_weights, uses_noise
from pix2pix.networks.noise import noise_keys
from pix2pix.pictures import codec, tensors
from pix2pix.pictures.codec import Array
from pix2pix.pictures.conform import conform
from pix2pix.pictures.contract import LARGEST
from pix2pix.pictures.geometry import pad

Picture = Image.Image | Array | Path | str
P = TypeVar("P", bound=Picture)


@dataclass(frozen=True)
class Variants:
    """Several translations of one picture, by different noise.

    `pictures` are (H, W, C) in the depth of the targets. `spread` is (H, W) float32: the standard
    deviation over the variants as a share of the range, averaged over channels.
    """

    pictures: list[Array]
    spread: NDArray[np.float32]


class Translator:
    """A trained generator with the image contract of its file.

    Several threads may share one; their pictures pass the network one after the other.
    """

    def __init__(
        self,
        generator: Generator,
        header: Header,
        device: torch.device,
        precision: Precision = "fp32",
        processor: Processor | None = None,
    ) -> None:
        self.generator, self.header, self.device = generator, header, device
        self._passes = Passes(generator, device, precision, processor)

    @classmethod
    def load(
        cls, model: str | Path, device: str = "auto", precision: str = "auto", engine: str = "auto"
    ) -> Translator:
        """The model of a file; `device` is auto, cpu, cuda, cuda:1, ...

        `precision` is fp32, tf32 or bf16; auto is tf32 where a GPU has it and targets have 8 bits,
        else fp32. `engine` is torch or openvino; auto takes OpenVINO on a processor, where it is
        installed and there is enough to translate. Raises UserError for a file that is no model,
        cut short or newer than this package, and for what is not to be had here.
        """
        chosen = pick_device(device)
        generator, header = load_model(Path(model), chosen)
        if precision == "auto":
            fine = header.image.target.depth != "uint8" or header.image.made == "lab"
            capable = pick_precision("auto", chosen) == "bf16"
            precision = "tf32" if capable and not fine else "fp32"
        picked = pick_precision(precision, chosen)
        return cls(generator, header, chosen, picked, make_processor(generator, engine, chosen, picked))

    def twin(self) -> Translator:
        """Another translator of the same weights: two threads need not wait for each other."""
        layers, passes = share_weights(self.generator), self._passes
        return Translator(layers, self.header, self.device, passes.precision, passes.processor)

    @property
    def processor(self) -> Processor | None:
        """What may take over from torch."""
        return self._passes.processor

    @property
    def how(self) -> str:
        """By what, in which numbers and where pictures were translated so far, in words."""
        by = "OpenVINO" if self._passes.by_openvino else "torch"
        return f"{by}, {self._passes.precision}, on {describe(self.device)}"

    @property
    def output(self) -> tuple[str, int]:
        """Depth ("uint8", "uint16", "float32") and channels of what comes out."""
        image = self.header.image
        if image.made == "lab" and image.photograph is not None:
            return image.photograph.depth, 3
        return image.target.depth, image.target.channels

    @overload
    def translate(
        self,
        pictures: Picture,
        *,
        mode: Mode | None = None,
        seed: int = 0,
        batch: int = 8,
        make: bool = False,
    ) -> Image.Image | Array: ...
    @overload
    def translate(
        self,
        pictures: list[P],
        *,
        mode: Mode | None = None,
        seed: int = 0,
        batch: int = 8,
        make: bool = False,
    ) -> list[Image.Image | Array]: ...
    def translate(
        self,
        pictures: Picture | list[P],
        *,
        mode: Mode | None = None,
        seed: int = 0,
        batch: int = 8,
        make: bool = False,
    ) -> Image.Image | Array | list[Image.Image | Array]:
        """Translations of one picture or of a list, each of the size of its source.

        A picture is a PIL image, an (H, W) or (H, W, C) array of uint8, uint16 or float, or a path.
        What comes out is a PIL image, or an (H, W, C) array where targets have more than 8 bits or
        more than 4 channels. `mode` is the model's own unless given; `seed` fixes the noise, which
        is the same for every picture. `batch` pictures of one padded size are translated at a time.
        With `make` the pictures are photographs, of which sources are made as in training. Raises
        UserError for a picture that cannot be read and for a mode that the model does not have.
        """
        if not isinstance(pictures, list):
            return self.translate([pictures], mode=mode, seed=seed, make=make)[0]
        names = [str(p) if isinstance(p, str | Path) else "The picture" for p in pictures]
        sources = [self.source(_to_array(p), name, make) for p, name in zip(pictures, names, strict=True)]
        outputs = self.translate_sources(sources, mode=mode, seed=seed, batch=batch)
        return [_to_image(output) for output in outputs]

    @torch.inference_mode()
    def translate_sources(
        self,
        sources: Sequence[Array],
        *,
        mode: Mode | None = None,
        batch: int = 8,
        seed: int | Sequence[int] = 0,
        sample: int | Sequence[int] = 0,
    ) -> list[Array]:
        """Targets, (H, W, C) in their own depth, of sources that `source` gave.

        `sample` counts the variants of a seed; each is one number for all sources, or one each.
        """
        contract, target = self.header.image.source, self.header.image.target
        sizes = [(source.shape[0], source.shape[1]) for source in sources]

        def stacked(some: list[int]) -> Tensor:
            batch = np.stack([pad(sources[i], self._multiple, (0, 1)) for i in some])
            return tensors.from_levels(tensors.to_levels(batch).to(self.device), contract)

        arrays: dict[int, Array] = {}
        for some, outputs in self._outputs(sizes, stacked, mode, seed, sample, batch):
            # Rounded on the device: of 8 bits a quarter comes back.
            for i, levels in zip(some, tensors.rounded(outputs, target).cpu(), strict=True):
                height, width = sizes[i]
                arrays[i] = tensors.from_rounded(levels[:height, :width], target)
        return [self._finish(arrays[i], source) for i, source in enumerate(sources)]

    def variants(
        self, picture: Picture, samples: int, *, mode: Mode | None = None, seed: int = 0, make: bool = False
    ) -> Variants:
        """`samples` translations by noise of its own each, the first as `translate` gives it.

        Raises UserError for a mode without noise: all variants would be one.
        """
        source = self.source(_to_array(picture), "The picture", make)
        return self.variants_of(source, samples, mode=mode, seed=seed)

    def variants_of(
        self, source: Array, samples: int, *, mode: Mode | None = None, seed: int = 0
    ) -> Variants:
        """As `variants`, of a source that `source` gave."""
        chosen = mode or self.header.mode
        if not uses_noise(chosen):
            raise UserError(
                f"The mode '{chosen}' has no noise, so all {samples} samples would be equal.",
                "Use --mode paper.",
            )
        pictures = self.translate_sources([source] * samples, mode=chosen, seed=seed, sample=range(samples))
        levels = np.stack(pictures).astype(np.float32)
        spread = levels.std(axis=0).mean(axis=2) / max(float(np.ptp(levels)), 1e-6)
        return Variants(pictures, spread)

    def source(self, array: Array, name: str, made: bool) -> Array:
        """The picture as the network was fed in training, in the contract of sources."""
        return conformed(self.header, array, name, made)

    def _finish(self, array: Array, source: Array) -> Array:
        """The output in the depth and channels of what training's targets were made of."""
        image = self.header.image
        if image.made != "lab" or image.photograph is None:
            return array
        rgb, depth = lab.join_lab(source, array), image.photograph.depth
        return rgb if depth == "float32" else (rgb * LARGEST[depth]).round().astype(depth)

    @torch.inference_mode()
    def translate_tensors(
        self,
        sources: Sequence[Tensor],
        *,
        mode: Mode | None = None,
        batch: int = 8,
        seed: int | Sequence[int] = 0,
        sample: int | Sequence[int] = 0,
    ) -> list[Tensor]:
        """(C, H, W) in [-1, 1] each, of any sizes -> the same of the target, on the processor."""

        def stacked(some: list[int]) -> Tensor:
            return torch.stack([pad(sources[i], self._multiple) for i in some]).to(self.device)

        sizes = [(source.shape[1], source.shape[2]) for source in sources]
        results: dict[int, Tensor] = {}
        for some, outputs in self._outputs(sizes, stacked, mode, seed, sample, batch):
            results |= zip(some, outputs.cpu(), strict=True)
        return [results[i][:, :height, :width] for i, (height, width) in enumerate(sizes)]

    @property
    def _multiple(self) -> int:
        """What heights and widths of the generator's pictures are multiples of."""
        return self.generator.multiple_px

    def _outputs(
        self,
        sizes: Sequence[tuple[int, int]],
        stacked: Callable[[list[int]], Tensor],
        mode: Mode | None,
        seed: int | Sequence[int],
        sample: int | Sequence[int],
        batch: int,
    ) -> Iterator[tuple[list[int], Tensor]]:
        """Batches of pictures that are alike when padded: their places, their outputs."""
        chosen, multiple = mode or self.header.mode, self._multiple
        seeds, samples = (_for_each(numbers, len(sizes)) for numbers in (seed, sample))
        alike: dict[tuple[int, int], list[int]] = defaultdict(list)
        for i, (height, width) in enumerate(sizes):
            alike[-(-height // multiple), -(-width // multiple)].append(i)
        for places in alike.values():
            for some in (places[i : i + batch] for i in range(0, len(places), batch)):
                z = (numbers[some].to(self.device) for numbers in (seeds, samples))
                keys = noise_keys(*z) if uses_noise(chosen) else None
                yield some, self._passes(stacked(some), keys, chosen)


def conformed(header: Header, array: Array, name: str, made: bool) -> Array:
    """The picture in the contract of a model's sources; with `made`, the source of a photograph.

    Raises UserError that calls the picture by `name`.
    """
    image = header.image
    if image.photograph is not None and image.made == "lab":
        # Lightness is what is given, in colour or in grey.
        return lab.split_lab(conform(array, image.photograph, name))[0]
    if made:
        if image.photograph is None:
            raise UserError(
                "This model learned from pairs as they are: it makes no sources.", "Translate without --make."
            )
        photograph = conform(array, image.photograph, name)
        return recipe.source_and_target(image.made, photograph, Path(name).stem)[0]
    return conform(array, image.source, name, snap=header.config.data.snap_labels)


def _for_each(numbers: int | Sequence[int], count: int) -> Tensor:
    """(count,) int64 of one number for all, or of one each; noise takes 32 bits of them."""
    each = [numbers] * count if isinstance(numbers, int) else numbers
    return torch.tensor([n % 2**32 for n in each], dtype=torch.int64)


def _to_array(picture: Picture) -> Array:
    if isinstance(picture, str | Path):
        return codec.read(Path(picture))
    if isinstance(picture, Image.Image):
        return codec.from_pillow(picture)
    if isinstance(picture, np.ndarray):
        return codec.checked(picture, "The array")
    raise UserError(
        f"A {type(picture).__name__} was given: wanted a PIL image, a numpy array, a path, or a list of them."
    )


def _to_image(array: Array) -> Image.Image | Array:
    shown = array.dtype == np.uint8 and array.shape[2] in (1, 3, 4)
    return codec.to_pillow(array) if shown else array
