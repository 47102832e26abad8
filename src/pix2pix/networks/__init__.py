"""The two networks, built from a configuration. They know no files, no pictures and no devices."""

from collections.abc import Callable
from functools import partial

import torch

from pix2pix.config import STRIDED_LAYERS, Config
from pix2pix.errors import UserError, did_you_mean
from pix2pix.networks.generator import Generator
from pix2pix.networks.layers import initialise
from pix2pix.networks.patchgan import PatchGAN
from pix2pix.networks.resnet import ResNet
from pix2pix.networks.unet import UNet

__all__ = ["GENERATORS", "Generator", "PatchGAN", "build_discriminator", "build_generator", "empty_generator"]

# By the name in model.generator. Builders leave the weights unset: `initialise` sets them.
GENERATORS: dict[str, Callable[[Config], Generator]] = {
    "unet": partial(UNet, skips=True),
    "encoder_decoder": partial(UNet, skips=False),
    "resnet": ResNet,
}

# Each network draws its weights on the processor from its own generator of random numbers, so that
# they are the same on every device and whichever network is built first.
_G_STREAM, _D_STREAM = 1, 2


def empty_generator(config: Config) -> Generator:
    """Build the generator without storage, to be filled by `load_state_dict(..., assign=True)`.

    Raises UserError where model.generator is unknown.
    """
    name = config.model.generator
    if name not in GENERATORS:
        raise UserError(
            f"There is no generator '{name}'{did_you_mean(name, GENERATORS) or '.'}",
            f"Set model.generator to one of {', '.join(GENERATORS)}.",
        )
    with torch.device("meta"):
        return GENERATORS[name](config)


def build_generator(config: Config) -> Generator:
    """Build a fresh generator on the processor: float32, weights fixed by training.seed."""
    network = empty_generator(config).to_empty(device="cpu")
    initialise(network, _stream(config, _G_STREAM))
    return network


def build_discriminator(config: Config) -> PatchGAN:
    """Build a fresh discriminator of source and target, or (unconditional) of the target alone."""
    model = config.model
    channels = model.target_channels + (model.source_channels if config.objective.conditional else 0)
    with torch.device("meta"):
        network = PatchGAN(
            channels,
            strided=STRIDED_LAYERS[model.discriminator_px],
            width=model.discriminator_width,
            norm=model.norm,
        )
    network = network.to_empty(device="cpu")
    initialise(network, _stream(config, _D_STREAM))
    return network


def _stream(config: Config, number: int) -> torch.Generator:
    return torch.Generator().manual_seed(config.training.seed * 4 + number)
