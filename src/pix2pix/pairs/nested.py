"""Halves in folders further down: those of patients, of scenes, or of data sets of their own.

    DATA/patient_00/images + masks, DATA/patient_01/images + masks     one data set in parts
    DATA/train/scene_1/blur + sharp, DATA/val/scene_2/blur + sharp     the same in splits
    DATA/eyes/images + masks, DATA/roads/images + masks                data sets of their own

Parts of one data set are taken together without a word of the user; data sets are not.
"""

import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath

from pix2pix.errors import UserError, joined
from pix2pix.files import holds_pictures, list_pictures
from pix2pix.pairs import likely
from pix2pix.pairs.layouts import (
    FOLDER_PAIRS,
    FolderPair,
    find_folder_pairs,
    halves_in,
    named_folder_pair,
    split_folders,
    split_of,
    sub_folders,
)

_MOST = 0.5  # of all pictures, at least, lie in the halves of a layout that nobody has named

Below = Mapping[Path, Mapping[str, str]]  # the names of the folders in each folder, by their lower case


def named_nested(root: Path, layout: str) -> FolderPair:
    """Return the folders of --layout SOURCES:TARGETS in every folder below, none where they are nowhere.

    Those with {} have splits of their own: raises UserError where several folders hold them.
    """
    source, _, target = layout.partition(":")
    below = _folders_below(root)
    if "{}" not in layout:
        return _nested(root, below, source, target)
    holding = {folder: pair for folder in below if (pair := named_folder_pair(folder, layout)).folders}
    if len(holding) > 1:
        calls = [likely.call("train", folder, "--layout", layout) for folder in holding]
        raise UserError(
            f"--layout {layout} is found in {joined([f'{f.relative_to(root)}/' for f in holding])}, each "
            "with splits of its own.",
            f"Name one of them: {likely.any_of(calls)}.",
        )
    return next(iter(holding.values()), FolderPair(layout, {}))


def find_nested(root: Path) -> list[FolderPair]:
    """Return the rows of the table that folders below fit, that of the most folders first."""
    below = _folders_below(root)
    every = {name for names in below.values() for name in names}
    rows = [_nested(root, below, *row) for row in FOLDER_PAIRS if {name.lower() for name in row} <= every]
    return sorted((row for row in rows if row.folders), key=lambda row: -len(row.folders))


def are_parts(root: Path, pair: FolderPair) -> bool:
    """Return whether the folders of a layout are parts of one data set, which holds most of the pictures.

    They are where splits hold them, where their names differ by numbers alone, or where each holds one pair.
    """
    parents = [PurePosixPath(parent).parts for parent in pair.folders]
    if len(parents) < 2 or splits_inside(pair.folders):
        return False
    in_splits = all(split_of(names[0]) for names in parents)
    numbered = len({re.sub(r"\d+", "0", "/".join(names).lower()) for names in parents}) == 1
    counts = [len(list_pictures(half)) for both in pair.folders.values() for half in both]
    single = {*counts} == {1} and not any(split_of(names[0]) for names in parents)
    if not (in_splits or numbered or single):
        return False
    return sum(counts) >= _MOST * len(list_pictures(root))


def refuse_many_targets(root: Path, pair: FolderPair) -> None:
    """Raise UserError where each part holds one source and several targets, such as a mask of every cell."""
    counts = [[len(list_pictures(half)) for half in both] for both in pair.folders.values()]
    several = [place for place, (_, targets) in zip(pair.folders, counts, strict=True) if targets > 1]
    if len(counts) < 2 or any(sources != 1 for sources, _ in counts) or 2 * len(several) < len(counts):
        return
    source, target = pair.folders[several[0]]
    raise UserError(
        f"{source} holds one picture and {target} several, as others next to them do: "
        "wanted one target for each source.",
        "Merge the targets of each picture into one file first: masks of single objects by their maximum.",
    )


def splits_inside(parents: Iterable[str]) -> dict[str, set[str]]:
    """Return the splits that lie further down in the folders of a nested layout, by what holds them."""
    splits: dict[str, set[str]] = {}
    for parent in parents:
        names = parent.split("/")
        if depth := next((n for n, name in enumerate(names) if n and split_of(name)), 0):
            splits.setdefault("/".join(names[:depth]), set()).add(split_of(names[depth]))
    return splits


