"""Which folders hold sources and which hold targets: the table of names, and what of it a folder has.

A row is a pair of folder names, sources first. `{}` stands for the split: `{}A` is trainA, valA and
testA. Rows without it lie inside each split or around all of them. Capitals do not matter. Where several
rows fit, the first one is taken; `--layout` names another.
"""

import os
import re
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import NamedTuple

from pix2pix.errors import UserError
from pix2pix.files import holds_pictures

SIDE_BY_SIDE = "side-by-side"
OR_HALVES = f" If each picture is a pair: --layout {SIDE_BY_SIDE}."
SPLITS = {
    "train": "train",
    "training": "train",
    "val": "val",
    "validation": "val",
    "valid": "val",
    "test": "test",
    "testing": "test",
}
FOLDER_PAIRS = (
    ("{}_label", "{}_img"),
    ("{}A", "{}B"),
    ("{}", "{}annot"),
    ("{}", "{}_labels"),
    ("{}", "{}_masks"),
    ("{}_images", "{}_masks"),
    ("source", "target"),
    ("A", "B"),
    ("input", "target"),
    ("inputs", "targets"),
    ("label", "img"),
    ("labels", "photos"),
    ("images", "1st_manual"),
    ("images", "manual1"),
    ("images", "masks"),
    ("image", "mask"),
    ("images", "mask"),
    ("imgs", "masks"),
    ("images", "labels"),
    ("image", "label"),
    ("images", "annotations"),
    ("images", "gt"),
    ("img", "gt"),
    ("input", "gt"),
    ("blur", "sharp"),
    ("low", "high"),
    ("JPEGImages", "SegmentationClass"),
    ("leftImg8bit", "gtFine"),
)
# Words in names: the one of the lower number is the source.
_ROLES = {
    **dict.fromkeys(("a", "source", "src", "input", "in", "sketch", "edges", "blur", "low", "lr", "lq"), -2),
    **dict.fromkeys(("image", "images", "training", "rgb", "real", "test"), 0),
    **dict.fromkeys(("label", "labels"), 1),
    **dict.fromkeys(("photo", "photos", "img"), 2),
    **dict.fromkeys(("mask", "masks", "gt", "manual", "stho", "ndho", "annot", "seg", "segm"), 3),
    **dict.fromkeys(
        ("segmentation", "annotation", "groundtruth", "sharp", "high", "hr", "hq", "output", "out"), 3
    ),
    **dict.fromkeys(("target", "b"), 4),
}

# Only for proposals: by `_ROLES` pairs are found without a question, and found pairs must not change sides.
_FOLDER_ROLES = {
    **_ROLES,
    **dict.fromkeys(("blurred", "damaged", "degraded", "noisy", "hazy", "rainy", "rain", "raw"), -2),
    **dict.fromkeys(("inputs", "sources"), -2),
    **dict.fromkeys(("outputs", "annotations", "segmentations", "semantic", "truth"), 3),
    "targets": 4,
    **dict.fromkeys(("clean", "restored", "coloured", "colored"), 1),
}
PHOTOGRAPHS = (0, 2)  # of these numbers
RESULT = 3  # of this number and above: what is learned from photographs
_EITHER = {"depth", "depths", "disparity", "normal", "normals"}  # as often the sources as the targets
NamesIn = Callable[[Path], Mapping[str, str]]  # `sub_folders`


class FolderPair(NamedTuple):
    """A row of the table that fits a folder: its name for --layout, sources and targets by split.

    The split of "." is the whole folder. `nested` ones lie further down, by the folder that holds both,
    relative to the whole.
    """

    layout: str
    folders: Mapping[str, tuple[Path, Path]]
    nested: bool = False


def role(affix: str) -> int | None:
    """Return the number of the first known word in what tells two names apart; None without one."""
    return next((_ROLES[word] for word in _words(affix) if word in _ROLES), None)


def folder_role(name: str) -> int:
    """Return the number of the first word in a folder's name that tells it from photographs; 0 for none."""
    return next((number for word in _words(name) if (number := _FOLDER_ROLES.get(word))), 0)


def orders(one: str, other: str) -> list[tuple[str, str]]:
    """Return sources and targets among the names of two folders: both orders where words do not tell."""
    either = _EITHER & {*_words(one), *_words(other)}
    ranks = [folder_role(name) for name in (one, other)]
    if ranks[0] == ranks[1] or either:
        return sorted([(one, other), (other, one)])
    return [(one, other) if ranks[0] < ranks[1] else (other, one)]


def _words(affix: str) -> list[str]:
    apart = re.sub("([a-z])([A-Z])", r"\1 \2", affix)
    return re.findall("[a-z]+", f"{affix} {apart}".lower())


