"""Inspect pairs before training: read each file once, and say what is wrong with which.

`check` reads, on all cores; `judge` draws the conclusions; `page` shows them.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np

from pix2pix.data.pairs import Pair, PairSet
from pix2pix.datasets.check.findings import Finding
from pix2pix.datasets.check.histogram import Histogram
from pix2pix.datasets.check.judge import judge
from pix2pix.datasets.check.look import Format, Look, Unusable, look
from pix2pix.datasets.check.map_colours import Palette
from pix2pix.datasets.check.survey import Survey

_AHEAD = 64  # pairs read ahead, at most
_OF_LAYOUTS = ("train", "val", "validation", "test", "source", "target")
_SAMPLE = 12  # pairs of each split that are shown


@dataclass(frozen=True)
class HalfReport:
    """All sources, or all targets: how many are of which format, and their values."""

    formats: Mapping[Format, int]
    histograms: Mapping[str, Histogram]  # of each kind, such as "RGB, 8 bit"
    palette: Palette | None  # None where they are no label maps


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
        return int(any(found.severity != "note" for found in self.findings))

    def name(self, pair: Pair) -> str:
        """What a pair is called: its file, or the source's, relative to the folder."""
        return relative_name(pair.source.path, self.folder)


def check(pairs: PairSet, progress: Callable[[int, int], None] = lambda done, total: None) -> Report:
    """Read every pair once, on all cores, and report; `progress` is told pairs done and in all.

    Files that cannot be read are findings, not errors.
    """
    every = [(split, pair) for split, some in pairs.splits.items() for pair in some]
    folder = _common_folder([pair for _, pair in every])
    survey = Survey(
        [pair for _, pair in every], [split for split, _ in every], lambda path: relative_name(path, folder)
    )
    for index, seen in enumerate(_looks(survey.pairs)):
        survey.add(index, seen)
        progress(index + 1, len(every))
    return _report(pairs, folder, survey)


def relative_name(path: Path, folder: Path) -> str:
    """A path for a screen, relative to a folder above it; bytes that are no text are replaced."""
    absolute = path.absolute()
    inside = absolute.is_relative_to(folder)
    return os.fsencode(absolute.relative_to(folder) if inside else path).decode("utf-8", "replace")


def _looks(pairs: Sequence[Pair]) -> Iterator[Look | list[Unusable]]:
    """A look at each pair, in order."""
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        try:
            waiting = iter(pairs)
            running = [pool.submit(look, pair) for pair in islice(waiting, _AHEAD)]
            while running:
                yield running.pop(0).result()
                running += [pool.submit(look, pair) for pair in islice(waiting, 1)]
        except BaseException:
            pool.shutdown(cancel_futures=True)  # the queue would be worked off first
            raise


def _common_folder(pairs: Sequence[Pair]) -> Path:
    """The deepest folder that holds all files, but none of those that layouts are made of."""
    folders = {half.path.absolute().parent for pair in pairs for half in (pair.source, pair.target)}
    common = Path(os.path.commonpath(folders)) if folders else Path.cwd()
    while common.name in _OF_LAYOUTS:
        common = common.parent
    return common


def _report(pairs: PairSet, folder: Path, survey: Survey) -> Report:
    return Report(
        folder=folder,
        layout=pairs.layout,
        note=pairs.note,
        counts={split: len(some) for split, some in pairs.splits.items() if some},
        usable=int(survey.rows["usable"].sum()),
        source=_half_report(survey, 0),
        target=_half_report(survey, 1),
        findings=list(judge(survey)),
        sample={
            split: _spread(
                [
                    p
                    for row, p in enumerate(survey.pairs)
                    if survey.splits[row] == split and survey.rows["usable"][row]
                ]
            )
            for split, some in pairs.splits.items()
            if some
        },
    )


def _half_report(survey: Survey, side: int) -> HalfReport:
    usable = survey.rows["format"][survey.rows["usable"], side]
    counts = Counter(survey.formats[place] for place in usable.tolist())
    return HalfReport(dict(counts.most_common()), survey.histograms[side], survey.colours[side].palette())


def _spread(pairs: Sequence[Pair]) -> list[Pair]:
    """A few of them, evenly spread."""
    places = np.linspace(0, len(pairs) - 1, min(_SAMPLE, len(pairs))).round().astype(int)
    return [pairs[place] for place in places]
