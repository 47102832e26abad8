"""A model file in words."""

from pathlib import Path

import torch

from pix2pix.model_file import load_model
from pix2pix.pictures.contract import PictureContract


def describe_model(path: Path) -> list[tuple[str, str]]:
    """Return (label, value) lines about a model file; raises UserError where it is none."""
    generator, header = load_model(path, torch.device("cpu"))
    model, image, provenance = header.config.model, header.image, header.provenance
    weights = sum(p.numel() for p in generator.parameters())
    origin = f", the {image.half} half of pairs" if image.layout == "side by side" else ""
    if image.made:
        origin = f", made from photographs: {image.made}"
    return [
        ("generator", f"{model.generator}, width {model.width}, {weights / 1e6:.2f} M weights"),
        ("norm", f"{model.norm}, upsampling {model.upsample}, dropout {model.dropout:g}"),
        ("source", _in_words(image.source) + origin),
        ("target", _in_words(image.target)),
        ("trained at", f"{' x '.join(map(str, header.config.data.size))} px"),
        ("inference mode", header.mode),
        ("trained on", f"{provenance.pairs:,} pairs, {provenance.images_seen:,} images seen"),
        *((name, f"{value:g}") for name, value in provenance.scores.items()),
        *([("scored by", provenance.feature_network)] if provenance.feature_network else []),
        *([("learned from", ", ".join(provenance.feature_networks))] if provenance.feature_networks else []),
        ("data digest", provenance.data_digest),
        ("made by", ", ".join(f"{name} {v}" for name, v in provenance.versions.items())),
        *([("started from", provenance.initialised_from)] if provenance.initialised_from else []),
    ]


def _in_words(contract: PictureContract) -> str:
    if contract.classes:
        names = ", ".join(c.name for c in contract.classes)
        return f"label map of {len(contract.classes)} classes ({names})"
    channels = f"{contract.channels} channel{'s' * (contract.channels > 1)} of {contract.depth}"
    ranged = f" from {contract.low:g} to {contract.high:g}" * (contract.depth == "float32")
    return channels + ranged