def are_results(name: str) -> bool:
    """Return whether a folder of that name holds only what is learned from photographs, such as masks."""
    return folder_role(name) >= RESULT


def find_folder_pairs(root: Path) -> list[FolderPair]:
    """Return the rows of the table that fit a folder, as they stand in it; none for no layout of folders.

    Rows of which a half holds no pictures, but annotations of another kind, are passed over for others.
    """
    names_in = cache(sub_folders)  # a hundred rows and splits look into the same few folders
    fitting = [pair for row in FOLDER_PAIRS if (pair := _fit(root, *row, names_in)).folders]
    held = {f: holds_pictures(f) for pair in fitting for both in pair.folders.values() for f in both}
    full = [pair for pair in fitting if any(held[a] and held[b] for a, b in pair.folders.values())]
    return sorted(full or fitting, key=lambda pair: "." in pair.folders)  # those of splits first


def named_folder_pair(root: Path, layout: str) -> FolderPair:
    """Return the folders that --layout SOURCES:TARGETS names, none where they are neither here nor in splits.

    Raises UserError for what is no layout.
    """
    source, colon, target = layout.partition(":")
    if not colon or source == target:
        raise UserError(
            f"--layout {layout} is no layout: wanted {SIDE_BY_SIDE}, or the folders SOURCES:TARGETS.",
            "For example --layout images:masks, or --layout '{}:{}_masks' where {} stands for the split.",
        )
    return _fit(root, source, target, sub_folders)


def missing_folders(root: Path, layout: str) -> UserError:
    """Return the error of a folder without those that --layout names."""
    source, _, target = layout.partition(":")
    there = ", ".join(sorted(sub_folders(root).values())) or "none"
    return UserError(
        f"{root} has no folders {source} and {target}, as --layout {layout} says (it has: {there}).",
        "Both are wanted in one folder: in DATA, in each of train, val and test, or further down.",
    )


def split_folders(root: Path) -> dict[str, Path]:
    """Return the folders of splits in a folder; raise UserError where two are of one split."""
    splits: dict[str, Path] = {}
    names = [name for name in _folder_names(root) if name.lower() in SPLITS]
    for name in sorted(names, key=lambda name: [*SPLITS].index(name.lower())):
        if first := splits.get(split_of(name)):
            raise UserError(f"{root} has both {first.name}/ and {name}/.", "Keep one of them.")
        splits[split_of(name)] = root / name
    return splits


def split_of(name: str) -> str:
    """Return the split of a folder of that name, or of a column's value; "" for none."""
    return SPLITS.get(name.lower(), "")


def _fit(root: Path, source: str, target: str, names_in: NamesIn) -> FolderPair:
    """Return the folders of each split; by "." those of the whole, where no split has any."""
    folders = dict(_by_split(root, source, target, names_in))
    return FolderPair(f"{source}:{target}", folders)


def _by_split(
    root: Path, source: str, target: str, names_in: NamesIn
) -> Iterator[tuple[str, tuple[Path, Path]]]:
    names = names_in(root)
    has_split = "{}" in source + target
    found = False
    for name, split in SPLITS.items():
        if has_split:
            both = halves_in(root, names, source.replace("{}", name), target.replace("{}", name))
        elif folder := names.get(name):
            both = halves_in(root / folder, names_in(root / folder), source, target)
        else:
            both = None
        if both:
            found = True
            yield split, both
    if not found and not has_split and (both := halves_in(root, names, source, target)):
        yield ".", both


def halves_in(folder: Path, names: Mapping[str, str], source: str, target: str) -> tuple[Path, Path] | None:
    """Return the folders of sources and targets in a folder of these `sub_folders`, None without both."""
    parts = [_inside(folder, names, name) for name in (source, target)]
    return (parts[0], parts[1]) if parts[0] and parts[1] else None


def _inside(root: Path, names: Mapping[str, str], name: str) -> Path | None:
    if name.lower() not in names:  # a path of several folders, or a hidden one
        return root / name if ("/" in name or name[:1] == ".") and (root / name).is_dir() else None
    return root / name if (root / name).is_dir() else root / names[name.lower()]


def sub_folders(root: Path) -> dict[str, str]:
    """Return the names of the folders in a folder, by their lower case."""
    return {name.lower(): name for name in _folder_names(root)}


def _folder_names(root: Path) -> list[str]:
    try:
        with os.scandir(root) as entries:
            return sorted(entry.name for entry in entries if entry.name[0] != "." and entry.is_dir())
    except OSError:
        return []  # reported where its pictures are listed
