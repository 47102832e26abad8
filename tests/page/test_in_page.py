"""What runs inside the page computes what the package computes: node compares the numbers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from pix2pix.derive import edges
from pix2pix.inference.translator import Translator
from pix2pix.networks.noise import keep_mask, noise_keys
from pix2pix.pictures import tensors
from pix2pix.pictures.conform import to_depth, to_view
from pix2pix.pictures.contract import LabelClass, PictureContract
from pix2pix.pictures.geometry import pad
from tests.helpers import noise, write_model
from tests.page.node_tests import run_node_tests

SIZE = 37, 21  # height and width: the network wants 64 x 32
RGB, GREY = PictureContract(), PictureContract(channels=1)
DEEP = PictureContract(depth="uint16", high=65535.0)
TWELVE = PictureContract(depth="uint16", high=4095.0, clip=True)
NARROW = PictureContract(low=16.0, high=235.0, clip=True)
HOLED = PictureContract(channels=1, fill=200.0)  # a level that several pixels of the noise have
COLOURS = (255, 0, 0), (0, 128, 255), (250, 240, 10)
CLASSES = tuple(LabelClass(name=f"class {c}", colour=c) for c in COLOURS)
LIGHT = PictureContract(channels=1, depth="float32", high=100.0)
AB = PictureContract(channels=2, depth="float32", low=-110.0, high=110.0)
CASES: dict[str, dict[str, Any]] = {
    "colours": {},
    "grey": {"source": GREY, "target": GREY},
    "transparency": {"source": PictureContract(channels=4), "target": PictureContract(channels=4)},
    "16 bits": {"source": DEEP, "target": DEEP},
    "16 bits of grey": {"source": DEEP.model_copy(update={"channels": 1})},
    "12 bits": {"source": TWELVE, "target": TWELVE},
    "12 bits of grey": {"source": TWELVE.model_copy(update={"channels": 1})},
    "8 bits of a narrow range": {"source": NARROW, "target": NARROW},
    "pixels without data": {"source": HOLED, "target": HOLED},
    "labels as colours": {"source": PictureContract(classes=CLASSES)},
    "labels one-hot": {
        "source": PictureContract(classes=CLASSES, one_hot=True),
        "target": PictureContract(classes=CLASSES, one_hot=True),
    },
    "floats": {"target": PictureContract(depth="float32", low=-0.5, high=2.0)},
    "lab": {"source": LIGHT, "target": AB, "photograph": RGB},
    "lab of grey photographs": {"source": LIGHT, "target": AB, "photograph": GREY},
    "downscale:3": {"photograph": RGB},
}


def test_what_runs_in_the_page_gives_the_numbers_of_the_package(tmp_path: Path) -> None:
    cases = [_case(tmp_path, name, **contracts) for name, contracts in CASES.items()]
    file = tmp_path / "vectors.json"
    file.write_text(json.dumps({"masks": _masks(), "cases": cases, "edges": _edges()}), "utf-8")
    here = Path(__file__).parent
    run_node_tests([*here.glob("model/*.test.js"), *here.glob("pixels/*.test.js")], VECTORS=str(file))


def _masks() -> list[dict[str, Any]]:
    masks = []
    for seed, sample, layer, drop in ((0, 0, 0, 0.5), (7, 3, 2, 0.25), (2**32 - 1, 2**31, 1, 0.9)):
        kept = keep_mask(noise_keys(seed, torch.tensor([sample])), layer, (3, 5, 7), drop)
        masks.append(
            {
                "seed": seed,
                "sample": sample,
                "layer": layer,
                "drop": drop,
                "kept": kept.flatten().int().tolist(),
            }
        )
    return masks


def _edges() -> dict[str, Any]:
    """Return a photograph of discs and slopes, and the lines that the package draws of it."""
    rows, columns = np.mgrid[:60, :80]
    picture = np.stack([2 * columns + 40, 3 * rows, 200 - rows - columns], axis=2).astype(np.float64)
    for row, column, radius, level in ((20, 25, 14, 250), (38, 55, 17, 20), (30, 30, 6, 120)):
        picture[(rows - row) ** 2 + (columns - column) ** 2 < radius**2] = level
    photograph = picture.clip(0, 255).astype(np.uint8)
    lines = edges.draw(photograph, edges.LOW, edges.HIGH, edges.SIGMA_PX)[:, :, 0] == 0
    return {
        "width": 80,
        "height": 60,
        "pixels": _rgba(photograph).flatten().tolist(),
        "lines": lines.flatten().astype(int).tolist(),
    }


def _case(tmp_path: Path, name: str, **contracts: PictureContract) -> dict[str, Any]:
    """Return a picture and its tensor as a model source; an output and its pixels."""
    made = name.split(" ")[0] if "photograph" in contracts else ""
    settings = [f"data.make={made}"] if made else []
    model = Translator.load(write_model(tmp_path / f"{name}.safetensors", *settings, **contracts))
    image = model.header.image
    picture = _picture(image.source, image.photograph)
    multiple = model.generator.multiple_px
    source = model.source(picture, name, made.startswith("downscale"))
    tensor = pad(tensors.network_input(tensors.to_tensor(source, image.source), image.source), multiple)
    output = torch.rand(image.target.tensor_channels, *tensor.shape[1:]) * 2.2 - 1.1
    model.generator.register_forward_hook(lambda *_: output[None])
    shown = _eight_bits(model.translate_sources([source])[0], image.target)
    return {
        "name": name,
        "card": {"multiple_px": multiple, **image.model_dump(mode="json")},
        "height": SIZE[0],
        "width": SIZE[1],
        "pixels": _rgba(picture).flatten().tolist(),
        "tensor": tensor.flatten().tolist(),
        "padded": list(tensor.shape),
        "output": output.flatten().tolist(),
        "shown": _rgba(shown).flatten().tolist(),
    }


def _picture(source: PictureContract, photograph: PictureContract | None) -> NDArray[np.uint8]:
    if source.classes:
        return np.array(COLOURS, np.uint8)[noise(*SIZE, channels=1)[:, :, 0] % len(COLOURS)]
    # A photograph with transparency is laid on white, where the network takes none.
    return noise(*SIZE, channels=4 if photograph is None else 3)


def _rgba(array: NDArray[Any]) -> NDArray[Any]:
    if array.shape[2] == 1:
        array = np.repeat(array, 3, axis=2)
    if array.shape[2] == 3:
        array = np.concatenate([array, np.full_like(array[:, :, :1], 255)], axis=2)
    return array


def _eight_bits(array: NDArray[Any], contract: PictureContract) -> NDArray[Any]:
    """Return the picture as a screen shows it."""
    if array.dtype == np.uint16 and not contract.clip:
        return to_depth(array, "uint8", "an output")
    return array if array.dtype == np.uint8 else to_view(array, contract)
