"""Picture in, picture out: `Translator.load("model.safetensors").translate(image)`.

Any height and width: pictures are mirrored at the right and the bottom up to a multiple of the
generator's, translated, and cropped back.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar, overload

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from pix2pix.config import Mode
from pix2pix.device import describe, pick_device, pick_precision
from pix2pix.errors import UserError
from pix2pix.hub import download_model
from pix2pix.inference.executor import Passes, pick_executor
from pix2pix.inference.sources import Picture, Size, as_array, conformed, joined, restored
from pix2pix.inference.stream import Stream, Where
from pix2pix.model_file import Header, load_model
from pix2pix.networks.modes import uses_noise
from pix2pix.networks.noise import noise_keys
from pix2pix.pictures import masks, tensors
from pix2pix.pictures.codec import Array
from pix2pix.pictures.geometry import pad, padded_size

P = TypeVar("P", bound=Picture)


@dataclass(frozen=True)
class Variants:
    """Several translations of one picture, by different noise.

    `pictures` are (H, W, C) in the depth of the targets. `spread` is (H, W) float32: the standard
    deviation over the variants as a share of the targets' range, averaged over channels.
    """

    pictures: list[Array]
    spread: NDArray[np.float32]


class Translator:
    """A trained generator with the image contract of its file.

    Several threads may use one; their pictures pass the network one after the other.
    """

    def __init__(self, passes: Passes, header: Header) -> None:
        self.generator, self.device, self.header = passes.generator, passes.device, header
        self._passes = passes

    @classmethod
    def load(
        cls,
        model: str | Path,
        device: str = "auto",
        precision: str = "auto",
        engine: str = "auto",
        may_compile: Callable[[], bool] = lambda: True,
    ) -> Translator:
        """Load a model file; `device` is auto, cpu, cuda, cuda:1, ...

        `precision` is fp32, tf32 or bf16; auto is tf32 where a GPU has it and targets have 8 bits,
        else fp32. `engine` is torch or a name of `executor.EXECUTORS`; auto is OpenVINO on a processor,
        where it is installed and there is enough to translate. `may_compile` is called before an engine
        takes memory for its own network. Raises UserError for a file that is no model, cut short or
        newer than this package, and for a device, precision or engine that this machine lacks.
        """
        chosen = pick_device(device)
        generator, header = load_model(Path(model), chosen)
        if precision == "auto":
            fine = header.image.target.depth != "uint8" or header.image.lab_photograph is not None
            precision = "fp32" if fine or pick_precision("auto", chosen) != "bf16" else "tf32"
        picked = pick_precision(precision, chosen)
        executor = pick_executor(engine, generator, chosen, picked, may_compile)
        return cls(Passes(generator, chosen, picked, executor), header)

    @classmethod
    def from_pretrained(
        cls, name: str, device: str = "auto", precision: str = "auto", engine: str = "auto"
    ) -> Translator:
        """Load OWNER/NAME from the Hugging Face hub (extra `hub`), as `load` does a file.

        Raises UserError also where there is no such model, or the hub cannot be reached.
        """
        return cls.load(download_model(name), device, precision, engine)

    def share(self) -> Translator:
        """Return another translator of the same weights, for another thread."""
        return Translator(self._passes.share(), self.header)

    @property
    def how(self) -> str:
        """By which engine, in which precision and where pictures were translated so far."""
        return f"{self._passes.ran_by}, {self._passes.precision}, on {describe(self.device)}"

    @property
    def output(self) -> tuple[str, int]:
        """Depth ("uint8", "uint16", "float32") and channels of translations."""
        return self.header.image.output

    @overload
    def translate(
        self,
        pictures: Picture,
        *,
        mode: Mode | None = None,
        seed: int = 0,
        batch: int = 8,
        make: bool = False,
        size: Size | None = None,
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
        size: Size | None = None,
    ) -> list[Image.Image | Array]: ...
    def translate(
        self,
        pictures: Picture | list[P],
        *,
        mode: Mode | None = None,
        seed: int = 0,
        batch: int = 8,
        make: bool = False,
        size: Size | None = None,
    ) -> Image.Image | Array | list[Image.Image | Array]:
        """Return the translation of one picture or a list of them, each of the size of its source.

        A picture is a PIL image, an (H, W) or (H, W, C) array of uint8, uint16 or float, or a path.
        A translation is a PIL image, or an (H, W, C) array where targets have more than 8 bits or
        more than 4 channels. `mode` is the model's own unless given; `seed` fixes the noise, which
        is the same for every picture. `batch` pictures of one padded size are translated at a time.
        With `make` the pictures are photographs, from which sources are made as in training. With
        `size` ("train", 512 or (256, 512)) a picture is scaled to that size as in training, and its
        translation back. Label maps are PIL images of the kind that the targets were: class indexes,
        with their colours or without. Raises UserError for a picture that cannot be read and for a
        mode that the model does not have.
        """
        if not isinstance(pictures, list):
            return self.translate([pictures], mode=mode, seed=seed, make=make, size=size)[0]
        arrays = [as_array(p) for p in pictures]
        names = [str(p) if isinstance(p, str | Path) else "The picture" for p in pictures]
        sources = [self.source(a, name, make, size=size) for a, name in zip(arrays, names, strict=True)]
        outputs = self.translate_sources(sources, mode=mode, seed=seed, batch=batch)
        image = self.header.image
        return [
            masks.as_picture(restored(image, o, a), image.target)
            for o, a in zip(outputs, arrays, strict=True)
        ]

    def translate_sources(
        self,
        sources: Sequence[Array],
        *,
        mode: Mode | None = None,
        batch: int = 8,
        seed: int | Sequence[int] = 0,
        sample: int | Sequence[int] = 0,
    ) -> list[Array]:
        """Return targets, (H, W, C) in their own depth, of sources that `source` returned.

        `sample` counts the variants of a seed; each is one number for all sources, or one each.
        """
        contract, target = self.header.image.source, self.header.image.target
        sizes = [(source.shape[0], source.shape[1]) for source in sources]

        def stack(places: list[int]) -> Tensor:
            padded = np.stack([pad(sources[i], self.generator.multiple_px, (0, 1)) for i in places])
            levels = tensors.to_levels(padded).to(self.device)
            return tensors.network_input(tensors.from_levels(levels, contract), contract)

        # Rounded on the device: 8 bits are a quarter of what came in.
        outputs = self._outputs(
            sizes, stack, lambda output: tensors.rounded(output, target).cpu(), mode, batch, seed, sample
        )
        return [
            joined(self.header.image, source, tensors.from_rounded(levels[:height, :width], target))
            for levels, (height, width), source in zip(outputs, sizes, sources, strict=True)
        ]

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
        sizes = [(source.shape[1], source.shape[2]) for source in sources]

        def stack(places: list[int]) -> Tensor:
            return torch.stack([pad(sources[i], self.generator.multiple_px) for i in places]).to(self.device)

        outputs = self._outputs(sizes, stack, Tensor.cpu, mode, batch, seed, sample)
        return [output[:, :height, :width] for output, (height, width) in zip(outputs, sizes, strict=True)]

    @torch.inference_mode()
    def _outputs(
        self,
        sizes: Sequence[tuple[int, int]],
        stack: Callable[[list[int]], Tensor],
        collect: Callable[[Tensor], Tensor],
        mode: Mode | None,
        batch: int,
        seed: int | Sequence[int],
        sample: int | Sequence[int],
    ) -> list[Tensor]:
        """Return the outputs, still padded; pictures of one padded size share a batch.

        `stack` makes a batch of the sources at these places, `collect` takes its output to the processor.
        """
        chosen, multiple = mode or self.header.mode, self.generator.multiple_px
        seeds, samples = (_for_each(numbers, len(sizes)).to(self.device) for numbers in (seed, sample))
        keys = noise_keys(seeds, samples) if uses_noise(chosen) else None
        alike: dict[tuple[int, int], list[int]] = defaultdict(list)
        for i, (height, width) in enumerate(sizes):
            alike[padded_size(height, width, multiple)].append(i)
        outputs: dict[int, Tensor] = {}
        for places in (group[i : i + batch] for group in alike.values() for i in range(0, len(group), batch)):
            target = self._passes(stack(places), None if keys is None else keys[places], chosen)
            outputs |= zip(places, collect(target), strict=True)
        return [outputs[i] for i in range(len(sizes))]

    def stream(
        self, size: tuple[int, int], folder: Path, about: Any, *, mode: Mode | None, seed: int, half: bool
    ) -> Stream:
        """Return the generator over a padded source of (height, width) that is read by rows; see `stream`."""
        chosen, passes = mode or self.header.mode, self._passes
        keys = noise_keys(seed, _for_each(0, 1).to(self.device)) if uses_noise(chosen) else None
        where = Where(folder, about, half, passes.device, passes.precision)
        return Stream(passes.generator, size, chosen, keys, where)

    def digest(self) -> str:
        """Return a checksum of the weights and of all that the model file states about them."""
        digest = hashlib.sha256(self.header.model_dump_json().encode())
        for weights in self.generator.state_dict().values():
            digest.update(weights.cpu().contiguous().numpy().tobytes())
        return digest.hexdigest()

    def variants(
        self, picture: Picture, samples: int, *, mode: Mode | None = None, seed: int = 0, make: bool = False
    ) -> Variants:
        """Return `samples` translations, each by its own noise, the first as `translate` returns it.

        Raises UserError for a mode without noise: all variants would be one.
        """
        source = self.source(as_array(picture), "The picture", make)
        return self.variants_of(source, samples, mode=mode, seed=seed)

    def variants_of(
        self, source: Array, samples: int, *, mode: Mode | None = None, seed: int = 0
    ) -> Variants:
        """Return variants as `variants` does, of a source that `source` returned."""
        chosen, image = mode or self.header.mode, self.header.image
        if not uses_noise(chosen):
            raise UserError(
                f"The mode '{chosen}' has no noise, so all {samples} samples would be equal.",
                "Use --mode paper." if self.generator.noise else "The model was trained without dropout.",
            )
        pictures = self.translate_sources([source] * samples, mode=chosen, seed=seed, sample=range(samples))
        contract = image.lab_photograph or image.target
        deviation = np.stack(pictures).astype(np.float32).std(axis=0).mean(axis=2)
        return Variants(pictures, deviation / (contract.high - contract.low))

    def source(
        self, array: Array, name: str, made: bool, key: str | None = None, size: Size | None = None
    ) -> Array:
        """Return the picture as the network was fed in training; see `conformed`."""
        return conformed(self.header, array, name, made, key, size)


def _for_each(numbers: int | Sequence[int], count: int) -> Tensor:
    """Return (count,) int64 of one number for all, or of one each; noise takes 32 bits of them."""
    each = [numbers] * count if isinstance(numbers, int) else numbers
    return torch.tensor([n % 2**32 for n in each], dtype=torch.int64)
