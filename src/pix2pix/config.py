"""What a run is: frozen models, read from TOML, refused with the nearest right name when wrong.

The defaults are the paper's (Isola et al., CVPR 2017, section 6.1 of the appendix); a recipe or a
user's file states only what differs from them. Nothing here knows torch, so that the command line
can check a request before it loads anything heavy.
"""

from __future__ import annotations

import difflib
import math
import tomllib
from collections.abc import Iterable, Mapping
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, Literal, Self, get_args

import tomli_w
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from pix2pix.errors import UserError

Mode = Literal["paper", "deterministic", "running"]

PAPER_L1_WEIGHT = 100.0
# Strided convolutions of a discriminator by its receptive field (the paper's appendix 6.1.2).
STRIDED_LAYERS = {1: 0, 16: 1, 34: 2, 70: 3, 142: 4, 286: 5}
MIN_DEPTH, MAX_DEPTH = 5, 10  # of generators whose depth follows from the training size
# What may differ when a run is taken up again: how long and how often it is looked at.
MAY_CHANGE = frozenset(
    f"training.{name}"
    for name in ("images", "extend", "log_images", "validate_images", "validate_pairs", "save_images")
)


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


class DataConfig(_Section):
    """Which half is what, and the paper's jitter."""

    source: Literal["left", "right"] = Field(
        "left", description="the half of a side-by-side picture that is the source"
    )
    size_px: int | list[int] = Field(
        256,
        description="training size in pixels, or [height, width]: multiples of 32, or of 2^model.depth where "
        "that is set",
    )
    fit: Literal["stretch", "crop", "pad"] = Field(
        "stretch",
        description="how pictures of another shape come to size_px: stretched, or their shape kept "
        "by a centre crop or by mirroring at the borders",
    )
    make: str = Field(
        "",
        description="DATA holds photographs; their sources are made: gray, lab, edges, inpaint, "
        "downscale:4, mask:FOLDER",
    )
    jitter: bool = Field(
        True, description="resize to 286/256 of size_px, then crop size_px at a random place"
    )
    mirror: bool = Field(True, description="mirror every second pair, drawn at random")
    flip: bool = Field(False, description="turn every second pair upside down, drawn at random")
    turns: bool = Field(False, description="turn pairs by 0, 90, 180 or 270 degrees, at random")
    colour: float = Field(
        0.0,
        ge=0,
        lt=1,
        description="largest random change of brightness, contrast and saturation of one half",
    )
    colour_half: Literal["source", "target"] = Field(
        "target", description="the half that is a photograph, whose colours may change"
    )
    source_labels: str = Field(
        "", description="sources are label maps of this palette: facades, cityscapes or a TOML file"
    )
    target_labels: str = Field("", description="targets are label maps of this palette; see source_labels")
    source_one_hot: bool = Field(
        False, description="feed source labels as one channel a class instead of colours"
    )
    target_one_hot: bool = Field(
        False, description="learn target labels as classes, by cross-entropy in place of L1"
    )
    snap_labels: bool = Field(
        False, description="take the nearest class for colours that are none, as JPEG makes them"
    )
    source_range: list[float] = Field(
        [], description="[low, high] of float sources; empty: measured on the training pairs"
    )
    target_range: list[float] = Field(
        [], description="[low, high] of float targets; empty: measured on the training pairs"
    )
    source_column: str = Field("", description="column of a hub data set that holds the sources")
    target_column: str = Field("", description="column of a hub data set that holds the targets")

    @field_validator("size_px")
    @classmethod
    def _possible_size(cls, value: int | list[int]) -> int | list[int]:
        sides = [value] if isinstance(value, int) else value
        if len(sides) != (1 if isinstance(value, int) else 2) or min(sides) < 1:
            raise ValueError("wanted a number of pixels above 0, or [height, width]")
        return value

    @field_validator("source_range", "target_range")
    @classmethod
    def _possible_range(cls, value: list[float]) -> list[float]:
        if value and not (len(value) == 2 and value[0] < value[1]):
            raise ValueError("wanted [low, high] with low below high, or []")
        return value

    @property
    def size(self) -> tuple[int, int]:
        """(height, width) in pixels at which the networks are trained."""
        if isinstance(self.size_px, int):
            return self.size_px, self.size_px
        return self.size_px[0], self.size_px[1]

    @property
    def resize(self) -> tuple[int, int]:
        """(height, width) in pixels to which pairs are resized before the random crop."""
        height, width = self.size
        scale = 286 / 256 if self.jitter else 1
        return round(height * scale), round(width * scale)


