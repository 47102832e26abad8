"""LPIPS by an AlexNet of random weights, and refusals."""

from itertools import pairwise
from pathlib import Path

import pytest
import torch

from pix2pix.errors import UserError
from pix2pix.measures import lpips
from pix2pix.measures.lpips import find_lpips

models = pytest.importorskip("torchvision.models", reason="needs torchvision: pip install 'pix2pix[metrics]'")


@pytest.fixture
def cache_of_torch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "hub" / "checkpoints"
    folder.mkdir(parents=True)
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path / "hub"))
    return folder


def write_weights(path: Path) -> None:
    """Write weights of AlexNet; its classifier, which LPIPS leaves out, as one number each: a small file."""
    with torch.device("meta"):
        shapes = models.alexnet(weights=None).state_dict()
    random = torch.Generator().manual_seed(0)
    weights = {
        name: torch.randn(t.shape, generator=random) / 20
        if "features" in name
        else torch.zeros(()).expand(t.shape)
        for name, t in shapes.items()
    }
    torch.save(weights, path)


def test_equal_pictures_have_distance_0_and_noise_moves_them_monotonely(cache_of_torch: Path) -> None:
    write_weights(cache_of_torch / "alexnet-owt-7be5be79.pth")
    measure = find_lpips()
    assert measure is not None
    random = torch.Generator().manual_seed(1)
    target = torch.rand(2, 3, 40, 40, generator=random) * 2 - 1
    noise = torch.randn(target.shape, generator=random)
    distances = [measure(target + strength * noise, target) for strength in (0, 0.1, 0.5)]
    assert distances[0].tolist() == [0, 0]
    for nearer, further in pairwise(distances):
        assert (nearer < further).all()
    assert measure(target[:, :1, :5, :5], -target[:, :1, :5, :5]).shape == (2,)


def test_without_weights_it_is_not_measured(cache_of_torch: Path) -> None:
    assert find_lpips() is None


def test_weights_of_another_version_are_not_used_and_nothing_is_fetched(
    cache_of_torch: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fetched: list[str] = []
    monkeypatch.setattr(torch.hub, "download_url_to_file", lambda url, *rest, **how: fetched.append(url))
    write_weights(cache_of_torch / "alexnet-owt-4df8aa71.pth")
    assert find_lpips() is None
    assert fetched == []


def test_weights_of_another_network_are_refused(cache_of_torch: Path) -> None:
    torch.save({"weight": torch.zeros(3)}, cache_of_torch / "alexnet-owt-7be5be79.pth")
    with pytest.raises(UserError, match="does not hold the weights of AlexNet"):
        find_lpips()


def test_without_the_package_it_is_refused_only_where_requested(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lpips, "find_spec", lambda name: None)
    assert find_lpips() is None
    with pytest.raises(UserError, match=r"needs the package torchvision.*pip install 'pix2pix\[metrics\]'"):
        find_lpips(fetch=True)