def refuse_mixed(root: Path, pair: FolderPair) -> None:
    """Raise UserError where the folders of a nested layout, taken together, would mix their splits."""
    splits = splits_inside(pair.folders)
    if not splits:
        return
    to_learn = [root / holder for holder, inside in splits.items() if "train" in inside]
    if not to_learn:
        raise no_training(root, [root / holder for holder in splits])
    calls = [likely.call("train", folder, "--layout", pair.layout) for folder in to_learn]
    raise UserError(
        f"{root} holds the folders of --layout {pair.layout}, but its splits lie further down, in "
        f"{joined([f'{holder}/' for holder in splits])}: taken together they would be mixed.",
        f"Name one of them: {likely.any_of(calls)}.",
    )


def no_training(root: Path, folders: Sequence[Path]) -> UserError:
    """Return the error of a folder whose data sets hold pairs to score on alone."""
    names = joined([f"{folder.relative_to(root)}/" for folder in folders])
    return UserError(
        f"{root} holds no pairs to learn from: there is no folder train in {names}.",
        f"Put pairs to learn from into {folders[0] / 'train'}. To score those that are there, name one: "
        f"{likely.any_of(map(str, folders))}.",
    )


def with_parts(root: Path, pair: FolderPair) -> FolderPair:
    """Return a layout with the halves in parts of each split that does not hold the halves itself."""
    if pair.nested or "." in pair.folders or "{}" in pair.layout:
        return pair
    source, _, target = pair.layout.partition(":")
    folders = dict(pair.folders)
    for name in sub_folders(root).values():
        if split_of(name) and split_of(name) not in pair.folders:
            inside = _nested(root / name, _folders_below(root / name), source, target).folders
            parts = {f"{name}/{part}": both for part, both in inside.items()}
            folders |= {} if splits_inside(parts) else parts
    return pair._replace(folders=folders)


def data_sets_inside(root: Path, nested: Sequence[FolderPair]) -> list[Path]:
    """Return the folders in a folder that are data sets of their own: with splits, or folders of halves.

    They may lie further down, if they hold most of a folder. None where most pictures lie in the root itself;
    folders without pictures, such as annotations of another kind, are no data sets.
    """
    if split_folders(root):
        return []
    holding = {folder for pair in nested for folder in tops(root, pair)}
    inside: list[Path] = []
    for folder in filter(holds_pictures, [root / name for name in sorted(sub_folders(root).values())]):
        if split_folders(folder) or find_folder_pairs(folder) or folder in holding:
            inside.append(folder)
        elif below := data_sets_inside(folder, find_nested(folder)):
            held = sum(len(list_pictures(data_set)) for data_set in below)
            inside += below if held >= _MOST * len(list_pictures(folder)) else []
    if not inside:
        return []
    loose = sum(path.parent == root for path in list_pictures(root))
    held = sum(len(list_pictures(folder)) for folder in inside)
    return inside if held >= _MOST * (held + loose) else []


def holds_most(folder: Path, root: Path) -> bool:
    """Return whether a folder holds most pictures of the one that it lies in."""
    return len(list_pictures(folder)) >= _MOST * len(list_pictures(root))


def tops(root: Path, pair: FolderPair) -> list[Path]:
    """Return the folders of a root in which those of a nested layout lie."""
    return sorted({root / parent.partition("/")[0] for parent in pair.folders})


def _nested(root: Path, below: Below, source: str, target: str) -> FolderPair:
    folders: dict[str, tuple[Path, Path]] = {}
    taken = set[Path]()  # halves, whose own folders belong to them
    for parent, names in below.items():
        both = halves_in(parent, names, source, target)
        if both and not taken & {parent, *parent.parents}:
            folders[parent.relative_to(root).as_posix()] = both
            taken.update(both)
    return FolderPair(f"{source}:{target}", folders, nested=True)


def _folders_below(root: Path) -> Below:
    """Return the names of the folders in each folder below, without those that hold none."""
    return dict(_walk(root, frozenset()))


def _walk(folder: Path, above: frozenset[str]) -> Iterator[tuple[Path, Mapping[str, str]]]:
    real = os.path.realpath(folder)
    names = {} if real in above else sub_folders(folder)  # a link may lead back up, endlessly
    if names and above:
        yield folder, names
    for name in names.values():
        yield from _walk(folder / name, above | {real})
