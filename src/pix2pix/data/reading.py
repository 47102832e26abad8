"""How one pair becomes arrays and tensors: the contracts of its halves, what is made, how it is sized.

Decided once by the first pictures and the configuration, then the same for every pair.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from torch import Tensor

from pix2pix.config import Config, DataConfig
from pix2pix.data import labels
from pix2pix.data.ranges import find_fill, with_ranges
from pix2pix.derive import lab
from pix2pix.derive.recipe import LARGEST_FACTOR, apply, parse, source_and_target
from pix2pix.errors import UserError
from pix2pix.files import WRITTEN_SUFFIXES
from pix2pix.pairs import likely
from pix2pix.pairs.find import Half, NoPairError, Pair
from pix2pix.pictures import codec, geometry, masks
from pix2pix.pictures.codec import Array
from pix2pix.pictures.conform import conform, to_depth, to_view
from pix2pix.pictures.contract import PictureContract, largest_value
from pix2pix.pictures.missing import missing
from pix2pix.pictures.palette import label_contract
from pix2pix.pictures.tensors import network_input, to_array, to_tensor

_PROBED = 16  # pictures that decide channels and depth
_DEPTHS = ("uint8", "uint16", "float32")


@dataclass(frozen=True)
class Reading:
    """The contracts of source and target, and what stands between a file and them.

    `photograph` is the contract of the pictures from which sources are made, if they are.
    """

    source: PictureContract
    target: PictureContract
    config: DataConfig
    photograph: PictureContract | None = None
    notes: tuple[str, ...] = field(default=(), compare=False)  # what a user should know of the values

    @property
    def stored(self) -> tuple[PictureContract, ...]:
        """The contracts of what is stored of a pair: its halves, or the photograph split into Lab."""
        if self.photograph is not None and self.config.make == "lab":
            return (self.photograph,)
        return self.source, self.target

    def read(
        self, pair: Pair, size: tuple[int, int], note: codec.OnNote = codec.no_note
    ) -> tuple[Array, ...]:
        """Return what is stored of a pair, (height, width, C) each; raises UserError that names the file.

        `note` receives a sentence about what is left out of a file.
        """
        config = self.config
        if self.photograph is None:
            stored = tuple(
                geometry.fit(
                    conform(array, contract, str(half.path), config.snap_labels),
                    size,
                    config.fit,
                    bool(contract.classes),
                    contract.fill,
                )
                for array, contract, half in zip(
                    read_raw(pair, note), self.stored, (pair.source, pair.target), strict=True
                )
            )
            if self.target.fill is not None and missing(stored[1], self.target.fill).all():
                raise UserError(f"{pair.target.path} holds no data: there is nothing to learn from.")
            return stored
        photograph = conform(read_raw(pair, note)[1], self.photograph, str(pair.target.path))
        # Made after sizing: thin lines do not survive it, and a factor counts pixels.
        photograph = geometry.fit(photograph, size, config.fit)
        if len(self.stored) == 1 and photograph.dtype != np.float32:
            return (photograph,)
        try:  # for Lab a check alone: floats may lie outside sRGB
            made = source_and_target(config.make, photograph, pair.name, self.photograph)
        except UserError as error:
            raise UserError(f"{pair.target.path}: {error.message}", error.hint) from None
        return made if len(self.stored) == 2 else (photograph,)

    def tensors(
        self, convert: Callable[[Tensor, PictureContract], Tensor], stored: Sequence[Tensor]
    ) -> tuple[Tensor, Tensor]:
        """Return source and target (B, C, H, W) in [-1, 1] of what is stored.

        `convert` is `from_levels` or `from_planes` of `pictures.tensors`, as the axes lie. Without data
        targets are NaN.
        """
        converted = [convert(levels, c) for levels, c in zip(stored, self.stored, strict=True)]
        if len(converted) == 1:
            return lab.split_tensor(converted[0], self.stored[0])
        return network_input(converted[0], self.source), converted[1]

    def view(self, source: Array, target: Array) -> list[Array]:
        """Return both as (H, W, 3) uint8, for a person to see."""
        if self.config.make == "lab":
            joined = (lab.join_lab(source, target) * 255).round().astype(np.uint8)
            return [to_view(source, self.source), joined]
        return [to_view(source, self.source), to_view(target, self.target)]

    def as_seen(self, source: Tensor, pictures: Tensor, target: Tensor) -> Tensor:
        """Return outputs or targets (B, C, H, W) in [-1, 1] as measures of whole pictures see them.

        Colours are joined with their lightness. Where targets have no data, outputs and targets are 0.
        """
        if self.config.make != "lab":
            return pictures if self.target.fill is None else pictures.masked_fill(target.isnan(), 0)
        lightness = to_array(source.expand(len(pictures), -1, -1, -1), self.source)
        joined = zip(lightness, to_array(pictures, self.target), strict=True)
        views = np.stack([self.view(*halves)[1] for halves in joined])
        return to_tensor(views, PictureContract()).to(pictures.device)


def find_reading(pairs: Sequence[Pair], config: Config) -> Reading:
    """Return the contracts that fit the pairs to learn from.

    Channels and depth are the largest among the first readable pictures. The range is the one stated in
    the configuration, else that of the depth, or of all the pairs where they are float. Raises UserError
    where no pair can be read.
    """
    data, model = config.data, config.model
    _refuse_unnamed_classes(data)
    ending = pairs[0].target.path.suffix.lower()
    suffix = ending if ending in WRITTEN_SUFFIXES else ".png"
    if data.make:
        return _made_reading(pairs, data, suffix)
    probed = _probe(pairs)
    sources, targets = zip(*probed, strict=True)
    source = (
        _source_labels(data, pairs, sources)
        if data.source_labels
        else _contract(sources, model.source_channels, ".png")
    )
    target = (
        _target_labels(data, pairs, targets)
        if data.target_labels
        else _contract(targets, model.target_channels, suffix)
    )
    # The classes of label maps have no range.
    halves = ((source, data.source_range), (target, data.target_range))
    stated = [() if contract.classes else of_user for contract, of_user in halves]
    filled = [
        contract.model_copy(update={"fill": find_fill(contract, half, getattr(data, f"{half}_fill"), files)})
        for contract, half, files in (
            (source, "source", [pair.source.path for pair in pairs[:_PROBED]]),
            (target, "target", [pair.target.path for pair in pairs[:_PROBED]]),
        )
    ]
    (source, target), notes = with_ranges(filled, stated, pairs, probed, read_raw)
    return Reading(source, target, data, notes=notes)


def read_raw(pair: Pair, note: codec.OnNote = codec.no_note) -> tuple[Array, Array]:
    """Return source and target as they are in the files, of equal size; several sources as channels.

    Each file is read once, however many halves it holds. Raises UserError that names the file.
    """
    halves = (pair.target, pair.source, *pair.more_sources)
    files = {
        path: codec.read_picture(path, note).array for path in dict.fromkeys(half.path for half in halves)
    }
    target, *sources = (geometry.half(files[h.path], h.side, str(h.path)) for h in halves)
    for array, half in zip(sources, halves[1:], strict=True):
        if array.shape[:2] != target.shape[:2]:
            raise _unequal(pair, half, array.shape[:2], target.shape[:2])
    if len(sources) == 1:
        return sources[0], target
    deepest = max((str(array.dtype) for array in sources), key=_DEPTHS.index)
    named = zip(sources, halves[1:], strict=True)
    return np.concatenate([to_depth(array, deepest, str(h.path)) for array, h in named], axis=2), target


def _unequal(pair: Pair, half: Half, source: tuple[int, ...], target: tuple[int, ...]) -> UserError:
    """Return the error of a pair whose halves, of (height, width) px, are of different size."""
    sources, targets = (_folder_of_all(path, pair.name) for path in (half.path, pair.target.path))
    factor = target[0] // source[0]
    enlarges = 1 < factor <= LARGEST_FACTOR and tuple(factor * px for px in source) == target

    def resize(folder: Path, size: tuple[int, ...]) -> str:
        words = (folder, "-o", f"{folder.resolve().name}-resized", "--size", f"{size[0]}x{size[1]}")
        return likely.call("data resize", *words)

    cure = f"{resize(targets, source)} makes them so (label maps with --nearest)."
    if enlarges:
        make = likely.call("train", targets, "--make", f"downscale:{factor}")
        cure = f"To learn to enlarge: {make}, or enlarge the sources with {resize(sources, target)}."
    return UserError(
        f"{half.path} is {source[1]} x {source[0]} px but {pair.target.path} is "
        f"{target[1]} x {target[0]} px: wanted equal sizes.",
        cure,
    )


def _folder_of_all(path: Path, name: str) -> Path:
    """Return the folder of all the files of one half: that of all chapters, where names begin with these."""
    folder = path.parent
    for above in reversed(name.split("/")[:-1]):
        folder = folder.parent if folder.name == above else folder
    return folder


def _made_reading(pairs: Sequence[Pair], data: DataConfig, suffix: str) -> Reading:
    recipe = parse(data.make)
    probed = _probe(pairs)
    photograph = _contract([target for _, target in probed], 3 if data.make == "lab" else 0, suffix)
    stated = () if data.make == "lab" and photograph.depth != "float32" else data.target_range
    (photograph,), notes = with_ranges((photograph,), (stated,), pairs, probed, read_raw)
    if data.make == "lab":
        lightness, colours = (
            PictureContract(channels=channels, depth="float32", low=low, high=high)
            for channels, (low, high) in enumerate(lab.LAB_RANGES, 1)
        )
        return Reading(lightness, colours, data, photograph, notes)
    # The kind of what is made: that of a plain photograph of the same kind, mask or no mask.
    plain = np.full((16, 16, photograph.channels), photograph.low, photograph.depth)
    made = plain if recipe.kind == "mask" else apply(recipe, plain, str(pairs[0].target.path))
    source = _contract([made], 0, ".png")
    drawn = recipe.kind in ("edges", "hed")  # with all levels of 8 bits
    if source.depth == "float32" or (photograph.clip and not drawn):
        of_photograph = {"low": photograph.low, "high": photograph.high, "clip": photograph.clip}
        source = source.model_copy(update=of_photograph)
    return Reading(source, photograph, data, photograph, notes)


def _probe(pairs: Sequence[Pair]) -> list[tuple[Array, Array]]:
    """Return the first readable pairs as they are in the files."""
    probed: list[tuple[Array, Array]] = []
    failures: list[str] = []
    for pair in pairs:
        try:
            probed.append(read_raw(pair))
        except UserError as error:
            failures.append(str(error))
        if len(probed) == _PROBED:
            break
    if not probed:
        raise NoPairError(failures)
    return probed


def _refuse_unnamed_classes(data: DataConfig) -> None:
    """Refuse one-hot halves without a palette: recipes state the first, only the user knows the second."""
    for half in ("source", "target"):
        if getattr(data, f"{half}_one_hot") and not getattr(data, f"{half}_labels"):
            raise UserError(
                f"data.{half}_one_hot needs the classes of the label maps.",
                f"Name their palette: --set data.{half}_labels=facades, or a TOML file (pix2pix data palette "
                "writes one).",
            )


def _source_labels(data: DataConfig, pairs: Sequence[Pair], sources: Sequence[Array]) -> PictureContract:
    palette = labels.palette_of(data.source_labels, pairs, "source")
    labels.refuse_photographs(palette, pairs, sources, "source")
    return label_contract(palette, one_hot=data.source_one_hot)


def _target_labels(data: DataConfig, pairs: Sequence[Pair], targets: Sequence[Array]) -> PictureContract:
    """Return the contract of class targets, with the kind of files that they are."""
    palette = labels.palette_of(data.target_labels, pairs, "target")
    contract = label_contract(palette, one_hot=data.target_one_hot)
    if contract.ignored and not contract.one_hot:
        raise UserError(
            f"The palette {data.target_labels} ignores pixels, which targets learned as colours cannot.",
            "Learn classes: --set data.target_one_hot=true; or make those pixels a class of the palette.",
        )
    labels.refuse_photographs(palette, pairs, targets, "target")
    paths = [pair.target.path for pair in pairs[:_PROBED]]
    return contract.model_copy(update=masks.kept_as(paths, targets, palette))


def _contract(arrays: Sequence[Array], channels: int, suffix: str) -> PictureContract:
    """Return the contract that holds all the arrays; `channels` of 0 are the most among them."""
    depth = max((str(array.dtype) for array in arrays), key=_DEPTHS.index)
    counts = [array.shape[2] for array in arrays]
    # Transparency counts only where every picture has it.
    stray_alpha = max(counts) in (2, 4) and min(counts) < max(counts)
    channels = channels or max(counts) - stray_alpha
    return PictureContract(channels=channels, depth=depth, high=largest_value(depth), suffix=suffix)
