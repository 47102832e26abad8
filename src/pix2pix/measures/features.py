"""Feature networks: (B, 3, H, W) in [-1, 1] -> (B, D) features. Each does its own resizing.

The VGG16 in the wheel of `stlpips-pytorch` (extra `metrics`) needs no download: the shift-tolerant
network of ST-LPIPS (Ghildyal and Liu, ECCV 2022). Its weights are read by path, nothing of that
package is imported. Inception is torch-fidelity's (`inception`), where its weights are there. Any other
network is an ONNX file, with a TOML of the same name next to it:

    size_px = 224                # pictures are resized to it, antialiased
    mean = [0.485, 0.456, 0.406] # of pictures in 0..1; optional, as is std
    std = [0.229, 0.224, 0.225]

B batch, C channels, H height, W width, D features.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from pix2pix.errors import UserError, first_line
from pix2pix.files import file_digest
from pix2pix.measures import inception
from pix2pix.measures.onnx_file import OnnxNetwork
from pix2pix.parsing import read_toml

VGG16_NAME = "VGG16 of ST-LPIPS"
_WEIGHTS = "weights/vST0.0/vgg_shift_tolerant.pth"
# The convolutions of VGG16's five stages, by their numbers in the file of weights.
_STAGES = ((0, 2), (6, 8), (12, 14, 16), (20, 22, 24), (28, 30, 32))
_SMALLEST_PX = 32  # smaller pictures would have no pixel left after four halvings
_LARGEST_PX = 4096  # of a feature network's pictures


@dataclass(frozen=True)
class FeatureNetwork:
    """A network by the name that reports give it, and its features.

    `digest` is the SHA-256 of its files, where a user names them.
    """

    name: str
    extract: Callable[[Tensor], Tensor]
    digest: str = ""

    @property
    def identity(self) -> str:
        """The name, and the start of the digest: scores by another network are not the same."""
        return f"{self.name}, sha256 {self.digest[:16]}" if self.digest else self.name


def name_in(identity: str) -> str:
    """Return the name in the identity of a network."""
    return identity.partition(", sha256 ")[0]


class VGG16(nn.Module):
    """The shift-tolerant VGG16 of ST-LPIPS, with the heads that weigh its channels."""

    def __init__(self, weights: dict[str, Tensor]) -> None:
        super().__init__()
        for name, tensor in weights.items():
            self.register_buffer(name.replace(".", "_"), tensor.float(), persistent=False)

    def stages(self, pictures: Tensor) -> list[Tensor]:
        """Return the activations after each stage: (B, C, H, W) down to (B, C, H / 16, W / 16)."""
        shift, scale = (self.get_buffer(f"scaling_layer_{name}") for name in ("shift", "scale"))
        x, activations = (pictures.float() - shift) / scale, []
        for number, layers in enumerate(_STAGES, start=1):
            x = _halved(x) if number > 1 else x
            for layer in layers:
                key = f"net_slice{number}_{layer}"
                weight, bias = self.get_buffer(f"{key}_weight"), self.get_buffer(f"{key}_bias")
                x = F.relu(F.conv2d(x, weight, bias, padding=1))
            activations.append(x)
        return activations

    def features(self, pictures: Tensor) -> Tensor:
        """Return the means of the last activations, (B, 512), of pictures at 256 px."""
        at_256 = F.interpolate(pictures, (256, 256), mode="bicubic", antialias=True).clamp(-1, 1)
        return self.stages(at_256)[-1].mean((2, 3))

    def distance(self, output: Tensor, target: Tensor) -> Tensor:
        """Return ST-LPIPS of (B, 3, H, W) pairs: (B,), 0 for equal pictures."""
        activations = zip(self._unit_stages(output), self._unit_stages(target), strict=True)
        return self._weighed([(one - other) ** 2 for one, other in activations])

    def variety(self, variants: Tensor) -> Tensor:
        """Return the mean ST-LPIPS of two of (S, 3, H, W) variants, over all pairs: a scalar."""
        # The mean squared difference of two of S values is twice their variance.
        return self._weighed([2 * x.var(0, keepdim=True) for x in self._unit_stages(variants)])[0]

    def _unit_stages(self, pictures: Tensor) -> list[Tensor]:
        if (smallest := min(pictures.shape[2:])) < _SMALLEST_PX:
            pictures = F.interpolate(pictures, scale_factor=_SMALLEST_PX / smallest, mode="bilinear")
        return [_unit(x) for x in self.stages(pictures)]

    def _weighed(self, squared: Sequence[Tensor]) -> Tensor:
        """Return (B,) of the squared differences (B, C, H, W) of each stage."""
        heads = (self.get_buffer(f"lin{number}_model_1_weight") for number in range(len(squared)))
        weighed = [F.conv2d(x, head).mean((1, 2, 3)) for x, head in zip(squared, heads, strict=True)]
        return torch.stack(weighed).sum(0)


@cache
def load_vgg16() -> VGG16:
    """Read the network of the extra `metrics`; raises UserError where that is not installed."""
    spec = find_spec("stlpips_pytorch")
    if spec is None or not spec.submodule_search_locations:
        raise UserError(
            "ST-LPIPS and features of VGG16 need the package stlpips-pytorch.",
            "Install it: pip install 'pix2pix[metrics]', or name another network with --features FILE.",
        )
    path = Path(spec.submodule_search_locations[0]) / _WEIGHTS
    weights = torch.load(path, weights_only=True, map_location="cpu")
    return VGG16(weights).requires_grad_(False).eval()


def st_lpips(output: Tensor, target: Tensor) -> Tensor:
    """Return the perceptual distance ST-LPIPS by VGG16: 0 for equal pictures, higher is further."""
    network = load_vgg16().to(output.device)
    return network.distance(*(as_rgb(pictures) for pictures in (output, target)))


def st_lpips_variety(variants: Tensor) -> Tensor:
    """Return the mean ST-LPIPS of two of (S, C, H, W) variants, over all pairs: a scalar."""
    return load_vgg16().to(variants.device).variety(as_rgb(variants))


def find_features(choice: str | Path | None = None) -> FeatureNetwork | None:
    """Return a feature network; without a choice Inception if its weights are there, else VGG16, else None.

    choice: an ONNX file, a .pth of Inception's weights, or "inception", which fetches them if need be.
    Raises UserError for a file that is no network.
    """
    if choice is None:
        weights = inception.find_inception()
        return _inception(weights) if weights else _vgg16()
    if str(choice) == "inception":
        return _inception(inception.fetch_inception())
    path = Path(choice)
    return _inception(path) if path.suffix in (".pth", ".pt") else _from_onnx(path)


def _inception(weights: Path) -> FeatureNetwork:
    extract = inception.load_inception(weights)
    return FeatureNetwork(inception.NAME, lambda pictures: extract(as_rgb(pictures)), file_digest(weights))


def _vgg16() -> FeatureNetwork | None:
    try:
        network = load_vgg16()
    except UserError:
        return None
    return FeatureNetwork(VGG16_NAME, lambda pictures: network.to(pictures.device).features(as_rgb(pictures)))


def as_rgb(pictures: Tensor) -> Tensor:
    """Return (B, 3, H, W): grey repeated, further channels than three left out."""
    return pictures[:, :3] if pictures.shape[1] >= 3 else pictures[:, :1].expand(-1, 3, -1, -1)


def _from_onnx(path: Path) -> FeatureNetwork:
    network = OnnxNetwork(path, "--features")
    stated = _read_toml(path.with_suffix(".toml"))

    def extract(pictures: Tensor) -> Tensor:
        size = (stated["size_px"],) * 2
        x = F.interpolate(as_rgb(pictures).cpu(), size, mode="bicubic", antialias=True).clamp(-1, 1)
        if "mean" in stated:
            mean, std = (torch.tensor(stated[key])[:, None, None] for key in ("mean", "std"))
            x = ((x + 1) / 2 - mean) / std
        features = network(x)
        return features.flatten(2).mean(2) if features.ndim > 2 else features

    _refuse_no_features(path, extract(torch.linspace(-1, 1, 2 * 3 * 64 * 64).reshape(2, 3, 64, 64)))
    digests = [file_digest(file) for file in (path, path.with_suffix(".toml"))]
    return FeatureNetwork(path.name, extract, sha256("".join(digests).encode()).hexdigest())


def _refuse_no_features(path: Path, features: Tensor) -> None:
    """Raise UserError where a network does not turn two pictures into two rows of numbers."""
    if features.ndim != 2 or not features.isfinite().all():
        what = "numbers that are not finite" if features.ndim == 2 else f"shape {tuple(features.shape)}"
        raise UserError(
            f"--features {path} turns two pictures into {what}.",
            "Wanted a row of features for each picture, (batch, features), or maps of them.",
        )


def _read_toml(path: Path) -> dict[str, Any]:
    example = (
        f"size_px = 224 (1 to {_LARGEST_PX:,}), and mean and std, of three numbers each and std above 0, "
        "where pictures in 0..1 are normalised"
    )
    try:
        stated = read_toml(path)
    except FileNotFoundError:
        raise UserError(
            f"There is no {path}, which says how pictures are fed to the network.", f"Write {example}."
        ) from None
    except (OSError, ValueError) as error:
        reason = (error.strerror if isinstance(error, OSError) else None) or first_line(error)
        raise UserError(
            f"Cannot read {path}, which says how pictures are fed to the network: {reason}.",
            f"Write {example}.",
        ) from None
    size, lists = stated.get("size_px"), [stated.get(key) for key in ("mean", "std") if key in stated]
    is_size = type(size) is int and 1 <= size <= _LARGEST_PX
    if not is_size or len(lists) == 1 or not all(map(_is_triple, lists)) or min(stated.get("std", [1])) <= 0:
        raise UserError(f"{path} does not say how pictures are fed to the network.", f"Write {example}.")
    return stated


def _is_triple(numbers: Any) -> bool:
    return isinstance(numbers, list) and len(numbers) == 3 and all(type(n) in (int, float) for n in numbers)


def _halved(x: Tensor) -> Tensor:
    """Halve height and width without aliasing: maximum of 2 x 2 at every pixel, blur, every second pixel."""
    x = F.max_pool2d(x, 2, 1)
    tap = x.new_tensor([1.0, 2.0, 1.0])
    blur = (torch.outer(tap, tap) / 16).expand(x.shape[1], 1, 3, 3)
    return F.conv2d(F.pad(x, (2, 2, 2, 2), "reflect"), blur, stride=2, groups=x.shape[1])


def _unit(activations: Tensor) -> Tensor:
    """Scale the channels of every pixel to length 1."""
    length: Tensor = torch.linalg.vector_norm(activations, dim=1, keepdim=True)
    return activations / (length + 1e-10)
