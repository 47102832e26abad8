"""A model file in words."""

import shlex
from pathlib import Path

import torch

from pix2pix.model_file import ImageContract, Provenance, load_model, model_path
from pix2pix.pictures.contract import PictureContract, largest_value

_KINDS = {"colours": "", "grey": ", in grey", "indexes": ", by index", "palette": ", by index into colours"}


def describe_model(path: Path) -> list[tuple[str, str]]:
    """Return (label, value) lines about a model file; raises UserError where it is none."""
    generator, header = load_model(path, torch.device("cpu"))
    model, image, provenance = header.config.model, header.image, header.provenance
    weights = sum(p.numel() for p in generator.parameters())
    source, target = _origins(image)
    return [
        ("generator", f"{model.generator}, width {model.width}, {weights / 1e6:.2f} M weights"),
        ("norm", f"{model.norm}, upsampling {model.upsample}, dropout {model.dropout:g}"),
        ("source", _in_words(image.source) + source),
        ("target", _in_words(image.target) + target),
        ("trained at", f"{' x '.join(map(str, header.config.data.size))} px"),
        ("inference mode", header.mode),
        _learned_from(provenance),
        *((name, f"{value:g}") for name, value in provenance.scores.items()),
        *([("scored by", provenance.feature_network)] if provenance.feature_network else []),
        *([("learned from", ", ".join(provenance.feature_networks))] if provenance.feature_networks else []),
        *([("data digest", provenance.data_digest)] if provenance.data_digest else []),
        ("made by", ", ".join(f"{name} {v}" for name, v in provenance.versions.items())),
        *([("started from", provenance.initialised_from)] if provenance.initialised_from else []),
        *_commands(path, image),
    ]


def _learned_from(provenance: Provenance) -> tuple[str, str]:
    if provenance.imported_from:
        return "imported from", provenance.imported_from
    return "trained on", f"{provenance.pairs:,} pairs, {provenance.images_seen:,} images seen"


def _origins(image: ImageContract) -> tuple[str, str]:
    """Return where sources and targets lay in training."""
    if image.made:
        return f", made from photographs: {image.made}", ""
    if image.layout == "side by side":
        other = "left" if image.half == "right" else "right"
        return f", the {image.half} half of pairs", f", the {other} half of pairs"
    if image.folders:
        source, target = image.folders
        return f", from the folder {source}", f", from the folder {target}"
    return "", ""


def _commands(path: Path, image: ImageContract) -> list[tuple[str, str]]:
    """Return the lines by which pictures are translated, to be copied."""
    command = f"pix2pix translate {shlex.quote(str(model_path(path)))}"
    if image.made:
        # Of Lab the source is the lightness of any picture.
        return [("translate", f"{command} PHOTOGRAPHS -o OUT" + " --make" * (image.made != "lab"))]
    lines = [("translate", f"{command} SOURCES -o OUT")]
    if image.layout == "side by side":
        lines.append(("of such pairs", f"{command} PAIRS -o OUT --half {image.half}"))
    return lines


def _in_words(contract: PictureContract) -> str:
    if contract.classes:
        names = ", ".join(c.name for c in contract.classes)
        return f"label map of {len(contract.classes)} classes ({names}){_KINDS[contract.kept_as]}"
    channels = f"{contract.channels} channel{'s' * (contract.channels > 1)} of {contract.depth}"
    if contract.depth != "float32" and (contract.low, contract.high) == (0, largest_value(contract.depth)):
        return channels
    return f"{channels} from {contract.low:g} to {contract.high:g}"
