"""The state of training, in memory and on disk: networks, optimisers, images seen, sums of losses.

A run stops at any moment, kill -9 included, and goes on bit for bit. In the file weights, running
statistics and Adam's moments are tensors; how far training is, and what the next line of metrics has
gathered, are strings. No random state is stored because there is none: order, crops and noise follow
from the seed and the position in images seen.
"""

import copy
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from pix2pix.config import Config, TrainingConfig
from pix2pix.errors import UserError
from pix2pix.model_file import damaged, load_tensors, read_facts, read_strings, save_tensors
from pix2pix.networks import Generator, PatchGAN, build_discriminator, build_generator

FORMAT = 1
_AVERAGE_STEPS = 8  # between two additions to the average
_KEY = "pix2pix training state"


@dataclass
class State:
    """All that training changes; without the adversarial term there is no discriminator.

    `decay_from` is where the decay of a lengthened run starts: images seen, learning rate.
    `average` has the averaged weights of the generator where training.average asks for these.
    """

    generator: Generator
    generator_optimiser: torch.optim.Adam
    discriminator: PatchGAN | None
    discriminator_optimiser: torch.optim.Adam | None
    images_seen: int = 0
    decay_from: tuple[int, float] | None = None
    average: Generator | None = None

    @property
    def model(self) -> Generator:
        """Return the generator that is scored, shown and saved as the model."""
        return self.average or self.generator

    def parts(self) -> list[tuple[str, Generator | PatchGAN, torch.optim.Adam]]:
        """Return each network with its name and its optimiser."""
        parts: list[tuple[str, Generator | PatchGAN, torch.optim.Adam]] = [
            ("generator", self.generator, self.generator_optimiser)
        ]
        if self.discriminator is not None and self.discriminator_optimiser is not None:
            parts.append(("discriminator", self.discriminator, self.discriminator_optimiser))
        return parts

    def tensors(self) -> list[torch.Tensor]:
        """Return every tensor that training changes: weights, statistics, Adam's moments, the average."""
        averaged = self.average.state_dict().values() if self.average else ()
        return [*averaged] + [
            tensor
            for _, network, optimiser in self.parts()
            for tensor in (
                *network.state_dict().values(),
                *(t for moments in optimiser.state.values() for t in moments.values()),
            )
        ]


class Meter:
    """Sums of the losses between two lines of metrics; reading waits for the device, adding does not.

    The sums are one tensor that stays in its place, so that a captured step can add to it.
    """

    def __init__(self, device: torch.device) -> None:
        self.names: tuple[str, ...] = ()
        self.sums = torch.zeros(0, device=device)
        self.count = 0

    def add(self, losses: Mapping[str, torch.Tensor]) -> None:
        """Add the losses of one step."""
        self.gather(losses)
        self.count += 1

    def gather(self, losses: Mapping[str, torch.Tensor]) -> None:
        """Add without counting: the part of `add` that a captured step repeats."""
        names = self.names or tuple(losses)
        values = torch.stack([losses[name] for name in names])
        if not self.names:
            self.names, self.sums = names, torch.zeros_like(values)
        self.sums += values

    def means(self) -> dict[str, float]:
        """Return each loss's mean since the last clearing; NaN and infinity stay what they are."""
        return {name: total / self.count for name, total in self.pack()["sums"].items()}

    def clear(self) -> None:
        """Start again from zero."""
        self.count = 0
        self.sums.zero_()

    def pack(self) -> dict[str, Any]:
        """Return the sums as JSON, exactly: a float32 survives the way through a decimal float64."""
        totals = self.sums.tolist() if self.count else []
        return {"count": self.count, "sums": dict(zip(self.names, totals, strict=False))}

    def unpack(self, packed: Mapping[str, Any]) -> None:
        """Continue from sums that `pack` returned."""
        self.clear()
        self.count, sums = packed["count"], packed["sums"]
        if sums:
            values = torch.tensor([*sums.values()], device=self.sums.device)
            self.names, self.sums = tuple(sums), self.sums if self.names else values
            self.sums.copy_(values)


def new_state(config: Config, device: torch.device) -> State:
    """Return fresh networks and optimisers on the device."""
    generator = build_generator(config).to(device)
    state = State(generator, _adam(generator, config.training), None, None)
    if config.training.average:
        state.average = copy.deepcopy(generator).requires_grad_(False)
    if config.objective.gan:
        state.discriminator = build_discriminator(config).to(device)
        state.discriminator_optimiser = _adam(state.discriminator, config.training)
    return state


