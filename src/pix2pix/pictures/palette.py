"""Label maps: pictures in which every pixel is of a class, and every class has a name and a colour.

Arrays are (H, W, C) as files give them; an index is (H, W, 1) uint8, the class of each pixel. JPEG
blurs the colours of label maps, mostly along borders: `to_index` brings them back to classes, and
`find_palette` finds the classes of a data set that came without a list of them.
"""

from __future__ import annotations

import colorsys
import difflib
import re
import tomllib
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

import numpy as np
import tomli_w

from pix2pix.errors import UserError
from pix2pix.pictures.contract import PictureContract
from pix2pix.pictures.label_colours import (
    TIGHT_DISTANCE,
    Array,
    Index,
    as_rgb,
    class_colours,
    codes,
    exact_classes,
    look,
    snapped_classes,
    split,
)

Colour = tuple[int, int, int]

MAX_CLASSES = 256  # an index has 8 bits
_SAME_CLASS = 48  # distance to the colour of a shipped palette that gives the name


@dataclass(frozen=True)
class Palette:
    """The classes of label maps: class i is called names[i] and drawn in colours[i] (RGB, 0-255).

    Raises UserError unless there are 1 to 256 classes of which each has its own name and colour.
    """

    names: tuple[str, ...]
    colours: tuple[Colour, ...]

    def __post_init__(self) -> None:
        if not 1 <= len(self.names) <= MAX_CLASSES or len(self.names) != len(self.colours):
            raise UserError(f"A palette has 1 to {MAX_CLASSES} classes, not {len(self.names)}.")
        if not all(name.strip() for name in self.names):
            raise UserError("A class of the palette has no name.")
        for values, what in ((self.names, "name"), (map(_hex, self.colours), "colour")):
            value, count = Counter(values).most_common(1)[0]
            if count > 1:
                raise UserError(f"The palette has {count} classes of the {what} '{value}'.")

    @property
    def is_grey(self) -> bool:
        """Whether all colours are greys: pictures of one channel then hold levels, not classes."""
        return all(r == g == b for r, g, b in self.colours)


def palette_names() -> list[str]:
    """The palettes that ship with the package."""
    return sorted(f.name[:-5] for f in _shipped_folder().iterdir() if f.name.endswith(".toml"))


