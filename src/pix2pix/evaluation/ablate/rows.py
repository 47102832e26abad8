"""The rows of the paper's ablations: the settings of each, and what the paper measured for it.

Numbers: Isola et al., arXiv 1611.07004, tables 1 to 3, the colours of figure 7, and its scores of photographs
-> labels; all on Cityscapes at 256 px.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pix2pix.config import Config, receptive_fields
from pix2pix.errors import UserError
from pix2pix.evaluation.labels import BY_CLASS

OVER = ("losses", "generators", "patches")
_COLOURS = ("histogram_L", "histogram_a", "histogram_b")

BASE = "l1_cgan"  # the paper's method, a row of every table
_L1, _ENCODER = {"objective.gan": 0.0}, {"model.generator": "encoder_decoder"}
_CHANGES: dict[str, dict[str, Any]] = {
    BASE: {},
    "l1": _L1,
    "gan": {"objective.l1": 0.0, "objective.conditional": False},
    "cgan": {"objective.l1": 0.0},
    "l1_gan": {"objective.conditional": False},
    "encdec_l1": _ENCODER | _L1,
    "encdec_l1_cgan": _ENCODER,
}
_PATCHES = (1, 16, 70, 286)

_PAPER_REAL = (0.80, 0.26, 0.21)
_PAPER: dict[str, dict[str | int, tuple[float, float, float]]] = {
    "losses": {
        "l1": (0.42, 0.15, 0.11),
        "gan": (0.22, 0.05, 0.01),
        "cgan": (0.57, 0.22, 0.16),
        "l1_gan": (0.64, 0.20, 0.15),
        BASE: (0.66, 0.23, 0.17),
    },
    "generators": {
        "encdec_l1": (0.35, 0.12, 0.08),
        "encdec_l1_cgan": (0.29, 0.09, 0.05),
        "l1": (0.48, 0.18, 0.13),
        BASE: (0.55, 0.20, 0.14),
    },
    "patches": {
        1: (0.39, 0.15, 0.10),
        16: (0.65, 0.21, 0.17),
        70: (0.66, 0.23, 0.17),
        286: (0.42, 0.16, 0.11),
    },
}
_PAPER_LABELS = {"l1": (0.86, 0.42, 0.35), "cgan": (0.74, 0.28, 0.22), BASE: (0.83, 0.36, 0.29)}
_PAPER_COLOURS = {
    "l1": (0.81, 0.69, 0.70),
    "cgan": (0.87, 0.74, 0.84),
    BASE: (0.86, 0.84, 0.82),
    "patch_1": (0.83, 0.68, 0.78),
}


@dataclass(frozen=True)
class Row:
    """One row of a table; tables that share a row use the same name."""

    name: str
    label: str
    config: Config
    paper: Mapping[str, float]  # by the name of the score


@dataclass(frozen=True)
class Table:
    """One of the paper's tables; `paper_real` is its row of real pictures."""

    name: str
    title: str
    rows: tuple[Row, ...]
    paper_real: Mapping[str, float]


def ablation_tables(config: Config) -> dict[str, Table]:
    """Return the paper's tables by name, each row with the settings of `config` but for what it varies.

    Raises UserError where `config` leaves out what the rows switch off.
    """
    _refuse_variants(config)
    pixel = "cross-entropy" if config.data.target_one_hot else "L1"
    losses = {"l1": pixel, "gan": "GAN", "cgan": "cGAN", "l1_gan": f"{pixel} + GAN", BASE: f"{pixel} + cGAN"}
    generators = {
        "encdec_l1": f"encoder-decoder, {pixel}",
        "encdec_l1_cgan": f"encoder-decoder, {pixel} + cGAN",
        "l1": f"U-Net, {pixel}",
        BASE: f"U-Net, {pixel} + cGAN",
    }
    titles = {"losses": "Losses", "generators": "Generators", "patches": "Patches of the discriminator"}
    rows = {
        "losses": _rows("losses", losses, config),
        "generators": _rows("generators", generators, config),
        "patches": _patch_rows(config),
    }
    real = {} if config.data.target_labels else dict(zip(BY_CLASS, _PAPER_REAL, strict=True))
    return {name: Table(name, titles[name], rows[name], real) for name in OVER}


def with_seed(config: Config, seed: int) -> Config:
    """Return the configuration with another seed."""
    return _changed(config, {"training.seed": seed})


def _refuse_variants(config: Config) -> None:
    """Raise UserError where the settings of the paper's method are those of a variant."""
    stated = {
        "model.generator": config.model.generator != "unet",
        "objective.l1": config.objective.l1 == 0,
        "objective.gan": config.objective.gan == 0,
        "objective.conditional": not config.objective.conditional,
    }
    if varied := [key for key, other in stated.items() if other]:
        raise UserError(
            f"An ablation cannot change {' and '.join(varied)}: that is what its rows vary.",
            "Leave it out: the rows start from a U-Net with L1 and a conditional discriminator.",
        )


def _rows(table: str, labels: Mapping[str, str], config: Config) -> tuple[Row, ...]:
    if config.data.target_labels:
        paper = {name: _PAPER_LABELS[name] for name in _PAPER_LABELS if table == "losses"}
    else:
        paper = {name: _PAPER[table][name] for name in labels}
    return tuple(
        Row(name, label, _changed(config, _CHANGES[name]), _paper(name, paper.get(name), config))
        for name, label in labels.items()
    )


def _patch_rows(config: Config) -> tuple[Row, ...]:
    """Return the row of each patch size; one that does not fit the pictures gives way to the largest."""
    fitting = receptive_fields(min(config.data.size))
    rows: dict[str, Row] = {}
    for size_px in _PATCHES:
        used = max(field for field in fitting if field <= size_px)
        name = BASE if used == config.model.discriminator_px else f"patch_{used}"
        label = f"{used} x {used} px" + (f" (largest that fits; paper: {size_px})" if used < size_px else "")
        paper = None if config.data.target_labels else _PAPER["patches"][size_px]
        colours = {1: "patch_1", 70: BASE}.get(size_px, "")  # whatever the row is called
        changed = _changed(config, {"model.discriminator_px": used})
        rows.setdefault(name, Row(name, label, changed, _paper(colours, paper, config)))
    return tuple(rows.values())


def _paper(name: str, by_class: tuple[float, ...] | None, config: Config) -> dict[str, float]:
    """Return the paper's numbers by the names of our scores; colours are those of the row `name`."""
    numbers = dict(zip(BY_CLASS, by_class, strict=True)) if by_class else {}
    if name in _PAPER_COLOURS and not config.data.target_labels:
        numbers |= zip(_COLOURS, _PAPER_COLOURS[name], strict=True)
    return numbers


def _changed(config: Config, changes: Mapping[str, Any]) -> Config:
    values = config.model_dump()
    for key, value in changes.items():
        section, name = key.split(".")
        values[section][name] = value
    return Config.parse(values)
