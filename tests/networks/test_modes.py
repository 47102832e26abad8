from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from pix2pix.config import Config
from pix2pix.errors import UserError
from pix2pix.networks import Generator, build_generator
from pix2pix.networks.layers import Average, Norm
from pix2pix.networks.modes import averaging, in_mode, is_averaging, set_mode, uses_noise
from pix2pix.networks.noise import noise_keys

PER_PICTURE = ("paper", "deterministic")


@pytest.fixture
def generator(tiny: Callable[..., Config]) -> Generator:
    """A generator that is far from its initial weights, so that statistics matter."""
    network = build_generator(tiny())
    with torch.no_grad():
        for module in network.modules():
            if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
                module.weight.mul_(10)
            elif isinstance(module, Norm):
                module.running_mean.fill_(0.3)
    return network


@pytest.fixture
def pictures() -> Tensor:
    """Eight pictures of unlike brightness and contrast."""
    random = torch.Generator().manual_seed(1)
    contrast = torch.linspace(0.1, 1, 8)[:, None, None, None]
    return (torch.rand(8, 3, 32, 64, generator=random) * 2 - 1) * contrast + contrast.sin() / 2


def translated(generator: Generator, pictures: Tensor, mode: str) -> Tensor:
    keys = noise_keys(0, torch.zeros(len(pictures), dtype=torch.int64))
    with torch.no_grad(), in_mode(generator, mode):
        return generator(pictures, keys if uses_noise(mode) else None)


@pytest.mark.parametrize("mode", PER_PICTURE)
def test_a_picture_is_the_same_alone_in_a_batch_and_in_any_order(
    generator: Generator, pictures: Tensor, mode: str
) -> None:
    together = translated(generator, pictures, mode)
    order = torch.tensor([3, 7, 0, 5, 1, 6, 2, 4])
    torch.testing.assert_close(
        translated(generator, pictures[order], mode), together[order], rtol=0, atol=1e-4
    )
    for i in range(8):
        alone = translated(generator, pictures[i : i + 1], mode)
        torch.testing.assert_close(alone[0], together[i], rtol=0, atol=1e-4)


def test_statistics_of_the_batch_would_make_pictures_depend_on_each_other(
    generator: Generator, pictures: Tensor
) -> None:
    """Guards the test above: the difference that it looks for is one that it could see."""
    with torch.no_grad():
        together, alone = generator(pictures), generator(pictures[:1])
    assert float((together[0] - alone[0]).abs().max()) > 0.01


def test_the_three_modes_give_three_pictures(generator: Generator, pictures: Tensor) -> None:
    paper, deterministic, running = (
        translated(generator, pictures, mode) for mode in ("paper", "deterministic", "running")
    )
    assert float((paper - deterministic).abs().max()) > 0.01
    assert float((deterministic - running).abs().max()) > 0.01


def test_only_the_papers_mode_has_noise() -> None:
    assert [uses_noise(mode) for mode in ("paper", "deterministic", "running")] == [True, False, False]


@pytest.mark.parametrize("norm", ["instance", "none"])
def test_running_is_refused_without_running_statistics(tiny: Callable[..., Config], norm: str) -> None:
    network = build_generator(tiny(f"model.norm={norm}"))
    with pytest.raises(UserError, match="needs running statistics") as caught:
        set_mode(network, "running")
    assert "--mode paper" in caught.value.hint
    for mode in PER_PICTURE:
        set_mode(network, mode)


@pytest.mark.parametrize("mode", ["paper", "deterministic", "running"])
def test_inference_leaves_running_statistics_and_training_as_they_were(
    generator: Generator, pictures: Tensor, mode: str
) -> None:
    before = {name: buffer.clone() for name, buffer in generator.named_buffers()}
    translated(generator, pictures, mode)
    for name, buffer in generator.named_buffers():
        assert torch.equal(buffer, before[name])
    generator(pictures)
    moved = [not torch.equal(b, before[name]) for name, b in generator.named_buffers()]
    assert moved
    assert all(moved)