def load_palette(name_or_path: str) -> Palette:
    """A shipped palette by name, or a TOML file of [[class]] tables with `name` and `colour`.

    Raises UserError for an unknown name, a file that cannot be read, and classes that are wrong.
    """
    if name_or_path in palette_names():
        return _shipped(name_or_path)
    path = Path(name_or_path)
    if path.suffix != ".toml" and not path.is_file():
        near = difflib.get_close_matches(name_or_path, palette_names(), n=1, cutoff=0.5)
        guess = f"; did you mean '{near[0]}'?" if near else "."
        raise UserError(
            f"There is no palette '{name_or_path}'{guess}",
            f"Name one of {', '.join(palette_names())}, or a .toml file.",
        )
    try:
        return _parse(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise UserError(f"Cannot read the palette {path}: {error}.") from None
    except UserError as error:
        raise UserError(f"{path}: {error.message}", error.hint) from None


def to_toml(palette: Palette) -> str:
    """The palette as a file that `load_palette` reads back to an equal one."""
    return "\n".join(describe(palette)) + "\n"


def describe(palette: Palette, shares: Sequence[float] | None = None) -> list[str]:
    """The lines of the palette's TOML; `shares` (0 to 1, a class each) become comments."""
    lines = []
    for number, (name, colour) in enumerate(zip(palette.names, palette.colours, strict=True)):
        share = f"  # {shares[number]:.2%} of the pixels" if shares is not None else ""
        quoted = tomli_w.dumps({"name": name}).strip()
        lines += ["[[class]]", quoted, f'colour = "{_hex(colour)}"{share}', ""]
    return lines[:-1]


def to_index(array: Array, palette: Palette, *, snap: bool, name: str) -> Index:
    """The class of each pixel: (H, W, 1) uint8.

    array: (H, W, 3) uint8 of the palette's colours (a fourth channel, alpha, is ignored), or
    (H, W, 1) of class indexes; of grey levels where the palette has nothing but greys.
    snap: take the nearest colour's class (squared RGB distance), and along blurred borders the
    nearest of the classes on either side. Without, only exact colours are classes.
    Raises UserError, in which `name` is the picture, for colours and indexes of no class.
    """
    channels = array.shape[2]
    if channels == 1 and array.dtype.kind in "iu" and not palette.is_grey:
        return _checked_index(array, palette, name)
    rgb = as_rgb(array)
    if rgb is None:
        raise UserError(
            f"{name} has {channels} channels of {array.dtype}, which is no label map: wanted RGB "
            "of 8 bits, or one channel of class indexes."
        )
    colours = np.array(palette.colours, np.int32)
    index, known = exact_classes(rgb, colours)
    if not known.all():
        if not snap:
            raise _stray(rgb[~known], name)
        index = snapped_classes(rgb, colours)
    return index[:, :, None]


def to_colours(index: Array, palette: Palette) -> Index:
    """(H, W, 1) class indexes, or a batch (B, H, W, 1) -> (H, W, 3) uint8 RGB."""
    return np.array(palette.colours, np.uint8)[index[..., 0]]


def find_palette(arrays: Iterable[Array], limit: int = 64) -> Palette | None:
    """The palette that (H, W, C) label maps share, or None: photographs, drawings of lines.

    Lossless pictures of at most `limit` colours in all give exactly these. Of others the colours
    of flat places count, as JPEG and resizing blur borders alone. Pictures of one channel and
    small numbers are class indexes, and get colours that tell them apart. Classes are called
    class_0, ... from the most frequent on; where half of a shipped palette is found, they have
    its names. Give some ten pictures at least: a single photograph can look like a label map.
    """
    seen = look(arrays, limit)
    found = class_colours(seen) if seen else []
    if seen is None or not found:
        return None
    highest = max(found) & 255
    if seen.one_channel and seen.is_exact and highest < limit:
        return _of_indexes(highest + 1)
    return _named([split(code) for code in found], 0 if seen.is_exact else TIGHT_DISTANCE)


def palette_report(load: Callable[[], Iterable[Array]], where: str, limit: int = 64) -> list[str]:
    """The palette of label maps as lines of TOML, each class with its share of the pixels.

    `load` gives the (H, W, C) pictures; it is called twice, so that none is kept in memory.
    Raises UserError, in which `where` is the place, for pictures that share no palette.
    """
    palette = find_palette(load(), limit)
    if palette is None:
        raise UserError(
            f"The pictures of {where} share no palette of {limit} colours or fewer: they are no label maps.",
            "Of pictures side by side, name the half that has the labels: --half left or right.",
        )
    counts = np.zeros(len(palette.names))
    for array in load():
        index = to_index(array, palette, snap=True, name=where)
        counts += np.bincount(index.ravel(), minlength=len(counts))
    return describe(palette, (counts / counts.sum()).tolist())


def of_contract(contract: PictureContract) -> Palette:
    """The palette of a label map's contract."""
    return Palette(tuple(c.name for c in contract.classes), tuple(c.colour for c in contract.classes))


# Reading and writing palettes.


def _shipped_folder() -> Traversable:
    return resources.files("pix2pix") / "recipes" / "palettes"


@cache
def _shipped(name: str) -> Palette:
    return _parse((_shipped_folder() / f"{name}.toml").read_text("utf-8"))


def _parse(text: str) -> Palette:
    classes = tomllib.loads(text).get("class")
    if not isinstance(classes, list) or not all(_is_class(entry) for entry in classes):
        raise UserError(
            "A class is missing or wrong.", 'Write for each: [[class]], name = "road", colour = "#804080".'
        )
    colours = (bytes.fromhex(entry["colour"][1:]) for entry in classes)
    return Palette(tuple(entry["name"] for entry in classes), tuple((r, g, b) for r, g, b in colours))


def _is_class(entry: Any) -> bool:
    return (
        isinstance(entry, Mapping)
        and set(entry) == {"name", "colour"}
        and all(isinstance(value, str) for value in entry.values())
        and re.fullmatch("#[0-9a-fA-F]{6}", entry["colour"]) is not None
    )


def _hex(colour: Iterable[int]) -> str:
    return f"#{bytes(colour).hex()}"


def _checked_index(array: Array, palette: Palette, name: str) -> Index:
    classes, highest = len(palette.names), int(array.max(initial=0))
    if highest >= classes or int(array.min(initial=0)) < 0:
        raise UserError(
            f"{name} has the class index {highest}, but the palette has {classes} classes "
            f"(0 to {classes - 1}).",
            "Name the palette of these pictures, or add the class to its file.",
        )
    return array.astype(np.uint8)


def _stray(pixels: Array, name: str) -> UserError:
    """The sentence for (N, 3) pixels of no class."""
    colours, counts = np.unique(codes(pixels), return_counts=True)
    most = counts.argmax()
    return UserError(
        f"{name} has {len(pixels)} pixels of {len(colours)} colours that the palette has not; "
        f"{counts[most]} of them are {_hex(split(int(colours[most])))}.",
        "If JPEG or resizing has blurred the labels, set data.snap_labels=true: each pixel gets "
        "the class of the nearest colour.",
    )


# Names for what was found.


def _of_indexes(classes: int) -> Palette:
    """Names and colours for class indexes: 0 is black, the others are hues far from each other."""
    turns = ((number * 0.618034) % 1 for number in range(classes))
    hues = (colorsys.hsv_to_rgb(turn, 0.6 + turn % 0.4, 1) for turn in turns)
    colours = [(round(255 * r), round(255 * g), round(255 * b)) for r, g, b in hues]
    return Palette(_numbered(classes), ((0, 0, 0), *colours[1:]))


def _named(found: list[Colour], error: float) -> Palette:
    """The found colours under the names of a shipped palette of which they are the most.

    Colours within `error` of the shipped ones become these; others stay what the pictures have.
    Classes that were not found are kept, colours that are none of its classes come last.
    """
    for shipped in map(_shipped, palette_names()):
        matches = _matches(found, shipped)
        if 2 * len(matches) < len(shipped.names):
            continue
        near = {n: found[i] for n, (i, distance) in matches.items() if distance > error}
        colours = tuple(near.get(n, colour) for n, colour in enumerate(shipped.colours))
        taken = {i for i, _ in matches.values()}
        rest = tuple(colour for i, colour in enumerate(found) if i not in taken)
        return Palette(shipped.names + _numbered(len(rest)), colours + rest)
    return Palette(_numbered(len(found)), tuple(found))


def _matches(found: list[Colour], shipped: Palette) -> dict[int, tuple[int, float]]:
    """Class of the shipped palette -> (found colour, distance), each the nearest of the other."""
    offsets = np.array(found)[:, None] - np.array(shipped.colours)
    distances = np.sqrt((offsets**2).sum(2))
    nearest, backwards = distances.argmin(1), distances.argmin(0)
    return {
        int(n): (i, float(distances[i, n]))
        for i, n in enumerate(nearest)
        if backwards[n] == i and distances[i, n] <= _SAME_CLASS
    }


def _numbered(classes: int) -> tuple[str, ...]:
    return tuple(f"class_{number}" for number in range(classes))
