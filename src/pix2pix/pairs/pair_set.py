"""Pairs by split: what finders return, what is held out to validate on, what is left unused."""

import hashlib
import os
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal, TypeVar

from pix2pix.errors import UserError, counted, in_short, printable
from pix2pix.files import list_pictures
from pix2pix.pairs.layouts import split_of
from pix2pix.pictures.contract import Side

T = TypeVar("T")
Layout = Literal["side by side", "two folders", "one folder", "photographs", "manifest", "hub data set"]


@dataclass(frozen=True)
class Half:
    """One picture of a pair: a file, or one half of it."""

    path: Path
    side: Side


@dataclass(frozen=True)
class Pair:
    """A source and its target; `name` is the relative path without extension.

    `more_sources` are joined to the source as further channels. Where sources are made, source and
    target are one photograph.
    """

    name: str
    source: Half
    target: Half
    more_sources: tuple[Half, ...] = ()


@dataclass(frozen=True)
class PairSet:
    """The pairs of each split (`train`, `val`, `test`), sorted by name, and how they were found."""

    splits: Mapping[str, Sequence[Pair]]
    layout: Layout
    notes: tuple[str, ...] = ()
    held_out: bool = False  # val was taken from train, by the names

    @property
    def note(self) -> str:
        """What to know of how they were found."""
        return printable("; ".join(self.notes))

    @property
    def validation(self) -> Sequence[Pair]:
        """The pairs to validate on: `val`, or else `test`."""
        return self.splits.get("val") or self.splits.get("test") or ()


@dataclass(frozen=True)
class Found:
    """Pairs by split, "" being none, before any is held out; a sentence for each file without a partner."""

    splits: Mapping[str, Sequence[Pair]]
    layout: Layout
    notes: Sequence[str] = ()
    faults: Mapping[Path, str] = field(default_factory=dict)
    roots: Sequence[Path] = ()  # folders whose pictures are all used, or counted in a note
    only_spare: bool = False  # the files without a partner are sources
    counted: Collection[Path] = ()  # pictures without a partner that a note counts
    no_val: str = ""  # why the folder of a split val has no pairs


class NoPairError(UserError):
    """Of all the pairs none could be used; `failures` has a sentence for each."""

    def __init__(self, failures: Sequence[str]) -> None:
        failed = len(failures)
        super().__init__(
            failures[0], f"None of the {failed} pairs that were tried could be used." if failed > 1 else ""
        )
        self.failures = failures


class NoTrainingPairsError(UserError):
    """There are no pairs to learn from; `pairs` are those to score on."""

    def __init__(self, pairs: PairSet) -> None:
        super().__init__(
            f"There are no pairs in train/ (found {', '.join(sorted(pairs.splits))}).",
            "Put the pairs to learn from in a folder named train.",
        )
        self.pairs = pairs


def whole_pair(name: str, source: Path, target: Path) -> Pair:
    """Return a pair of two files."""
    return Pair(name, Half(source, "whole"), Half(target, "whole"))


def folder_names(pairs: PairSet) -> tuple[str, ...]:
    """Return the names of the folders of sources and of targets, where pairs lie in two."""
    pair = pairs.splits["train"][0]
    parts = [half.path.absolute().parent.parts for half in (pair.source, pair.target)]
    apart = next(((source, target) for source, target in zip(*parts, strict=False) if source != target), ())
    return apart if pairs.layout == "two folders" else ()


def split_up(splits: Mapping[str, Sequence[Pair]], layout: Layout, no_val: str = "") -> PairSet:
    """Return the set of pairs by split; those of no split ("") are split by the digest of their names.

    `no_val` is why there is no split val, if it is not that there is no such folder. Raises
    NoTrainingPairsError where no pair is left to learn from.
    """
    if "" in splits:
        val, train = ([p for p in splits[""] if _is_held_out(p) == held] for held in (True, False))
        if not train:
            train, val = val, train
        note = f"no train/ and val/ folders: {len(val)} of {len(splits[''])} held out by name"
        if not val:
            note += ", and nothing is scored: put a few pairs into a folder val, the others into train"
        return PairSet({"train": train, "val": val}, layout, (note,), held_out=True)
    if not splits.get("train"):
        raise NoTrainingPairsError(PairSet({k: list(v) for k, v in splits.items()}, layout))
    scored = "nothing is scored"
    if splits.get("test"):
        scored = "test/ is scored in training, and is no test of what is chosen by these scores"
    note = "" if splits.get("val") else f"{no_val or 'no val/ folder'}: {scored}"
    return PairSet({k: list(v) for k, v in splits.items()}, layout, (note,) if note else ())


