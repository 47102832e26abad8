"""What a run is: one frozen configuration, read from TOML, refused with the nearest right name.

A recipe or a user's file states only what differs from the defaults in `settings`. Nothing here
knows torch, so that the command line can check a request before it loads anything heavy.
"""

from collections.abc import Iterable, Mapping
from importlib import resources
from os.path import isfile
from pathlib import Path
from typing import Any, Self, get_args

import tomli_w
from pydantic import ValidationError, model_validator

from pix2pix.config.settings import DataConfig, Mode, ModelConfig, ObjectiveConfig, Section, TrainingConfig
from pix2pix.errors import UserError, did_you_mean, first_line, shortened
from pix2pix.parsing import parse_toml, read_toml

__all__ = ["Config", "DataConfig", "Mode", "TrainingConfig", "recipe_names"]

# Strided convolutions of a discriminator by its receptive field (the paper's appendix 6.1.2).
STRIDED_LAYERS = {1: 0, 16: 1, 34: 2, 70: 3, 142: 4, 286: 5}
# What may differ when a run resumes: its length, how often results are written, and how pairs are found,
# as the checksum of the pairs says whether they are the same.
MAY_CHANGE = frozenset(
    f"training.{name}"
    for name in (
        *("images", "extend", "log_images", "validate_images", "validate_pairs", "save_images"),
        *("measures", "best", "features"),
    )
) | {"data.layout", "data.pair", "data.licence"}


class Config(Section):
    """One run, whole: `Config.load("facades", ["training.batch=4"])`."""

    data: DataConfig = DataConfig()
    model: ModelConfig = ModelConfig()
    objective: ObjectiveConfig = ObjectiveConfig()
    training: TrainingConfig = TrainingConfig()

    @classmethod
    def load(cls, recipe: str | Path | None = None, settings: Iterable[str] = ()) -> Self:
        """Read a recipe's name or a TOML file, then `section.key=value` settings, over the defaults.

        Raises UserError for an unknown recipe, key, type or combination.
        """
        values = _read_recipe(recipe) if recipe is not None else {}
        for setting in settings:
            _apply(values, setting)
        return cls.parse(values)

    @classmethod
    def parse(cls, values: Mapping[str, Any]) -> Self:
        """Check nested values; raises UserError naming the first wrong key."""
        try:
            return cls.model_validate(values)
        except ValidationError as error:
            raise _explain(error) from None
        except (OverflowError, RecursionError) as error:
            raise UserError(f"The settings hold what no setting can be: {first_line(error)}.") from None

    @property
    def default_mode(self) -> Mode:
        """Return the inference mode that fits how the networks were normalised in training.

        Statistics of single pictures (batch 1, instance norm, no norm) need the paper's mode, which is the
        deterministic one where there is no dropout; batch norm over several pictures learned running
        statistics and uses them.
        """
        if self.model.norm == "batch" and self.training.batch > 1:
            return "running"
        return "paper" if self.model.dropout else "deterministic"

    @property
    def modes(self) -> tuple[Mode, ...]:
        """Return the model's inference modes: `running` only where batch norm kept averages."""
        return get_args(Mode) if self.model.norm == "batch" else ("paper", "deterministic")

    def to_toml(self) -> str:
        """Return TOML that `load` reads back to an equal configuration."""
        return tomli_w.dumps(self.model_dump())

    def to_described_toml(self) -> str:
        """Return TOML with each key's meaning and unit above it."""
        sections: list[str] = []
        for section, model in self:
            about = {key: field.description for key, field in type(model).model_fields.items()}
            keys = (f"# {about[key]}\n{_toml_line(key, value)}\n" for key, value in model)
            sections.append(f"[{section}]\n" + "".join(keys))
        return "\n".join(sections)

    def differences(self, other: Self) -> list[tuple[str, Any, Any]]:
        """Return (key, here, there) for each key whose value differs."""
        there = dict(_flatten(other.model_dump()))
        return [(k, v, there[k]) for k, v in _flatten(self.model_dump()) if v != there[k]]

    def with_channels(self, source: int, target: int) -> Self:
        """Return the configuration with the channels of the pictures."""
        channels = {"source_channels": source, "target_channels": target}
        return self.model_copy(update={"model": self.model.model_copy(update=channels)})

    def with_settings(self, settings: Iterable[str]) -> Self:
        """Return the configuration with `section.key=value` settings changed."""
        values = self.model_dump()
        for setting in settings:
            _apply(values, setting)
        return self.parse(values)

    @model_validator(mode="after")
    def _sizes_fit(self) -> Self:
        side, field = min(self.data.size), self.model.discriminator_px
        if self.objective.gan and field not in (fitting := receptive_fields(side)):
            raise UserError(
                f"A discriminator of {field} px has fewer than 2 x 2 patches on pictures of {side} px.",
                f"The largest that fits is model.discriminator_px = {max(fitting)}.",
            )
        if self.data.turns and len({*self.data.size}) > 1:
            raise UserError(f"data.turns needs a square, and data.size_px is {self.data.size_px}.")
        return self

    @model_validator(mode="after")
    def _settings_agree(self) -> Self:
        if self.objective.l1 == 0 and self.objective.gan == 0:
            raise UserError(
                "objective.l1 and objective.gan are both 0, so there is nothing to learn from.",
                "Give at least one of them a weight above 0.",
            )
        data = self.data
        if data.colour and getattr(data, f"{data.colour_half}_labels"):
            raise UserError(
                f"data.colour would change the colours of label maps, the {data.colour_half}s.",
                "Name the half that is a photograph: data.colour_half.",
            )
        return self


