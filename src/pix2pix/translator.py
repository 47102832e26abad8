"""Picture in, picture out: `Translator.load("model.safetensors").translate(image)`.

Any height and width: pictures are mirrored at the right and the bottom up to a multiple of the
generator's 2**depth, translated, and cropped back.
"""

from __future__ import annotations

import copy
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar, overload

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from pix2pix import image_files, images, make
from pix2pix.config import Mode
from pix2pix.contract import LARGEST
from pix2pix.device import pick_device
from pix2pix.errors import UserError
from pix2pix.image_files import Array
from pix2pix.model_file import Header, load_model
from pix2pix.networks import UNet
from pix2pix.networks.modes import inference, uses_noise
from pix2pix.networks.noise import noise_keys

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
    """A trained generator with the image contract of its file."""

    def __init__(self, generator: UNet, header: Header, device: torch.device) -> None:
        self.generator, self.header, self.device = generator, header, device

    @classmethod
    def load(cls, model: str | Path, device: str = "auto") -> Translator:
        """The model of a file; `device` is auto, cpu, cuda, cuda:1, ...

        Raises UserError for a file that is no model, cut short or newer than this package.
        """
        chosen = pick_device(device)
        return cls(*load_model(Path(model), chosen), chosen)

    def twin(self) -> Translator:
        """Another translator of the same weights, for a thread of its own.

        The inference mode is kept in the layers, so one translator serves one thread at a time.
        """
        weights = [*self.generator.parameters(), *self.generator.buffers()]
        layers = copy.deepcopy(self.generator, {id(tensor): tensor for tensor in weights})
        return Translator(layers, self.header, self.device)

    @property
    def output(self) -> tuple[str, int]:
        """Depth ("uint8", "uint16", "float32") and channels of what comes out."""
        image = self.header.image
        if image.made == "lab" and image.photograph is not None:
            return image.photograph.depth, 3
        return image.target.depth, image.target.channels

    @overload
    def translate(
        self, pictures: Picture, *, mode: Mode | None = None, seed: int = 0, batch: int = 8,
        make: bool = False,
    ) -> Image.Image | Array: ...  # fmt: skip
    @overload
    def translate(
        self, pictures: list[P], *, mode: Mode | None = None, seed: int = 0, batch: int = 8,
        make: bool = False,
    ) -> list[Image.Image | Array]: ...  # fmt: skip
    def translate(
        self, pictures: Picture | list[P], *, mode: Mode | None = None, seed: int = 0,
        batch: int = 8, make: bool = False,
    ) -> Image.Image | Array | list[Image.Image | Array]:  # fmt: skip
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
        sources = [
            self.source(_to_array(p), name, make) for p, name in zip(pictures, names, strict=True)
        ]
        outputs = self.translate_sources(sources, mode=mode, seed=seed, batch=batch)
        return [_to_image(output) for output in outputs]

    def translate_sources(
        self, sources: Sequence[Array], *, mode: Mode | None = None, batch: int = 8,
        seed: int | Sequence[int] = 0, sample: int | Sequence[int] = 0,
    ) -> list[Array]:  # fmt: skip
        """Targets, (H, W, C) in their own depth, of sources that `source` gave.

        `sample` counts the variants of a seed; each is one number for all sources, or one each.
        """
        tensors = [images.to_tensor(source, self.header.image.source) for source in sources]
        outputs = self.translate_tensors(tensors, mode=mode, seed=seed, sample=sample, batch=batch)
        return [self._finish(o, s) for o, s in zip(outputs, sources, strict=True)]

    def variants(
        self, picture: Picture, samples: int, *, mode: Mode | None = None, seed: int = 0,
        make: bool = False,
    ) -> Variants:  # fmt: skip
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
        pictures = [
            self.translate_sources([source], mode=chosen, seed=seed, sample=n)[0]
            for n in range(samples)
        ]
        levels = np.stack(pictures).astype(np.float32)
        spread = levels.std(axis=0).mean(axis=2) / max(float(np.ptp(levels)), 1e-6)
        return Variants(pictures, spread)

    def source(self, array: Array, name: str, made: bool) -> Array:
        """The picture as the network was fed in training, in the contract of sources."""
        image = self.header.image
        if image.photograph is not None and image.made == "lab":
            # Lightness is what is given, in colour or in grey.
            return make.split_lab(images.conform(array, image.photograph, name))[0]
        if made:
            if image.photograph is None:
                raise UserError(
                    "This model learned from pairs as they are: it makes no sources.",
                    "Translate without --make.",
                )
            photograph = images.conform(array, image.photograph, name)
            return make.source_and_target(image.made, photograph, Path(name).stem)[0]
        return images.conform(array, image.source, name, snap=self.header.config.data.snap_labels)

    def _finish(self, output: Tensor, source: Array) -> Array:
        """The output in the depth and channels of what training's targets were made of."""
        image = self.header.image
        array = images.to_array(output, image.target)
        if image.made != "lab" or image.photograph is None:
            return array
        rgb, depth = make.join_lab(source, array), image.photograph.depth
        return rgb if depth == "float32" else (rgb * LARGEST[depth]).round().astype(depth)

    @torch.inference_mode()
    def translate_tensors(
        self, sources: Sequence[Tensor], *, mode: Mode | None = None, batch: int = 8,
        seed: int | Sequence[int] = 0, sample: int | Sequence[int] = 0,
    ) -> list[Tensor]:  # fmt: skip
        """(C, H, W) in [-1, 1] each, of any sizes -> the same of the target, on the processor."""
        chosen = mode or self.header.mode
        seeds, samples = (_for_each(numbers, len(sources)) for numbers in (seed, sample))
        padded = [pad(source, 2**self.generator.depth) for source in sources]
        same_size: dict[torch.Size, list[int]] = defaultdict(list)
        for i, tensor in enumerate(padded):
            same_size[tensor.shape].append(i)
        results: dict[int, Tensor] = {}
        with inference(self.generator, chosen):
            for indexes in same_size.values():
                for some in (indexes[i : i + batch] for i in range(0, len(indexes), batch)):
                    x = torch.stack([padded[i] for i in some]).to(self.device)
                    z = (numbers[some].to(self.device) for numbers in (seeds, samples))
                    keys = noise_keys(*z) if uses_noise(chosen) else None
                    results |= zip(some, self.generator(x, keys).cpu(), strict=True)
        return [results[i][:, : s.shape[1], : s.shape[2]] for i, s in enumerate(sources)]


