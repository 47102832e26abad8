import pytest
import torch
from torch import nn

from pix2pix.config import STRIDED_LAYERS, Config
from pix2pix.errors import UserError
from pix2pix.networks import PatchGAN

CHANNELS = {
    1: [64, 128, 1],
    16: [64, 128, 1],
    34: [64, 128, 256, 1],
    70: [64, 128, 256, 512, 1],
    142: [64, 128, 256, 512, 512, 1],
    286: [64, 128, 256, 512, 512, 512, 1],
}


def convolutions(network: PatchGAN) -> list[nn.Conv2d]:
    return [layer for layer in network.layers if isinstance(layer, nn.Conv2d)]


def patchgan(field_px: int, **changed: object) -> PatchGAN:
    return PatchGAN(6, strided=STRIDED_LAYERS[field_px], **changed)


@pytest.mark.parametrize("field_px", STRIDED_LAYERS)
def test_a_logit_sees_exactly_its_patch(field_px: int) -> None:
    network = PatchGAN(1, strided=STRIDED_LAYERS[field_px], width=2, norm="none").double()
    generator = torch.Generator().manual_seed(0)
    for weight in network.parameters():
        torch.nn.init.normal_(weight, generator=generator)
    side = 2 * field_px + 32
    x = torch.zeros(1, 1, side, side, dtype=torch.float64, requires_grad=True)
    logits = network(x)
    row, column = (n // 2 for n in logits.shape[2:])
    (gradient,) = torch.autograd.grad(logits[0, 0, row, column], x)
    seen = gradient[0, 0] != 0
    rows, columns = (torch.nonzero(seen.any(axis)).flatten() for axis in (1, 0))
    for line in (rows, columns):
        assert line[0] > 0
        assert line[-1] < side - 1
        assert int(line[-1] - line[0]) + 1 == field_px
    assert int(seen.sum()) == field_px**2


@pytest.mark.parametrize("field_px", STRIDED_LAYERS)
def test_channels_strides_and_norms_follow_the_paper(field_px: int) -> None:
    with torch.device("meta"):
        network = patchgan(field_px)
    convs, strided = convolutions(network), STRIDED_LAYERS[field_px]
    assert [c.out_channels for c in convs] == CHANNELS[field_px]
    assert [c.stride[0] for c in convs] == [2] * strided + [1] * (len(convs) - strided)
    assert {c.kernel_size for c in convs} == {(4, 4) if strided else (1, 1)}
    biased = [c.bias is not None for c in convs]
    assert biased == [True, *[False] * (len(convs) - 2), True]
    assert not list(network.buffers())


@pytest.mark.parametrize("field_px", STRIDED_LAYERS)
@pytest.mark.parametrize("size_px", [32, 64, 128, 256, 512])
def test_the_configuration_counts_patches_as_the_network_does(size_px: int, field_px: int) -> None:
    with torch.device("meta"):
        network = patchgan(field_px, norm="none")
        settings = [f"data.size_px={size_px}", f"model.discriminator_px={field_px}"]
        try:
            logits = network(torch.empty(1, 6, size_px, size_px)).shape[2:]
        except RuntimeError:
            logits = (0, 0)
    if min(logits) >= 2:
        Config.load(None, settings)
    else:
        with pytest.raises(UserError, match="fewer than 2 x 2 patches"):
            Config.load(None, settings)


def test_there_is_one_logit_a_patch() -> None:
    logits = patchgan(70, width=2)(torch.zeros(2, 6, 256, 256))
    assert logits.shape == (2, 1, 30, 30)


def test_logits_are_not_squashed() -> None:
    network = patchgan(16, width=4, norm="none")
    with torch.no_grad():
        convolutions(network)[-1].bias.fill_(7)
        assert network(torch.rand(1, 6, 32, 32)).max() > 5


@pytest.mark.parametrize("field_px", STRIDED_LAYERS)
def test_features_are_the_activations_of_each_layer_and_the_logits(field_px: int) -> None:
    network = patchgan(field_px, width=2)
    for weight in network.parameters():
        torch.nn.init.normal_(weight, generator=torch.Generator().manual_seed(0))
    pictures = torch.rand(1, 6, 256, 256)
    features = network.features(pictures)
    convs = convolutions(network)
    assert [layer.shape[1] for layer in features] == [conv.out_channels for conv in convs]
    torch.testing.assert_close(features[0], nn.functional.leaky_relu(convs[0](pictures), 0.2))
    torch.testing.assert_close(convs[-1](features[-2]), features[-1])
    torch.testing.assert_close(network(pictures), features[-1])