def recipe_names() -> list[str]:
    """Return the names of the recipes that ship with the package."""
    shipped = resources.files("pix2pix").joinpath("recipes").iterdir()
    return sorted(f.name[:-5] for f in shipped if f.name.endswith(".toml"))


def receptive_fields(size_px: int) -> list[int]:
    """Return the discriminators, in px of their receptive fields, with 2 x 2 patches or more on a picture."""
    return [field for field in STRIDED_LAYERS if _patches(size_px, field) >= 2]


def _patches(size_px: int, field_px: int) -> int:
    """Return the rows (and columns) of logits of a discriminator on a square picture of size_px."""
    if field_px == 1:
        return size_px
    # Strided layers halve; the last two 4x4 convolutions (stride 1, padding 1) take 1 each.
    return int(size_px // 2 ** STRIDED_LAYERS[field_px] - 2)


def _read_recipe(recipe: str | Path) -> dict[str, Any]:
    names, path = recipe_names(), Path(recipe)
    shipped = resources.files("pix2pix") / "recipes" / f"{recipe}.toml"
    # `Path.is_file` raises for names that are too long.
    if str(recipe) not in names and path.suffix != ".toml" and not isfile(path):
        raise UserError(
            f"There is no recipe '{shortened(str(recipe))}'{did_you_mean(str(recipe), names) or '.'}",
            f"Name one of {', '.join(names)}, or a .toml file.",
        )
    try:
        return parse_toml(shipped.read_text("utf-8")) if str(recipe) in names else read_toml(path)
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"Cannot read the recipe {path}: {error}.") from None
    except ValueError as error:
        raise UserError(f"{path} is not TOML that can be read: {error}.") from None


def _apply(values: dict[str, Any], setting: str) -> None:
    """Put one `section.key=value` into the nested values; a bare word is a string."""
    key, equals, text = setting.partition("=")
    parts = key.strip().split(".")
    if not equals or len(parts) != 2:
        raise UserError(
            f"'{shortened(setting)}' is not a setting.",
            "Write section.key=value, for example training.batch=4.",
        )
    section = values.setdefault(parts[0], {})
    if not isinstance(section, dict):
        raise UserError(f"'{parts[0]}' is a section, not a value, in the recipe.")
    try:
        section |= parse_toml(f"{parts[1]} = {text}")
    except ValueError:
        section[parts[1]] = text.strip()


def _toml_line(key: str, value: Any) -> str:
    """Return one line of TOML, with an inline table for a dict."""
    if isinstance(value, dict):
        return f"{key} = {{{tomli_w.dumps(value).strip().replace(chr(10), ', ')}}}"
    return tomli_w.dumps({key: value}).strip()


def _flatten(values: Mapping[str, Mapping[str, Any]]) -> Iterable[tuple[str, Any]]:
    return ((f"{s}.{k}", v) for s, section in values.items() for k, v in section.items())


def _explain(error: ValidationError) -> UserError:
    """Put the first fault that pydantic found into a sentence, with the nearest right name."""
    first = error.errors(include_url=False)[0]
    # Beyond section and key there may be the kind that was tried, or the place in a list.
    key = ".".join(str(part) for part in first["loc"][:2])
    if first["type"] == "extra_forbidden":
        known = [k for k, _ in _flatten(Config().model_dump())]
        # A right key in the wrong section is nearer than any other name in the stated section.
        moved = [k for k in known if k.split(".")[-1] == key.split(".")[-1]]
        near = did_you_mean(key, moved, 0) or did_you_mean(key, known if "." in key else Config.model_fields)
        return UserError(f"There is no setting '{key}'{near or '.'}", "See `pix2pix config`.")
    expected = first["msg"].removeprefix("Value error, ").removeprefix("Input should be ")
    expected = expected.removeprefix("wanted ").strip()
    return UserError(
        f"{key} = {_shown(first['input'])} is not possible: wanted {expected}.",
        "See `pix2pix config` for its meaning.",
    )


def _shown(value: Any) -> str:
    """Return a value as a message shows it."""
    try:
        return shortened(repr(value))
    except ValueError:  # of Python, for whole numbers that are too long to print
        return "a number of thousands of digits"