class ModelConfig(_Section):
    """The two networks."""

    generator: str = Field("unet", description="unet has skip connections, encoder_decoder has none")
    depth: Literal[0, 2, 3, 4, 5, 6, 7, 8, 9, 10] = Field(
        0,
        description="how often the generator halves a picture, 2 to 10; 0: as often as both sides of "
        "data.size_px can be halved, at least 5 and at most 10",
    )
    width: int = Field(64, ge=1, description="channels of the generator's first layer")
    source_channels: int = Field(0, ge=0, description="channels of a source; 0 takes them from the pictures")
    target_channels: int = Field(0, ge=0, description="channels of a target; 0 takes them from the pictures")
    norm: Literal["batch", "instance", "none"] = Field(
        "batch", description="normalisation; at batch 1, batch and instance statistics are equal"
    )
    upsample: Literal["transposed", "resize"] = Field(
        "transposed", description="transposed convolution (paper), or resize then convolve"
    )
    dropout: float = Field(
        0.5, ge=0, lt=1, description="share of zeroed features in the innermost decoder layers: z"
    )
    discriminator_px: Literal[1, 16, 34, 70, 142, 286] = Field(
        70, description="receptive field of the discriminator in pixels"
    )
    discriminator_width: int = Field(64, ge=1, description="channels of the discriminator's first layer")


class ObjectiveConfig(_Section):
    """The terms of the objective (equation 4); a weight of 0 switches its term off."""

    l1: float = Field(PAPER_L1_WEIGHT, ge=0, description="weight of L1; false is 0, true is the paper's 100")
    gan: float = Field(1.0, ge=0, description="weight of the adversarial term; false is 0")
    conditional: bool = Field(
        True, description="the discriminator sees the source too (cGAN), or the target alone (GAN)"
    )
    adversarial: Literal["bce", "lsgan", "hinge"] = Field(
        "bce", description="adversarial loss; bce with the non-saturating generator is the paper's"
    )

    terms: dict[str, Annotated[float, Field(ge=0)]] = Field(
        {}, description="weights of loss terms that were registered in pix2pix.training.objective, by name"
    )

    @field_validator("l1", "gan", mode="before")
    @classmethod
    def _switch(cls, value: object, info: Any) -> object:
        if isinstance(value, bool):
            return (PAPER_L1_WEIGHT if info.field_name == "l1" else 1.0) if value else 0.0
        return value


class TrainingConfig(_Section):
    """How long, how fast, and how often one looks. Lengths are counted in images seen."""

    images: int = Field(80_000, ge=1, description="images seen in all: pairs x epochs")
    batch: int = Field(1, ge=1, description="images a step")
    learning_rate: float = Field(2e-4, gt=0, description="Adam's step size, both networks")
    beta1: float = Field(0.5, ge=0, lt=1, description="Adam's decay of the mean gradient")
    beta2: float = Field(0.999, ge=0, lt=1, description="Adam's decay of the mean squared gradient")
    schedule: Literal["constant", "linear"] = Field(
        "constant", description="learning rate: constant, or falling to 0 over the second half"
    )
    extend: Literal["restart", "decay"] = Field(
        "restart",
        description="linear schedule of a run whose images are raised: start again as if it had been "
        "planned so long, or decay from where the learning rate stood to 0 at the new end",
    )
    seed: int = Field(0, ge=0, lt=2**32, description="fixes weights, order, crops and noise")
    log_images: int = Field(100, ge=1, description="images between two lines of metrics.jsonl")
    validate_images: int = Field(4_000, ge=1, description="images between scores and previews")
    validate_pairs: int = Field(100, ge=1, description="validation pairs scored each time, at most")
    save_images: int = Field(4_000, ge=1, description="images between two saved training states")


