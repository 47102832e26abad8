"""LPIPS (Zhang et al. 2018) by torchvision's AlexNet and the heads that torchmetrics ships."""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

from torch import Tensor
from torch.nn import functional as F

from pix2pix.errors import UserError
from pix2pix.measures.features import as_rgb
from pix2pix.measures.weights import cached, fetched, read_weights, wrong_weights

_SMALLEST_PX = 32  # AlexNet halves five times


def find_lpips(*, fetch: bool = False) -> Callable[[Tensor, Tensor], Tensor] | None:
    """Return LPIPS of (B, C, H, W) outputs and targets in [-1, 1], as (B,), by the weights in torch's cache.

    None where they are not there, unless they are to be fetched. Raises UserError where that is not
    possible, and for weights of another network.
    """
    if find_spec("torchvision") is None:
        if fetch:
            raise UserError(
                "LPIPS needs the package torchvision.", "Install it: pip install 'pix2pix[metrics]'"
            )
        return None
    from torchvision.models import AlexNet_Weights

    url = AlexNet_Weights.DEFAULT.url
    # By its whole name: torchvision would fetch the file next to one of another version.
    path = fetched(url) if fetch else cached(url.rpartition("/")[2])
    return _load(path) if path else None


def _load(path: Path) -> Callable[[Tensor, Tensor], Tensor]:
    read_weights(path, "AlexNet")  # torchvision itself would unpickle whatever the file holds
    from torchmetrics.image.lpip import LearnedPerceptualImagePatchSimilarity

    try:
        network = LearnedPerceptualImagePatchSimilarity("alex").net
    except RuntimeError:  # other tensors than the network's
        raise wrong_weights(path, "AlexNet") from None

    def lpips(output: Tensor, target: Tensor) -> Tensor:
        pictures = [as_rgb(x) for x in (output, target)]
        if (smallest := min(output.shape[2:])) < _SMALLEST_PX:
            scale = _SMALLEST_PX / smallest
            pictures = [F.interpolate(x, scale_factor=scale, mode="bilinear") for x in pictures]
        distances: Tensor = network.to(output.device)(*pictures)
        return distances.flatten()

    return lpips
