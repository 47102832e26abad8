"""A model's weights in int8, cut into parts of at most 16 MiB; and back into a model file.

command: python benchmarks/parts.py FOLDER model.safetensors

A scale for each first index of a weight: enough to look at what was learned, not to go on from.
"""

import argparse
import json
from pathlib import Path

import torch
from safetensors.torch import load, save

from pix2pix.model_file import Header, load_model, save_model
from pix2pix.networks import empty_generator

_PART = 15 * 2**20


def write_parts(model, folder):
    """Cut a model file into folder/weights.0, weights.1, ..."""
    generator, header = load_model(model, torch.device("cpu"))
    tensors = {}
    for name, tensor in generator.state_dict().items():
        if tensor.ndim < 2:
            tensors[name] = tensor.contiguous()
            continue
        scale = tensor.flatten(1).abs().amax(1).clamp_min(1e-12) / 127
        levels = (tensor / scale.view(-1, *[1] * (tensor.ndim - 1))).round()
        tensors[name] = levels.to(torch.int8).contiguous()
        tensors[f"{name}:scale"] = scale
    whole = save(tensors, {"header": header.model_dump_json()})
    starts = range(0, len(whole), _PART)
    for number, start in enumerate(starts):
        (folder / f"weights.{number}").write_bytes(whole[start : start + _PART])
    return len(starts)


def join_parts(folder, model):
    """A model file from the parts in a folder."""
    count = len(list(folder.glob("weights.*")))
    whole = b"".join((folder / f"weights.{n}").read_bytes() for n in range(count))
    length = int.from_bytes(whole[:8], "little")
    about = json.loads(whole[8 : 8 + length])["__metadata__"]["header"]
    header = Header.model_validate_json(about)
    tensors = load(whole)
    scales = {name: tensors.pop(name) for name in list(tensors) if name.endswith(":scale")}
    for name, tensor in tensors.items():
        if (scale := scales.get(f"{name}:scale")) is not None:
            tensors[name] = tensor.float() * scale.view(-1, *[1] * (tensor.ndim - 1))
    generator = empty_generator(header.config)
    generator.load_state_dict(tensors, assign=True)
    save_model(model, generator, header)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("model", type=Path)
    asked = parser.parse_args()
    join_parts(asked.folder, asked.model)
