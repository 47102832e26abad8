"""What training changes: two networks and their optimisers, and how many images they have seen."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch.optim import Adam

from pix2pix.config import Config, TrainingConfig
from pix2pix.networks import PatchGAN, UNet, build_discriminator, build_generator


@dataclass
class State:
    """All that training changes. There is no discriminator where the adversarial term is off."""

    generator: UNet
    generator_optimiser: Adam
    discriminator: PatchGAN | None
    discriminator_optimiser: Adam | None
    images_seen: int = 0


def new_state(config: Config, device: torch.device) -> State:
    """Fresh networks and optimisers on the device."""
    generator = build_generator(config).to(device)
    state = State(generator, _adam(generator, config.training), None, None)
    if config.objective.gan:
        state.discriminator = build_discriminator(config).to(device)
        state.discriminator_optimiser = _adam(state.discriminator, config.training)
    return state


def _adam(network: UNet | PatchGAN, config: TrainingConfig) -> Adam:
    return Adam(
        network.parameters(), config.learning_rate, (config.beta1, config.beta2), fused=True
    )
