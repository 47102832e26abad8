"""The two networks, built from a configuration. They know no files, no pictures and no devices."""

from __future__ import annotations

import torch

from pix2pix.config import STRIDED_LAYERS, Config
from pix2pix.networks.layers import initialise
from pix2pix.networks.patchgan import PatchGAN
from pix2pix.networks.unet import UNet

__all__ = ["PatchGAN", "UNet", "build_discriminator", "build_generator", "empty_generator"]

# Weights are drawn on the processor from generators of their own, so that they are the same on
# every device and whichever network is built first.
_G_STREAM, _D_STREAM = 1, 2


def empty_generator(config: Config) -> UNet:
    """The generator without storage, to be filled by `load_state_dict(..., assign=True)`."""
    model = config.model
    with torch.device("meta"):
        return UNet(
            model.source_channels,
            model.target_channels,
            width=model.width,
            depth=config.depth,
            norm=model.norm,
            upsample=model.upsample,
            dropout=model.dropout,
            skips=model.generator == "unet",
            classes=config.data.target_one_hot,
        )


def build_generator(config: Config) -> UNet:
    """A fresh generator on the processor; float32, weights fixed by training.seed."""
    network = empty_generator(config).to_empty(device="cpu")
    initialise(network, _stream(config, _G_STREAM))
    return network


def build_discriminator(config: Config) -> PatchGAN:
    """A fresh discriminator; it sees source and target, or (unconditional) the target alone."""
    model = config.model
    seen = model.target_channels + (model.source_channels if config.objective.conditional else 0)
    with torch.device("meta"):
        network = PatchGAN(
            seen,
            strided=STRIDED_LAYERS[model.discriminator_px],
            width=model.discriminator_width,
            norm=model.norm,
        )
    network = network.to_empty(device="cpu")
    initialise(network, _stream(config, _D_STREAM))
    return network


def _stream(config: Config, number: int) -> torch.Generator:
    return torch.Generator().manual_seed(config.training.seed * 4 + number)
