"""Label maps among the halves of pairs: recognised, hinted at, and their palette, where it is to be found.

`auto` in place of a palette's name stands for the classes that the pictures to learn from share.
"""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np

from pix2pix.config import Config
from pix2pix.errors import UserError, printable
from pix2pix.files import is_lossy
from pix2pix.pairs.find import pictures_of, search
from pix2pix.pairs.pair_set import Half, Pair, evenly_spread
from pix2pix.pictures import codec, geometry
from pix2pix.pictures.codec import Array
from pix2pix.pictures.find_palette import find_palette, thinned
from pix2pix.pictures.palette import Palette, stray_share, to_index
from pix2pix.pictures.palette_file import load_palette
from pix2pix.progress import in_parallel

Role = Literal["source", "target"]
_VERBS: dict[Role, str] = {"source": "fed", "target": "learned"}
FOUND = "auto"
_SCANNED = 400  # pictures whose classes are searched: those of rare classes, too
_SAMPLED = 16  # pictures that show whether a half is label maps at all
_LEAST = 4  # pictures: one photograph can look like a label map
_ENOUGH_PX = 256  # sides of larger pictures are thinned: areas stay areas


class FoundLabels(NamedTuple):
    """The classes of a half; `blurred` where files have colours between them."""

    palette: Palette
    blurred: bool
    indexes: bool

    def settings(self, side: Role) -> list[str]:
        """Return the settings that take the half as label maps."""
        settings = [f"data.{side}_labels={FOUND}"]
        settings += ["data.target_one_hot=true"] * (side == "target")
        return settings + ["data.snap_labels=true"] * self.blurred


def find_labels(pairs: Sequence[Pair], side: Role, most: int = _SAMPLED) -> FoundLabels | None:
    """Return the label maps that the sources or targets are, or None; `most` pictures are read."""
    halves = [getattr(pair, side) for pair in evenly_spread(pairs, most)]
    arrays = [array for _, array in in_parallel(halves, _read) if not isinstance(array, UserError)]
    palette = find_palette(arrays) if len(arrays) >= min(_LEAST, len(pairs)) else None
    if palette is None or len(palette.names) < 2 or not _is_shared(palette, arrays):
        return None
    indexes = all(array.shape[2] == 1 for array in arrays) and not palette.is_grey
    blurred = not indexes and (
        any(is_lossy(half.path) for half in halves) or any(stray_share(array, palette) for array in arrays)
    )
    return FoundLabels(palette, blurred, indexes)


def label_halves(
    data: str | Path,
    half: Literal["whole", "left", "right", "source", "target"],
    layout: str,
    pair: Sequence[str],
) -> list[Half]:
    """Return the halves in a folder or a glob that are label maps: of all pictures, or that half of pairs.

    Raises UserError where there are none.
    """
    pictures = pictures_of(data, "label maps").files
    if not pictures:
        raise UserError(f"{data} holds no pictures: wanted a folder of label maps.")
    if half in ("left", "right"):
        return [Half(path, half) for path in pictures]
    try:
        found = search([data], "left", layout, pair)
    except UserError:
        if half != "whole" or layout or pair:
            raise
        return [Half(path, "whole") for path in pictures]
    pairs = [pair for members in found.splits.values() for pair in members]
    if found.layout == "side by side":
        if half == "whole":
            return [Half(path, "whole") for path in pictures]
        raise UserError(f"The pairs of {data} are side by side.", "Name the half: --half left or right.")
    sides = [side for side in _VERBS if half in (side, "whole")]
    if half == "whole":
        sides = [side for side in sides if find_labels(pairs, side)]
    if len(sides) > 1:
        raise UserError(f"Both halves of {data} are label maps.", "Name one: --half source or target.")
    return [getattr(pair, sides[0] if sides else "target") for pair in pairs]


def palette_of(name: str, pairs: Sequence[Pair], side: Role) -> Palette:
    """Return the palette that a setting names; raise UserError where `auto` finds none."""
    if name != FOUND:
        return load_palette(name, [FOUND])
    found = find_labels(pairs, side, _SCANNED)
    if found is None:
        raise UserError(
            f"data.{side}_labels={FOUND}, but the {side}s are no label maps: they share no classes.",
            "Is the direction swapped? " + _swap(pairs[0]),
        )
    return found.palette


def with_found_labels(config: Config, pairs: Sequence[Pair]) -> Config:
    """Return the configuration in which the halves that are label maps are taken as such (data.labels)."""
    if config.data.labels != FOUND or config.data.make:
        return config
    found = {side: find_labels(pairs, side) for side in _VERBS}
    settings = [
        setting
        for side, labels in found.items()
        if labels and not getattr(config.data, f"{side}_labels")
        for setting in labels.settings(side)
    ]
    if not any(found.values()):
        raise UserError(
            f"--labels {FOUND}, but neither sources nor targets are label maps: they share no classes."
        )
    return config.with_settings(settings)


def hints(config: Config, pairs: Sequence[Pair]) -> list[str]:
    """Return a note for each half that is label maps but is taken as plain pictures."""
    notes = []
    for side, verb in _VERBS.items():
        if config.data.make or getattr(config.data, f"{side}_labels"):
            continue
        if labels := find_labels(pairs, side):
            kind = "class indexes" if labels.indexes else "colours"
            settings = " ".join(f"--set {setting}" for setting in labels.settings(side))
            notes.append(
                f"the {side}s are label maps ({kind} of {len(labels.palette.names)} classes), but are {verb} "
                f"as plain pictures; as classes: {settings} (or --labels {FOUND}), in another run, "
                f"--run NAME{_other_half(pairs[0]) if side == 'target' else ''}"
            )
    return notes


def refuse_photographs(palette: Palette, pairs: Sequence[Pair], arrays: Sequence[Array], side: Role) -> None:
    """Raise UserError where the pictures that should be label maps are photographs."""
    thin = [thinned(array, _ENOUGH_PX) for array in arrays]
    if sum(stray_share(array, palette) > 0.5 for array in thin) > len(thin) / 2 and not find_palette(thin):
        path = printable(getattr(pairs[0], side).path)
        raise UserError(
            f"{path} is no label map, but data.{side}_labels says that the {side}s are.",
            "Is the direction swapped? " + _swap(pairs[0]),
        )


def _is_shared(palette: Palette, arrays: Sequence[Array]) -> bool:
    """Return whether half of the classes, at least, are in more than one picture."""
    indexes = (to_index(array, palette, snap=True, name="a label map") for array in arrays)
    counts = Counter(number for index in indexes for number in np.unique(index).tolist())
    shared = sum(counts[number] > 1 for number in range(len(palette.names)))
    return len(arrays) < _LEAST or 2 * shared >= len(palette.names)


def _other_half(pair: Pair) -> str:
    """Return how to make pictures of label maps that are the targets side by side, else ""."""
    side = pair.target.side
    return "" if side == "whole" else f"; to make pictures of them instead: --set data.source={side}"


def _swap(pair: Pair) -> str:
    """Return how to make the target the source."""
    if pair.source.side == "whole":
        return "Name the folders (or patterns) the other way round, or the palette for the other half."
    other = "right" if pair.source.side == "left" else "left"
    return f"--set data.source={other} makes the {other} half the source."


def _read(half: Half) -> Array:
    return thinned(geometry.half(codec.read(half.path), half.side, str(half.path)), _ENOUGH_PX)
