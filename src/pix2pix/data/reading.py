"""How one pair becomes two arrays: the contracts of its halves, what is made, how it is sized.

Found once from the first pictures and the configuration, then the same for every pair.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pix2pix.config import Config, DataConfig
from pix2pix.data.pairs import Half, Pair
from pix2pix.derive.lab import LAB_RANGES, join_lab
from pix2pix.derive.recipe import apply, parse, source_and_target
from pix2pix.errors import UserError
from pix2pix.pictures import codec, geometry, view
from pix2pix.pictures.codec import Array
from pix2pix.pictures.conform import conform, to_depth
from pix2pix.pictures.contract import LARGEST, LabelClass, PictureContract
from pix2pix.pictures.palette import load_palette

_PROBED = 16  # pictures that decide channels and depth
_DEPTHS = ("uint8", "uint16", "float32")


@dataclass(frozen=True)
class Reading:
    """The contracts of source and target, and what stands between a file and them.

    `photograph` is the contract of the pictures from which sources are made, where they are.
    """

    source: PictureContract
    target: PictureContract
    config: DataConfig
    photograph: PictureContract | None = None

    def read(self, pair: Pair, size: tuple[int, int]) -> tuple[Array, Array]:
        """Source and target, (height, width, C) each; raises UserError that names the file."""
        config, name = self.config, str(pair.target.path)
        if self.photograph is not None:
            whole = conform(_read_half(pair.target), self.photograph, name)
            # Made after sizing: thin lines do not survive it, and a factor counts pixels.
            return _made(geometry.fit(whole, size, config.fit), config.make, pair)
        source, target = read_raw(pair)
        source = conform(source, self.source, str(pair.source.path), config.snap_labels)
        target = conform(target, self.target, name, config.snap_labels)
        return (
            geometry.fit(source, size, config.fit, bool(self.source.classes)),
            geometry.fit(target, size, config.fit, bool(self.target.classes)),
        )

    def view(self, source: Array, target: Array) -> list[NDArray[np.uint8]]:
        """Both as (H, W, 3) uint8, for a person to look at."""
        if self.config.make == "lab":
            joined = (join_lab(source, target) * 255).round().astype(np.uint8)
            return [view.to_view(source, self.source), joined]
        return [view.to_view(source, self.source), view.to_view(target, self.target)]


def find_reading(pairs: Sequence[Pair], config: Config) -> Reading:
    """The contracts that fit the pairs to learn from.

    Channels and depth are the largest among the first readable pictures; float pictures have the
    range stated in the configuration, or that of all the pairs. Raises UserError where no pair can
    be read.
    """
    data, model = config.data, config.model
    suffix = pairs[0].target.path.suffix.lower()
    if data.make:
        return _made_reading(pairs, data, suffix)
    probed = _probe(pairs)
    source = _contract(
        [s for s, _ in probed], data.source_labels, data.source_one_hot, model.source_channels, ".png"
    )
    target = _contract(
        [t for _, t in probed], data.target_labels, data.target_one_hot, model.target_channels, suffix
    )
    return Reading(
        _with_range(source, data.source_range, pairs, 0),
        _with_range(target, data.target_range, pairs, 1),
        data,
    )


def read_raw(pair: Pair) -> tuple[Array, Array]:
    """Source and target as they are in the files, of equal size; several sources as channels.

    A side-by-side picture is read once. Raises UserError that names the file.
    """
    if pair.source.path == pair.target.path:
        whole, name = codec.read(pair.target.path), str(pair.target.path)
        return (geometry.half(whole, pair.source.side, name), geometry.half(whole, pair.target.side, name))
    target = _read_half(pair.target)
    halves = (pair.source, *pair.more_sources)
    sources = [_read_half(half) for half in halves]
    for half, array in zip(halves, sources, strict=True):
        _same_size(array, half, target, pair.target)
    if len(sources) == 1:
        return sources[0], target
    deepest = max((str(s.dtype) for s in sources), key=_DEPTHS.index)
    named = zip(sources, halves, strict=True)
    return np.concatenate([to_depth(s, deepest, str(half.path)) for s, half in named], axis=2), target


def _made_reading(pairs: Sequence[Pair], data: DataConfig, suffix: str) -> Reading:
    parse(data.make)
    photographs = [target for _, target in _probe(pairs)]
    wanted = 3 if data.make == "lab" else 0
    photograph = _contract(photographs, "", False, wanted, suffix)
    photograph = _with_range(photograph, data.target_range, pairs, 1)
    if data.make == "lab":
        (low, high), (low_ab, high_ab) = LAB_RANGES
        source = PictureContract(channels=1, depth="float32", low=low, high=high)
        target = PictureContract(channels=2, depth="float32", low=low_ab, high=high_ab)
        return Reading(source, target, data, photograph)
    # The kind of what is made: that of a plain photograph of the same kind, mask or no mask.
    plain = np.full((16, 16, photograph.channels), photograph.low, photograph.depth)
    recipe = parse(data.make)
    made = plain if recipe.kind == "mask" else apply(recipe, plain, str(pairs[0].target.path))
    source = _contract([made], "", False, 0, ".png")
    if source.depth == "float32":
        source = source.model_copy(update={"low": photograph.low, "high": photograph.high})
    return Reading(source, photograph, data, photograph)


def _probe(pairs: Sequence[Pair]) -> list[tuple[Array, Array]]:
    probed: list[tuple[Array, Array]] = []
    first: UserError | None = None
    failed = 0
    for pair in pairs:
        try:
            probed.append(read_raw(pair))
        except UserError as error:
            first, failed = first or error, failed + 1
        if len(probed) == _PROBED:
            break
    if not probed:
        assert first is not None
        none_left = f"None of the {failed} pairs could be used." if failed > 1 else ""
        raise UserError(str(first), none_left)
    return probed


def _contract(
    arrays: Sequence[Array], labels: str, one_hot: bool, channels: int, suffix: str
) -> PictureContract:
    if labels:
        palette = load_palette(labels)
        named = zip(palette.names, palette.colours, strict=True)
        classes = tuple(LabelClass(name=n, colour=c) for n, c in named)
        return PictureContract(classes=classes, one_hot=one_hot, suffix=".png")
    depth = max((str(array.dtype) for array in arrays), key=_DEPTHS.index)
    found = [array.shape[2] for array in arrays]
    most = max(found)
    if most in (2, 4) and min(found) < most:
        most -= 1  # transparency counts only where every picture has it
    return PictureContract(
        channels=channels or most, depth=depth, high=LARGEST.get(depth, 1.0), suffix=suffix
    )


def _with_range(
    contract: PictureContract, stated: Sequence[float], pairs: Sequence[Pair], half: int
) -> PictureContract:
    """The contract with the range of float pictures, stated or measured on the pairs."""
    if contract.depth != "float32":
        return contract
    if stated:
        return contract.model_copy(update={"low": stated[0], "high": stated[1]})
    seen = [(float(a.min()), float(a.max())) for a in _halves(pairs, half)]
    low, high = min(s[0] for s in seen), max(s[1] for s in seen)
    return contract.model_copy(update={"low": low, "high": high if high > low else low + 1})


def _halves(pairs: Sequence[Pair], half: int) -> Iterator[Array]:
    for pair in pairs:
        try:
            yield read_raw(pair)[half]
        except UserError:
            continue  # named when the pairs are decoded


def _read_half(half: Half) -> Array:
    return geometry.half(codec.read(half.path), half.side, str(half.path))


def _made(photograph: Array, recipe: str, pair: Pair) -> tuple[Array, Array]:
    try:
        return source_and_target(recipe, photograph, pair.name)
    except UserError as error:
        raise UserError(f"{pair.target.path}: {error.message}", error.hint) from None


def _same_size(one: Array, half: Half, other: Array, target: Half) -> None:
    if one.shape[:2] == other.shape[:2]:
        return
    raise UserError(
        f"{half.path} is {one.shape[1]} x {one.shape[0]} px but {target.path} is "
        f"{other.shape[1]} x {other.shape[0]} px: wanted equal sizes."
    )
