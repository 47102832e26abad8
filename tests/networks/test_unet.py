import pytest
import torch
from torch import nn

from pix2pix.networks.layers import initialise
from pix2pix.networks.noise import noise_keys
from pix2pix.networks.unet import UNet

# Channels by depth: after each halving, and after each doubling but the last.
ENCODERS = {
    5: [64, 128, 256, 512, 512],
    6: [64, 128, 256, 512, 512, 512],
    8: [64, 128, 256, 512, 512, 512, 512, 512],
    10: [64, 128, 256, 512, 512, 512, 512, 512, 512, 512],
}
DECODERS = {
    5: [512, 256, 128, 64],
    6: [512, 512, 256, 128, 64],
    8: [512, 512, 512, 512, 256, 128, 64],
    10: [512, 512, 512, 512, 512, 512, 256, 128, 64],
}
NOISY_LAYERS = {5: 1, 6: 1, 8: 3, 10: 5}


def unet(**changed: object) -> UNet:
    network = UNet(3, 3, **{"width": 4, "depth": 5, **changed})
    initialise(network, torch.Generator().manual_seed(0))
    return network


def plan(depth: int, *, skips: bool = True) -> UNet:
    with torch.device("meta"):
        return UNet(3, 2, depth=depth, skips=skips)


def picture(*shape: int) -> torch.Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(0)) * 2 - 1


@pytest.mark.parametrize("depth", ENCODERS)
def test_the_encoder_halves_through_these_channels(depth: int) -> None:
    convs = [down.conv for down in plan(depth).encoder]
    assert [c.out_channels for c in convs] == ENCODERS[depth]
    assert [c.in_channels for c in convs] == [3, *ENCODERS[depth][:-1]]
    assert {(c.kernel_size, c.stride, c.padding) for c in convs} == {((4, 4), (2, 2), (1, 1))}


@pytest.mark.parametrize("depth", ENCODERS)
@pytest.mark.parametrize("skips", [True, False])
def test_the_decoder_doubles_through_these_channels(depth: int, skips: bool) -> None:
    convs = [up.conv for up in plan(depth, skips=skips).decoder]
    assert [c.out_channels for c in convs] == [*DECODERS[depth], 2]
    taken = [n * (2 if skips else 1) for n in DECODERS[depth]]
    assert [c.in_channels for c in convs] == [512, *taken]
    assert all(isinstance(c, nn.ConvTranspose2d) for c in convs)
    assert {(c.kernel_size, c.stride, c.padding) for c in convs} == {((4, 4), (2, 2), (1, 1))}


@pytest.mark.parametrize("depth", NOISY_LAYERS)
def test_dropout_is_in_the_innermost_layers_alone(depth: int) -> None:
    shares = [up.drop for up in plan(depth).decoder]
    noisy = NOISY_LAYERS[depth]
    assert shares == [0.5] * noisy + [0.0] * (depth - noisy)
    assert [up.layer for up in plan(depth).decoder] == list(range(depth))


@pytest.mark.parametrize("depth", ENCODERS)
def test_first_layer_bottleneck_and_output_have_no_norm(depth: int) -> None:
    network = plan(depth)
    bare = [isinstance(layer.norm, nn.Identity) for layer in (*network.encoder, *network.decoder)]
    expected = [i in (0, depth - 1, 2 * depth - 1) for i in range(2 * depth)]
    assert bare == expected


@pytest.mark.parametrize("depth", [5, 6, 8])
def test_the_bottleneck_is_one_pixel_at_training_size(depth: int) -> None:
    network, x = plan(depth), torch.empty(1, 3, 2**depth, 2**depth, device="meta")
    for down in network.encoder:
        x = down(x)
    assert x.shape == (1, 512, 1, 1)


@pytest.mark.parametrize("norm", ["batch", "instance", "none"])
@pytest.mark.parametrize("upsample", ["transposed", "resize"])
@pytest.mark.parametrize("skips", [True, False])
def test_height_and_width_are_kept(norm: str, upsample: str, skips: bool) -> None:
    network = unet(norm=norm, upsample=upsample, skips=skips)
    out = network(picture(2, 3, 32, 96), noise_keys(0, torch.arange(2)))
    assert out.shape == (2, 3, 32, 96)
    assert out.abs().max() <= 1


def test_classes_are_probabilities_from_minus_one_to_one() -> None:
    network = UNet(3, 5, width=4, depth=5, classes=True)
    initialise(network, torch.Generator().manual_seed(0))
    out = network(picture(2, 3, 32, 64) * 50, noise_keys(0, torch.arange(2)))
    assert out.shape == (2, 5, 32, 64)
    assert -1 <= out.min() < out.max() <= 1
    torch.testing.assert_close((out + 1).sum(1) / 2, torch.ones(2, 32, 64))


@pytest.mark.parametrize("classes", [True, False])
def test_the_last_function_is_of_float32_after_half_floats(classes: bool) -> None:
    network = unet(norm="none", classes=classes).bfloat16()
    out = network(picture(1, 3, 32, 32).bfloat16())
    assert out.dtype == torch.float32
    assert not torch.equal(out, out.bfloat16().float())


def test_with_the_bottleneck_shut_only_skips_reach_the_output() -> None:
    for skips in (True, False):
        network, x = unet(skips=skips, norm="none").double(), picture(1, 3, 32, 32).double()
        with torch.no_grad():
            for module in network.modules():
                if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
                    module.weight.mul_(10)
            network.encoder[4].conv.weight.zero_()
        moved = (network(-x) - network(x)).abs().max()
        assert (moved > 1e-6) == skips


def test_the_same_keys_give_the_same_picture_and_others_another() -> None:
    network, x = unet(norm="instance"), picture(1, 3, 64, 64)
    one, same, other, calm = (
        network(x, keys)
        for keys in (
            noise_keys(0, torch.tensor([0])),
            noise_keys(0, torch.tensor([0])),
            noise_keys(0, torch.tensor([1])),
            None,
        )
    )
    assert torch.equal(one, same)
    assert not torch.equal(one, other)
    assert not torch.equal(one, calm)


def test_without_dropout_keys_change_nothing() -> None:
    network, x = unet(norm="instance", dropout=0.0), picture(1, 3, 32, 32)
    assert torch.equal(network(x, noise_keys(0, torch.tensor([0]))), network(x))
