"""Find the pairs that a user has on disk. Knows names and folders, no pixels and no torch.

Two layouts, each with or without sub-folders train, val and test:

    DATA/[train/]NAME.jpg                    side by side, either half is the source
    DATA/[train/]source/NAME.png + target/   two folders with equal names; or `SOURCES TARGETS`

and photographs alone, of which each is a target whose source is made.
"""

import hashlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from pix2pix.errors import UserError
from pix2pix.files import PICTURE_SUFFIXES, kind, list_pictures

Side = Literal["left", "right", "whole"]
Layout = Literal["side by side", "two folders", "photographs"]
# Folders of sources and targets of a split: ours, those of CycleGAN's package, those of pix2pixHD's.
_HALF_FOLDERS = (
    ("{}_label", "{}_img"),
    ("{}A", "{}B"),
    ("{}/source", "{}/target"),
    ("{}/A", "{}/B"),
    ("{}/label", "{}/img"),
)
SPLITS = {"train": "train", "val": "val", "validation": "val", "test": "test"}


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
    note: str = ""

    @property
    def validation(self) -> Sequence[Pair]:
        """The pairs to validate on: `val`, or else `test`."""
        return self.splits.get("val") or self.splits.get("test") or ()


class NoPairError(UserError):
    """Of all the pairs none could be used; `failures` has a sentence for each."""

    def __init__(self, failures: Sequence[str]) -> None:
        failed = len(failures)
        super().__init__(failures[0], f"None of the {failed} pairs could be used." if failed > 1 else "")
        self.failures = failures


def find_pairs(data: Sequence[Path], source: Literal["left", "right"]) -> PairSet:
    """Return the pairs in one folder, or in two: sources, then targets.

    `source` says which half of a side-by-side picture is the source. Raises UserError where a
    folder or its pictures are missing, or where the names of two folders do not match.
    """
    _refuse_others(data, "pairs")
    if len(data) == 2:
        return split_up(_split_unless_loose(_two_folders(*data)), "two folders")
    if len(data) != 1:
        raise UserError(f"{len(data)} folders were given: wanted one of pairs, or two.")
    return _with_unused(_in_one_folder(data[0], source), data)


def find_photographs(folders: Sequence[Path]) -> PairSet:
    """Return every picture as a target whose source is made; folders train, val and test are splits."""
    _refuse_others(folders, "photographs")
    pairs = [
        Pair(name_of(path, folder), Half(path, "whole"), Half(path, "whole"))
        for folder in folders
        for path in list_pictures(folder)
    ]
    if not pairs:
        raise UserError(f"{folders[0]} holds no pictures.")
    splits = _by_split(pairs)
    if len(splits) > 1:
        splits.pop("", None)  # loose ones next to folders of splits are counted in the note
    return _with_unused(split_up(splits, "photographs"), folders)


def match(sources: Path, targets: Path) -> tuple[dict[str, tuple[Path, Path]], dict[Path, str]]:
    """Return the files of equal names in two folders, and a sentence for each file without a partner.

    A name is the relative path without its ending.
    """
    folders, faults = (sources, targets), dict[Path, str]()
    files: tuple[dict[str, Path], dict[str, Path]] = ({}, {})
    for folder, by_name in zip(folders, files, strict=True):
        for path in list_pictures(folder):
            if (first := by_name.setdefault(name_of(path, folder), path)) != path:
                faults[path] = f"{path} has the same name as {first}."
    for name in sorted(files[0].keys() ^ files[1].keys()):
        side = int(name in files[1])
        path = files[side][name]
        faults[path] = f"{path} has no partner in {folders[1 - side]}."
    matched = {name: (files[0][name], files[1][name]) for name in sorted(files[0].keys() & files[1].keys())}
    return matched, faults


def name_of(path: Path, folder: Path) -> str:
    """Return the name of a picture: its path relative to a folder, without the ending."""
    return path.relative_to(folder).with_suffix("").as_posix()


def split_up(splits: Mapping[str, Sequence[Pair]], layout: Layout) -> PairSet:
    """Return the set of pairs by split; those of no split ("") are split by the digest of their names.

    Raises UserError where no pair is left to learn from.
    """
    if "" in splits:
        val, train = ([p for p in splits[""] if _is_held_out(p) == held] for held in (True, False))
        if not train:
            train, val = val, train
        note = f"no train/ and val/ folders: {len(val)} of {len(splits[''])} held out by name"
        return PairSet({"train": train, "val": val}, layout, note)
    if not splits.get("train"):
        raise UserError(
            f"There are no pairs in train/ (found {', '.join(sorted(splits))}).",
            "Put the pairs to learn from in a folder named train.",
        )
    note = "" if splits.get("val") or splits.get("test") else "no val/ folder: nothing is scored"
    return PairSet({k: list(v) for k, v in splits.items()}, layout, note)


