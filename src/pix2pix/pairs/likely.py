"""What the user most likely meant: the calls that refusals name, each of which works as it stands."""

import os
import re
import shlex
from collections.abc import Collection, Iterable, Mapping, Sequence
from itertools import combinations
from pathlib import Path
from typing import NamedTuple

from pix2pix.errors import printable
from pix2pix.files import Pictures, before_glob
from pix2pix.pairs.layouts import (
    OR_HALVES,
    SPLITS,
    are_results,
    find_folder_pairs,
    folder_role,
    orders,
    split_of,
    sub_folders,
)
from pix2pix.pairs.name_patterns import find_patterns, is_certain

_ALIKE = 0.9  # of the names in two folders, at least, are equal where they hold partners
SIBLINGS = 6  # folders in one, at most, of which two may be the halves of pairs
_SHOWN = 6  # calls
_NUMBERED_SPLIT = re.compile(r"([A-Za-z]+)([-_]?\d+)")  # train2017
_ENTERED = 60  # folders, at most, that are looked into for pairs by their names

Names = Mapping[str, set[str]]  # of the pictures in the folders of one, by folder


class _Place(NamedTuple):
    """Two folders in one, of which one may hold the sources of the other."""

    parent: Path
    names: Names
    one: str
    other: str


def call(command: str, *words: object) -> str:
    """Return `pix2pix train FOLDER --layout A:B` as a shell takes it."""
    return printable(f"`{shlex.join(['pix2pix', *command.split(), *map(str, words)])}`")


def for_command(hint: str, command: str) -> str:
    """Return a hint whose calls of `train` are of another command with DATA, but for those of --make."""
    return re.sub(r"`pix2pix train (?![^`]* --make )", f"`pix2pix {command} ", hint)


def hold_out(place: str | Path, *words: object, by: str = "") -> str:
    """Return the call that splits the pairs of DATA, by name or by parts, into a folder outside of it."""
    root = before_glob(Path(place)).resolve()
    out = Path(f"{root.stem if root.is_file() else root.name}-split")
    if root in out.resolve().parents:
        out = root.with_name(out.name)
    return call("data split", *words, "-o", out, *(["--by", by] if by else []))


def any_of(calls: Iterable[str]) -> str:
    """Return the first few calls as alternatives."""
    return ", or ".join([*calls][:_SHOWN])


def likely_layouts(root: Path, files: Sequence[Path]) -> list[str]:
    """Return the layouts SOURCES:TARGETS of folders that hold the same names, the likely first.

    Where the names of two folders do not say which are the sources, both orders are there.
    """
    siblings = _siblings(root, files)
    places: dict[tuple[str, str], list[_Place]] = {}
    for parent, names in siblings.items():
        # A name with a colon is no part of a layout.
        for one, other in combinations(sorted(name for name in names if ":" not in name), 2):
            both = _in_split(parent, one, other) if parent.parent == root else None
            if both := both or _layout_of(one, other, names):
                places.setdefault(both, []).append(_Place(parent, names, one, other))
    alike = [both for both, where in places.items() if not _are_numbered(*both) and _are_alike(where)]
    alike = alike or [both for both, where in places.items() if _are_patterned(where[0])]
    rank = {both: _rank(*both) for both in alike}
    known = [both for both in alike if rank[both][1]] or alike
    ordered = sorted(known, key=lambda both: (rank[both], both))
    in_order = [order for both in ordered for order in orders(*both)]
    ends = [in_splits(*(root / half for half in order)) for order in in_order]
    return [":".join(half + end for half in order) for order, end in zip(in_order, ends, strict=True)]


def in_splits(source: Path, target: Path) -> str:
    """Return the end of a layout of two folders that hold splits of a year, as train2017; "" for others."""
    names = {*sub_folders(source).values()} & {*sub_folders(target).values()}
    ends = [match[2] for name in names if (match := _NUMBERED_SPLIT.fullmatch(name)) and split_of(match[1])]
    return f"/{{}}{ends[0]}" if len(ends) > 1 and len({*ends}) == 1 else ""


