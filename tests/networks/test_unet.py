import pytest
import torch
from torch import nn

from pix2pix.config import Config
from pix2pix.errors import UserError
from pix2pix.networks import empty_generator
from pix2pix.networks.layers import initialise
from pix2pix.networks.noise import NoiseInput, noise_keys
from pix2pix.networks.unet import UNet, fitting_depth
from tests.helpers import small

# Channels by depth: after each halving, and after each doubling but the last.
ENCODERS = {
    2: [64, 128],
    5: [64, 128, 256, 512, 512],
    6: [64, 128, 256, 512, 512, 512],
    8: [64, 128, 256, 512, 512, 512, 512, 512],
    10: [64, 128, 256, 512, 512, 512, 512, 512, 512, 512],
}
DECODERS = {
    2: [64],
    5: [512, 256, 128, 64],
    6: [512, 512, 256, 128, 64],
    8: [512, 512, 512, 512, 256, 128, 64],
    10: [512, 512, 512, 512, 512, 512, 256, 128, 64],
}
NOISY_LAYERS = {2: 1, 5: 1, 6: 1, 8: 3, 10: 5}


def unet(*settings: str, skips: bool = True) -> UNet:
    network = UNet(small(*settings), skips=skips)
    initialise(network, torch.Generator().manual_seed(0))
    return network


def unfilled(depth: int, *, skips: bool = True, scale: int = 1) -> UNet:
    settings = [f"model.depth={depth}", f"data.size_px={2**depth * scale}", "model.discriminator_px=1"]
    with torch.device("meta"):
        return UNet(Config.load(None, settings).with_channels(3, 2), skips=skips)


def picture(*shape: int) -> torch.Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(0)) * 2 - 1


@pytest.mark.parametrize("depth", ENCODERS)
def test_the_encoder_halves_through_these_channels(depth: int) -> None:
    convs = [down.conv for down in unfilled(depth).encoder]
    assert [c.out_channels for c in convs] == ENCODERS[depth]
    assert [c.in_channels for c in convs] == [3, *ENCODERS[depth][:-1]]
    assert {(c.kernel_size, c.stride, c.padding) for c in convs} == {((4, 4), (2, 2), (1, 1))}


@pytest.mark.parametrize("depth", ENCODERS)
@pytest.mark.parametrize("skips", [True, False])
def test_the_decoder_doubles_through_these_channels(depth: int, skips: bool) -> None:
    convs = [up.conv for up in unfilled(depth, skips=skips).decoder]
    assert [c.out_channels for c in convs] == [*DECODERS[depth], 2]
    joined = [n * (2 if skips else 1) for n in DECODERS[depth]]
    assert [c.in_channels for c in convs] == [ENCODERS[depth][-1], *joined]
    assert all(isinstance(c, nn.ConvTranspose2d) for c in convs)
    assert {(c.kernel_size, c.stride, c.padding) for c in convs} == {((4, 4), (2, 2), (1, 1))}


@pytest.mark.parametrize("depth", NOISY_LAYERS)
def test_dropout_is_in_the_innermost_layers_alone(depth: int) -> None:
    drops = [up.drop for up in unfilled(depth).decoder]
    noisy = NOISY_LAYERS[depth]
    assert drops == [0.5] * noisy + [0.0] * (depth - noisy)
    assert [up.layer for up in unfilled(depth).decoder] == list(range(depth))


def test_dropout_may_begin_after_the_innermost_layer() -> None:
    def noisy(depth: int) -> list[int]:
        network = unet(f"model.depth={depth}", f"data.size_px={2**depth}", "model.dropout_from=1")
        return [layer for layer, up in enumerate(network.decoder) if up.drop]

    assert [noisy(depth) for depth in (8, 7, 5)] == [[1, 2, 3], [1, 2], [1]]


