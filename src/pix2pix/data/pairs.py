"""Find the pairs that a user has on disk. Knows names and folders, no pixels and no torch.

Two layouts, each with or without sub-folders train, val and test:

    DATA/[train/]NAME.jpg                    side by side, either half is the source
    DATA/[train/]source/NAME.png + target/   two folders with equal names; or `SOURCES TARGETS`
"""

from __future__ import annotations

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
# Folders of sources and targets: ours, those of CycleGAN's package, those of pix2pixHD's.
_TWINS = (("source", "target"), ("A", "B"), ("label", "img"))
_SUFFIXED = (("A", "B"), ("_label", "_img"))
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
        """The pairs to validate on: `val`, or `test` where there is no `val`."""
        return self.splits.get("val") or self.splits.get("test") or ()


def find_pairs(data: Sequence[Path], source: Literal["left", "right"]) -> PairSet:
    """The pairs in one folder, or in two: sources, then targets.

    `source` says which half of a side-by-side picture is the source. Raises UserError where there
    is no folder, no picture, or where the names of two folders do not match.
    """
    for folder in data:
        if (found := kind(folder)) != "folder":
            what = "is a file" if found == "file" else "does not exist"
            raise UserError(f"{folder} {what}: wanted a folder of pairs.")
    if len(data) == 2:
        return split_up(_by_split(_matched(*data)), "two folders")
    if len(data) != 1:
        raise UserError(f"{len(data)} folders were given: wanted one of pairs, or two.")
    return with_unused(_in_one_folder(data[0], source), data[0])


def _in_one_folder(root: Path, source: Literal["left", "right"]) -> PairSet:
    if (root / "val").is_dir() and (root / "validation").is_dir():
        raise UserError(f"{root} has both val/ and validation/.", "Keep one of them.")
    splits = {SPLITS[f.name]: f for f in root.iterdir() if f.is_dir() and f.name in SPLITS}
    if twins := _twins_by_split(root, splits):
        found = {split: list(_matched(*twin).values()) for split, twin in twins.items()}
        return split_up(found, "two folders")
    if twin := _twin(root):
        return split_up(_by_split(_matched(*twin)), "two folders")
    folders = splits or {"": root}
    side = {s: _side_by_side(f, source) for s, f in folders.items()}
    if not any(side.values()) and not list_pictures(root):
        raise UserError(
            f"{root} holds no pictures ({_count_files(root)} files).",
            "Wanted side-by-side pictures, or folders source/ and target/ with equal names; "
            f"known endings: {' '.join(sorted(PICTURE_SUFFIXES))}.",
        )
    return split_up(side, "side by side")


def _twin(folder: Path) -> tuple[Path, Path] | None:
    """The folders of sources and targets inside a folder, by the names that packages give them."""
    for source, target in _TWINS:
        if (folder / source).is_dir() and (folder / target).is_dir():
            return folder / source, folder / target
    return None


def _twins_by_split(root: Path, splits: Mapping[str, Path]) -> dict[str, tuple[Path, Path]]:
    """Split -> its two folders: train/source and train/target, trainA and trainB, and so on."""
    found = {split: twin for split, folder in splits.items() if (twin := _twin(folder))}
    for name, split in SPLITS.items():
        for source, target in _SUFFIXED:
            if (root / f"{name}{source}").is_dir() and (root / f"{name}{target}").is_dir():
                found[split] = root / f"{name}{source}", root / f"{name}{target}"
    return found


def _side_by_side(folder: Path, source: Literal["left", "right"]) -> list[Pair]:
    target: Side = "left" if source == "right" else "right"
    return [
        Pair(_name(path, folder), Half(path, source), Half(path, target)) for path in list_pictures(folder)
    ]


def _matched(sources: Path, targets: Path) -> dict[str, Pair]:
    """Pairs of equal relative names; raises UserError that names the first five without one."""
    left, right = _by_name(sources), _by_name(targets)
    if not left and not right:
        raise UserError(f"{sources} and {targets} hold no pictures.")
    alone = sorted(left.keys() ^ right.keys())
    if alone:
        named = ", ".join(f"{name} (only in {sources if name in left else targets})" for name in alone[:5])
        more = f" and {len(alone) - 5} more" if len(alone) > 5 else ""
        raise UserError(
            f"{len(alone)} names are in one folder only: {named}{more}.",
            "Wanted the same names in both folders; endings may differ.",
        )
    return {n: Pair(n, Half(left[n], "whole"), Half(right[n], "whole")) for n in sorted(left)}


def _by_split(pairs: Mapping[str, Pair]) -> dict[str, list[Pair]]:
    """Pairs whose names begin with a split's folder go to it; else all are of no split."""
    splits: dict[str, list[Pair]] = {}
    for name, pair in pairs.items():
        head = name.split("/")[0]
        splits.setdefault(SPLITS.get(head, "") if "/" in name else "", []).append(pair)
    return splits if "" not in splits else {"": list(pairs.values())}


def split_up(splits: Mapping[str, Sequence[Pair]], layout: Layout) -> PairSet:
    """The set of pairs by split; those of no split ("") are split by the digest of their names.

    Raises UserError where there is nothing to learn from.
    """
    if "" in splits:
        train, val = _split_by_digest(splits[""])
        note = f"no train/ and val/ folders: {len(val)} of {len(splits[''])} held out by name"
        return PairSet({"train": train, "val": val}, layout, note)
    if not splits.get("train"):
        raise UserError(
            f"There are no pairs in train/ (found {', '.join(sorted(splits))}).",
            "Put the pairs to learn from in a folder named train.",
        )
    note = "" if splits.get("val") or splits.get("test") else "no val/ folder: nothing is scored"
    return PairSet({k: list(v) for k, v in splits.items()}, layout, note)


def with_unused(found: PairSet, root: Path) -> PairSet:
    """The same, with a word on the pictures that lie outside its layout."""
    used = {h.path for some in found.splits.values() for p in some for h in (p.source, p.target)}
    unused = [path for path in list_pictures(root) if path not in used]
    if not unused:
        return found
    first = os.fsencode(unused[0].relative_to(root)).decode(errors="replace")
    word = f"{len(unused)} pictures outside these folders are not used, such as {first}"
    return replace(found, note=f"{found.note}; {word}" if found.note else word)


def _split_by_digest(pairs: Sequence[Pair]) -> tuple[list[Pair], list[Pair]]:
    """(train, val): a tenth held out by the digest of its name: it stays when files come."""
    val = [p for p in pairs if hashlib.sha256(os.fsencode(p.name)).digest()[0] < 26]
    if len(val) == len(pairs):
        return list(pairs), []
    held = set(val)
    return [p for p in pairs if p not in held], val


def _name(path: Path, folder: Path) -> str:
    return path.relative_to(folder).with_suffix("").as_posix()


def _by_name(folder: Path) -> dict[str, Path]:
    """Pictures by relative name without ending; raises UserError where two share one."""
    found: dict[str, Path] = {}
    for path in list_pictures(folder):
        if (first := found.setdefault(_name(path, folder), path)) != path:
            raise UserError(f"{first} and {path} have the same name.", "Keep one, or rename one.")
    return found


def _count_files(folder: Path) -> int:
    return sum(1 for path in folder.rglob("*") if path.is_file())
