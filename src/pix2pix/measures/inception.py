"""Inception as the FID of the literature has it: the network of torch-fidelity (extra `metrics`)."""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

from torch import Tensor

from pix2pix.errors import UserError
from pix2pix.measures.weights import cached, fetched, read_weights, wrong_weights

NAME = "Inception of torch-fidelity"
_WEIGHTS = "weights-inception-2015-12-05-*.pth"


def find_inception() -> Path | None:
    """Return the weights in torch's cache; None where they or the package are not there."""
    return cached(_WEIGHTS) if find_spec("torch_fidelity") else None


def fetch_inception() -> Path:
    """Return the weights, fetched if they are not there; raises UserError where that is not possible."""
    _need_package()
    from torch_fidelity.feature_extractor_inceptionv3 import URL_INCEPTION_V3

    return cached(_WEIGHTS) or fetched(URL_INCEPTION_V3)


def load_inception(path: Path) -> Callable[[Tensor], Tensor]:
    """Return what turns (B, 3, H, W) in [-1, 1] into (B, 2048) features, by the weights of a .pth.

    Raises UserError for a file of other content, and where torch-fidelity is not installed.
    """
    _need_package()
    read_weights(path, "Inception")  # torch-fidelity itself would unpickle whatever the file holds
    from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3

    try:
        network = FeatureExtractorInceptionV3("inception-v3-compat", ["2048"], str(path))
    except RuntimeError:  # other tensors than the network's
        raise wrong_weights(path, "Inception") from None

    def extract(pictures: Tensor) -> Tensor:
        levels = ((pictures + 1) * 127.5).round().clamp(0, 255).byte()
        features: Tensor = network.to(pictures.device)(levels)[0]
        return features

    return extract


def _need_package() -> None:
    if find_spec("torch_fidelity") is None:
        raise UserError(
            "Inception needs the package torch-fidelity.", "Install it: pip install 'pix2pix[metrics]'"
        )
