"""Find the pairs that a user has on disk. Knows names and folders, no pixels and no torch.

    DATA/[train/]NAME.jpg                    side by side, either half is the source
    DATA/[train/]source/NAME.png + target/   two folders of the table in `layouts`; or `SOURCES TARGETS`
    DATA/[train/]NAME_a.png + NAME_b.png     one folder of pictures that are pairs by their names

each with or without sub-folders train, val and test; and photographs alone, of which each is a target
whose source is made. `names` decides which files belong together.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from glob import has_magic
from pathlib import Path
from typing import Literal

from pix2pix.data import layouts, names
from pix2pix.data.layouts import SIDE_BY_SIDE, FolderPair, split_folders
from pix2pix.data.name_patterns import find_patterns, is_certain
from pix2pix.data.names import Matched, PairOfPatterns, name_of
from pix2pix.data.pair_set import (
    Half,
    Layout,
    NoPairError,
    Pair,
    PairSet,
    by_split,
    printable,
    split_unless_loose,
    split_up,
    whole_pair,
    with_unused,
    without_partner,
)
from pix2pix.errors import UserError, counted
from pix2pix.files import ENDINGS, Pictures, find_pictures, kind, list_pictures
from pix2pix.pictures.contract import Side

__all__ = ["Found", "Half", "Layout", "NoPairError", "Pair", "PairSet", "find_pairs"]

Place = str | Path


@dataclass(frozen=True)
class Found:
    """Pairs by split, "" being none, before any is held out; a sentence for each file without a partner."""

    splits: Mapping[str, Sequence[Pair]]
    layout: Layout
    notes: Sequence[str] = ()
    faults: Mapping[Path, str] = field(default_factory=dict)
    roots: Sequence[Path] = ()  # folders whose pictures are all used, or counted in a note
    only_spare: bool = False  # the files without a partner are sources


def find_pairs(
    data: Sequence[Place], source: Literal["left", "right"], layout: str = "", pair: Sequence[str] = ()
) -> PairSet:
    """Return the pairs in one folder, or in two: sources, then targets; in place of a folder a glob.

    `source` says which half of a side-by-side picture is the source, `layout` and `pair` are those of the
    configuration. Raises UserError where a folder or its pictures are missing, names do not match, or there
    are several ways to read them.
    """
    found = search(data, source, layout, pair)
    if found.faults and not found.only_spare:
        raise without_partner(found.faults, [p for members in found.splits.values() for p in members])
    notes = [*found.notes]
    if found.faults:
        are = "are" if len(found.faults) > 1 else "is"
        first = printable(next(iter(found.faults)).name)
        notes.append(
            f"{counted(len(found.faults), 'source')} without a target {are} not used, such as {first}"
        )
    pairs = split_up(found.splits, found.layout)
    return with_unused(replace(pairs, notes=(*notes, *pairs.notes)), found.roots, found.faults)


def search(
    data: Sequence[Place], source: Literal["left", "right"], layout: str = "", pair: Sequence[str] = ()
) -> Found:
    """Return all pairs, and what has no partner; raises UserError as `find_pairs`."""
    patterns = names.parse_patterns(pair)
    if len(data) not in (1, 2):
        raise UserError(
            f"{len(data)} folders were given: wanted one of pairs, or two.",
            "A glob is put in quotes, so that it stays one word." if len(data) > 2 else "",
        )
    if layout and patterns:
        raise UserError("--layout and --pair exclude each other: names are paired in one folder, or in two.")
    if len(data) == 2:
        if layout:
            raise UserError(f"--layout {layout} says how one folder is laid out, but DATA is two folders.")
        matched, notes = _two_folders(_pictures(data[0]), _pictures(data[1]), patterns)
        return Found(
            split_unless_loose(_pairs(matched)),
            "two folders",
            notes,
            matched.faults,
            only_spare=matched.only_spare,
        )
    pictures = _pictures(data[0])
    if pictures.root == Path(data[0]):
        return _in_one_folder(pictures.root, source, layout, patterns)
    named = None if layout else _one_folder(pictures, patterns)
    return named or Found({"": _halved(pictures, source, layout)}, "side by side")


def find_photographs(places: Sequence[Place]) -> PairSet:
    """Return every picture as a target whose source is made; folders train, val and test are splits."""
    found = [_pictures(place, "photographs") for place in places]
    pairs = [whole_pair(name_of(path, place.root), path, path) for place in found for path in place.files]
    if not pairs:
        raise UserError(f"{found[0].root} holds no pictures.")
    splits = by_split(pairs)
    if len(splits) > 1:
        splits.pop("", None)  # loose ones next to folders of splits are counted in the note
    folders = [Path(place) for place in places if kind(Path(place)) == "folder"]
    return with_unused(split_up(splits, "photographs"), folders)


def _pictures(place: Place, what: str = "pairs") -> Pictures:
    """Return the pictures of a folder or a glob; raise UserError for anything else."""
    entry, is_glob = kind(Path(place)), has_magic(str(place))
    if entry != "folder" and not (entry == "nothing" and is_glob):
        ending = "is a file" if entry == "file" else "does not exist"
        raise UserError(f"{place} {ending}: wanted a folder of {what}.")
    return find_pictures(place)


def _in_one_folder(
    root: Path, source: Literal["left", "right"], layout: str, patterns: PairOfPatterns | None
) -> Found:
    splits = split_folders(root) or {"": root}
    if layout and layout != SIDE_BY_SIDE:
        return _of_folder_pair(root, layouts.named_folder_pair(root, layout), patterns, [])
    if not layout and (fitting := layouts.find_folder_pairs(root)):
        others = [pair.layout for pair in fitting[1:]]
        also = f"it also has the folders {layouts.joined(others)}: --layout {others[0]}" if others else ""
        return _of_folder_pair(root, fitting[0], patterns, [also] if also else [])
    if not layout and (inside := layouts.data_sets_inside(root)):
        if len(inside) == 1 and len(list_pictures(root)) == len(list_pictures(inside[0])):
            found = _in_one_folder(inside[0], source, layout, patterns)
            return replace(found, notes=[f"all in {inside[0].name}/", *found.notes])
        raise UserError(
            f"{root} holds data sets of their own: {layouts.joined([f'{path.name}/' for path in inside])}.",
            f"Name one of them: {inside[0]}.",
        )
    by_name = None if layout else _one_folder(Pictures(root, list_pictures(root)), patterns)
    if by_name:
        return by_name
    pairs = {s: _halved(Pictures(f, list_pictures(f)), source, layout) for s, f in splits.items()}
    if not any(pairs.values()) and not list_pictures(root):
        raise UserError(
            f"{root} holds no pictures ({sum(path.is_file() for path in root.rglob('*'))} files).",
            "Wanted side-by-side pictures, or folders source/ and target/ with equal names. " + ENDINGS,
        )
    return Found(pairs, "side by side", roots=[root])


def _of_folder_pair(
    root: Path, pair: FolderPair, patterns: PairOfPatterns | None, also: Sequence[str]
) -> Found:
    """Return the pairs of the folders of a layout, by split."""
    splits: dict[str, Sequence[Pair]] = {}
    faults = dict[Path, str]()
    notes = [] if pair.layout in _PLAIN else [f"sources {_names(pair, 0)}, targets {_names(pair, 1)}"]
    spare = True
    for split, folders in pair.folders.items():
        pictures = [Pictures(folder, list_pictures(folder)) for folder in folders]
        matched, patterned = _two_folders(pictures[0], pictures[1], patterns)
        pairs = _pairs(matched)
        splits |= split_unless_loose(pairs) if split == "." else {split: pairs}
        faults |= matched.faults
        spare &= matched.only_spare or not matched.faults
        notes += patterned
    return Found(splits, "two folders", [*dict.fromkeys(notes), *also], faults, [root], spare)


# Layouts whose names say which half is which.
_PLAIN = ("source:target", "{}A:{}B", "A:B", "{}_label:{}_img")


def _names(pair: FolderPair, side: int) -> str:
    return f"{next(iter(pair.folders.values()))[side].name}/"


def _one_folder(pictures: Pictures, patterns: PairOfPatterns | None) -> Found | None:
    """Return the pairs of one folder by their names; None where names say nothing."""
    if patterns is None:
        suggested = find_patterns(pictures, pictures)
        if len(suggested) > 1:
            raise _several(suggested, f"{pictures.root} holds several pictures of each name.", _OR_HALVES)
        if not suggested:
            return None
        patterns = suggested[0]
        matched = names.match_patterns(pictures, pictures, patterns)
        if not is_certain(patterns):
            raise _several(
                [patterns, patterns.reverse],
                f"The names in {pictures.root} make pairs, but do not say which is the source.",
                _OR_HALVES,
            )
    else:
        matched = _stated(pictures, pictures, patterns)
    splits = split_unless_loose(_pairs(matched))
    return Found(splits, "one folder", [_by_pattern(matched, patterns)], roots=[pictures.root])


def _two_folders(
    sources: Pictures, targets: Pictures, patterns: PairOfPatterns | None
) -> tuple[Matched, list[str]]:
    """Return the pairs of two folders by equal names, or else by a pattern, which a note states."""
    names_of = [[path.relative_to(p.root) for path in p.files] for p in (sources, targets)]
    if names_of[0] and names_of[0] == names_of[1] and sources.root.resolve() == targets.root.resolve():
        raise UserError(f"{sources.root} is given twice: sources and targets would be the same pictures.")
    if patterns is not None:
        matched = _stated(sources, targets, patterns)
        return Matched(matched.pairs, {}), [_by_pattern(matched, patterns)]
    matched = names.match_equal(sources, targets)
    if not (matched.pairs or matched.faults):
        raise UserError(f"{sources.root} and {targets.root} hold no pictures.")
    if not matched.faults or matched.only_spare:
        return matched, []
    suggested = find_patterns(sources, targets)
    if len(suggested) > 1:
        raise _several(suggested, f"{targets.root} holds several pictures for each of {sources.root}.")
    if not suggested:
        return matched, []
    matched = names.match_patterns(sources, targets, suggested[0])
    return Matched(matched.pairs, {}), [_by_pattern(matched, suggested[0])]


def _stated(sources: Pictures, targets: Pictures, patterns: PairOfPatterns) -> Matched:
    """Return the pairs by patterns of the user; raise UserError where there are none."""
    matched = names.match_patterns(sources, targets, patterns)
    if not matched.pairs:
        both = f"{sources.root} and {targets.root}" if targets is not sources else str(sources.root)
        example = next(iter(sources.files), None)
        raise UserError(
            f"The patterns {patterns} pair none of the pictures of {both}"
            + (f", such as {example.name}." if example else "."),
            "{} stands for what the names have in common.",
        )
    return matched


def _by_pattern(matched: Matched, patterns: PairOfPatterns) -> str:
    """Return what was paired with what, and how many pictures were not."""
    source, target = next(iter(matched.pairs.values()))
    left = ""
    if matched.faults:
        first = printable(next(iter(matched.faults)))
        left = f"; {counted(len(matched.faults), 'picture')} without a partner, such as {first}"
    count = counted(len(matched.pairs), "pair")
    return printable(f"{source.name} with {target.name} ({count}, by name pattern {patterns}{left})")


_OR_HALVES = f" If each picture is a pair: --layout {SIDE_BY_SIDE}."


def _several(suggested: Sequence[PairOfPatterns], what: str, more: str = "") -> UserError:
    return UserError(what, f"Say what is a pair: {', or '.join(p.flag for p in suggested[:4])}.{more}")


def _pairs(matched: Matched) -> list[Pair]:
    return [whole_pair(name, *files) for name, files in matched.pairs.items()]


def _halved(pictures: Pictures, source: Literal["left", "right"], layout: str) -> list[Pair]:
    """Return each picture as a pair of its halves; raise UserError for two folders of partners."""
    if not layout and (folders := layouts.partners(pictures.files)):
        first, second = (folder.name for folder in folders)
        above = folders[0].parent
        root = above.parent if above == pictures.root and layouts.split_of(above.name) else above
        raise UserError(
            f"{first}/ and {second}/ hold pictures of equal names: two folders are no pairs side by side.",
            f"Are {first} the sources of {second}? Then `pix2pix train {root} --layout {first}:{second}`. "
            f"If each picture is a pair: --layout {SIDE_BY_SIDE}.",
        )
    target: Side = "left" if source == "right" else "right"
    return [
        Pair(name_of(path, pictures.root), Half(path, source), Half(path, target)) for path in pictures.files
    ]
