"""The state of training: two networks and their optimisers, and how many images they have seen."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.optim import Adam

from pix2pix.config import Config, TrainingConfig
from pix2pix.networks import Generator, PatchGAN, build_discriminator, build_generator


@dataclass
class State:
    """All that training changes; without the adversarial term there is no discriminator.

    `decay_from` is where the learning rate of a lengthened run falls on from: images seen, rate.
    """

    generator: Generator
    generator_optimiser: Adam
    discriminator: PatchGAN | None
    discriminator_optimiser: Adam | None
    images_seen: int = 0
    decay_from: tuple[int, float] | None = None

    def parts(self) -> list[tuple[str, Generator | PatchGAN, Adam]]:
        """Return each network with its name and its optimiser."""
        parts: list[tuple[str, Generator | PatchGAN, Adam]] = [
            ("generator", self.generator, self.generator_optimiser)
        ]
        if self.discriminator is not None and self.discriminator_optimiser is not None:
            parts.append(("discriminator", self.discriminator, self.discriminator_optimiser))
        return parts

    def tensors(self) -> list[Tensor]:
        """Return every tensor that a step changes: weights, running statistics, Adam's moments."""
        return [
            tensor
            for _, network, optimiser in self.parts()
            for tensor in (
                *network.state_dict().values(),
                *(t for moments in optimiser.state.values() for t in moments.values()),
            )
        ]


def new_state(config: Config, device: torch.device) -> State:
    """Return fresh networks and optimisers on the device."""
    generator = build_generator(config).to(device)
    state = State(generator, _adam(generator, config.training), None, None)
    if config.objective.gan:
        state.discriminator = build_discriminator(config).to(device)
        state.discriminator_optimiser = _adam(state.discriminator, config.training)
    return state


def _adam(network: Generator | PatchGAN, config: TrainingConfig) -> Adam:
    if next(network.parameters()).is_cuda:
        network.to(memory_format=torch.channels_last)  # as tensor cores want weights; moments follow
    optimiser = Adam(network.parameters(), config.learning_rate, (config.beta1, config.beta2), fused=True)
    reset(optimiser)
    return optimiser


def reset(optimiser: Adam) -> None:
    """Zero the optimiser's moments, and make them: a captured step needs them before it is recorded."""
    for weight in optimiser.param_groups[0]["params"]:
        optimiser.state[weight] = {
            "step": torch.zeros((), device=weight.device),
            "exp_avg": torch.zeros_like(weight),
            "exp_avg_sq": torch.zeros_like(weight),
        }