class Config(_Section):
    """One run, whole: `Config.load("facades", ["training.batch=4"])`."""

    data: DataConfig = DataConfig()
    model: ModelConfig = ModelConfig()
    objective: ObjectiveConfig = ObjectiveConfig()
    training: TrainingConfig = TrainingConfig()

    @classmethod
    def load(cls, recipe: str | Path | None = None, settings: Iterable[str] = ()) -> Config:
        """A recipe's name or a TOML file, then `section.key=value` settings, over the defaults.

        Raises UserError for an unknown recipe, key, type or combination.
        """
        values = _read_recipe(recipe) if recipe is not None else {}
        for setting in settings:
            _apply(values, setting)
        return cls.parse(values)

    @classmethod
    def parse(cls, values: Mapping[str, Any]) -> Config:
        """A configuration from nested values; raises UserError naming the first wrong key."""
        try:
            return cls.model_validate(values)
        except ValidationError as error:
            raise _explain(error) from None

    @property
    def default_mode(self) -> Mode:
        """The inference mode that fits how the networks were normalised in training.

        Statistics of single pictures (batch 1, instance norm, no norm) ask for the paper's mode;
        batch norm over several pictures learned running statistics and uses them.
        """
        per_picture = self.model.norm != "batch" or self.training.batch == 1
        return "paper" if per_picture else "running"

    @property
    def depth(self) -> int:
        """How often the generator halves a picture: model.depth, or what data.size_px allows."""
        common = math.gcd(*self.data.size)
        halvings = (common & -common).bit_length() - 1
        return self.model.depth or min(max(halvings, MIN_DEPTH), MAX_DEPTH)

    @property
    def modes(self) -> tuple[Mode, ...]:
        """The inference modes that the model has: `running` only where batch norm kept averages."""
        return get_args(Mode) if self.model.norm == "batch" else ("paper", "deterministic")

    def to_toml(self) -> str:
        """The configuration as TOML that `load` reads back to an equal one."""
        return tomli_w.dumps(self.model_dump())

    def to_described_toml(self) -> str:
        """As `to_toml`, with each key's meaning and unit above it."""
        lines: list[str] = []
        for section, model in self:
            lines += [f"[{section}]"]
            for key, field in type(model).model_fields.items():
                lines += [f"# {field.description}", _toml_line(key, getattr(model, key))]
            lines += [""]
        return "\n".join(lines)

    def differences(self, other: Config) -> list[tuple[str, Any, Any]]:
        """(key, here, there) for each key whose value differs."""
        there = dict(_flatten(other.model_dump()))
        return [(k, v, there[k]) for k, v in _flatten(self.model_dump()) if v != there[k]]

    @model_validator(mode="after")
    def _possible(self) -> Self:
        if self.objective.l1 == 0 and self.objective.gan == 0:
            raise UserError(
                "objective.l1 and objective.gan are both 0, so there is nothing to learn from.",
                "Give at least one of them a weight above 0.",
            )
        multiple = 2**self.depth
        if any(side % multiple for side in self.data.size):
            raise UserError(
                f"data.size_px = {self.data.size_px} is not possible: wanted multiples of {multiple} px, "
                f"because the generator halves pictures {self.depth} times.",
                f"Take {_nearest_multiple(self.data.size, multiple)}, or set a smaller model.depth.",
            )
        size, field = min(self.data.size), self.model.discriminator_px
        if self.objective.gan and _patches(size, field) < 2:
            largest = max(px for px in STRIDED_LAYERS if _patches(size, px) >= 2)
            raise UserError(
                f"A discriminator of {field} px has fewer than 2 x 2 patches on pictures of {size} px.",
                f"The largest that fits is model.discriminator_px = {largest}.",
            )
        data = self.data
        for half in ("source", "target"):
            if getattr(data, f"{half}_one_hot") and not getattr(data, f"{half}_labels"):
                raise UserError(
                    f"data.{half}_one_hot needs the classes.",
                    f"Name their palette: data.{half}_labels, facades or a TOML file.",
                )
        if data.colour and getattr(data, f"{data.colour_half}_labels"):
            raise UserError(
                f"data.colour would change the colours of label maps, the {data.colour_half}s.",
                "Name the half that is a photograph: data.colour_half.",
            )
        if data.turns and data.size[0] != data.size[1]:
            raise UserError(f"data.turns needs a square, and data.size_px is {data.size_px}.")
        return self

    def with_channels(self, source: int, target: int) -> Config:
        """The configuration with the channels that were found in the pictures."""
        channels = {"source_channels": source, "target_channels": target}
        return self.model_copy(update={"model": self.model.model_copy(update=channels)})


