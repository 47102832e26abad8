from collections.abc import Callable

import pytest
import torch
from torch import nn

from pix2pix.config import Config, Mode
from pix2pix.errors import UserError
from pix2pix.networks import build_discriminator, build_generator, empty_generator
from pix2pix.networks.modes import inference
from pix2pix.networks.unet import fitting_depth

Tiny = Callable[..., Config]
PAPER = Config().with_channels(3, 3)


def weights(network: nn.Module) -> int:
    return sum(p.numel() for p in network.parameters())


def equal(one: nn.Module, other: nn.Module) -> bool:
    pairs = zip(one.state_dict().values(), other.state_dict().values(), strict=True)
    return all(torch.equal(a, b) for a, b in pairs)


def test_the_papers_generator_has_54_41_million_weights() -> None:
    assert weights(empty_generator(PAPER)) == 54_414_531


def test_the_papers_discriminator_has_2_77_million_weights() -> None:
    assert weights(build_discriminator(PAPER)) == 2_768_705


def test_the_encoder_decoder_has_the_weights_of_the_unet_but_for_its_skips() -> None:
    # Seven inner layers take half the channels: 16 taps x the channels not taken x those given.
    skipped = 16 * sum(
        skip * out
        for skip, out in zip(
            (512, 512, 512, 512, 256, 128, 64), (512, 512, 512, 256, 128, 64, 3), strict=True
        )
    )
    config = Config.load(None, ["model.generator=encoder_decoder"]).with_channels(3, 3)
    plain = empty_generator(config)
    assert weights(plain) == 54_414_531 - skipped


def test_an_empty_generator_takes_no_memory() -> None:
    assert {t.device.type for t in empty_generator(PAPER).state_dict().values()} == {"meta"}


@pytest.mark.parametrize("build", [build_generator, build_discriminator])
def test_the_seed_fixes_the_weights(build: Callable[[Config], nn.Module], tiny: Tiny) -> None:
    torch.manual_seed(1)
    one = build(tiny("training.seed=3"))
    torch.manual_seed(2)
    assert equal(one, build(tiny("training.seed=3")))
    assert not equal(one, build(tiny("training.seed=4")))


def test_building_leaves_the_global_random_state_alone(tiny: Tiny) -> None:
    before = torch.get_rng_state()
    build_generator(tiny())
    build_discriminator(tiny())
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize(
    "settings", [(), ("model.norm=none",), ("model.norm=instance",), ("model.upsample=resize",)]
)
def test_nothing_is_left_unset(tiny: Tiny, settings: tuple[str, ...]) -> None:
    torch.use_deterministic_algorithms(True)  # fills new storage with NaN
    try:
        networks = build_generator(tiny(*settings)), build_discriminator(tiny(*settings))
    finally:
        torch.use_deterministic_algorithms(False)
    for network in networks:
        for name, tensor in network.state_dict().items():
            assert tensor.isfinite().all(), name


@pytest.mark.parametrize(("conditional", "channels"), [("true", 4), ("false", 3)])
def test_d_takes_the_source_only_where_it_is_conditional(tiny: Tiny, conditional: str, channels: int) -> None:
    config = tiny(f"objective.conditional={conditional}", "model.source_channels=1")
    assert build_discriminator(config).layers[0].in_channels == channels


def test_channels_of_source_and_target_are_the_configurations(tiny: Tiny) -> None:
    network = build_generator(tiny("model.source_channels=1", "model.target_channels=4"))
    assert network(torch.zeros(1, 1, 32, 32)).shape == (1, 4, 32, 32)


def test_depth_follows_the_training_size(tiny: Tiny) -> None:
    for size_px, depth in ((32, 5), (64, 6), (256, 8), (1024, 10), (384, 7), (640, 7), ([256, 448], 6)):
        assert empty_generator(tiny(f"data.size_px={size_px}")).multiple_px == 2**depth


def test_pictures_of_512_px_need_no_more_weights_than_those_of_256() -> None:
    config = Config.load(None, ["data.size_px=512", "model.depth=8"]).with_channels(3, 3)
    bottleneck_norm = 2 * 512  # whose map has 2 x 2 pixels in training
    assert weights(empty_generator(config)) == 54_414_531 - 512 + bottleneck_norm


@pytest.mark.parametrize(
    ("size_px", "depth", "normed"),
    [(64, 0, False), ([64, 128], 0, False), (96, 0, True), (64, 5, True), (16, 2, True), (4, 2, False)],
)
def test_the_bottleneck_has_a_norm_unless_it_is_one_pixel_high_or_wide(
    tiny: Tiny, size_px: int | list[int], depth: int, normed: bool
) -> None:
    config = tiny(f"data.size_px={size_px}", f"model.depth={depth}", "model.discriminator_px=1")
    names = empty_generator(config).state_dict()
    assert (f"encoder.{fitting_depth(config) - 1}.norm.weight" in names) == normed


@pytest.mark.parametrize("mode", ["paper", "running"])
def test_pictures_smaller_than_those_of_training_pass_a_normed_bottleneck(tiny: Tiny, mode: Mode) -> None:
    network, x = build_generator(tiny("data.size_px=96")), torch.rand(1, 3, 32, 32) * 2 - 1
    with torch.no_grad(), inference(network, mode):
        for weight in network.parameters():
            weight.mul_(5)
        exact = network.double()(x.double()).float()
        torch.testing.assert_close(network.float()(x), exact, rtol=0, atol=2e-3)


def test_an_unknown_generator_is_refused_with_the_nearest_and_all_names(tiny: Tiny) -> None:
    for build in (build_generator, empty_generator):
        with pytest.raises(UserError, match="no generator 'unets'; did you mean 'unet'") as caught:
            build(tiny("model.generator=unets"))
        assert "unet, encoder_decoder" in caught.value.hint
