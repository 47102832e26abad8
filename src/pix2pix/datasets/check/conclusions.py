"""Findings that follow from the facts of all pairs together."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from pix2pix.datasets.check.alignment import LEAST, Shift
from pix2pix.datasets.check.duplicates import group_rows, same_pairs
from pix2pix.datasets.check.findings import Finding, UnusableError
from pix2pix.datasets.check.label_maps import Classes, cell, rare
from pix2pix.datasets.check.pair_facts import Format
from pix2pix.datasets.check.report import Report
from pix2pix.errors import UserError, joined
from pix2pix.pictures.spread import merged, remark

SIDES = ("source", "target")
_PAIRS_SHOWN = 4
# A pair is unrelated where the edges of the others agree clearly and its own do not, if such pairs are few:
# pictures taken at night have no edges either. Of facades with the labels of another house this finds four in
# five, of 740 right pairs none.
_AGREE = 10.0  # standard deviations, as in alignment.Shift
_PART = 7.0  # by which edges agree less than usual
_FEW = 0.05  # of the pairs
_LEAST_PAIRS = 16
_COMMON = 1 / 128  # of the size: shifts that differ by no more count as one


def conclude(report: Report) -> Iterator[Finding]:
    """Yield every finding."""
    for result in report.facts:
        if isinstance(result, UnusableError):
            yield from result.findings
        elif isinstance(result, UserError):
            raise result
    if report.usable:
        for find in (_repeated, _flat, _misaligned, _unrelated, _mixed, _ranges, _labels):
            yield from find(report)


def _finding(report: Report, kind: str, rows: Sequence[int], sentence: str) -> Finding:
    pairs = [report.pairs[row] for row in rows]
    files = dict.fromkeys(half.path for pair in pairs for half in (pair.source, pair.target))
    return Finding(kind, tuple(files), sentence, tuple(pairs[:_PAIRS_SHOWN]))


def _of_one(report: Report, kind: str, row: int, what: str) -> Finding:
    return _finding(report, kind, [row], f"{report.name(report.pairs[row])}: {what}")


def _names(report: Report, rows: Sequence[int]) -> str:
    return joined([report.name(report.pairs[row]) for row in rows])


def _repeated(report: Report) -> Iterator[Finding]:
    """Yield pairs, and halves, that occur more than once; flat ones are another finding."""
    usable = {row: facts.halves for row, facts in report.usable.items()}
    rows = [row for row, (source, target) in usable.items() if not (source.constant and target.constant)]
    digests = np.array([[half.digest for half in usable[row]] for row in rows], np.uint64)
    thumbnails = np.array([[half.thumbnail for half in usable[row]] for row in rows])
    group_of: dict[int, int] = {}
    for number, places in enumerate(same_pairs(digests, thumbnails) if rows else ()):
        group = [rows[place] for place in places]
        group_of |= dict.fromkeys(group, number)
        how = "are equal" if len(np.unique(digests[places], axis=0)) == 1 else "show the same"
        splits = sorted({report.splits[row] for row in group})
        kind, where = ("leak", f", in {joined(splits)}") if len(splits) > 1 else ("duplicate", "")
        yield _finding(report, kind, group, f"{_names(report, group)} {how}{where}.")
    for side, what in enumerate(SIDES):
        patterned = {row: halves[side].digest for row, halves in usable.items() if not halves[side].constant}
        for group in group_rows(patterned):
            # Where both halves are equal, the pairs are reported above.
            if len({group_of.get(row, -1 - row) for row in group}) > 1:
                yield _finding(report, "same half", group, f"{_names(report, group)} have the same {what}.")


def _flat(report: Report) -> Iterator[Finding]:
    for row, facts in report.usable.items():
        flat = [side for side, half in zip(SIDES, facts.halves, strict=True) if half.constant]
        if facts.equal and not flat:
            yield _of_one(report, "equal", row, "source and target show the same.")
        if flat:
            which = f"the {joined(flat)} {'are' if len(flat) > 1 else 'is'} of one colour."
            yield _of_one(report, "constant", row, which)


def _misaligned(report: Report) -> Iterator[Finding]:
    """Yield each pair that is shifted, or one finding for all where most are shifted alike."""
    shifts = {row: facts.shift for row, facts in report.usable.items()}
    off = [row for row, shift in shifts.items() if shift.misaligned]
    alike: list[int] = []
    if len(off) > max(8, sum(shift.clear for shift in shifts.values()) / 2):
        places = np.array([shifts[row][:2] for row in off])
        near = np.abs(places - np.median(places, axis=0)).max(axis=1) <= _COMMON
        alike = [row for row, same in zip(off, near, strict=True) if same]
    for rows in filter(None, [alike, *([row] for row in off if row not in {*alike})]):
        name = report.name(report.pairs[rows[0]])
        which = f"{len(rows):,} of {len(shifts):,} pairs, such as {name}" if rows is alike else name
        middle = rows[len(rows) // 2]
        where = _in_px(shifts[middle], report.usable[middle].halves[0].format)
        yield _finding(report, "misaligned", rows, f"{which}: the target lies {where} its source.")


def _in_px(shift: Shift, form: Format) -> str:
    """Return `9 px right of`, in px of the file; a direction with too small a shift is left out."""
    ways = (
        (shift.right, form.width, "right of" if shift.right > 0 else "left of"),
        (shift.down, form.height, "below" if shift.down > 0 else "above"),
    )
    return " and ".join(f"{abs(part) * px:.0f} px {way}" for part, px, way in ways if abs(part) >= LEAST)


def _unrelated(report: Report) -> Iterator[Finding]:
    known = {row: facts.shift for row, facts in report.usable.items() if facts.shift.peak}
    usual = float(np.median([shift.centre for shift in known.values()])) if known else 0.0
    if usual < _AGREE or len(known) < _LEAST_PAIRS:
        return  # in this task edges do not agree
    rows = [row for row, shift in known.items() if not shift.misaligned and shift.centre < usual / _PART]
    for row in rows if len(rows) <= max(1, _FEW * len(known)) else ():
        yield _of_one(report, "unrelated", row, "the edges of source and target have nothing in common.")


def _labels(report: Report) -> Iterator[Finding]:
    for side, classes in enumerate(report.classes):
        yield from _labels_of(report, side, classes) if classes else ()


def _labels_of(report: Report, side: int, classes: Classes) -> Iterator[Finding]:
    """Yield the pictures that differ from the label maps of the others."""
    every = {row: half.labels for row, half in report.halves(side).items() if half.labels}
    maps = {row: facts for row, facts in every.items() if facts.kind != "no label map"}
    what, number = SIDES[side], len(classes.shares)
    pictures = Counter(cell(c, exact=classes.exact) for facts in maps.values() for c in facts.strays)
    for row, facts in maps.items():
        strays = [
            f"#{bytes(colour).hex()} ({f'{share:.1%}' if share >= 0.001 else 'under 0.1%'})"
            for colour, share in sorted(facts.strays.items(), key=lambda item: -item[1])
            if pictures[cell(colour, exact=classes.exact)] <= rare(len(maps))
        ]
        if strays:
            where = f"in the {what}, not among the {number} of the others."
            yield _of_one(report, "stray colours", row, f"{joined(strays)} {where}")
    for row in every.keys() - maps.keys():
        if not report.usable[row].equal:  # a photograph twice is another finding
            yield _of_one(report, "no label map", row, f"the {what} is no label map, as the others are.")
    blurred = [row for row, facts in maps.items() if facts.kind == "blurred"]
    if blurred and classes.exact:
        colours = f"the {what} has colours between those of the palette"
        yield _finding(report, "smoothed labels", blurred, f"{_names(report, blurred)}: {colours}.")
    elif blurred:
        sentence = f"The {what}s are label maps of {number} colours, which compression has blurred, such as "
        yield _finding(report, "blurred labels", blurred, f"{sentence}{_names(report, blurred[:1])}.")


def _mixed(report: Report) -> Iterator[Finding]:
    """Yield the few among many; halves of one file have one format, so they are reported once."""
    whole = all(pair.source.path == pair.target.path for pair in report.pairs)
    for side, what in enumerate(["pictures"] if whole else ["sources", "targets"]):
        formats = {row: half.format for row, half in report.halves(side).items()}
        yield from _odd_ones(report, what, "mixed depths", {row: f.depth for row, f in formats.items()})
        yield from _odd_ones(report, what, "mixed channels", {row: f.channels for row, f in formats.items()})
        (usual, count), *others = Counter(form.size for form in formats.values()).most_common()
        if others:
            rows = [row for row, form in formats.items() if form.size != usual]
            sentence = f"{count:,} of {len(formats):,} {what} are {usual}, but not {_names(report, rows)}."
            yield _finding(report, "mixed sizes", rows, sentence)


def _ranges(report: Report) -> Iterator[Finding]:
    """Yield what is odd about the values of sources and of targets, unless their range was stated."""
    for side, half in enumerate(SIDES):
        spreads = {row: facts.spread for row, facts in report.halves(side).items() if facts.spread}
        spread = None if report.has_range[side] else merged(spreads.values())
        if spread and (odd := remark(spread, half)):
            ends = {spread.low, spread.high}
            rows = [row for row, own in spreads.items() if ends & {own.low, own.high}]
            yield _finding(report, odd.kind, rows, f"{odd.sentence}.")


def _odd_ones(report: Report, what: str, kind: str, values: Mapping[int, str]) -> Iterator[Finding]:
    """Yield one finding for each value that is not the most frequent."""
    (usual, _), *others = Counter(values.values()).most_common()
    for odd, count in others:
        rows = [row for row, value in values.items() if value == odd]
        few = f"{count:,} of {len(values):,} {what} {'is' if count == 1 else 'are'} {odd}"
        yield _finding(report, kind, rows, f"{few}, most are {usual}: {_names(report, rows)}.")
