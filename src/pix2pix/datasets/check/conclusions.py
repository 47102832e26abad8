"""From the facts of all pairs to findings: what one pair alone could not show."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from pix2pix.data.pairs import Pair
from pix2pix.datasets.check.alignment import LEAST, Shift
from pix2pix.datasets.check.duplicates import equal_rows, same_pairs
from pix2pix.datasets.check.findings import Finding, finding, listed
from pix2pix.datasets.check.label_maps import Classes, cell, rare
from pix2pix.datasets.check.pair_facts import Format, HalfFacts, PairFacts, Unusable

SIDES = ("source", "target")
_PAIRS_SHOWN = 4
# A pair is suspicious where the others agree clearly and it does not at all, and where such pairs are few:
# pictures by night have no edges either. Of facades with the labels of another house four in five are
# found, of 740 right pairs none.
_AGREE = 10.0  # standard deviations, as in alignment.Shift
_PART = 7.0
_FEW = 0.05
_LEAST_PAIRS = 16
_COMMON = 1 / 128  # of the size, between shifts that are one and the same


@dataclass(frozen=True)
class Scan:
    """All pairs in a fixed order, each with its facts or why it cannot be used."""

    pairs: Sequence[Pair]
    splits: Sequence[str]
    facts: Sequence[PairFacts | list[Unusable]]
    classes: Sequence[Classes | None]  # of sources, of targets
    name: Callable[[Path], str]

    @cached_property
    def usable(self) -> dict[int, PairFacts]:
        """The pairs that can be used, by row."""
        return {row: facts for row, facts in enumerate(self.facts) if isinstance(facts, PairFacts)}

    def halves(self, side: int) -> dict[int, HalfFacts]:
        """Return the sources (0) or targets (1) of the usable pairs, by row."""
        return {row: (facts.source, facts.target)[side] for row, facts in self.usable.items()}

    def label(self, row: int) -> str:
        """Return what a pair is called: its file, or the source's."""
        return self.name(self.pairs[row].source.path)

    def labels(self, rows: Sequence[int], most: int = 3) -> str:
        """Return the first names of many pairs."""
        return listed([self.label(row) for row in rows], most)

    def finding(self, kind: str, rows: Sequence[int], sentence: str) -> Finding:
        """Return a finding on some pairs."""
        pairs = [self.pairs[row] for row in rows]
        files = dict.fromkeys(half.path for pair in pairs for half in (pair.source, pair.target))
        return finding(kind, list(files), sentence, pairs[:_PAIRS_SHOWN])


def conclude(scan: Scan) -> Iterator[Finding]:
    """Yield every finding."""
    for pair, reasons in zip(scan.pairs, scan.facts, strict=True):
        if isinstance(reasons, list):
            yield from (_unusable(scan, pair, reason) for reason in reasons)
    if not scan.usable:
        return
    yield from _repeated(scan)
    yield from _flat(scan)
    yield from _misaligned(scan)
    yield from _unrelated(scan)
    for side, classes in enumerate(scan.classes):
        if classes:
            yield from _labels(scan, side, classes)
    yield from _mixed(scan)


def _unusable(scan: Scan, pair: Pair, reason: Unusable) -> Finding:
    sentence = reason.sentence
    for path in reason.files:
        sentence = sentence.replace(str(path), scan.name(path))
    return finding(reason.kind, reason.files, sentence, [pair])


# The same picture again


def _repeated(scan: Scan) -> Iterator[Finding]:
    """Yield pairs, and halves, that are there more than once; flat ones are another finding."""
    facts = {
        row: pair for row, pair in scan.usable.items() if not (pair.source.constant and pair.target.constant)
    }
    rows, group_of = list(facts), dict[int, int]()
    digests = np.array([(pair.source.digest, pair.target.digest) for pair in facts.values()], np.uint64)
    thumbnails = np.array([(pair.source.thumbnail, pair.target.thumbnail) for pair in facts.values()])
    for number, places in enumerate(same_pairs(digests, thumbnails) if rows else ()):
        group = [rows[place] for place in places]
        group_of |= dict.fromkeys(group, number)
        how = "are equal" if len({tuple(digests[place]) for place in places}) == 1 else "show the same"
        splits = sorted({scan.splits[row] for row in group})
        kind, where = ("leak", f", in {' and '.join(splits)}") if len(splits) > 1 else ("duplicate", "")
        yield scan.finding(kind, group, f"{scan.labels(group, 4)} {how}{where}.")
    for side in range(2):
        halves = {row: half for row, half in scan.halves(side).items() if not half.constant}
        rows = list(halves)
        for places in equal_rows(np.array([[half.digest] for half in halves.values()], np.uint64)):
            group = [rows[place] for place in places]
            # Where both halves are equal, the pairs are reported above.
            if len({group_of.get(row, -1 - row) for row in group}) > 1:
                yield scan.finding(
                    "same half", group, f"{scan.labels(group, 4)} have the same {SIDES[side]}."
                )


# Nothing to see


def _flat(scan: Scan) -> Iterator[Finding]:
    for row, facts in scan.usable.items():
        if facts.equal and not facts.source.constant:
            yield scan.finding("equal", [row], f"{scan.label(row)}: source and target show the same.")
    for row, facts in scan.usable.items():
        flat = [side for side, half in zip(SIDES, (facts.source, facts.target), strict=True) if half.constant]
        if flat:
            which = f"the {' and '.join(flat)} {'are' if len(flat) > 1 else 'is'} of one colour"
            yield scan.finding("constant", [row], f"{scan.label(row)}: {which}.")


# Edges


