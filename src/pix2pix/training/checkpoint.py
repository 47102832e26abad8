"""The training state on disk: stop at any moment, kill -9 included, and go on bit for bit.

Weights, running statistics and Adam's moments are tensors; how far training is, and what the next
line of metrics has gathered, are strings. No random state is stored because there is none: order,
crops and noise follow from the seed and the position in images seen.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.optim import Adam

from pix2pix.errors import UserError
from pix2pix.model_file import damaged, load_tensors, read_facts, save_tensors
from pix2pix.training.state import State

FORMAT = 1
_KEY = "pix2pix training state"


def save_state(path: Path, state: State, about: dict[str, Any]) -> None:
    """Write the whole state, or leave the old file; raises UserError where it cannot be written.

    `about` is anything JSON that the loop wants back.
    """
    tensors: dict[str, Tensor] = {}
    for name, network, optimiser in state.parts():
        tensors |= {f"{name}.{key}": t for key, t in network.state_dict().items()}
        for number, moments in optimiser.state_dict()["state"].items():
            tensors |= {f"{name}.adam.{number}.{key}": t for key, t in moments.items()}
    facts = {"format": FORMAT, "images_seen": state.images_seen, "about": about}
    save_tensors(path, tensors, {_KEY: json.dumps(facts)})


def load_state(path: Path, state: State, device: torch.device) -> dict[str, Any]:
    """Fill the state from a file and return its `about`; raises UserError for any other file."""
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
        state.images_seen = facts["images_seen"]
        about: dict[str, Any] = facts["about"]
    except (KeyError, ValueError, RuntimeError) as error:
        raise damaged(path, error) from None
    return about


def _take(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """Remove the tensors of a prefix and return them without it."""
    names = [name for name in tensors if name.startswith(prefix)]
    return {name.removeprefix(prefix): tensors.pop(name) for name in names}


@torch.no_grad()
def _load_adam(optimiser: Adam, loaded: dict[str, Tensor]) -> None:
    """Copied in place: a captured step goes on with the tensors that it knows."""
    for number, weight in enumerate(optimiser.param_groups[0]["params"]):
        for key, tensor in optimiser.state[weight].items():
            tensor.copy_(loaded[f"{number}.{key}"])
