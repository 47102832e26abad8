"""What one half of a pair is: how numbers in files become numbers in tensors, and back.

It is measured or stated once, when training begins, and stored in the model file, so that
translating reads and writes pictures exactly as in training.
"""

from typing import Literal

from pydantic import BaseModel, Field

Depth = Literal["uint8", "uint16", "float32"]
KeptAs = Literal["colours", "grey", "indexes", "palette"]
Fill = float | Literal["nan"]
Side = Literal["left", "right", "whole"]  # of a side-by-side picture
MAX_CHANNELS = 64  # of a file
LARGEST = {"uint8": 255.0, "uint16": 65535.0}
IGNORED = 255  # the number that stands for a class where a pixel of a label map is ignored


def largest_value(depth: str) -> float:
    """Return the value of white in a depth; 1 for floats."""
    return LARGEST.get(depth, 1.0)


class LabelClass(BaseModel, frozen=True, extra="forbid"):
    """One class of a label map."""

    name: str
    colour: tuple[int, int, int]


class Ignored(BaseModel, frozen=True, extra="forbid"):
    """The pixels of label maps that are of no class: left out of losses and scores.

    `index` marks them in maps of class indexes; `colour` in coloured maps, and it is how they are drawn.
    """

    index: int
    colour: tuple[int, int, int]


class PictureContract(BaseModel, frozen=True, extra="forbid"):
    """The pictures of one half: channels, depth and the values that become -1 and 1.

    `classes` are those of a label map. With `one_hot` a tensor has a channel for each class;
    without, it has the channels of the file. Pixels that are `ignored` are -1 in every channel of a one-hot
    tensor. `kept_as` is how the files of a label map hold its classes: by colours, by grey levels, by
    indexes, or by indexes into a `table` of colours.
    """

    channels: int = 3
    depth: Depth = "uint8"
    low: float = 0.0
    high: float = 255.0
    suffix: str = ".png"
    classes: tuple[LabelClass, ...] = ()
    one_hot: bool = False
    ignored: Ignored | None = None
    # Whether values outside of `low` and `high` count as these: the range was stated, not measured.
    clip: bool = Field(False, repr=False)
    # What stands for pixels without data in files. In arrays of floats NaN does, and in tensors of targets.
    fill: Fill | None = Field(None, repr=False)
    # Not part of the text by which the cache knows pairs: their pixels are the same.
    kept_as: KeptAs = Field("colours", repr=False)
    table: tuple[tuple[int, int, int], ...] = Field((), repr=False)

    @property
    def stored_channels(self) -> int:
        """Return the channels of an array: a one-hot label map is one channel of class indexes."""
        return 1 if self.one_hot else self.channels

    @property
    def tensor_channels(self) -> int:
        """Return the channels of a tensor: one for each class where labels are one-hot."""
        return len(self.classes) if self.one_hot else self.channels