def by_split(pairs: Sequence[Pair]) -> dict[str, list[Pair]]:
    """Return the pairs of each split, by the folder with which their names begin; "" is none."""
    splits: dict[str, list[Pair]] = {}
    for pair in pairs:
        folder = pair.name.rpartition("/")[0].split("/")[0]
        splits.setdefault(split_of(folder), []).append(pair)
    return splits


def split_unless_loose(pairs: Sequence[Pair]) -> dict[str, Sequence[Pair]]:
    """Return the pairs by split; where one lies in none, folders named train are no splits."""
    splits = by_split(pairs)
    return {"": pairs} if "" in splits else {**splits}


def refuse_nested(data: Sequence[str | Path]) -> None:
    """Raise UserError where one of two folders holds the other, whose pictures would be of both."""
    folders = [Path(place).resolve() for place in data]
    for inner, outer in ((0, 1), (1, 0)) if len(data) == 2 else ():
        if folders[outer] in folders[inner].parents:
            raise UserError(
                f"{data[inner]} lies inside {data[outer]}, so that its pictures are sources and targets.",
                f"Name two folders next to each other, or {data[outer]} alone.",
            )


def without_partner(faults: Mapping[Path, str], pairs: Sequence[Pair]) -> UserError:
    """Return an error that names the files without a partner, and how to leave them out."""
    sentences = list(faults.values())
    make = "make" if len(sentences) > 1 else "makes"
    hint = (
        "Wanted the same names in both folders, each once; endings may differ. Names that differ by a "
        "part are paired by --pair '{}_a.png' '{}_b.png', where {} stands for what is common; names that fit "
        "no patterns are listed in a manifest (docs/data.md)."
    )
    if pairs:
        source, target = _ending([pair.source for pair in pairs]), _ending([pair.target for pair in pairs])
        other = target if target != source else ".*"
        hint += f" To leave these out: --pair '{{}}{source}' '{{}}{other}'."
    else:
        hint += " Pictures of which none belong together, as CycleGAN takes, cannot be learned from."
    count = counted(len(faults), "picture")
    return UserError(f"{count} {make} no pair. {in_short(sentences)}", hint)


def _ending(halves: Sequence[Half]) -> str:
    """Return the ending of all files; "" where they have several."""
    endings = {half.path.suffix for half in halves}
    return endings.pop() if len(endings) == 1 else ""


def with_unused(pairs: PairSet, roots: Sequence[Path], known: Collection[Path] = ()) -> PairSet:
    """Return the same set, its note counting the pictures outside its layout that are not `known`."""
    used = {half.path for split in pairs.splits.values() for p in split for half in (p.source, p.target)}
    used.update(known)
    unused = [p.relative_to(root) for root in roots for p in list_pictures(root) if p not in used]
    if not unused:
        return pairs
    first = printable(unused[0])
    are = "is" if len(unused) == 1 else "are"
    outside = f"{counted(len(unused), 'picture')} outside these folders {are} not used, such as {first}"
    return replace(pairs, notes=(*pairs.notes, outside))


def evenly_spread(items: Sequence[T], count: int) -> list[T]:
    """Return so many items, spread evenly over a sequence, or all where it is shorter."""
    count = min(count, len(items))
    return [items[n * len(items) // count] for n in range(count)]


def _is_held_out(pair: Pair) -> bool:
    """Return whether a pair is of the tenth to validate on: by its name, so that it stays when files come."""
    return hashlib.sha256(os.fsencode(pair.name)).digest()[0] < 26
