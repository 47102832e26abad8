"""A model file in words."""

from __future__ import annotations

from pathlib import Path

import torch

from pix2pix.model_file import load_model


def describe_model(path: Path) -> list[tuple[str, str]]:
    """(label, value) lines about a model file; raises UserError where it is none."""
    generator, header = load_model(path, torch.device("cpu"))
    model, image, source = header.config.model, header.image, header.provenance
    weights = sum(p.numel() for p in generator.parameters())
    took = f"the {image.source} half of pairs" if image.layout == "side by side" else "a folder"
    lines = [
        ("generator", f"{model.generator}, width {model.width}, {weights / 1e6:.2f} M weights"),
        ("norm", f"{model.norm}, upsampling {model.upsample}, dropout {model.dropout:g}"),
        ("pictures", f"{image.source_channels} -> {image.target_channels} channels, "
                     f"{image.bits} bits, trained at {image.size_px} px; source: {took}"),
        ("inference mode", header.mode),
        ("trained on", f"{source.pairs:,} pairs, {source.images_seen:,} images seen"),
        *((name, f"{value:g}") for name, value in source.scores.items()),
        ("data digest", source.data_digest),
        ("made by", ", ".join(f"{name} {v}" for name, v in source.versions.items())),
    ]  # fmt: skip
    if source.initialised_from:
        lines.append(("started from", source.initialised_from))
    return lines
