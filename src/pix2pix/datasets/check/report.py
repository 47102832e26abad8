"""The facts of all pairs, read once, on all cores."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path

from pix2pix.config import DataConfig
from pix2pix.data.ranges import find_fill
from pix2pix.datasets.check.findings import Finding
from pix2pix.datasets.check.label_maps import ENOUGH_PX, Classes, find_classes
from pix2pix.datasets.check.pair_facts import HalfFacts, PairFacts, inspect, read_halves
from pix2pix.errors import UserError
from pix2pix.files import is_lossy
from pix2pix.pairs.pair_set import Pair, PairSet, evenly_spread
from pix2pix.pictures.codec import Array
from pix2pix.pictures.contract import PictureContract
from pix2pix.pictures.find_palette import thinned
from pix2pix.progress import OnProgress, in_parallel

SampledHalves = list[tuple[Array, bool]]  # source and target, each with whether its file is lossy
_OF_LAYOUTS = ("train", "val", "validation", "test", "source", "target")
_SAMPLED = 32  # pairs in which classes are searched and values are counted


@dataclass
class Report:
    """All pairs in a fixed order, each with its facts or why it cannot be used, and the findings.

    `folder` holds all files, and names in sentences are relative to it. `classes`, `fills` and `has_range`
    have two values: of sources and of targets.
    """

    pair_set: PairSet
    folder: Path
    pairs: Sequence[Pair]
    splits: Sequence[str]  # of each pair
    facts: Sequence[PairFacts | UserError]
    classes: Sequence[Classes | None]  # None where a half is no label map
    sample: Sequence[SampledHalves]  # a few pairs from all over
    fills: Sequence[float | None]  # the value without data, besides NaN
    has_range: Sequence[bool]  # whether a range was stated
    findings: Sequence[Finding] = ()

    @cached_property
    def usable(self) -> dict[int, PairFacts]:
        """Return the facts of the pairs that can be used, by row."""
        return {row: facts for row, facts in enumerate(self.facts) if isinstance(facts, PairFacts)}

    @property
    def exit_code(self) -> int:
        """Return 0 if nothing is wrong, 1 if something is, 2 if no pair can be used."""
        return int(any(finding.severity != "note" for finding in self.findings)) if self.usable else 2

    def halves(self, side: int) -> dict[int, HalfFacts]:
        """Return the sources (0) or targets (1) of the usable pairs, by row."""
        return {row: facts.halves[side] for row, facts in self.usable.items()}

    def name(self, pair: Pair) -> str:
        """Return what a pair is called: its file, or the source's."""
        return relative_name(pair.source.path, self.folder)


def scan(pair_set: PairSet, on_progress: OnProgress, config: DataConfig) -> Report:
    """Read every pair once and return their facts, without findings.

    `on_progress` receives the pairs read and their number. Raises UserError where no single value can
    stand for pixels without data.
    """
    pairs = [pair for members in pair_set.splits.values() for pair in members]
    splits = [split for split, members in pair_set.splits.items() for _ in members]
    folder = _common_folder(pairs)
    sampled = in_parallel(evenly_spread(pairs, _SAMPLED), _sampled_halves)
    sample = [halves for _, halves in sampled if not isinstance(halves, UserError)]
    classes = [find_classes([halves[side] for halves in sample]) for side in range(2)]
    stated = (config.source_fill, config.target_fill)
    fills = [_fill(pairs, side, sample, stated[side]) if not classes[side] else None for side in range(2)]
    name = partial(relative_name, folder=folder)
    inspect_pair = partial(inspect, classes=classes, name=name, fills=fills)
    facts = [result for _, result in in_parallel(pairs, inspect_pair, on_progress)]
    has_range = [bool(config.source_range), bool(config.target_range)]
    return Report(pair_set, folder, pairs, splits, facts, classes, sample, fills, has_range)


def _fill(
    pairs: Sequence[Pair], side: int, sample: Sequence[SampledHalves], stated: Sequence[float]
) -> float | None:
    """Return the value that stands for pixels without data, as in training; None for none but NaN."""
    depths = {str(halves[side][0].dtype) for halves in sample}
    depth = next((depth for depth in ("float32", "uint16") if depth in depths), "uint8")
    files = [(pair.source, pair.target)[side].path for pair in evenly_spread(pairs, _SAMPLED)]
    fill = find_fill(PictureContract(depth=depth), ("source", "target")[side], stated, files)
    return fill if isinstance(fill, float) else None


def relative_name(path: Path, folder: Path) -> str:
    """Return a path for a screen, relative to a folder above it; bytes that are no text are replaced."""
    absolute = path.absolute()
    inside = absolute.is_relative_to(folder)
    return os.fsencode(absolute.relative_to(folder) if inside else path).decode("utf-8", "replace")


def _sampled_halves(pair: Pair) -> SampledHalves:
    """Return source and target, thinned where they are large, each with whether its file is lossy."""
    return [
        (thinned(array, ENOUGH_PX).copy(), is_lossy(half.path))
        for array, half in zip(read_halves(pair), (pair.source, pair.target), strict=True)
    ]


def _common_folder(pairs: Sequence[Pair]) -> Path:
    """Return the deepest folder that holds all files and is no part of a layout, such as `train`."""
    folders = {half.path.absolute().parent for pair in pairs for half in (pair.source, pair.target)}
    common = Path(os.path.commonpath(folders)) if folders else Path.cwd()
    while common.name in _OF_LAYOUTS:
        common = common.parent
    return common
