"""What the user most likely meant: the calls that refusals name, each of which works as it stands."""

import os
import re
import shlex
from collections.abc import Collection, Iterable, Mapping, Sequence
from itertools import combinations
from pathlib import Path
from typing import NamedTuple

from pix2pix.data.layouts import OR_HALVES, SPLITS, find_folder_pairs, orders, role, split_of
from pix2pix.data.name_patterns import find_patterns
from pix2pix.errors import printable
from pix2pix.files import Pictures, before_glob

_ALIKE = 0.9  # of the names in two folders, at least, are equal where they hold partners
SIBLINGS = 6  # folders in one, at most, of which two may be the halves of pairs
_SHOWN = 6  # calls

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
        for one, other in combinations(sorted(names), 2):
            if both := _layout_of(one, other, names):
                places.setdefault(both, []).append(_Place(parent, names, one, other))
    alike = [both for both, where in places.items() if _are_alike(where)]
    alike = alike or [both for both, where in places.items() if _are_patterned(where[0])]
    apart = {both: abs((role(both[0]) or 0) - (role(both[1]) or 0)) for both in alike}
    known = [both for both in alike if apart[both]] or alike
    ordered = sorted(known, key=lambda both: (-apart[both], both))
    return [":".join(order) for both in ordered for order in orders(*both)]


def in_place_of_halves(root: Path, files: Sequence[Path]) -> str:
    """Return what to call where pictures side by side are none, from the folders in which they lie."""
    if layouts := likely_layouts(root, files):
        return by_layout(root, layouts)
    here = Path(os.path.commonpath([file.parent for file in files]))
    for pair in find_folder_pairs(here.parent):
        if both := next((both for both in pair.folders.values() if here in both), None):
            return f"Is {both[0].name}/ to become {both[1].name}/? Then {call('train', *both)}.{OR_HALVES}"
    return (
        "Give two folders with equal names, pix2pix train SOURCES TARGETS; of photographs alone make "
        f"sources: {call('train', root, '--make', 'edges')}.{OR_HALVES}"
    )


def by_layout(root: Path, layouts: Sequence[str]) -> str:
    """Return the calls that name one of several layouts, as a question."""
    source, _, target = layouts[0].partition(":")
    calls = any_of(call("train", root, "--layout", layout) for layout in layouts)
    return f"Are {source} the sources of {target}? Then {calls}.{OR_HALVES}"


def partners(files: Sequence[Path]) -> list[Path]:
    """Return the two folders that hold all pictures, by equal names, sorted; else none."""
    root = Path(os.path.commonpath([file.parent for file in files])) if files else Path()
    if not files or any(file.parent == root for file in files):
        return []
    folders = _names_by_folder(root, files)
    if len(folders) != 2 or not _are_alike([_Place(root, folders, *folders)]):
        return []
    return [root / name for name in sorted(folders)]


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
    named = {parent: _names_by_folder(parent, inside) for parent, inside in sorted(by_parent.items())}
    return {parent: names for parent, names in named.items() if 2 <= len(names) <= SIBLINGS}


def _layout_of(one: str, other: str, siblings: Iterable[str]) -> tuple[str, str] | None:
    """Return two names of folders as a layout has them, {} in place of a split that both name.

    None of different splits, and of parts that differ by numbers alone.
    """
    splits = [_split_in(name, {sibling.lower() for sibling in siblings}) for name in (one, other)]
    if any(splits):
        (split, rest), (other_split, other_rest) = (split or ("", "") for split in splits)
        return (rest, other_rest) if split == other_split else None
    words = [word for name in (one, other) for word in re.findall("[a-z]+", name.lower())]
    numbered = re.sub(r"\d+", "0", one) == re.sub(r"\d+", "0", other)
    return None if numbered or any(map(split_of, words)) else (one, other)


def _split_in(name: str, siblings: Collection[str]) -> tuple[str, str] | None:
    """Return the word of a split at either end of a name, and the name with {} in its place.

    It ends at a sign, a number or a capital (valley names no split), or has a sibling of another split.
    """
    for split in sorted(SPLITS, key=len, reverse=True):
        others = [other for other in SPLITS if split_of(other) != split_of(split)]
        for word, border in (
            (f"^(?i:{split})", f"^(?i:{split})(?![a-z])"),
            (f"(?i:{split})$", f"((?<![A-Za-z])(?i:{split})|(?<![A-Z]){split.capitalize()})$"),
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
    """Return whether the names in two folders differ by one pattern."""
    folders = [place.parent / name for name in (place.one, place.other)]
    pictures = [Pictures(f, [f / name for name in sorted(place.names[f.name])]) for f in folders]
    return len(find_patterns(*pictures)) == 1
