"""The plan of a run: everything that is known before a pair is decoded or a file is written."""

import timeit
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from statistics import median
from typing import get_args

import numpy as np
import torch

from pix2pix.config import Config
from pix2pix.data.labels import hints, with_found_labels
from pix2pix.data.origins import find_data
from pix2pix.data.reading import Reading, find_reading
from pix2pix.device import (
    Precision,
    describe,
    explain_out_of_memory,
    pick_device,
    pick_precision,
    set_precision,
)
from pix2pix.errors import UserError
from pix2pix.files import bytes_in_words, require_space
from pix2pix.model_file import read_header
from pix2pix.networks import build_discriminator, empty_generator
from pix2pix.networks.noise import noise_keys
from pix2pix.pairs.find import PairSet
from pix2pix.progress import OnProgress, duration, no_progress
from pix2pix.training.distributed import ALONE, Processes
from pix2pix.training.idle import refuse_idle
from pix2pix.training.run_folder import RunFolder
from pix2pix.training.selection import FeatureScores, find_feature_scores
from pix2pix.training.state import State, new_state
from pix2pix.training.step import EngineName, feature_networks, plain_step, term_weights

_FEWEST_TO_CHOOSE = 2  # validation pairs: a set of one has no distance
MEMORY_HINT = "Lower training.batch, model.width or data.size_px; what was saved is kept."


@dataclass(frozen=True)
class Plan:
    """What is learned from which pairs, where it is computed, and where it is written."""

    config: Config  # with the channels of the pictures
    data: Sequence[str | Path]
    pairs: PairSet
    reading: Reading
    folder: RunFolder
    device: torch.device
    engine: EngineName
    precision: Precision
    processes: Processes = ALONE
    features: FeatureScores = field(default_factory=FeatureScores)

    @property
    def engine_in_words(self) -> str:
        """What runs the steps, and the precision of products."""
        unrecorded = self.engine == "graph" and self.device.type != "cuda"
        return f"{self.engine}{' unrecorded' * unrecorded}, {self.precision}"


def make_plan(
    data: Sequence[str | Path],
    config: Config,
    run: str | Path,
    *,
    device: str = "auto",
    engine: str = "auto",
    precision: str = "auto",
    epochs: int | None = None,
    processes: Processes = ALONE,
    on_progress: OnProgress = no_progress,
) -> Plan:
    """Find pairs, contracts and hardware; nothing is written.

    With `epochs` the run sees its pairs so many times, instead of `training.images`. Raises UserError
    for a request that cannot be met.
    """
    chosen, folder = pick_device(device), RunFolder(Path(run))
    engine_name, picked = pick_engine(engine, chosen, processes), pick_precision(precision, chosen)
    set_precision(picked)
    processes.check(config.training.batch)
    term_weights(config)
    refuse_idle(config, data, folder.written_config)
    features = find_feature_scores(config)
    features.refuse_learned(feature_networks(config))  # others are known when the run begins
    empty_generator(config.with_channels(3, 3))  # refused before pairs are looked for, or downloaded
    pairs = find_data(data, config.data, on_progress)
    config = _of_length(config, pairs, epochs)
    if features.best and len(pairs.validation) < _FEWEST_TO_CHOOSE:
        raise UserError(
            f"training.best chooses a model by the validation pairs, and {len(pairs.validation)} are there.",
            f"Give {_FEWEST_TO_CHOOSE} or more in a folder val, or leave training.best empty.",
        )
    config = with_found_labels(config, pairs.splits["train"])
    reading = find_reading(pairs.splits["train"], config)
    config = config.with_channels(reading.source.tensor_channels, reading.target.tensor_channels)
    empty_generator(config)  # a generator may refuse the channels, too
    folder.check(config)
    reading = _begun_with(folder, reading)
    _require_space(folder, config)
    return Plan(config, data, pairs, reading, folder, chosen, engine_name, picked, processes, features)


def _begun_with(folder: RunFolder, reading: Reading) -> Reading:
    """Return the reading with the contracts of a run that continues: versions may find others."""
    if not folder.state.is_file():
        return reading
    try:
        image = read_header(folder.model).image
    except UserError:  # the state has all that training needs
        return reading
    return replace(reading, source=image.source, target=image.target, photograph=image.photograph, notes=())


def _of_length(config: Config, pairs: PairSet, epochs: int | None) -> Config:
    """Return the configuration with so many epochs as images, if they are stated."""
    if epochs is None:
        return config
    images = epochs * len(pairs.splits["train"])
    return config.model_copy(update={"training": config.training.model_copy(update={"images": images})})


def _require_space(folder: RunFolder, config: Config) -> None:
    """Refuse a run whose disk cannot hold what it saves, before anything is learned."""
    state, model = saved_bytes(config)
    # A new state is whole before the old one goes.
    there = sum(path.stat().st_size for path in (folder.state, folder.model) if path.is_file())
    require_space(folder.path, max(state, 2 * state + model - there), "The model and the training state")


def saved_bytes(config: Config) -> tuple[int, int]:
    """Return the bytes of a saved training state, and of a model."""
    generator = sum(w.numel() for w in empty_generator(config).parameters())
    gan = config.objective.gan
    discriminator = sum(w.numel() for w in build_discriminator(config).parameters()) if gan else 0
    average = generator if config.training.average else 0
    # Of float32; the state has Adam's two moments.
    return 4 * (3 * (generator + discriminator) + average), 4 * generator


