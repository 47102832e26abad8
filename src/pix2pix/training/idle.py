"""Settings that would change nothing, because another one or the data leaves them without a use.

They are refused by name: whoever set one expects something of it. A run that continues keeps those
that it began with.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from pix2pix.config import Config
from pix2pix.errors import UserError
from pix2pix.files import kind


class _Need(NamedTuple):
    """What settings need to have an effect, and the reason where it is not so."""

    settings: tuple[str, ...]
    is_met: Callable[[Config, bool], bool]  # of a configuration, and whether DATA is a hub set
    because: str
    hint: str


_NEEDS = (
    _Need(
        ("data.snap_labels",),
        lambda config, hub: bool(
            config.data.source_labels or config.data.target_labels or config.data.labels
        ),
        "no half is a label map",
        "Name the palette, --set data.source_labels=... or data.target_labels=..., or leave it out.",
    ),
    _Need(
        ("data.colour_half",),
        lambda config, hub: config.data.colour > 0,
        "data.colour is 0, and no colours change",
        "Set data.colour too, or leave it out.",
    ),
    _Need(
        ("data.source_labels", "data.source_one_hot", "data.source_range", "data.source_fill"),
        lambda config, hub: not config.data.make,
        "sources are made of photographs (data.make)",
        "Leave it out; data.target_range is that of the photographs.",
    ),
    _Need(
        ("data.target_labels", "data.target_one_hot", "data.target_fill"),
        lambda config, hub: not config.data.make,
        "DATA holds photographs (data.make), which have neither classes nor pixels without data",
        "Leave one of them out.",
    ),
    _Need(
        ("data.layout", "data.pair", "data.labels"),
        lambda config, hub: not config.data.make,
        "DATA holds photographs (data.make), which are neither found as pairs nor label maps",
        "Leave one of them out.",
    ),
    _Need(
        ("data.source_range", "data.source_fill"),
        lambda config, hub: not config.data.source_labels,
        "sources are label maps (data.source_labels), whose classes have no range",
        "Leave it out; a palette names the pixels to ignore.",
    ),
    _Need(
        ("data.target_range", "data.target_fill"),
        lambda config, hub: not config.data.target_labels,
        "targets are label maps (data.target_labels), whose classes have no range",
        "Leave it out; a palette names the pixels to ignore.",
    ),
    _Need(
        ("data.target_range",),
        lambda config, hub: config.data.make != "lab",
        "photographs that are split into Lab have the range of their depth (data.make)",
        "Leave it out.",
    ),
    _Need(
        ("data.source_column", "data.target_column"),
        lambda config, hub: hub,
        "DATA is no hub data set, which alone has columns",
        "Name one as hub:OWNER/NAME, or leave it out.",
    ),
    _Need(
        ("data.source_column", "data.target_column"),
        lambda config, hub: bool(config.data.source_column) == bool(config.data.target_column),
        "only one of the two columns is named",
        "Name both, data.source_column and data.target_column, or none.",
    ),
    _Need(
        ("model.blocks",),
        lambda config, hub: config.model.generator not in ("unet", "encoder_decoder"),
        "only the resnet has residual blocks",
        "Leave it out, or set model.generator=resnet.",
    ),
    _Need(
        ("model.dropout_from",),
        lambda config, hub: config.model.generator != "resnet" and config.model.dropout > 0,
        "the resnet has dropout in every block, and model.dropout = 0 in none",
        "Leave it out.",
    ),
    _Need(
        ("training.extend",),
        lambda config, hub: config.training.schedule == "linear",
        "the learning rate is constant (training.schedule)",
        "Set training.schedule=linear, or leave it out.",
    ),
)
_OF_FOLDERS = _Need(
    ("data.layout", "data.pair"),
    lambda config, hub: False,
    "DATA lists its pairs: they are not found by folders and names",
    "Leave it out.",
)
# Of the discriminator, which a weight of 0 switches off. Recipes state these for other weights, too.
_OF_DISCRIMINATOR = _Need(
    ("objective.conditional", "objective.adversarial", "model.discriminator_px", "model.discriminator_width"),
    lambda config, hub: config.objective.gan > 0,
    "objective.gan is 0, and there is no discriminator",
    "Leave one of them out.",
)


def refuse_idle(config: Config, data: Sequence[str | Path], written: Path) -> None:
    """Raise UserError for a setting without effect; `written` is the configuration that a run began with."""
    _refuse(_idle_with(config, data), written, data)


def refuse_switched_off(config: Config, stated: Collection[str], written: Path) -> None:
    """Raise UserError for `section.key=value` about a discriminator that is switched off."""
    keys = {setting.partition("=")[0].strip() for setting in stated}
    idle = _idle((_OF_DISCRIMINATOR,), config, False)
    _refuse({key: need for key, need in idle.items() if key in keys}, written, ())


def _refuse(idle: Mapping[str, _Need], written: Path, data: Sequence[str | Path]) -> None:
    if idle and kind(written) == "file":
        before = _idle_with(Config.load(written), data, _OF_DISCRIMINATOR)
        idle = {key: need for key, need in idle.items() if key not in before}
    if idle:
        key, need = next(iter(idle.items()))
        raise UserError(f"{key} has no effect here: {need.because}.", need.hint)


def _idle(needs: Iterable[_Need], config: Config, hub: bool) -> dict[str, _Need]:
    """Return the settings that differ from their defaults and have no effect."""
    changed = {key for key, _, _ in config.differences(Config())}
    unmet = [need for need in needs if not need.is_met(config, hub)]
    # Of several reasons the first.
    return {key: need for need in reversed(unmet) for key in need.settings if key in changed}


def _idle_with(config: Config, data: Sequence[str | Path], *more: _Need) -> dict[str, _Need]:
    listed = _is_hub(data) or any(Path(word).suffix.lower() in (".csv", ".jsonl") for word in data)
    return _idle((*_NEEDS, *more, *[_OF_FOLDERS] * listed), config, _is_hub(data))


def _is_hub(data: Sequence[str | Path]) -> bool:
    return any(str(word).startswith("hub:") for word in data)
