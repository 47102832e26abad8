"""A model in the folder of a page: its network in parts, its examples, and its card."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from pix2pix.config import Mode
from pix2pix.export.checked import Exported
from pix2pix.export.onnx import export_onnx, runner
from pix2pix.export.parts import write_parts
from pix2pix.export.precision import Precision
from pix2pix.model_file import Header, ImageContract, read_header
from pix2pix.networks.graph import NoiseInput, keep_factors
from pix2pix.networks.noise import keep_mask, noise_keys
from pix2pix.page.card import Card, KnownPair, make_card
from pix2pix.page.examples import Example, find_examples, view
from pix2pix.pictures import codec
from pix2pix.progress import Progress

_CHECK_VALUES = 64  # of an output, that a browser's own are compared with


@dataclass(frozen=True)
class Plan:
    """A model that is to be written, and what the page will know of it."""

    path: Path
    header: Header
    examples: Sequence[Example]
    card: Card


def plan(name: str, path: Path) -> Plan:
    """What is known before anything is written; raises UserError for what no page can draw."""
    header = read_header(path)
    found = find_examples(path, header.image)
    return Plan(path, header, found, make_card(name, header, found))


def write_model(
    plan: Plan, folder: Path, precision: Precision, mode: Mode | None, progress: Progress
) -> tuple[Card, Exported]:
    """Write a model's network and examples: its card with their addresses, and how exact it is."""
    with tempfile.TemporaryDirectory() as temporary:
        file = Path(temporary) / "network.onnx"
        exported = export_onnx(
            plan.path, file, precision=precision, mode=mode, dynamic=True, progress=progress
        )
        network = write_parts(file.read_bytes(), folder, "networks")
        network |= {key: exported.facts[key] for key in ("precision", "noise")}
        network["check"] = _check(file, plan.header, exported.facts)
    place = f"examples/{network['sha256'][:16]}"
    chosen = exported.facts["mode"]
    about = {
        "mode": chosen,
        # Masks are inputs, so that noise can be left off as well.
        "modes": ("paper", "deterministic") if chosen == "paper" else (chosen,),
        "network": network,
        "examples": tuple(
            _write_example(example, plan.header.image, folder, f"{place}/{number:02d}")
            for number, example in enumerate(plan.examples)
        ),
    }
    return plan.card.model_copy(update=about), exported


def _write_example(example: Example, image: ImageContract, folder: Path, stem: str) -> KnownPair:
    source, target = view(example, image)
    addresses = f"{stem}-source.png", f"{stem}-target.jpg"
    codec.write(source, folder / addresses[0])  # labels stand no loss
    if target is not None:
        codec.write(target, folder / addresses[1])
    there = addresses[1] if target is not None else None
    return KnownPair(name=example.name, source=addresses[0], target=there)


def _check(file: Path, header: Header, facts: dict[str, Any]) -> dict[str, Any]:
    """Values of the output for a picture of noise, by which a page sees that its backend is right.

    Drivers of graphics cards have been known to be wrong.
    """
    shape = header.image.source.tensor_channels, facts["multiple_px"], facts["multiple_px"]
    keys = noise_keys(0, torch.zeros(1, dtype=torch.int64))
    source = keep_mask(keys, 0, shape, 0.5).float() * 2 - 1
    noise = [NoiseInput(**one) for one in facts["noise"]]
    output = runner(file)(source, keep_factors(noise, source, seed=0)).flatten()
    step = len(output) // _CHECK_VALUES
    values = [round(value, 5) for value in output[::step].tolist()]
    return dict(zip(("channels", "height", "width"), shape, strict=True)) | {"step": step, "values": values}