def _refuse_others(folders: Sequence[Path], pictures: str) -> None:
    for folder in folders:
        if (entry := kind(folder)) != "folder":
            what = "is a file" if entry == "file" else "does not exist"
            raise UserError(f"{folder} {what}: wanted a folder of {pictures}.")


def _in_one_folder(root: Path, source: Literal["left", "right"]) -> PairSet:
    if (root / "val").is_dir() and (root / "validation").is_dir():
        raise UserError(f"{root} has both val/ and validation/.", "Keep one of them.")
    if halves := {split: both for name, split in SPLITS.items() if (both := _half_folders(root, name))}:
        return split_up({split: _two_folders(*both) for split, both in halves.items()}, "two folders")
    if both := _half_folders(root, "."):
        return split_up(_split_unless_loose(_two_folders(*both)), "two folders")
    splits = {SPLITS[f.name]: f for f in root.iterdir() if f.is_dir() and f.name in SPLITS}
    pairs = {s: _side_by_side(f, source) for s, f in (splits or {"": root}).items()}
    if not any(pairs.values()) and not list_pictures(root):
        raise UserError(
            f"{root} holds no pictures ({sum(path.is_file() for path in root.rglob('*'))} files).",
            "Wanted side-by-side pictures, or folders source/ and target/ with equal names; "
            f"known endings: {' '.join(sorted(PICTURE_SUFFIXES))}.",
        )
    return split_up(pairs, "side by side")


def _half_folders(root: Path, split: str) -> tuple[Path, Path] | None:
    """Return the folders of sources and of targets of a split, `.` being the whole, if they are there."""
    named = ((root / s.format(split), root / t.format(split)) for s, t in _HALF_FOLDERS)
    return next((both for both in named if both[0].is_dir() and both[1].is_dir()), None)


def _side_by_side(folder: Path, source: Literal["left", "right"]) -> list[Pair]:
    target: Side = "left" if source == "right" else "right"
    return [
        Pair(name_of(path, folder), Half(path, source), Half(path, target)) for path in list_pictures(folder)
    ]


def _two_folders(sources: Path, targets: Path) -> list[Pair]:
    """Return pairs of equal names; raises UserError that names the first five files without a partner."""
    matched, faults = match(sources, targets)
    if faults:
        more = f" (and {len(faults) - 5} more)" if len(faults) > 5 else ""
        raise UserError(
            f"{len(faults)} pictures make no pair. {' '.join([*faults.values()][:5])}{more}",
            "Wanted the same names in both folders, each once; endings may differ.",
        )
    if not matched:
        raise UserError(f"{sources} and {targets} hold no pictures.")
    return [Pair(name, Half(s, "whole"), Half(t, "whole")) for name, (s, t) in matched.items()]


def _by_split(pairs: Sequence[Pair]) -> dict[str, list[Pair]]:
    """Return the pairs of each split, by the folder with which their names begin; "" is none."""
    split_of = {pair.name: SPLITS.get(pair.name.rpartition("/")[0].split("/")[0], "") for pair in pairs}
    splits = dict.fromkeys(split_of.values())
    return {split: [pair for pair in pairs if split_of[pair.name] == split] for split in splits}


def _split_unless_loose(pairs: Sequence[Pair]) -> dict[str, Sequence[Pair]]:
    """Return the pairs by split; where one lies in none, folders named train are no splits."""
    splits = _by_split(pairs)
    return {"": pairs} if "" in splits else {**splits}


def _with_unused(pairs: PairSet, roots: Sequence[Path]) -> PairSet:
    """Return the same set, its note counting the pictures that lie outside its layout."""
    used = {half.path for split in pairs.splits.values() for p in split for half in (p.source, p.target)}
    unused = [p.relative_to(root) for root in roots for p in list_pictures(root) if p not in used]
    if not unused:
        return pairs
    first = os.fsencode(unused[0]).decode(errors="replace")
    outside = f"{len(unused)} pictures outside these folders are not used, such as {first}"
    return replace(pairs, note=f"{pairs.note}; {outside}" if pairs.note else outside)


def _is_held_out(pair: Pair) -> bool:
    """Return whether a pair is of the tenth to validate on: by its name, so that it stays when files come."""
    return hashlib.sha256(os.fsencode(pair.name)).digest()[0] < 26