def _misaligned(scan: Scan) -> Iterator[Finding]:
    """Yield each pair that is shifted, or one finding for all where most are shifted alike."""
    shifts = {row: facts.shift for row, facts in scan.usable.items()}
    off = [row for row, shift in shifts.items() if shift.misaligned]
    clear = sum(shift.clear for shift in shifts.values())
    alike = []
    if len(off) > max(8, clear / 2):
        places = np.array([shifts[row][:2] for row in off])
        near = np.abs(places - np.median(places, axis=0)).max(axis=1) <= _COMMON
        alike = [row for row, same in zip(off, near, strict=True) if same]
        where = _in_px(shifts[alike[len(alike) // 2]], scan.usable[alike[0]].source.format)
        which = f"{len(alike):,} of {len(shifts):,} pairs, such as {scan.label(alike[0])}"
        yield scan.finding("misaligned", alike, f"{which}: the target lies {where} its source.")
    for row in sorted(set(off) - set(alike)):
        where = _in_px(shifts[row], scan.usable[row].source.format)
        yield scan.finding("misaligned", [row], f"{scan.label(row)}: the target lies {where} its source.")


def _in_px(shift: Shift, form: Format) -> str:
    """Return `9 px right of`, in px of the file, without a part too small to be sure of."""
    across, down = abs(shift.right), abs(shift.down)
    parts = [f"{across * form.width:.0f} px {'right of' if shift.right > 0 else 'left of'}"] * (
        across >= LEAST
    )
    parts += [f"{down * form.height:.0f} px {'below' if shift.down > 0 else 'above'}"] * (down >= LEAST)
    return " and ".join(parts)


def _unrelated(scan: Scan) -> Iterator[Finding]:
    known = {row: facts.shift for row, facts in scan.usable.items() if facts.shift.peak}
    usual = float(np.median([shift.centre for shift in known.values()])) if known else 0.0
    if usual < _AGREE or len(known) < _LEAST_PAIRS:
        return  # where edges never agree, the task is not of that kind
    rows = [row for row, shift in known.items() if not shift.misaligned and shift.centre < usual / _PART]
    for row in rows if len(rows) <= max(1, _FEW * len(known)) else ():
        sentence = f"{scan.label(row)}: the edges of source and target have nothing in common."
        yield scan.finding("unrelated", [row], sentence)


# Label maps


def _labels(scan: Scan, side: int, classes: Classes) -> Iterator[Finding]:
    every = {row: half.labels for row, half in scan.halves(side).items() if half.labels}
    maps = {row: facts for row, facts in every.items() if facts.kind != "no label map"}
    number = len(classes.palette.colours)
    pictures = Counter(cell(c, exact=classes.exact) for facts in maps.values() for c in facts.strays)
    for row, facts in maps.items():
        strays = [c for c in facts.strays if pictures[cell(c, exact=classes.exact)] <= rare(len(maps))]
        if strays:
            shown = sorted(strays, key=lambda colour: -facts.strays[colour])
            which = listed([f"#{bytes(colour).hex()} ({_percent(facts.strays[colour])})" for colour in shown])
            sentence = (
                f"{scan.label(row)}: {which} in the {SIDES[side]}, not among the {number} of the others."
            )
            yield scan.finding("stray colours", [row], sentence)
    for row in every.keys() - maps.keys():
        if not scan.usable[row].equal:  # a photograph twice is another finding
            sentence = f"{scan.label(row)}: the {SIDES[side]} is no label map, as the others are."
            yield scan.finding("no label map", [row], sentence)
    blurred = [row for row, facts in maps.items() if facts.kind == "blurred"]
    if blurred and classes.exact:
        sentence = f"{scan.labels(blurred)}: the {SIDES[side]} has colours between those of the palette."
        yield scan.finding("smoothed labels", blurred, sentence)
    elif blurred:
        sentence = (
            f"The {SIDES[side]}s are label maps of {number} colours, which compression has blurred, such as "
            f"{scan.label(blurred[0])}."
        )
        yield scan.finding("blurred labels", blurred, sentence)


def _percent(share: float) -> str:
    return f"{share:.1%}" if share >= 0.001 else "under 0.1%"


# Formats


def _mixed(scan: Scan) -> Iterator[Finding]:
    """Yield the few among many; halves of one file differ in nothing, so they are reported once."""
    whole = all(pair.source.path == pair.target.path for pair in scan.pairs)
    for side in range(1 if whole else 2):
        what = "pictures" if whole else f"{SIDES[side]}s"
        formats = {row: half.format for row, half in scan.halves(side).items()}
        yield from _odd_ones(scan, what, "mixed depths", {row: form.depth for row, form in formats.items()})
        yield from _odd_ones(
            scan, what, "mixed channels", {row: form.channels for row, form in formats.items()}
        )
        sizes = {row: f"{form.width} x {form.height} px" for row, form in formats.items()}
        usual, count = Counter(sizes.values()).most_common(1)[0]
        rows = [row for row, size in sizes.items() if size != usual]
        if rows:
            sentence = f"{count:,} of {len(sizes):,} {what} are {usual}, but not {scan.labels(rows)}."
            yield scan.finding("mixed sizes", rows, sentence)


def _odd_ones(scan: Scan, what: str, kind: str, values: dict[int, str]) -> Iterator[Finding]:
    """Yield one finding for each value that is not the most frequent."""
    (usual, _), *others = Counter(values.values()).most_common()
    for odd, count in others:
        rows = [row for row, value in values.items() if value == odd]
        few = f"{count:,} of {len(values):,} {what} {'is' if count == 1 else 'are'} {odd}"
        yield scan.finding(kind, rows, f"{few}, most are {usual}: {scan.labels(rows)}.")