def test_masks_are_as_large_as_the_maps_that_they_drop_from() -> None:
    assert unfilled(8).noise == tuple(
        NoiseInput(f"keep_{layer}", layer, DECODERS[8][layer], 256 // 2 ** (layer + 1), 0.5)
        for layer in range(3)
    )


@pytest.mark.parametrize("scale", [1, 3])
@pytest.mark.parametrize("depth", ENCODERS)
def test_the_ends_have_no_norm_and_the_bottleneck_only_where_it_has_pixels(depth: int, scale: int) -> None:
    network = unfilled(depth, scale=scale)
    bare = [isinstance(layer.norm, nn.Identity) for layer in (*network.encoder, *network.decoder)]
    ends = (0, 2 * depth - 1) if scale > 1 else (0, depth - 1, 2 * depth - 1)
    assert bare == [i in ends for i in range(2 * depth)]


@pytest.mark.parametrize("depth", [5, 6, 8])
def test_the_bottleneck_is_one_pixel_at_training_size(depth: int) -> None:
    network, x = unfilled(depth), torch.empty(1, 3, 2**depth, 2**depth, device="meta")
    for down in network.encoder:
        x = down(x)
    assert x.shape == (1, 512, 1, 1)


@pytest.mark.parametrize("norm", ["batch", "instance", "none"])
@pytest.mark.parametrize("upsample", ["transposed", "resize"])
@pytest.mark.parametrize("skips", [True, False])
def test_height_and_width_are_kept(norm: str, upsample: str, skips: bool) -> None:
    network = unet(f"model.norm={norm}", f"model.upsample={upsample}", skips=skips)
    out = network(picture(2, 3, 32, 96), noise_keys(0, torch.arange(2)))
    assert out.shape == (2, 3, 32, 96)
    assert out.abs().max() <= 1


CLASSES = ("data.target_one_hot=true", "data.target_labels=facades")


def test_classes_are_probabilities_from_minus_one_to_one() -> None:
    network, x = unet(*CLASSES), picture(2, 3, 32, 64) * 50
    out = network(x)
    assert out.shape == (2, 3, 32, 64)
    assert -1 <= out.min() < out.max() <= 1
    torch.testing.assert_close((out + 1).sum(1) / 2, torch.ones(2, 32, 64))
    torch.testing.assert_close(torch.softmax(network.logits(x), 1) * 2 - 1, out)


@pytest.mark.parametrize("settings", [CLASSES, ()])
def test_the_last_function_is_of_float32_after_half_floats(settings: tuple[str, ...]) -> None:
    network = unet("model.norm=none", *settings).bfloat16()
    out = network(picture(1, 3, 32, 32).bfloat16())
    assert out.dtype == torch.float32
    assert not torch.equal(out, out.bfloat16().float())


def test_with_the_bottleneck_shut_only_skips_reach_the_output() -> None:
    for skips in (True, False):
        network, x = unet("model.norm=none", skips=skips).double(), picture(1, 3, 32, 32).double()
        with torch.no_grad():
            for module in network.modules():
                if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
                    module.weight.mul_(10)
            network.encoder[4].conv.weight.zero_()
        moved = (network(-x) - network(x)).abs().max()
        assert (moved > 1e-6) == skips


def test_the_same_keys_give_the_same_picture_and_others_another() -> None:
    network, x = unet("model.norm=instance"), picture(1, 3, 64, 64)
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
    network, x = unet("model.norm=instance", "model.dropout=0"), picture(1, 3, 32, 32)
    assert torch.equal(network(x, noise_keys(0, torch.tensor([0]))), network(x))


def sized(size_px: int | list[int], depth: int) -> Config:
    return Config.load(
        None, [f"data.size_px={size_px}", f"model.depth={depth}", "model.discriminator_px=1"]
    ).with_channels(3, 3)


@pytest.mark.parametrize(
    ("size_px", "stated", "depth"),
    [(32, 0, 5), (384, 0, 7), (640, 0, 7), ([256, 448], 0, 6), (2048, 0, 10), (512, 8, 8), (12, 2, 2)],
)
def test_depth_is_stated_or_what_both_sides_can_be_halved(
    size_px: int | list[int], stated: int, depth: int
) -> None:
    assert fitting_depth(sized(size_px, stated)) == depth


@pytest.mark.parametrize(
    ("size_px", "depth", "multiple", "nearest"),
    [(250, 0, 32, "256"), (20, 0, 32, "32"), (96, 6, 64, "128"), ([96, 250], 6, 64, "[128, 256]")],
)
def test_a_size_that_cannot_be_halved_as_often_is_refused_with_the_nearest(
    size_px: int | list[int], depth: int, multiple: int, nearest: str
) -> None:
    with pytest.raises(UserError, match=f"multiples of {multiple} px") as refused:
        empty_generator(sized(size_px, depth))
    assert f"Take {nearest}, or" in refused.value.hint
