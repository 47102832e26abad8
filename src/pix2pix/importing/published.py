"""Generators of pytorch-CycleGAN-and-pix2pix, recognised by the names and shapes of their tensors.

Their U-Net is nested: each block holds the next one, so that names grow inwards. Their skips are the
first half of what a decoder layer reads, here they are the second. Where a norm follows they add a
bias only to instance norm, which cancels it; the bottleneck and the first layer have none with batch
norm. Names do not say whether a U-Net had dropout: there it is theirs, in the layers after the
innermost.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import takewhile
from typing import Any

import torch
from torch import Tensor

from pix2pix.config import Config
from pix2pix.networks import empty_generator

_CROP_PX = 256  # at which they train by default
_LEAST_DEPTH, _LARGEST_DEPTH = 5, 10  # theirs have 5 or more, ours 10 or fewer
_STATISTICS = ("running_mean", "running_var")
_OF_NORM = ("weight", "bias", *_STATISTICS)


@dataclass(frozen=True)
class Published:
    """A generator of theirs: `name` as their --netG says it, its weights by our names, in float32."""

    name: str
    config: Config
    weights: Mapping[str, Tensor]


@dataclass(frozen=True)
class _Layout:
    """Our layers, each with the names of their convolution and norm ("" without one)."""

    name: str
    settings: Mapping[str, Any]
    layers: Mapping[str, tuple[str, str]]


def recognise(tensors: Mapping[str, Tensor]) -> Published | None:
    """Return the generator that these tensors are, whatever stands in front of all names.

    Returns None where the names are not theirs. Raises ValueError, which says what is wrong, where
    they are, and tensors are missing, left over or of another shape.
    """
    bare = _bare(tensors)
    kernels = {name for name, tensor in bare.items() if tensor.ndim == 4}
    if kernels >= {"0.weight", "1.model.1.weight", "3.weight"}:
        layout = _unet(bare)
    elif kernels >= {"1.weight", "10.conv_block.1.weight"}:
        layout = _resnet(bare)
    else:
        return None
    norm = _norm(bare, *layout.layers["encoder.1" if "encoder.1" in layout.layers else "first"])
    model = {**layout.settings, "norm": norm}
    side = 2 ** model["depth"] if model["depth"] else _CROP_PX
    config = Config.parse({"data": {"size_px": side}, "model": model})
    return Published(layout.name, config, _weights(bare, layout, config))


def _bare(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the tensors without what stands in front of all their names: `module.`, `netG.model.`."""
    known = {name: tensor for name, tensor in tensors.items() if not name.endswith("num_batches_tracked")}
    parts = {name: name.split(".") for name in known}
    shared = takewhile(lambda of_all: len({*of_all}) == 1, zip(*parts.values(), strict=False))
    start = len(list(shared))
    return {".".join(parts[name][start:]): tensor for name, tensor in known.items()}


def _unet(bare: Mapping[str, Tensor]) -> _Layout:
    places = list(_nested(bare))
    depth = len(places) + 1
    if not _LEAST_DEPTH <= depth <= _LARGEST_DEPTH:
        raise ValueError(f"it halves pictures {depth} times, wanted {_LEAST_DEPTH} to {_LARGEST_DEPTH} times")
    layers = {"encoder.0": ("0", ""), f"decoder.{depth - 1}": ("3", "")}
    for level, place in enumerate(places, 1):
        if level < depth - 1:
            layers[f"encoder.{level}"] = (f"{place}1", f"{place}2")
            layers[f"decoder.{depth - 1 - level}"] = (f"{place}5", f"{place}6")
        else:
            layers[f"encoder.{level}"] = (f"{place}1", "")
            layers["decoder.0"] = (f"{place}3", f"{place}4")
    settings = {
        "generator": "unet",
        "depth": depth,
        "width": bare["0.weight"].shape[0],
        "source_channels": bare["0.weight"].shape[1],
        "target_channels": bare["3.weight"].shape[1],
        # Theirs is in as many layers as a picture is halved more than five times.
        "dropout": 0.5 if depth > _LEAST_DEPTH else 0.0,
        "dropout_from": 1,
    }
    return _Layout(f"unet_{2**depth}", settings, layers)