def in_place_of_halves(root: Path, files: Sequence[Path]) -> str:
    """Return what to call where pictures side by side are none, from the folders in which they lie."""
    if calls := by_folders(root, files):
        return calls + OR_HALVES
    if both := partners(files):
        return _as_halves(*both)
    here = Path(os.path.commonpath([file.parent for file in files]))
    for pair in find_folder_pairs(here.parent):
        if halves := next((both for both in pair.folders.values() if here in both), None):
            return _as_halves(*halves)
    return (
        "Give two folders with equal names, pix2pix train SOURCES TARGETS, or patterns of names, "
        "--pair '{}_a.png' '{}_b.png', or list the pairs in a manifest (docs/data.md); of photographs alone "
        f"make sources: {call('train', root, '--make', 'edges')}.{OR_HALVES}"
    )


def by_layouts(root: Path, layouts: Sequence[str]) -> str:
    """Return the calls that name one of several layouts, as a question."""
    source, _, target = layouts[0].partition(":")
    calls = any_of(call("train", root, "--layout", layout) for layout in layouts)
    return f"Are {source} the sources of {target}? Then {calls}."


def by_folders(root: Path, files: Sequence[Path]) -> str:
    """Return the calls that name the likely folders of pairs; or ""."""
    if folders := _by_name(root, files):
        calls = any_of(call("train", folder) for folder in folders)
        return f"The names in {printable(folders[0])}/ make pairs: {calls}."
    if layouts := likely_layouts(root, files):
        return by_layouts(root, layouts)
    calls = any_of(call("train", *both) for both in _at_any_depth(root, files))
    return f"Are these the sources and the targets? Then {calls}." if calls else ""


def partners(files: Sequence[Path]) -> list[Path]:
    """Return the two folders that hold all pictures, by equal names, sorted; else none."""
    root = Path(os.path.commonpath([file.parent for file in files])) if files else Path()
    if not files or any(file.parent == root for file in files):
        return []
    folders = _names_by_folder(root, files)
    if len(folders) != 2 or not _are_alike([_Place(root, folders, *folders)]):
        return []
    return [root / name for name in sorted(folders)]


def _as_halves(source: Path, target: Path) -> str:
    return f"Is {source.name}/ to become {target.name}/? Then {call('train', source, target)}.{OR_HALVES}"


def _by_name(root: Path, files: Sequence[Path]) -> list[Path]:
    """Return the topmost folders below a root of which each holds pairs by the names of its pictures."""
    holding: list[Path] = []
    below = [Pictures(root, [*files])]
    for outer in below:
        inside: dict[Path, list[Path]] = {}
        for file in outer.files:
            if file.parent != outer.root:
                inside.setdefault(outer.root / file.relative_to(outer.root).parts[0], []).append(file)
        for pictures in [Pictures(*folder) for folder in inside.items()]:
            if [is_certain(patterns) for patterns in find_patterns(pictures, pictures)] == [True]:
                holding.append(pictures.root)
            elif len(below) < _ENTERED:
                below.append(pictures)
    return sorted(holding)


def _at_any_depth(root: Path, files: Sequence[Path]) -> list[tuple[Path, Path]]:
    """Return sources and targets among a few folders that lie at different depths, the likely first.

    Their pictures have equal names or a common pattern, and the folders' names tell which are the targets.
    """
    folders: dict[Path, list[Path]] = {}
    for file in files:
        folders.setdefault(file.parent, []).append(file)
    if len(folders) > 2 * SIBLINGS:
        return []
    roles = {folder: folder_role(str(folder.relative_to(root))) for folder in folders}
    fitting: list[tuple[Path, Path]] = []
    for both in combinations(sorted(folders), 2):
        source, target = sorted(both, key=lambda folder: roles[folder])
        if roles[source] == roles[target] or {*both} & {*source.parents, *target.parents}:
            continue
        names = [{file.stem for file in folders[folder]} for folder in (source, target)]
        halves = [Pictures(folder, folders[folder]) for folder in (source, target)]
        alike = len(names[0] & names[1]) >= _ALIKE * max(map(len, names))
        if alike or len(find_patterns(*halves)) == 1:
            fitting.append((source, target))
    # 01_GT holds the targets of 01, and not those of 02.
    named = [both for both in fitting if str(both[1]).startswith(str(both[0]))] or fitting
    return sorted(named, key=lambda both: roles[both[0]] - roles[both[1]])


def _rank(one: str, other: str) -> tuple[bool, int]:
    """Return a key by which the likely ones of two folders' names come first: pictures to be restored."""
    low, high = sorted((folder_role(one), folder_role(other)))
    return not (low < 0 < high and not are_results(max(one, other, key=folder_role))), low - high


