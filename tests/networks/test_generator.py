import pytest
import torch

from pix2pix.networks import Generator


def test_a_generator_states_its_channels_and_by_default_takes_any_size_without_noise() -> None:
    generator = Generator(3, 1)
    assert (generator.source_channels, generator.target_channels, generator.multiple_px) == (3, 1, 1)
    assert generator.noise == ()
    with pytest.raises(NotImplementedError):
        generator(torch.zeros(1, 3, 4, 4))
