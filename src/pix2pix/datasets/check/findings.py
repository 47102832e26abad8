"""The kinds of findings: what can be wrong with pairs, how severe it is, and what to do about it."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal, NamedTuple

from pix2pix.errors import UserError
from pix2pix.pairs.find import Pair


class Kind(NamedTuple):
    """One kind of finding."""

    title: str
    severity: Literal["error", "warning", "note"]
    advice: str


KINDS: Mapping[str, Kind] = {
    "unreadable": Kind(
        "Cannot be read", "error", "Training leaves these pairs out. Fetch them again, or delete them."
    ),
    "truncated": Kind(
        "Cut short",
        "error",
        "A download or a copy was interrupted. Training leaves these pairs out: fetch them again.",
    ),
    "odd width": Kind(
        "Of odd width",
        "error",
        "Source and target must be equally wide. Training leaves these pairs out: crop or pad "
        "them, or check that they are pairs at all.",
    ),
    "different sizes": Kind(
        "Halves of different size",
        "error",
        "Training leaves these pairs out: it does not know which pixels belong together. Resize "
        "one half, if both show the same.",
    ),
    "leak": Kind(
        "The same pair in several splits",
        "error",
        "The model is tested on what it has learned, and its scores are too good: keep each in one split.",
    ),
    "duplicate": Kind(
        "The same pair more than once",
        "warning",
        "It counts more than others in training. Keep one of each, unless that is meant.",
    ),
    "equal": Kind(
        "Source and target are equal",
        "warning",
        "There is nothing to learn from these: a file may have been copied twice.",
    ),
    "constant": Kind(
        "One flat colour",
        "warning",
        "A failed rendering, an empty label or a missing photograph? Delete what is not meant.",
    ),
    "misaligned": Kind(
        "Source and target are shifted",
        "warning",
        "Their edges fit much better when the target is moved. L1 then teaches blur: crop one "
        "half so that they fit.",
    ),
    "unrelated": Kind(
        "Source and target do not belong together",
        "warning",
        "Their edges have nothing in common, unlike those of the other pairs. Halves of two pairs "
        "may have been mixed up: see the pictures.",
    ),
    "stray colours": Kind(
        "Label maps with colours that the others lack",
        "warning",
        "A class that nearly no other picture has, a slip of a brush, or another palette. As "
        "classes they would be lost: repaint them, or accept the rare class.",
    ),
    "no label map": Kind(
        "Not a label map, unlike the others",
        "warning",
        "Photographs among label maps, or label maps that were resized with smoothing.",
    ),
    "smoothed labels": Kind(
        "Label maps with smoothed borders",
        "warning",
        "The others have exact colours; in these, JPEG or resizing made colours in between.",
    ),
    "mixed depths": Kind(
        "Different depths",
        "warning",
        "Values of 8 bits, 16 bits and float do not mean the same: convert the few to what the most are.",
    ),
    "mixed channels": Kind(
        "Different channels",
        "warning",
        "Grey, colour and transparency are converted to one of them. If that is not meant, "
        "convert the few to what the most are.",
    ),
    "few set the range": Kind(
        "Few pixels set the range",
        "warning",
        "What becomes -1 and 1 are the lowest and the highest value of all pairs: a few stray ones squeeze "
        "all others into a part of it. State the range.",
    ),
    "part of the depth": Kind(
        "A part of the depth is used",
        "note",
        "Numbers of 10 or 12 bits in files of 16 are nearly black to the network, unless their range is "
        "stated.",
    ),
    "same half": Kind(
        "One half, several partners",
        "note",
        "Equal sources with different targets, or the other way round: the model can only learn "
        "their mean. Some tasks have it by design.",
    ),
    "mixed sizes": Kind(
        "Different sizes",
        "note",
        "Training resizes every pair to data.size_px; shapes that differ are stretched.",
    ),
    "blurred labels": Kind(
        "Label maps blurred by compression",
        "note",
        "Their colours are known all the same. For labels as classes, save them as PNG of exact "
        "colours, or let each pixel snap to the nearest.",
    ),
}


class Finding(NamedTuple):
    """One fault: its kind (a key of KINDS), the files, one sentence that names them, the pairs to show."""

    kind: str
    files: tuple[Path, ...]
    sentence: str
    pairs: tuple[Pair, ...] = ()

    @property
    def severity(self) -> str:
        """Return how severe it is."""
        return KINDS[self.kind].severity


def grouped(findings: Sequence[Finding]) -> dict[str, list[Finding]]:
    """Return findings by kind, in the order of KINDS: the worst first."""
    groups = {kind: [finding for finding in findings if finding.kind == kind] for kind in KINDS}
    return {kind: members for kind, members in groups.items() if members}


def summary(findings: Sequence[Finding], most: int = 5) -> list[str]:
    """Return lines for a terminal: a few sentences of each kind under its count, or that nothing is wrong."""
    lines = []
    for kind, members in grouped(findings).items():
        lines.append(f"{KINDS[kind].severity}: {KINDS[kind].title.lower()} ({len(members):,})")
        lines += [f"  {finding.sentence}" for finding in members[:most]]
        lines += [f"  and {len(members) - most:,} more"] if len(members) > most else []
    if all(finding.severity == "note" for finding in findings):
        lines.append("nothing wrong" + ": notes alone" * bool(findings))
    return lines


class UnusableError(UserError):
    """A pair that cannot be used; `findings` say why."""

    def __init__(self, *findings: Finding) -> None:
        super().__init__(findings[0].sentence)
        self.findings = findings