def _names_by_folder(root: Path, files: Iterable[Path]) -> dict[str, set[str]]:
    """Return the names of the pictures in the folders of one, relative to these and without endings."""
    names: dict[str, set[str]] = {}
    for file in files:
        folder, *rest = file.relative_to(root).with_suffix("").parts
        names.setdefault(folder, set()).add("/".join(rest))
    return names


def _siblings(root: Path, files: Sequence[Path]) -> dict[Path, Names]:
    """Return the folders below a root, and itself, that hold a few others, with the names in these."""
    by_parent: dict[Path, list[Path]] = {}
    for file in files:
        for parent in file.parents[1:]:
            by_parent.setdefault(parent, []).append(file)
            if parent == root:
                break
    named = {
        parent: _names_by_folder(parent, inside)
        for parent, inside in sorted(by_parent.items())
        if parent == root or not are_results(parent.name)  # all that is in masks/ is a target
    }
    return {parent: names for parent, names in named.items() if 2 <= len(names) <= SIBLINGS}


def _layout_of(one: str, other: str, siblings: Iterable[str]) -> tuple[str, str] | None:
    """Return two names of folders as a layout has them, {} in place of a split that both name.

    None of different splits.
    """
    lower = {sibling.lower() for sibling in siblings}
    splits = [_split_in(name, lower) for name in (one, other)]
    if any(splits):
        (split, rest), (other_split, other_rest) = (split or ("", "") for split in splits)
        if split != other_split:
            return None
        others = [
            {word for word in SPLITS if part.replace("{}", word).lower() in lower}
            for part in (rest, other_rest)
        ]
        return (rest, other_rest) if len(others[0] & others[1]) > 1 else (one, other)
    return one, other


def _in_split(parent: Path, one: str, other: str) -> tuple[str, str] | None:
    """Return two names of folders with {} for the split that holds both, as train/train_A; or None."""
    if not split_of(parent.name) or parent.name not in one or parent.name not in other:
        return None
    rest, other_rest = (name.replace(parent.name, "{}") for name in (one, other))
    return f"{{}}/{rest}", f"{{}}/{other_rest}"


def _split_in(name: str, siblings: Collection[str]) -> tuple[str, str] | None:
    """Return the word of a split in a name, and the name with {} in its place.

    Within a name it stands between signs; at its ends a capital borders it too (valley names no split), or
    it has a sibling of another split.
    """
    for split in sorted(SPLITS, key=len, reverse=True):
        others = [other for other in SPLITS if split_of(other) != split_of(split)]
        for word, border in (
            (f"^(?i:{split})", f"^(?i:{split})(?![a-z])"),
            (f"(?i:{split})$", f"((?<![A-Za-z])(?i:{split})|(?<![A-Z]){split.capitalize()})$"),
            (f"(?<![A-Za-z])(?i:{split})(?![A-Za-z])", ""),
        ):
            rest = re.sub(word, "{}", name)
            has_sibling = any(rest.replace("{}", other).lower() in siblings for other in others)
            if rest != name and (re.search(border, name) or has_sibling):
                return split, rest
    return None


def _are_alike(places: Sequence[_Place]) -> bool:
    """Return whether two folders hold the same names, in all the places where both are."""
    pairs = [(place.names[place.one], place.names[place.other]) for place in places]
    most = sum(max(len(one), len(other)) for one, other in pairs)
    return sum(len(one & other) for one, other in pairs) >= _ALIKE * most


def _are_patterned(place: _Place) -> bool:
    """Return whether the names in two folders differ by a pattern; in parts, p1 and p2, by names of these."""
    pictures: dict[str, Pictures] = {}
    for name in (place.one, place.other):
        folder = place.parent / name
        pictures[name] = Pictures(folder, [folder / f"{stem}.png" for stem in sorted(place.names[name])])
    # Sources may lack targets, but not the reverse.
    patterns = [find_patterns(pictures[source], pictures[target]) for source, target in orders(*pictures)]
    if all(patterns) and _are_numbered(place.one, place.other):
        affixes = [pattern.affix for pattern in patterns[0][0]]
        return len(place.names) == 2 and place.one in affixes[0] and place.other in affixes[1]
    return all(patterns)


def _are_numbered(one: str, other: str) -> bool:
    """Return whether two names differ by numbers alone, as those of parts do."""
    return re.sub(r"\d+", "0", one) == re.sub(r"\d+", "0", other)