def _adam(network: Generator | PatchGAN, config: TrainingConfig) -> torch.optim.Adam:
    if next(network.parameters()).is_cuda:
        network.to(memory_format=torch.channels_last)  # as tensor cores want weights; moments follow
    optimiser = torch.optim.Adam(
        network.parameters(), config.learning_rate, (config.beta1, config.beta2), fused=True
    )
    reset(optimiser)
    return optimiser


def reset(optimiser: torch.optim.Adam) -> None:
    """Zero the optimiser's moments, and make them: a captured step needs them before it is recorded."""
    for weight in optimiser.param_groups[0]["params"]:
        optimiser.state[weight] = {
            "step": torch.zeros((), device=weight.device),
            "exp_avg": torch.zeros_like(weight),
            "exp_avg_sq": torch.zeros_like(weight),
        }


@torch.no_grad()
def add_to_average(state: State, before: int, training: TrainingConfig) -> None:
    """Add the generator's weights to their average, every few steps.

    `before` is images seen before this step. Early averages forget faster, so that the first weights leave
    no trace. Which steps are added follows from the images seen alone.
    """
    interval = _AVERAGE_STEPS * training.batch
    if state.average is None or before // interval == state.images_seen // interval:
        return
    added = before // interval
    decay = min(training.average**interval, added / (added + 10))
    weights = state.generator.state_dict()
    for name, average in state.average.state_dict().items():
        average.lerp_(weights[name], 1 - decay)


def save_state(path: Path, state: State, remembered: dict[str, Any]) -> None:
    """Write the whole state, or leave the old file; raises UserError where it cannot be written.

    `remembered` is anything JSON that the session wants back.
    """
    tensors: dict[str, torch.Tensor] = {}
    for name, network, optimiser in state.parts():
        tensors |= {f"{name}.{key}": t for key, t in network.state_dict().items()}
        for number, moments in optimiser.state_dict()["state"].items():
            tensors |= {f"{name}.adam.{number}.{key}": t for key, t in moments.items()}
    if state.average is not None:
        tensors |= {f"average.{key}": t for key, t in state.average.state_dict().items()}
    facts = {"format": FORMAT, "images_seen": state.images_seen, "about": remembered}
    save_tensors(path, tensors, {_KEY: json.dumps(facts)})


def load_state(path: Path, state: State, device: torch.device) -> dict[str, Any]:
    """Fill the state from a file and return what was `remembered`; raises UserError for any other file."""
    tensors, strings = load_tensors(path, device)
    if _KEY not in strings:
        raise UserError(f"{path} is a .safetensors file, but not a training state.")
    version, facts = read_facts(path, strings[_KEY])
    if version != FORMAT:
        raise UserError(f"{path} has state format {version}; this version reads {FORMAT}.")
    try:
        for name, network, optimiser in state.parts():
            moments = _take(tensors, f"{name}.adam.")
            network.load_state_dict(_take(tensors, f"{name}."))
            _load_adam(optimiser, moments)
        if type(facts["images_seen"]) is not int or facts["images_seen"] < 0:
            raise ValueError("it does not say how many images were seen")
        if state.average is not None:
            state.average.load_state_dict(_take(tensors, "average."))
        state.images_seen = facts["images_seen"]
        return dict(facts["about"])
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        raise damaged(path, error) from None


def saved_images(path: Path) -> int | None:
    """Return the images seen by a saved state, by its header alone; None where there is no whole one."""
    try:
        _, facts = read_facts(path, read_strings(path)[_KEY])
        return int(facts["images_seen"])
    except (UserError, KeyError):
        return None


def _take(tensors: dict[str, torch.Tensor], prefix: str) -> dict[str, torch.Tensor]:
    """Remove the tensors of a prefix and return them without it."""
    return {name.removeprefix(prefix): tensors.pop(name) for name in list(tensors) if name.startswith(prefix)}


@torch.no_grad()
def _load_adam(optimiser: torch.optim.Adam, loaded: dict[str, torch.Tensor]) -> None:
    """Copied in place: a captured step goes on with the tensors that it knows."""
    for number, weight in enumerate(optimiser.param_groups[0]["params"]):
        for key, tensor in optimiser.state[weight].items():
            tensor.copy_(loaded[f"{number}.{key}"])
