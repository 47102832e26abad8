from collections.abc import Callable

import pytest
import torch
from torch import nn

from pix2pix.config import Config
from pix2pix.networks import build_discriminator, build_generator, empty_generator

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
    for size_px, depth in ((32, 5), (64, 6), (256, 8), (1024, 10)):
        assert empty_generator(tiny(f"data.size_px={size_px}")).depth == depth