def _for_each(numbers: int | Sequence[int], count: int) -> Tensor:
    """(count,) int64 of one number for all, or of one each; noise takes 32 bits of them."""
    each = [numbers] * count if isinstance(numbers, int) else numbers
    return torch.tensor([n % 2**32 for n in each], dtype=torch.int64)


def pad(source: Tensor, multiple: int) -> Tensor:
    """(C, H, W) -> (C, H', W'), the next multiples, mirrored at the bottom and on the right.

    Mirrored as often as needed: a single pixel fills the whole.
    """
    rows, columns = (
        torch.from_numpy(images.mirrored(n, -(-n // multiple) * multiple)) for n in source.shape[1:]
    )
    return source[:, rows][:, :, columns]


def _to_array(picture: Picture) -> Array:
    if isinstance(picture, str | Path):
        return image_files.read(Path(picture))
    if isinstance(picture, Image.Image):
        return image_files.from_pillow(picture)
    if isinstance(picture, np.ndarray):
        return image_files.checked(picture, "The array")
    raise UserError(
        f"A {type(picture).__name__} was given: "
        "wanted a PIL image, a numpy array, a path, or a list of them."
    )


def _to_image(array: Array) -> Image.Image | Array:
    shown = array.dtype == np.uint8 and array.shape[2] in (1, 3, 4)
    return image_files.to_pillow(array) if shown else array
