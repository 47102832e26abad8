"""Picture in, picture out: `Translator.load("model.safetensors").translate(image)`.

Any height and width: pictures are mirrored at the right and the bottom up to a multiple of the
generator's 2**depth, translated, and cropped back.
"""

from __future__ import annotations

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

from pix2pix import images
from pix2pix.config import Mode
from pix2pix.device import pick_device
from pix2pix.errors import UserError
from pix2pix.model_file import Header, load_model
from pix2pix.networks import UNet
from pix2pix.networks.modes import inference, uses_noise
from pix2pix.networks.noise import noise_keys

Picture = Image.Image | NDArray[np.uint8] | Path | str
P = TypeVar("P", bound=Picture)


@dataclass(frozen=True)
class Variants:
    """Several translations of one picture, by different noise.

    `spread` is (H, W) float32: the standard deviation over the variants in 8-bit levels, averaged
    over channels.
    """

    images: list[Image.Image]
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

    @overload
    def translate(
        self, pictures: Picture, *, mode: Mode | None = None, seed: int = 0, batch: int = 8
    ) -> Image.Image: ...
    @overload
    def translate(
        self, pictures: list[P], *, mode: Mode | None = None, seed: int = 0, batch: int = 8
    ) -> list[Image.Image]: ...
    def translate(
        self,
        pictures: Picture | list[P],
        *,
        mode: Mode | None = None,
        seed: int = 0,
        batch: int = 8,
    ) -> Image.Image | list[Image.Image]:
        """Translations of one picture or of a list, each of the size of its source.

        A picture is a PIL image, an (H, W) or (H, W, C) uint8 array, or a path. `mode` is the
        model's own unless given; `seed` fixes the noise, which is the same for every picture.
        `batch` pictures of one padded size are translated at a time. Raises UserError for a picture
        that cannot be read and for a mode that the model does not have.
        """
        if not isinstance(pictures, list):
            return self.translate([pictures], mode=mode, seed=seed)[0]
        sources = [self._tensor(picture) for picture in pictures]
        outputs = self.translate_tensors(sources, mode=mode, seed=seed, batch=batch)
        return [images.from_array(images.to_pixels(output)) for output in outputs]

    def variants(
        self, picture: Picture, samples: int, *, mode: Mode | None = None, seed: int = 0
    ) -> Variants:
        """`samples` translations by noise of its own each, the first as `translate` gives it.

        Raises UserError for a mode without noise: all variants would be one.
        """
        chosen = mode or self.header.mode
        if not uses_noise(chosen):
            raise UserError(
                f"The mode '{chosen}' has no noise, so all {samples} samples would be equal.",
                "Use --mode paper.",
            )
        source = [self._tensor(picture)]
        outputs = [
            self.translate_tensors(source, mode=chosen, seed=seed, sample=n)[0]
            for n in range(samples)
        ]
        spread = torch.stack(outputs).mul(127.5).std(0, correction=0).mean(0).cpu().numpy()
        return Variants([images.from_array(images.to_pixels(t)) for t in outputs], spread)

    @torch.inference_mode()
    def translate_tensors(
        self, sources: Sequence[Tensor], *, mode: Mode | None = None, seed: int = 0,
        sample: int = 0, batch: int = 8,
    ) -> list[Tensor]:  # fmt: skip
        """(C, H, W) in [-1, 1] each, of any sizes -> the same of the target, on the device."""
        chosen = mode or self.header.mode
        padded = [pad(source, 2**self.generator.depth) for source in sources]
        same_size: dict[torch.Size, list[int]] = defaultdict(list)
        for i, tensor in enumerate(padded):
            same_size[tensor.shape].append(i)
        results: dict[int, Tensor] = {}
        with inference(self.generator, chosen):
            for indexes in same_size.values():
                for some in (indexes[i : i + batch] for i in range(0, len(indexes), batch)):
                    x = torch.stack([padded[i] for i in some]).to(self.device)
                    samples = torch.full((len(some),), sample, device=self.device)
                    keys = noise_keys(seed, samples) if uses_noise(chosen) else None
                    results |= zip(some, self.generator(x, keys), strict=True)
        return [results[i][:, : s.shape[1], : s.shape[2]] for i, s in enumerate(sources)]

    def _tensor(self, picture: Picture) -> Tensor:
        if isinstance(picture, str | Path):
            picture = images.open_image(Path(picture))
        elif isinstance(picture, np.ndarray):
            picture = _from_numpy(picture)
        elif not isinstance(picture, Image.Image):
            raise UserError(
                f"A {type(picture).__name__} was given: "
                "wanted a PIL image, a numpy array, a path, or a list of them."
            )
        channels = self.header.image.source_channels
        return images.to_tensor(images.to_array(images.to_channels(picture, channels)))


def pad(source: Tensor, multiple: int) -> Tensor:
    """(C, H, W) -> (C, H', W'), the next multiples, mirrored at the bottom and on the right.

    Mirrored as often as needed: a single pixel fills the whole.
    """
    _, height, width = source.shape
    return source[:, _mirrored(height, multiple)][:, :, _mirrored(width, multiple)]


def _mirrored(length: int, multiple: int) -> Tensor:
    """Indexes 0 ... n-1, n-1 ... 0, 0 ... n-1, up to the next multiple."""
    place = torch.arange(-(-length // multiple) * multiple) % (2 * length)
    return torch.minimum(place, 2 * length - 1 - place)


def _from_numpy(array: NDArray[np.uint8]) -> Image.Image:
    layers = array[:, :, None] if array.ndim == 2 else array
    known = array.dtype == np.uint8 and layers.ndim == 3 and layers.shape[2] in images.MODES
    if not known or array.size == 0:
        raise UserError(
            f"An array of {array.dtype} and shape {array.shape} was given: "
            "wanted uint8 of shape (H, W) or (H, W, C) with C = 1, 3 or 4."
        )
    return images.from_array(layers)
