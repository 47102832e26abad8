"""Read every pair once, on all cores, and gather what was found in one report."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TypeVar

import numpy as np

from pix2pix.data.pairs import Pair, PairSet
from pix2pix.datasets.check.conclusions import Scan, conclude
from pix2pix.datasets.check.findings import Finding
from pix2pix.datasets.check.label_maps import Classes, find_classes
from pix2pix.datasets.check.pair_facts import (
    Format,
    HalfFacts,
    PairFacts,
    Unusable,
    inspect,
    is_lossy,
    read_halves,
)
from pix2pix.pictures.codec import Array

T = TypeVar("T")
R = TypeVar("R")
_AHEAD = 64  # pairs read ahead, at most
_OF_LAYOUTS = ("train", "val", "validation", "test", "source", "target")
_SHOWN = 12  # pairs of each split
_LABELLED = 48  # pairs in which label maps are searched
_LABELLED_PX = 512  # of the longest side
_COUNTED = 500  # pairs whose values the histograms count


@dataclass(frozen=True)
class HalfReport:
    """All sources, or all targets."""

    formats: Mapping[Format, int]
    values: Mapping[str, Array]  # kind, such as "RGB, 8 bit" -> (N, C) some values of pairs all over the set
    classes: Classes | None  # None where they are no label maps


@dataclass(frozen=True)
class Report:
    """What was found; `folder` holds all files, and names in sentences are relative to it."""

    folder: Path
    layout: str
    note: str
    counts: Mapping[str, int]  # split -> pairs
    usable: int
    source: HalfReport
    target: HalfReport
    findings: Sequence[Finding]
    sample: Mapping[str, Sequence[Pair]]  # split -> pairs to show

    @property
    def exit_code(self) -> int:
        """0 where there is nothing to mend, 1 where there is, 2 where no pair can be used."""
        if not self.usable:
            return 2
        return int(any(finding.severity != "note" for finding in self.findings))

    def name(self, pair: Pair) -> str:
        """Return what a pair is called: its file, or the source's, relative to the folder."""
        return relative_name(pair.source.path, self.folder)


def check(pairs: PairSet, progress: Callable[[int, int], None] = lambda done, total: None) -> Report:
    """Read every pair once, on all cores, and report; `progress` receives pairs done and in all.

    Files that cannot be read are findings, not errors.
    """
    every = [(split, pair) for split, members in pairs.splits.items() for pair in members]
    members = [pair for _, pair in every]
    folder = _common_folder(members)
    classes = _find_classes(members)
    counted = set(_spread(range(len(every)), _COUNTED))
    facts: list[PairFacts | list[Unusable]] = []

    def task(number: int) -> PairFacts | list[Unusable]:
        return inspect(members[number], classes, with_values=number in counted)

    for result in _in_threads(task, range(len(every))):
        facts.append(result)
        progress(len(facts), len(every))
    scan = Scan(
        members, [split for split, _ in every], facts, classes, lambda path: relative_name(path, folder)
    )
    usable = [one for one in facts if isinstance(one, PairFacts)]
    return Report(
        folder=folder,
        layout=pairs.layout,
        note=pairs.note,
        counts={split: len(members) for split, members in pairs.splits.items() if members},
        usable=len(usable),
        source=_half_report([one.source for one in usable], classes[0]),
        target=_half_report([one.target for one in usable], classes[1]),
        findings=list(conclude(scan)),
        sample={
            split: _spread([members[row] for row in scan.usable if scan.splits[row] == split], _SHOWN)
            for split in dict.fromkeys(scan.splits)
        },
    )


def relative_name(path: Path, folder: Path) -> str:
    """Return a path for a screen, relative to a folder above it; bytes that are no text are replaced."""
    absolute = path.absolute()
    inside = absolute.is_relative_to(folder)
    return os.fsencode(absolute.relative_to(folder) if inside else path).decode("utf-8", "replace")


def _in_threads(task: Callable[[T], R], items: Sequence[T]) -> Iterator[R]:
    """Yield the results in order, on all cores."""
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        try:
            waiting = iter(items)
            running = [pool.submit(task, item) for item in islice(waiting, _AHEAD)]
            while running:
                yield running.pop(0).result()
                running += [pool.submit(task, item) for item in islice(waiting, 1)]
        except BaseException:
            pool.shutdown(cancel_futures=True)  # the queue would be worked off first
            raise


def _find_classes(pairs: Sequence[Pair]) -> list[Classes | None]:
    """Return the classes of sources and of targets."""
    sample = list(_in_threads(_sampled_halves, _spread(pairs, _LABELLED)))
    return [find_classes([halves[side] for halves in sample if halves]) for side in range(2)]


def _sampled_halves(pair: Pair) -> list[tuple[Array, bool]]:
    """Return source and target, thinned where they are large, each with whether its file is lossy."""
    halves = read_halves(pair)
    if isinstance(halves, list):
        return []
    step = -(-max(halves[0].shape[:2]) // _LABELLED_PX)
    sides = zip(halves, (pair.source, pair.target), strict=True)
    return [(array[::step, ::step].copy(), is_lossy(side)) for array, side in sides]


def _common_folder(pairs: Sequence[Pair]) -> Path:
    """Return the deepest folder that holds all files, but none of those that layouts are made of."""
    folders = {half.path.absolute().parent for pair in pairs for half in (pair.source, pair.target)}
    common = Path(os.path.commonpath(folders)) if folders else Path.cwd()
    while common.name in _OF_LAYOUTS:
        common = common.parent
    return common


def _half_report(halves: Sequence[HalfFacts], classes: Classes | None) -> HalfReport:
    values: dict[str, list[Array]] = {}
    for half in halves:
        if half.values is not None:
            values.setdefault(half.format.kind, []).append(half.values)
    formats = Counter(half.format for half in halves)
    return HalfReport(
        dict(formats.most_common()), {kind: np.concatenate(parts) for kind, parts in values.items()}, classes
    )


def _spread(items: Sequence[T], count: int) -> list[T]:
    """Return a few items, evenly spread."""
    places = np.linspace(0, len(items) - 1, min(count, len(items))).round().astype(int)
    return [items[place] for place in places]