def _nested(bare: Mapping[str, Tensor]) -> Iterator[str]:
    place = "1.model."
    while f"{place}1.weight" in bare:
        yield place
        place += "3.model."


def _resnet(bare: Mapping[str, Tensor]) -> _Layout:
    blocks = len({name.partition(".")[0] for name in bare if ".conv_block." in name})
    dropout = "10.conv_block.5.weight" not in bare  # which moves the second convolution by one
    second = 6 if dropout else 5
    layers = {"first": ("1", "2"), "downs.0": ("4", "5"), "downs.1": ("7", "8")}
    for number in range(blocks):
        place = f"{10 + number}.conv_block."
        layers[f"blocks.{number}.first"] = (f"{place}1", f"{place}2")
        layers[f"blocks.{number}.second"] = (f"{place}{second}", f"{place}{second + 1}")
    after = 10 + blocks
    layers["ups.0"] = (f"{after}", f"{after + 1}")
    layers["ups.1"] = (f"{after + 3}", f"{after + 4}")
    layers["last"] = (f"{after + 7}", "")
    if f"{after + 7}.weight" not in bare:
        raise ValueError(f"it has {blocks} residual blocks, and no last layer after them")
    settings = {
        "generator": "resnet",
        "depth": 0,
        "blocks": blocks,
        "width": bare["1.weight"].shape[0],
        "source_channels": bare["1.weight"].shape[1],
        "target_channels": bare[f"{after + 7}.weight"].shape[0],
        "dropout": 0.5 if dropout else 0.0,
    }
    return _Layout(f"resnet_{blocks}blocks", settings, layers)


def _norm(bare: Mapping[str, Tensor], conv: str, norm: str) -> str:
    """Return the kind of norm after a convolution: instance norm has no weights, and a bias before it."""
    if f"{norm}.weight" in bare:
        return "batch"
    return "instance" if f"{conv}.bias" in bare else "none"


def _weights(bare: Mapping[str, Tensor], layout: _Layout, config: Config) -> dict[str, Tensor]:
    """Return the weights by our names; raise ValueError where they are not those of the layout."""
    kind, left = config.model.norm, dict(bare)
    shapes = {name: weight.shape for name, weight in empty_generator(config).state_dict().items()}
    weights: dict[str, Tensor] = {}
    for layer, (conv, norm) in layout.layers.items():
        weights[f"{layer}.conv.weight"] = _taken(left, f"{conv}.weight")
        bias = left.pop(f"{conv}.bias", None) if kind != "batch" or not norm else None
        if (name := f"{layer}.conv.bias") in shapes:
            weights[name] = torch.zeros(shapes[name]) if bias is None else bias
        for part in _OF_NORM if norm and kind != "none" else ():
            theirs, ours = f"{norm}.{part}", f"{layer}.norm.{part}"
            if kind == "batch":
                weights[ours] = _taken(left, theirs)
            elif part in _STATISTICS:
                left.pop(theirs, None)  # of an old torch: never used
            else:
                weights[ours] = torch.full(shapes[ours], float(part == "weight"))
    if left:
        raise ValueError(f"it has a tensor {next(iter(left))}, which {layout.name} has not")
    for name, shape in shapes.items():
        if weights[name].shape != shape:
            theirs, _ = layout.layers[name.rsplit(".", 2)[0]]
            raise ValueError(f"at {theirs} it has {list(weights[name].shape)} weights, wanted {list(shape)}")
    for name in [name for name in weights if re.fullmatch(r"decoder\.[1-9]\d*\.conv\.weight", name)]:
        skip, up = weights[name].chunk(2)
        weights[name] = torch.cat([up, skip])
    return {name: weights[name].detach().float() for name in shapes}


def _taken(left: dict[str, Tensor], name: str) -> Tensor:
    if name not in left:
        raise ValueError(f"it has no tensor {name}")
    return left.pop(name)
