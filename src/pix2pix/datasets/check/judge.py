"""From what was seen of all pairs to findings: what one pair alone could not show."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator

import numpy as np

from pix2pix.datasets.check.alignment import LEAST, Shift
from pix2pix.datasets.check.duplicates import equal_rows, same_pairs
from pix2pix.datasets.check.findings import Finding, finding, listed
from pix2pix.datasets.check.look import Format
from pix2pix.datasets.check.map_colours import Palette, name
from pix2pix.datasets.check.survey import Survey, channels_of

SIDES = ("source", "target")
_PAIRS_SHOWN = 4

# A pair is suspicious where the others agree clearly and it does not at all, and where such pairs
# are few: pictures by night have no edges either. Of facades with the labels of another house four
# in five are found, of 740 right pairs none.
_AGREE = 10.0  # standard deviations, as in alignment.Shift
_PART = 7.0
_FEW = 0.05
_LEAST_PAIRS = 16
_COMMON_PX = 1.0  # px of 128 between shifts that are one and the same


def judge(survey: Survey) -> Iterator[Finding]:
    """Every finding on a survey that is complete."""
    yield from survey.unusable
    if not survey.rows["usable"].any():
        return
    yield from _repeated(survey)
    yield from _flat(survey)
    yield from _misaligned(survey)
    yield from _unrelated(survey)
    for side in range(2):
        yield from _colours(survey, side)
    yield from _mixed(survey)


def _of(survey: Survey, kind: str, rows: list[int], sentence: str) -> Finding:
    files = [path for row in rows for path in survey.files(row)]
    return finding(kind, files, sentence, [survey.pairs[row] for row in rows[:_PAIRS_SHOWN]])


# The same picture again


def _repeated(survey: Survey) -> Iterator[Finding]:
    """Pairs, and halves, that are there more than once; flat ones are told elsewhere."""
    rows = survey.rows
    usable = np.flatnonzero(rows["usable"] & ~rows["constant"].all(axis=1))
    some = rows[usable]
    groups = same_pairs(some["digest"], some["hash"], some["thumbnail"])
    group_of = {int(usable[i]): n for n, group in enumerate(groups) for i in group}
    for group in groups:
        yield _repetition(survey, [int(usable[i]) for i in group])
    for side in range(2):
        yield from _shared_halves(survey, side, group_of)


def _repetition(survey: Survey, group: list[int]) -> Finding:
    exact = len({tuple(digests) for digests in survey.rows["digest"][group].tolist()}) == 1
    how = "are equal" if exact else "show the same"
    splits = {survey.splits[row] for row in group}
    where = f", in {' and '.join(sorted(splits))}" if len(splits) > 1 else ""
    names = listed([survey.label(row) for row in group], 4)
    kind = "leak" if len(splits) > 1 else "duplicate"
    return _of(survey, kind, group, f"{names} {how}{where}.")


def _shared_halves(survey: Survey, side: int, group_of: dict[int, int]) -> Iterator[Finding]:
    rows = survey.rows
    usable = np.flatnonzero(rows["usable"] & ~rows["constant"][:, side])
    for group in equal_rows(rows["digest"][usable, side][:, None]):
        found = [int(usable[i]) for i in group]
        if len({group_of.get(row, -1 - row) for row in found}) == 1:
            continue  # both halves are equal, which has been told
        names = listed([survey.label(row) for row in found], 4)
        yield _of(survey, "same half", found, f"{names} have the same {SIDES[side]}.")


# Nothing to see


def _flat(survey: Survey) -> Iterator[Finding]:
    rows = survey.rows
    for row in np.flatnonzero(rows["equal"] & ~rows["constant"][:, 0]).tolist():
        sentence = f"{survey.label(row)}: source and target show the same."
        yield _of(survey, "equal", [row], sentence)
    for row in np.flatnonzero(rows["constant"].any(axis=1)).tolist():
        sides = [side for side in range(2) if rows["constant"][row, side]]
        which = " and ".join(SIDES[side] for side in sides)
        told = f"{survey.label(row)}: the {which} {'are' if len(sides) > 1 else 'is'} of one colour"
        yield _of(survey, "constant", [row], f"{told}.")


# Edges


def _misaligned(survey: Survey) -> Iterator[Finding]:
    """Each pair that is shifted, or one finding for all where most are shifted alike."""
    shifts = survey.shifts()
    off = [row for row, shift in enumerate(shifts) if shift.off]
    clear = sum(shift.clear for shift in shifts)
    alike = _alike(shifts, off) if len(off) > max(8, clear / 2) else []
    if alike:
        usable = int(survey.rows["usable"].sum())
        told = f"{len(alike):,} of {usable:,} pairs, such as {survey.label(alike[0])}"
        where = _in_px(shifts[alike[len(alike) // 2]], survey.format(alike[0], 0))
        yield _of(survey, "misaligned", alike, f"{told}: the target lies {where} its source.")
    for row in sorted(set(off) - set(alike)):
        where = _in_px(shifts[row], survey.format(row, 0))
        sentence = f"{survey.label(row)}: the target lies {where} its source."
        yield _of(survey, "misaligned", [row], sentence)


def _alike(shifts: list[Shift], off: list[int]) -> list[int]:
    """The pairs with nearly the median shift."""
    places = np.array([(shifts[row].right, shifts[row].down) for row in off])
    near = np.abs(places - np.median(places, axis=0)).max(axis=1) <= _COMMON_PX / 128
    return [row for row, same in zip(off, near, strict=True) if same]


def _in_px(shift: Shift, found: Format) -> str:
    """`9 px right of`, in px of the file; a part too small to be sure of is not told."""
    parts = []
    for share, size, after, before in (
        (shift.right, found.width, "right of", "left of"),
        (shift.down, found.height, "below", "above"),
    ):
        if abs(share) >= LEAST:
            parts.append(f"{abs(share) * size:.0f} px {after if share > 0 else before}")
    return " and ".join(parts)


def _unrelated(survey: Survey) -> Iterator[Finding]:
    shifts = survey.shifts()
    known = [shift.centre for shift in shifts if shift.known]
    usual = float(np.median(known)) if known else 0.0
    if usual < _AGREE or len(known) < _LEAST_PAIRS:
        return  # where edges never agree, the task is not of that kind
    found = [row for row, s in enumerate(shifts) if s.known and not s.off and s.centre < usual / _PART]
    if len(found) > max(1, _FEW * len(known)):
        return
    for row in found:
        sentence = f"{survey.label(row)}: the edges of source and target have nothing in common."
        yield _of(survey, "unrelated", [row], sentence)


# Label maps


def _colours(survey: Survey, side: int) -> Iterator[Finding]:
    gathered = survey.colours[side]
    palette = gathered.palette()
    if palette is None:
        return
    for row, strays in sorted(gathered.strays(palette).items()):
        yield _of(survey, "stray colours", [row], _stray(survey.label(row), side, strays, palette))
    for row in gathered.unlike(palette):
        if survey.rows["equal"][row]:
            continue  # a photograph twice, which has been told
        sentence = f"{survey.label(row)}: the {SIDES[side]} is no label map, as the others are."
        yield _of(survey, "no label map", [row], sentence)
    yield from _smoothed(survey, side, palette)


def _stray(label: str, side: int, strays: list[tuple[int, float]], palette: Palette) -> str:
    ordered = sorted(strays, key=lambda stray: -stray[1])
    told = listed([f"{name(code)} ({_percent(share)})" for code, share in ordered])
    return f"{label}: {told} in the {SIDES[side]}, not among the {len(palette.codes)} of the others."


def _percent(share: float) -> str:
    return f"{share:.1%}" if share >= 0.001 else "under 0.1%"


def _smoothed(survey: Survey, side: int, palette: Palette) -> Iterator[Finding]:
    blurred = survey.colours[side].blurred()
    if not blurred:
        return
    if palette.exact:
        names = listed([survey.label(row) for row in blurred])
        sentence = f"{names}: the {SIDES[side]} has colours between those of the palette."
        yield _of(survey, "smoothed labels", blurred, sentence)
        return
    sentence = (
        f"The {SIDES[side]}s are label maps of {len(palette.codes)} colours, which compression "
        f"has blurred, such as {survey.label(blurred[0])}."
    )
    yield _of(survey, "blurred labels", blurred, sentence)


# Formats


def _mixed(survey: Survey) -> Iterator[Finding]:
    """Few among many; halves of one file differ in nothing, so they are told once."""
    whole = survey.side_by_side()
    for side in range(1 if whole else 2):
        what = "pictures" if whole else f"{SIDES[side]}s"
        yield from _odd_ones(survey, side, what, "mixed depths", lambda found: found.depth)
        yield from _odd_ones(survey, side, what, "mixed channels", channels_of)
        yield from _sizes(survey, side, what)


def _odd_ones(
    survey: Survey, side: int, what: str, kind: str, value: Callable[[Format], str]
) -> Iterator[Finding]:
    """One finding for each value that is not the most frequent."""
    usable = np.flatnonzero(survey.rows["usable"]).tolist()
    values = {row: value(survey.format(row, side)) for row in usable}
    counts = Counter(values.values()).most_common()
    for odd, count in counts[1:]:
        rows = [row for row in usable if values[row] == odd]
        names = listed([survey.label(row) for row in rows])
        are = f"{count:,} of {len(usable):,} {what} {'is' if count == 1 else 'are'} {odd}"
        yield _of(survey, kind, rows, f"{are}, most are {counts[0][0]}: {names}.")


def _sizes(survey: Survey, side: int, what: str) -> Iterator[Finding]:
    usable = np.flatnonzero(survey.rows["usable"]).tolist()
    sizes = Counter((survey.format(row, side))[:2] for row in usable)
    if len(sizes) < 2:
        return
    (usual, count), *_ = sizes.most_common(1)
    rows = [row for row in usable if survey.format(row, side)[:2] != usual]
    names = listed([survey.label(row) for row in rows])
    told = f"{count:,} of {len(usable):,} {what} are {usual[0]} x {usual[1]} px"
    yield _of(survey, "mixed sizes", rows, f"{told}, but not {names}.")
