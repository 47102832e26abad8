"""What can be set: one frozen model for each section, with the meaning and the unit of every key.

The defaults are the paper's (Isola et al., CVPR 2017, section 6.1 of the appendix).
"""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, Field, field_validator

Mode = Literal["paper", "deterministic", "running"]

PAPER_L1_WEIGHT = 100.0


class Section(BaseModel, frozen=True, extra="forbid", strict=True, allow_inf_nan=False):
    """Frozen and strictly typed."""


def _check_range(value: list[float]) -> list[float]:
    if value and not (len(value) == 2 and value[0] < value[1]):
        raise ValueError("wanted [low, high] with low below high, or []")
    return value


def _check_level(value: list[float]) -> list[float]:
    if len(value) > 1:
        raise ValueError("wanted a number, or []")
    return value


Levels = Annotated[
    list[float],
    BeforeValidator(lambda value: [value] if isinstance(value, int | float) else value),
    AfterValidator(_check_level),
]
Range = Annotated[list[float], AfterValidator(_check_range)]


class DataConfig(Section):
    """Which half is what, and the paper's jitter."""

    source: Literal["left", "right"] = Field(
        "left", description="the half of a side-by-side picture that is the source"
    )
    layout: str = Field(
        "",
        description="how the folder DATA is laid out: side-by-side, or two folders in it, SOURCES:TARGETS "
        "such as images:masks, {} standing for the split; empty: found by names",
    )
    pair: list[str] = Field(
        [],
        description="names of sources and of targets, {} standing for what a pair has in common: "
        '["{}.jpg", "{}_mask.png"]; empty: found by names',
    )
    size_px: int | list[int] = Field(
        256,
        description="training size in pixels, or [height, width]; for the U-Net multiples of 32, or of "
        "2^model.depth where that is set; for the resnet multiples of 4",
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
    labels: Literal["", "auto"] = Field(
        "",
        description="auto: halves that are label maps are taken as such, source_labels and target_labels "
        "being auto, and targets are learned as classes",
    )
    source_labels: str = Field(
        "",
        description="sources are label maps of this palette: facades, cityscapes or a TOML file; auto: the "
        "classes that the pictures to learn from share",
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
    source_range: Range = Field(
        [],
        description="[low, high] of sources: these become -1 and 1, what is outside is clipped; empty: all "
        "of 8 and 16 bits, and of float what the training pairs hold",
    )
    target_range: Range = Field(
        [], description="[low, high] of targets, or of the photographs of data.make; see source_range"
    )
    source_fill: Levels = Field(
        [],
        description="[value] that stands for pixels without data in sources, kept out of range and loss; "
        "empty: what a TIFF names (GDAL_NODATA). NaN always does",
    )
    target_fill: Levels = Field([], description="[value] without data in targets; see source_fill")
    licence: str = Field(
        "", description="licence of the pictures, in words: travels with the model, is shown on its page"
    )
    source_column: str = Field("", description="column of a hub data set that holds the sources")
    target_column: str = Field("", description="column of a hub data set that holds the targets")

    @field_validator("size_px")
    @classmethod
    def _possible_size(cls, value: int | list[int]) -> int | list[int]:
        sides = [value] if isinstance(value, int) else value
        if len(sides) != (1 if isinstance(value, int) else 2) or not 2 <= min(sides) <= max(sides) < 2**16:
            raise ValueError("wanted a number of pixels from 2 to 65,535, or [height, width]")
        return value

    @property
    def size(self) -> tuple[int, int]:
        """Return (height, width) in pixels at which the networks are trained."""
        height, width = [self.size_px] * 2 if isinstance(self.size_px, int) else self.size_px
        return height, width

    @property
    def resize(self) -> tuple[int, int]:
        """Return (height, width) in pixels to which pairs are resized before the random crop."""
        height, width = self.size
        scale = 286 / 256 if self.jitter else 1
        return round(height * scale), round(width * scale)


class ModelConfig(Section):
    """The two networks."""

    generator: str = Field(
        "unet",
        description="unet has skip connections, encoder_decoder has none; resnet is made of residual blocks "
        "at a quarter of the picture's size",
    )
    depth: Literal[0, 2, 3, 4, 5, 6, 7, 8, 9, 10] = Field(
        0,
        description="how often the U-Net halves a picture, 2 to 10; 0: as often as both sides of "
        "data.size_px can be halved, at least 5 and at most 10",
    )
    blocks: int = Field(
        9, ge=1, le=1_000, description="residual blocks of the resnet; 9 at 256 px, 6 at 128 px"
    )
    width: int = Field(64, ge=1, le=16_384, description="channels of the generator's first layer")
    source_channels: int = Field(0, ge=0, description="channels of a source; 0 takes them from the pictures")
    target_channels: int = Field(0, ge=0, description="channels of a target; 0 takes them from the pictures")
    norm: Literal["batch", "instance", "none"] = Field(
        "batch", description="normalisation; at batch 1, batch and instance statistics are equal"
    )
    upsample: Literal["transposed", "resize"] = Field(
        "transposed", description="transposed convolution (paper), or resize then convolve"
    )
    dropout: float = Field(
        0.5,
        ge=0,
        lt=1,
        description="share of zeroed features in the innermost decoder layers or the residual blocks: z",
    )
    dropout_from: Literal[0, 1] = Field(
        0,
        description="first decoder layer of the U-Net with dropout: 0 is the innermost, 1 the next, as in "
        "models of pytorch-CycleGAN-and-pix2pix",
    )
    discriminator_px: Literal[1, 16, 34, 70, 142, 286] = Field(
        70, description="receptive field of the discriminator in pixels"
    )
    discriminator_width: int = Field(
        64, ge=1, le=16_384, description="channels of the discriminator's first layer"
    )


class ObjectiveConfig(Section):
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
        {},
        description="weights of further loss terms, by name: feature_matching, and those registered "
        "in pix2pix.training.objective",
    )

    @field_validator("l1", "gan", mode="before")
    @classmethod
    def _switch(cls, value: object, info: Any) -> object:
        weights = {"l1": PAPER_L1_WEIGHT, "gan": 1.0}
        return value * weights[info.field_name] if isinstance(value, bool) else value


class TrainingConfig(Section):
    """How long, how fast, how often results are written. Lengths are counted in images seen."""

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
        description="linear schedule of a run whose images are raised: restart as if it had been planned so "
        "long, or decay from where the learning rate stood to 0 at the new end",
    )
    average: float = Field(
        0.0,
        ge=0,
        lt=1,
        description="decay, an image seen, of the average of the generator's weights that becomes the model, "
        "such as 0.999; 0: the model has the last weights",
    )
    seed: int = Field(0, ge=0, lt=2**32, description="fixes weights, order, crops and noise")
    log_images: int = Field(100, ge=1, description="images between two lines of metrics.jsonl")
    validate_images: int = Field(4_000, ge=1, description="images between scores and previews")
    validate_pairs: int = Field(100, ge=1, description="validation pairs scored each time, at most")
    measures: list[str] = Field(
        [], description="measured besides L1, PSNR and SSIM: st_lpips, kid, fid (extra `metrics`)"
    )
    best: str = Field(
        "",
        description="what chooses the model kept as best.safetensors: kid, fid or st_lpips; empty: nothing",
    )
    features: str = Field(
        "", description="feature network of kid and fid, as `pix2pix evaluate` takes it with --features"
    )
    save_images: int = Field(4_000, ge=1, description="images between two saved training states")
