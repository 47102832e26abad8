"""Torch-fidelity's Inception by weights of the right names and shapes, and refusals."""

from pathlib import Path

import pytest
import torch

from pix2pix.errors import UserError
from pix2pix.measures import inception
from pix2pix.measures.features import find_features

extractor = pytest.importorskip(
    "torch_fidelity.feature_extractor_inceptionv3",
    reason="needs torch-fidelity: pip install 'pix2pix[metrics]'",
)


def write_weights(path: Path) -> Path:
    """Write weights of which each tensor holds one number: a small file of the network's layout."""
    network = extractor.FeatureExtractorInceptionV3
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(extractor, "load_state_dict_from_url", lambda *_, **__: {})
        patch.setattr(network, "load_state_dict", lambda *_: None)
        state = network("any", ["2048"]).state_dict()
    random = torch.Generator().manual_seed(0)
    numbers = {}
    for name, tensor in state.items():
        number = torch.rand((), generator=random) / 10
        numbers[name] = number.to(tensor.dtype).expand(tensor.shape)
    path.parent.mkdir(parents=True, exist_ok=True)
    torch.save(numbers, path)
    return path


@pytest.fixture
def cache_of_torch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path / "hub"))
    return tmp_path / "hub" / "checkpoints"


def test_weights_in_the_cache_are_taken_without_a_word(cache_of_torch: Path) -> None:
    weights = write_weights(cache_of_torch / "weights-inception-2015-12-05-6726825d.pth")
    for choice in (None, "inception", str(weights)):
        network = find_features(choice)
        assert network is not None
        assert network.name == inception.NAME
    pictures = torch.linspace(-1, 1, 3)[:, None, None, None].expand(3, 3, 20, 30)
    found = network.extract(pictures)
    assert found.shape == (3, 2048)
    assert found.isfinite().all()
    assert not torch.allclose(found[0], found[2])


def test_weights_of_another_network_are_refused(tmp_path: Path) -> None:
    torch.save({"weight": torch.zeros(3)}, tmp_path / "other.pth")
    with pytest.raises(UserError, match=r"other\.pth does not hold the weights of Inception"):
        find_features(tmp_path / "other.pth")


def test_without_the_package_one_sentence_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inception, "find_spec", lambda name: None)
    assert inception.find_inception() is None
    with pytest.raises(UserError, match=r"torch-fidelity.*pip install 'pix2pix\[metrics\]'"):
        find_features("inception")