def recipe_names() -> list[str]:
    """The recipes that ship with the package."""
    folder = resources.files("pix2pix") / "recipes"
    return sorted(f.name[:-5] for f in folder.iterdir() if f.name.endswith(".toml"))


def _nearest_multiple(size: tuple[int, int], multiple: int) -> int | list[int]:
    height, width = (max(1, round(side / multiple)) * multiple for side in size)
    return height if size[0] == size[1] else [height, width]


def _patches(size_px: int, field_px: int) -> int:
    """Rows (and columns) of logits of a discriminator on a square picture of size_px."""
    if field_px == 1:
        return size_px
    # Strided layers halve; the last two 4x4 convolutions (stride 1, padding 1) take 1 each.
    return int(size_px // 2 ** STRIDED_LAYERS[field_px] - 2)


def _read_recipe(recipe: str | Path) -> dict[str, Any]:
    path = Path(recipe)
    if str(recipe) in recipe_names():
        text = (resources.files("pix2pix") / "recipes" / f"{recipe}.toml").read_text("utf-8")
    elif path.suffix == ".toml" or path.is_file():
        try:
            text = path.read_text("utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise UserError(f"Cannot read the recipe {path}: {error}.") from None
    else:
        raise UserError(
            f"There is no recipe '{recipe}'{nearest(str(recipe), recipe_names()) or '.'}",
            f"Name one of {', '.join(recipe_names())}, or a .toml file.",
        )
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise UserError(f"{path} is not TOML: {error}.") from None


def _apply(values: dict[str, Any], setting: str) -> None:
    """Put one `section.key=value` into the nested values; a bare word is a string."""
    key, equals, text = setting.partition("=")
    parts = key.strip().split(".")
    if not equals or len(parts) != 2:
        raise UserError(
            f"'{setting}' is not a setting.", "Write section.key=value, for example training.batch=4."
        )
    try:
        value = tomllib.loads(f"value = {text.strip()}")["value"]
    except tomllib.TOMLDecodeError:
        value = text.strip()
    section = values.setdefault(parts[0], {})
    if not isinstance(section, dict):
        raise UserError(f"'{parts[0]}' is a section, not a value, in the recipe.")
    section[parts[1]] = value


def _toml_line(key: str, value: Any) -> str:
    """Return one line of TOML, with an inline table for a dict."""
    if isinstance(value, dict):
        return f"{key} = {{{tomli_w.dumps(value).strip().replace(chr(10), ', ')}}}"
    return tomli_w.dumps({key: value}).strip()


def _flatten(values: Mapping[str, Mapping[str, Any]]) -> Iterable[tuple[str, Any]]:
    return ((f"{s}.{k}", v) for s, section in values.items() for k, v in section.items())


def nearest(name: str, known: Iterable[str]) -> str:
    """Return "; did you mean ...?" for the most similar known name, or nothing."""
    found = difflib.get_close_matches(name, list(known), n=1, cutoff=0.5)
    return f"; did you mean '{found[0]}'?" if found else ""


def _explain(error: ValidationError) -> UserError:
    """The first thing that pydantic found wrong, as a sentence with the nearest right name."""
    first = error.errors(include_url=False)[0]
    # Beyond section and key there may be the kind that was tried, or the place in a list.
    key = ".".join(str(part) for part in first["loc"][:2])
    if first["type"] == "extra_forbidden":
        known = [k for k, _ in _flatten(Config().model_dump())]
        sections = list(Config.model_fields)
        # A right key in the wrong section is nearer than any other name in the given section.
        same_leaf = [k for k in known if k.split(".")[-1] == key.split(".")[-1]]
        near = f"; did you mean '{same_leaf[0]}'?" if same_leaf else ""
        near = near or nearest(key, known if "." in key else sections)
        return UserError(f"There is no setting '{key}'{near or '.'}", "See `pix2pix config`.")
    wanted = first["msg"].removeprefix("Value error, ").removeprefix("Input should be ")
    return UserError(
        f"{key} = {first['input']!r} is not possible: wanted {wanted.strip()}.".replace(
            "wanted wanted", "wanted"
        ),
        "See `pix2pix config` for its meaning.",
    )