@pytest.mark.parametrize("norm", ["batch", "instance"])
def test_an_error_inside_inference_still_brings_training_back(tiny: Callable[..., Config], norm: str) -> None:
    network = build_generator(tiny(f"model.norm={norm}"))
    norms = [m for m in network.modules() if isinstance(m, Norm)]
    with pytest.raises(RuntimeError, match="mine"), in_mode(network, "deterministic"):
        raise RuntimeError("mine")
    assert {m.statistics for m in norms} == {"batch" if norm == "batch" else "picture"}


@pytest.mark.parametrize("upsample", ["transposed", "resize"])
def test_folded_statistics_change_nothing_but_the_number_of_layers(
    tiny: Callable[..., Config], pictures: Tensor, upsample: str
) -> None:
    network = build_generator(tiny(f"model.upsample={upsample}")).requires_grad_(False)
    random = torch.Generator().manual_seed(2)
    for norm in (m for m in network.modules() if isinstance(m, Norm)):
        for values in (norm.weight, norm.bias, norm.running_mean, norm.running_var):
            values.uniform_(0.3, 3, generator=random)
    set_mode(network, "running")
    before = network(pictures)
    assert before.std() > 0.01
    network.fold_statistics()
    assert not [m for m in network.modules() if isinstance(m, Norm)]
    torch.testing.assert_close(network(pictures), before, rtol=0, atol=1e-5)


@pytest.mark.parametrize("mode", PER_PICTURE)
def test_statistics_of_a_picture_are_not_folded(generator: Generator, pictures: Tensor, mode: str) -> None:
    before = translated(generator, pictures, mode)
    set_mode(generator, mode)
    generator.fold_statistics()
    torch.testing.assert_close(translated(generator, pictures, mode), before)


# Frames of a clip


def test_statistics_over_time_are_those_of_all_pixels_weighted_by_age(pictures: Tensor) -> None:
    average, frames = Average(0.75), pictures.double()
    for frame in frames:
        mean, variance = average.add(frame[None].float())
    ages = torch.arange(7, -1, -1, dtype=torch.float64)
    weights = 0.75**ages * torch.tensor([1.0] + [0.25] * 7)
    assert torch.isclose(weights.sum(), torch.tensor(1.0, dtype=torch.float64))
    each = frames.mean((2, 3)), frames.square().mean((2, 3))
    first, second = ((weights[:, None] * moment).sum(0) for moment in each)
    torch.testing.assert_close(mean.double(), first, rtol=0, atol=1e-5)
    torch.testing.assert_close(variance.double(), second - first.square(), rtol=0, atol=1e-5)


@pytest.mark.parametrize("mode", PER_PICTURE)
def test_frames_that_stay_the_same_are_translated_as_pictures_are(
    generator: Generator, pictures: Tensor, mode: str
) -> None:
    alone = translated(generator, pictures[:1], mode)
    with averaging(generator, 0.9):
        for _ in range(3):
            again = translated(generator, pictures[:1], mode)
            torch.testing.assert_close(again, alone, rtol=0, atol=1e-4)


def test_frames_are_held_near_those_before_until_a_restart(generator: Generator, pictures: Tensor) -> None:
    dark, bright = pictures[:1], pictures[7:]
    alone = translated(generator, bright, "deterministic")
    with averaging(generator, 0.9) as restart:
        assert is_averaging(generator)
        translated(generator, dark, "deterministic")
        held = translated(generator, bright, "deterministic")
        restart()
        anew = translated(generator, bright, "deterministic")
    assert not torch.allclose(held, alone, atol=0.05)
    torch.testing.assert_close(anew, alone, rtol=0, atol=1e-4)
    assert not is_averaging(generator)
    torch.testing.assert_close(translated(generator, bright, "deterministic"), alone, rtol=0, atol=1e-4)


def test_maps_of_one_pixel_stay_zero_over_time() -> None:
    norm = Norm(4, "instance", tracks=False, centred=True)
    nn.init.ones_(norm.weight)
    nn.init.zeros_(norm.bias)
    with averaging(norm, 0.9):
        for level in (1.0, 2.0, 1.5):
            assert norm(torch.full((1, 4, 1, 1), level)).abs().max() == 0
