import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from pix2pix.config import Config
from pix2pix.errors import UserError
from pix2pix.networks import empty_generator
from pix2pix.networks.layers import initialise, reflect
from pix2pix.networks.modes import in_mode
from pix2pix.networks.noise import NoiseInput, keep_factors, noise_keys
from pix2pix.networks.resnet import ResNet
from tests.helpers import small


def resnet(*settings: str) -> ResNet:
    network = ResNet(small("model.generator=resnet", "model.blocks=2", *settings))
    initialise(network, torch.Generator().manual_seed(0))
    with torch.no_grad():
        for weight in network.parameters():
            weight.mul_(5)
    return network.requires_grad_(False)


def picture(*shape: int) -> Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(0)) * 2 - 1


def weights(*settings: str) -> int:
    config = Config.load(None, ["model.generator=resnet", *settings]).with_channels(3, 3)
    return sum(weight.numel() for weight in empty_generator(config).parameters())


def test_nine_blocks_of_width_64_have_11_378_million_weights_and_biases() -> None:
    assert weights("model.norm=none") == 11_378_179


@pytest.mark.parametrize("norm", ["batch", "instance"])
def test_norms_have_a_scale_and_a_shift_in_place_of_a_bias(norm: str) -> None:
    normed_channels = 64 + 128 + 256 + 18 * 256 + 128 + 64
    assert weights(f"model.norm={norm}") == 11_378_179 + normed_channels
    assert weights(f"model.norm={norm}", "model.blocks=6") == 7_841_411


def by_the_paper(network: ResNet, x: Tensor) -> Tensor:
    """The same network written out, by the statistics of each picture, without dropout."""

    def convolved(x: Tensor, stage: nn.Module, pad: int) -> Tensor:
        x = F.pad(x, (pad, pad, pad, pad), mode="reflect") if pad else x
        x, norm = stage.conv(x), stage.norm
        return F.instance_norm(x, weight=norm.weight, bias=norm.bias) if hasattr(norm, "weight") else x

    x = convolved(x, network.first, 3).relu()
    for down in network.downs:
        x = convolved(x, down, 0).relu()
    for block in network.blocks:
        x = x + convolved(convolved(x, block.first, 1).relu(), block.second, 1)
    for up in network.ups:
        x = convolved(x, up, 0).relu()
    return convolved(x, network.last, 3).tanh()


@pytest.mark.parametrize("norm", ["batch", "instance", "none"])
def test_the_network_is_that_of_the_paper(norm: str) -> None:
    network, x = resnet(f"model.norm={norm}").double(), picture(2, 3, 32, 44).double()
    with in_mode(network, "deterministic"):
        torch.testing.assert_close(network(x), by_the_paper(network, x))


@pytest.mark.parametrize("upsample", ["transposed", "resize"])
@pytest.mark.parametrize("size", [(4, 4), (4, 12), (8, 8), (20, 64)])
def test_any_multiple_of_4_px_keeps_its_size(upsample: str, size: tuple[int, int]) -> None:
    network = resnet(f"model.upsample={upsample}")
    out = network(picture(2, 3, *size), noise_keys(0, torch.arange(2)))
    assert out.shape == (2, 3, *size)
    assert out.isfinite().all()
    assert out.std() > 0.01


def test_maps_too_small_for_a_reflection_repeat_their_border() -> None:
    x = torch.tensor([[[[1.0, 2.0, 3.0]]]])
    assert reflect(x, 1)[0, 0].tolist() == [[1, 1, 2, 3, 3]] * 3
    x = torch.tensor([[[[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]]])
    assert reflect(x, 1)[0, 0, 0].tolist() == [5, 4, 5, 6, 5]


def test_every_block_has_noise_that_the_hash_draws() -> None:
    network, x = resnet("model.dropout=0.25"), picture(1, 3, 32, 32)
    assert network.noise == tuple(NoiseInput(f"keep_{i}", i, 16, 4, 0.25) for i in range(2))
    factors = dict(enumerate(keep_factors(network.noise, x, seed=7)))
    with in_mode(network, "paper"):
        out = network(x, noise_keys(7, torch.tensor([0])))
        torch.testing.assert_close(out, network(x, factors))
        assert (out - network(x)).abs().max() > 1e-3


def test_without_dropout_there_is_no_noise() -> None:
    network, x = resnet("model.dropout=0"), picture(1, 3, 32, 32)
    assert network.noise == ()
    torch.testing.assert_close(network(x, noise_keys(0, torch.tensor([0]))), network(x))


def test_running_statistics_fold_into_the_convolutions() -> None:
    network, x = resnet().double(), picture(2, 3, 32, 32).double()
    network(picture(4, 3, 32, 32).double())  # as training does
    with in_mode(network, "running"):
        expected = network(x)
        network.fold_statistics()
        torch.testing.assert_close(network(x), expected)
    assert not any(name.endswith("running_mean") for name, _ in network.named_buffers())


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (["data.size_px=250"], "data.size_px = 250 is not possible: wanted multiples of 4 px"),
        (["data.size_px=[30, 64]"], r"Take \[32, 64\]"),
        (["model.depth=3"], "model.depth = 3 is not possible: a resnet halves pictures twice"),
    ],
)
def test_what_does_not_fit_is_refused(settings: list[str], message: str) -> None:
    with pytest.raises(UserError, match=message):
        resnet(*settings)
