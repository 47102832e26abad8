import pytest
import torch
from torch import Tensor, nn

from pix2pix.networks import layers
from pix2pix.networks.layers import Down, Norm, Up, initialise, make_norm, use_products
from pix2pix.networks.noise import noise_keys


def features(*shape: int) -> Tensor:
    """Features whose pictures and channels have means and scales of their own."""
    generator = torch.Generator().manual_seed(0)
    scale = torch.rand(*shape[:2], 1, 1, generator=generator) * 3 + 0.5
    return torch.randn(shape, generator=generator) * scale + scale.sin()


def ready(module: nn.Module) -> nn.Module:
    initialise(module, torch.Generator().manual_seed(0))
    return module


def filled(kind: str, tracks: bool = True) -> Norm:
    norm = ready(make_norm(kind, 5, tracks))
    assert isinstance(norm, Norm)
    return norm


def moments(x: Tensor, over: tuple[int, ...]) -> tuple[Tensor, Tensor]:
    return x.mean(over, keepdim=True), x.var(over, correction=0, keepdim=True)


@pytest.mark.parametrize(
    ("kind", "statistics", "over"),
    [("batch", "batch", (0, 2, 3)), ("batch", "picture", (2, 3)), ("instance", "picture", (2, 3))],
)
def test_norm_takes_its_statistics_over_these_axes(kind: str, statistics: str, over: tuple[int, ...]) -> None:
    norm, x = filled(kind), features(3, 5, 6, 7)
    norm.statistics = statistics
    mean, variance = moments(x, over)
    scale, shift = norm.weight[:, None, None], norm.bias[:, None, None]
    expected = (x - mean) / (variance + 1e-5).sqrt() * scale + shift
    torch.testing.assert_close(norm(x), expected, rtol=1e-4, atol=1e-5)


