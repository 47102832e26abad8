"""The pairs in the folders of a layout, by split, and what a user should know of these."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from pix2pix.errors import counted, joined
from pix2pix.files import Pictures, list_pictures
from pix2pix.pairs import likely, nested
from pix2pix.pairs.by_name import in_two_folders
from pix2pix.pairs.layouts import FolderPair, split_folders
from pix2pix.pairs.names import Matched, PairOfPatterns
from pix2pix.pairs.pair_set import Found, Pair, split_unless_loose, whole_pair

_PATTERNS_SHOWN = 3  # of the folders whose names differ
# Layouts whose names say which half is which.
_PLAIN = ("source:target", "{}A:{}B", "A:B", "{}_label:{}_img")


def pairs_of_layout(
    root: Path, pair: FolderPair, patterns: PairOfPatterns | None, others: Sequence[FolderPair] = ()
) -> Found:
    """Return the pairs of the folders of a layout, by split."""
    splits: dict[str, Sequence[Pair]] = {}
    parts: dict[str, list[Pair]] = {}
    faults, known, by_pattern = dict[Path, str](), set[Path](), list[str]()
    notes = [] if pair.layout in _PLAIN else [f"sources {_names(pair, 0)}, targets {_names(pair, 1)}"]
    spare = True
    flags = ["--pair", *map(str, patterns)] if patterns else []
    for place, folders in nested.with_parts(root, pair).folders.items():
        pictures = [Pictures(folder, list_pictures(folder)) for folder in folders]
        is_part = pair.nested or "/" in place
        if is_part and not any(held.files for held in pictures):
            continue
        matched, patterned = in_two_folders(pictures[0], pictures[1], patterns)
        pairs = whole_pairs(matched)
        if is_part:
            parts[place] = [replace(member, name=f"{place}/{member.name}") for member in pairs]
        else:
            splits |= split_unless_loose(pairs) if place == "." else {place: pairs}
        faults |= matched.faults
        known |= matched.counted
        spare &= matched.only_spare or not matched.faults
        by_pattern += patterned
    notes += by_pattern[:_PATTERNS_SHOWN]
    if more := len(by_pattern[_PATTERNS_SHOWN:]):
        notes.append(f"{counted(more, 'folder')} more by such patterns")
    if parts:
        of_parts = sorted((p for pairs in parts.values() for p in pairs), key=lambda member: member.name)
        splits |= split_unless_loose(of_parts)
        notes.append(taken_together([*parts]))
        if len(parts) > 1 and "" in splits:
            notes.append(_part_by_part(root, ["--layout", pair.layout, *flags], parts))
    notes += _numbered_splits(root, pair)
    if also := [other.layout for other in others]:
        notes.append(f"it also has the folders {joined(also)}: --layout {also[0]}")
    no_val = _singles_in_val(root, pair) if "train" in splits and "val" not in splits else ""
    return Found(splits, "two folders", [*dict.fromkeys(notes)], faults, [root], spare, known, no_val)


def _numbered_splits(root: Path, pair: FolderPair) -> list[str]:
    """Return a note where the folders in both halves name splits of a year, which are no splits by name."""
    halves = pair.folders.get(".")
    end = likely.in_splits(*halves) if halves else ""
    if not halves or not end:
        return []
    layout = ":".join(f"{half.relative_to(root)}{end}" for half in halves)
    call = likely.call("train", root, "--layout", layout)
    return [f"the splits in {_names(pair, 0)} are taken together ({call} keeps these apart)"]


def _part_by_part(root: Path, flags: Sequence[str], parts: Mapping[str, Sequence[Pair]]) -> str:
    """Return how whole parts are held out, such as patients: pairs of one are alike."""
    are_flat = all(p.name.rpartition("/")[0] == part for part, pairs in parts.items() for p in pairs)
    depth = min(part.count("/") + 1 for part in parts)
    by = "folder" if are_flat else "^" + "[^/]+/" * depth
    call = likely.hold_out(root, root, *flags, by=by)
    return f"pairs of one folder may be learned and others held out ({call} keeps each folder together)"


def taken_together(parents: Sequence[str]) -> str:
    """Return the note on folders whose pairs are those of one data set."""
    if len(parents) == 1:
        return f"the pairs are those in {parents[0]}/"
    return f"the folders {joined([f'{parent}/' for parent in parents])} are taken together"


def whole_pairs(matched: Matched) -> list[Pair]:
    """Return a pair for each two files that belong together."""
    return [whole_pair(name, *files) for name, files in matched.pairs.items()]


def _names(pair: FolderPair, side: int) -> str:
    return f"{next(iter(pair.folders.values()))[side].name}/"


def _singles_in_val(root: Path, pair: FolderPair) -> str:
    """Return why the pictures in a folder val are no pairs, and how others are held out; "" without any."""
    folders = split_folders(root)
    val, train = folders.get("val"), folders.get("train")
    if val is None or not list_pictures(val):
        return ""
    source, _, target = pair.layout.partition(":")
    halves = [half.replace("{}", val.name) for half in (source, target)]
    halves = halves if "{}" in pair.layout else [f"{val.name}/{half}" for half in halves]
    # The halves may have the splits within them: sources/train and targets/train.
    of_train = pair.folders.get("train") or pair.folders.get(".")
    words = of_train or [train or root, "--layout", pair.layout]
    hold_out = likely.hold_out(root, *words)
    return (
        f"{val.name}/ holds single pictures, as {halves[0]}/ and {halves[1]}/ are not both there (to hold "
        f"pairs out: {hold_out})"
    )