def pick_engine(name: str, device: torch.device, processes: Processes = ALONE) -> EngineName:
    """Return the engine of that name; `auto` is graph on NVIDIA's GPUs, plain elsewhere.

    Several processes take plain: recording their messages was never measured. Raises UserError for
    an unknown name.
    """
    if name not in ("auto", *get_args(EngineName)):
        raise UserError(f"--engine {name} is unknown: choose auto, plain or graph.")
    captured = name == "graph" or (name == "auto" and device.type == "cuda" and bool(torch.version.cuda))
    return "graph" if captured and processes.world == 1 else "plain"


def pairs_in_words(pairs: PairSet) -> str:
    """Return how many pairs each split has, and how they lie."""
    counts = ", ".join(f"{len(split):,} {name}" for name, split in pairs.splits.items())
    return f"{counts} ({pairs.layout}{'; ' + pairs.note if pairs.note else ''})"


def length_in_words(plan: Plan) -> str:
    """Return how long training is, in images and in epochs."""
    images, pairs = plan.config.training.images, len(plan.pairs.splits["train"])
    return f"{images:,} images: {images / pairs:,.3g} x {pairs:,} pairs"


def facts_of(plan: Plan) -> dict[str, str]:
    """Return what the run's page shows next to the curves, by label."""
    config, objective = plan.config, plan.config.objective
    model, training = config.model, config.training
    adversarial = "cGAN" if objective.conditional else "GAN"
    pixel_term = "cross-entropy" if config.data.target_one_hot else "L1"
    terms = [f"{objective.l1:g} {pixel_term}"] * bool(objective.l1)
    terms += [f"{objective.gan:g} {adversarial} ({objective.adversarial})"] * bool(objective.gan)
    terms += [f"{weight:g} {name}" for name, weight in objective.terms.items() if weight]
    return {
        "data": pairs_in_words(plan.pairs),
        "pictures": f"{model.source_channels} -> {model.target_channels} channels, "
        f"{' x '.join(map(str, config.data.size))} px",
        "generator": f"{model.generator}, width {model.width}",
        "discriminator": f"{model.discriminator_px} px patches" if objective.gan else "none",
        "objective": " + ".join(terms),
        "batch": f"{training.batch}, learning rate {training.learning_rate:g}",
        **({"average": f"of weights, decay {training.average:g} an image"} if training.average else {}),
        "inference mode": config.default_mode,
        "device": describe(plan.device),
    }


def describe_plan(plan: Plan) -> dict[str, str]:
    """Return what training would take, by label: parameters, memory, disk and time.

    A few steps on random pictures are timed on the device. Nothing is written.
    """
    with explain_out_of_memory(plan.device, f"trying a step of {step_in_words(plan.config)}", MEMORY_HINT):
        state = new_state(plan.config, plan.device)
        activations, seconds = try_steps(plan, state)
    parameters = {name: sum(w.numel() for w in net.parameters()) for name, net, _ in state.parts()}
    floats = 4 * sum(parameters.values())
    steps = plan.config.training.images / plan.config.training.batch
    facts = facts_of(plan)
    for name, count in parameters.items():
        facts[name] += f", {count:,} parameters"
    notes = [*hints(plan.config, plan.pairs.splits["train"]), *plan.reading.notes]
    return facts | {
        "engine": plan.engine_in_words,
        # Weights, gradients and Adam's two moments; a saved state has no gradients.
        "memory": f"about {bytes_in_words(4 * floats + activations)}: weights and Adam "
        f"{bytes_in_words(4 * floats)}, activations {bytes_in_words(activations)}; libraries come on top",
        "disk": f"about {bytes_in_words(_decoded_bytes(plan))} of decoded pairs in the cache, "
        f"{bytes_in_words(sum(saved_bytes(plan.config)))} of checkpoint and model in {plan.folder.path}",
        "length": length_in_words(plan),
        "time": f"about {duration(steps * seconds)}: {steps:,.0f} steps of {seconds:.3g} s, measured "
        "with the plain step; validation and saving come on top",
        **({"note": "; ".join(notes)} if notes else {}),
    }


def step_in_words(config: Config) -> str:
    """Return what decides the memory of a step."""
    height, width = config.data.size
    return f"batches of {config.training.batch} at {height} x {width} px and width {config.model.width}"


def try_steps(plan: Plan, state: State) -> tuple[int, float]:
    """Return the bytes of activations of a step on random pictures, and its seconds; the state changes."""
    config, batch = plan.config, plan.config.training.batch // plan.processes.world
    channels = config.model.source_channels, config.model.target_channels
    x, y = (torch.rand(batch, c, *config.data.size, device=plan.device) * 2 - 1 for c in channels)
    keys = noise_keys(config.training.seed, torch.arange(batch, device=plan.device))
    weights = {id(w) for _, network, _ in state.parts() for w in network.parameters()}
    kept: dict[int, int] = {}  # bytes by address: layers keep the same tensor several times

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        if id(tensor) not in weights:
            storage = tensor.untyped_storage()
            kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    def step() -> None:
        losses = plain_step(state, x, y, keys, config, plan.precision)
        next(iter(losses.values())).item()  # waits for the device

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        step()
    return sum(kept.values()), median(timeit.repeat(step, number=1, repeat=3))


def _decoded_bytes(plan: Plan) -> int:
    """Return the size of all decoded pairs, those of validation at most as many as are scored."""

    config, stored = plan.config, plan.reading.stored
    bytes_per_pixel = sum(np.dtype(c.depth).itemsize * c.stored_channels for c in stored)
    training = len(plan.pairs.splits["train"]) * int(np.prod(config.data.resize))
    scored = min(len(plan.pairs.validation), config.training.validate_pairs)
    return bytes_per_pixel * (training + scored * int(np.prod(config.data.size)))