def test_running_statistics_are_averages_of_those_of_the_batches() -> None:
    norm, mean, variance = filled("batch"), torch.zeros(5), torch.ones(5)
    for n in range(1, 4):
        x = features(2, 5, 4, 4) * n
        norm(x)
        mean = 0.9 * mean + 0.1 * x.mean((0, 2, 3))
        variance = 0.9 * variance + 0.1 * x.var((0, 2, 3), correction=1)
    torch.testing.assert_close(norm.running_mean, mean)
    torch.testing.assert_close(norm.running_var, variance)
    norm.statistics = "running"
    x = features(2, 5, 4, 4)
    normal = (x - mean[:, None, None]) / (variance[:, None, None] + 1e-5).sqrt()
    expected = normal * norm.weight[:, None, None] + norm.bias[:, None, None]
    torch.testing.assert_close(norm(x), expected, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(norm.running_mean, mean)


@pytest.mark.parametrize(("kind", "tracks"), [("instance", True), ("batch", False)])
def test_a_norm_without_running_statistics_stores_none(kind: str, tracks: bool) -> None:
    assert set(filled(kind, tracks).state_dict()) == {"weight", "bias"}


def test_at_batch_1_batch_and_instance_norm_are_equal() -> None:
    x = features(1, 5, 6, 7)
    torch.testing.assert_close(filled("batch")(x), filled("instance")(x))


def test_a_picture_of_one_pixel_has_nothing_but_the_shift() -> None:
    norm = ready(make_norm("instance", 5, centred=True))
    torch.nn.init.uniform_(norm.bias, generator=torch.Generator().manual_seed(0))
    shift = norm.bias[:, None, None].expand(2, 5, 1, 1)
    torch.testing.assert_close(norm(features(2, 5, 1, 1) * 1000), shift)
    larger = features(2, 5, 3, 4)
    torch.testing.assert_close(norm(larger), norm.forward(larger + 3), rtol=1e-4, atol=1e-5)


def test_no_norm_changes_nothing() -> None:
    x = features(2, 5, 3, 3)
    assert make_norm("none", 5)(x) is x


@pytest.mark.parametrize("norm", ["batch", "instance", "none"])
def test_a_convolution_before_a_norm_has_no_bias(norm: str) -> None:
    down, up = Down(3, 5, norm, first=False), Up(3, 5, norm, "transposed", 0, 0)
    for conv in (down.conv, up.conv):
        assert (conv.bias is None) == (norm != "none")


def test_down_halves_after_a_leaky_relu_unless_it_is_the_first() -> None:
    x = features(2, 3, 8, 12)
    for first, seen in ((True, x), (False, torch.where(x > 0, x, 0.2 * x))):
        down = ready(Down(3, 5, "none", first=first))
        expected = nn.functional.conv2d(seen, down.conv.weight, stride=2, padding=1)
        assert expected.shape == (2, 5, 4, 6)
        torch.testing.assert_close(down(x), expected)


def test_up_doubles_after_a_relu() -> None:
    x, up = features(2, 3, 4, 6), ready(Up(3, 5, "none", "transposed", 0, 0))
    expected = nn.functional.conv_transpose2d(x.clamp(min=0), up.conv.weight, stride=2, padding=1)
    assert expected.shape == (2, 5, 8, 12)
    torch.testing.assert_close(up(x, None), expected)


@pytest.mark.parametrize("size", [(1, 1), (2, 3), (8, 8), (8, 9)])  # the last has too many pixels
@pytest.mark.parametrize("norm", ["none", "instance"])
def test_products_compute_what_transposed_convolutions_do(norm: str, size: tuple[int, int]) -> None:
    up = Up(3, 2, norm, "transposed", 0.0, layer=0).double()
    initialise(up, torch.Generator().manual_seed(0))
    x = torch.randn(2, 3, *size, dtype=torch.float64, requires_grad=True)
    weights = [x, *up.parameters()]
    expected = up(x, None)
    with use_products(up, 64):
        by_products = up(x, None)
    torch.testing.assert_close(by_products, expected, rtol=0, atol=1e-12)
    g = torch.randn_like(expected)
    gradients = (torch.autograd.grad(y, weights, g) for y in (by_products, expected))
    for product, convolution in zip(*gradients, strict=True):
        torch.testing.assert_close(product, convolution, rtol=1e-9, atol=1e-9)


def test_products_are_used_inside_the_block_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[tuple[int, ...]] = []
    product = layers._transposed_by_product
    monkeypatch.setattr(
        layers, "_transposed_by_product", lambda x, conv: calls.append(x.shape) or product(x, conv)
    )
    up, resized = (Up(3, 2, "none", upsample, 0.0, layer=0) for upsample in ("transposed", "resize"))
    with use_products(nn.ModuleList([up, resized]), 6):
        for width in (3, 4):
            up(torch.zeros(1, 3, 2, width), None)
            resized(torch.zeros(1, 3, 2, width), None)
    up(torch.zeros(1, 3, 1, 1), None)
    assert calls == [(1, 3, 2, 3)]


def test_up_by_resize_repeats_pixels_and_convolves() -> None:
    x, up = features(2, 3, 4, 6), ready(Up(3, 5, "none", "resize", 0, 0))
    large = x.clamp(min=0).repeat_interleave(2, 2).repeat_interleave(2, 3)
    expected = nn.functional.conv2d(large, up.conv.weight, padding=1)
    torch.testing.assert_close(up(x, None), expected)


def test_up_drops_features_where_there_are_keys_and_a_share_to_drop() -> None:
    x, keys = features(2, 3, 4, 6), noise_keys(0, torch.arange(2))
    noisy, calm = (ready(Up(3, 5, "none", "transposed", drop, 0)) for drop in (0.5, 0.0))
    whole = noisy(x, None)
    torch.testing.assert_close(whole, calm(x, keys))
    dropped = noisy(x, keys)
    stayed = dropped != 0
    assert 0.4 < float(stayed.float().mean()) < 0.6
    torch.testing.assert_close(dropped[stayed], 2 * whole[stayed])


def test_weights_are_drawn_as_in_the_paper() -> None:
    down = ready(Down(64, 128, "batch", first=False))
    weight, scale = down.conv.weight.detach(), down.norm.weight.detach()
    assert abs(float(weight.mean())) < 2e-4
    assert float(weight.std()) == pytest.approx(0.02, rel=0.02)
    assert float(scale.mean()) == pytest.approx(1, abs=0.01)
    assert float(scale.std()) == pytest.approx(0.02, rel=0.3)
    assert not down.norm.bias.any()
    assert not down.norm.running_mean.any()
    assert (down.norm.running_var == 1).all()
    assert not ready(Down(3, 8, "none", first=True)).conv.bias.any()
