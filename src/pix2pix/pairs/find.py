"""Find the pairs that a user has on disk. Knows names and folders, no pixels and no torch.

    DATA/[train/]NAME.jpg                    side by side, either half is the source
    DATA/[train/]source/NAME.png + target/   two folders of the table in `layouts`; or `SOURCES TARGETS`
    DATA/[train/]PART/source + target/       the same in every part (`nested`)
    DATA/[train/]NAME_a.png + NAME_b.png     one folder of pictures that are pairs by their names

each with or without sub-folders train, val and test; and photographs alone, of which each is a target
whose source is made. `names` decides which files belong together.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from glob import has_magic
from pathlib import Path
from typing import Literal

from pix2pix.errors import UserError, counted, joined, printable
from pix2pix.files import ENDINGS, Pictures, find_pictures, holds_pictures, kind, list_pictures, no_pictures
from pix2pix.pairs import layouts, likely, nested
from pix2pix.pairs.by_name import in_one_folder, in_two_folders
from pix2pix.pairs.layout_pairs import pairs_of_layout, taken_together, whole_pairs
from pix2pix.pairs.layouts import SIDE_BY_SIDE, split_folders
from pix2pix.pairs.names import PairOfPatterns, name_of, parse_patterns
from pix2pix.pairs.pair_set import (
    Found,
    Half,
    Layout,
    NoPairError,
    Pair,
    PairSet,
    refuse_nested,
    split_unless_loose,
    split_up,
    with_unused,
    without_partner,
)
from pix2pix.pictures.contract import Side

__all__ = ["Half", "Layout", "NoPairError", "Pair", "PairSet", "find_pairs"]

Place = str | Path


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
        refuse_nested(data)
        raise without_partner(found.faults, [p for members in found.splits.values() for p in members])
    notes = [*found.notes]
    if found.faults:
        are = "are" if len(found.faults) > 1 else "is"
        first = printable(next(iter(found.faults)).name)
        notes.append(
            f"{counted(len(found.faults), 'source')} without a target {are} not used, such as {first}"
        )
    pairs = split_up(found.splits, found.layout, found.no_val)
    return with_unused(
        replace(pairs, notes=(*notes, *pairs.notes)), found.roots, {*found.faults, *found.counted}
    )


def search(
    data: Sequence[Place], source: Literal["left", "right"], layout: str = "", pair: Sequence[str] = ()
) -> Found:
    """Return all pairs, and what has no partner; raises UserError as `find_pairs`."""
    patterns = parse_patterns(pair)
    if len(data) not in (1, 2):
        raise UserError(
            f"{len(data)} folders were given: wanted one of pairs, or two.",
            "A glob is put in quotes, so that it stays one word." if len(data) > 2 else "",
        )
    if layout == SIDE_BY_SIDE and patterns:
        raise UserError(f"--layout {layout} and --pair exclude each other: a picture is a pair, or two are.")
    if len(data) == 2:
        if layout:
            raise UserError(f"--layout {layout} says how one folder is laid out, but DATA is two folders.")
        matched, notes = in_two_folders(pictures_of(data[0]), pictures_of(data[1]), patterns)
        return Found(
            split_unless_loose(whole_pairs(matched)),
            "two folders",
            notes,
            matched.faults,
            only_spare=matched.only_spare,
        )
    pictures = pictures_of(data[0])
    if pictures.root == Path(data[0]):
        return _in_one_folder(pictures.root, source, layout, patterns)
    if by_name := None if layout else _one_folder(pictures, patterns):
        return by_name
    if not layout:
        _refuse_partners(pictures.root, pictures)
    return Found({"": _halved(pictures, source)}, "side by side")


def pictures_of(place: Place, what: str = "pairs") -> Pictures:
    """Return the pictures of a folder or a glob; raise UserError for anything else."""
    entry, is_glob = kind(Path(place)), has_magic(str(place))
    if entry != "folder" and not (entry == "nothing" and is_glob):
        ending = "is a file" if entry == "file" else "does not exist"
        raise UserError(f"{place} {ending}: wanted a folder of {what}, or an archive or a glob of some.")
    return find_pictures(place)


def _in_one_folder(
    root: Path, source: Literal["left", "right"], layout: str, patterns: PairOfPatterns | None
) -> Found:
    if layout and layout != SIDE_BY_SIDE:
        pair = layouts.named_folder_pair(root, layout)
        pair = pair if pair.folders else nested.named_nested(root, layout)
        if not pair.folders:
            raise layouts.missing_folders(root, layout)
        if pair.nested:
            nested.refuse_many_targets(root, pair)
            nested.refuse_mixed(root, pair)
        return pairs_of_layout(root, pair, patterns)
    if not layout and (fitting := layouts.find_folder_pairs(root)):
        _refuse_empty_half(root, fitting[0])
        return pairs_of_layout(root, fitting[0], patterns, fitting[1:])
    if not layout and (inside := _inside(root, source, patterns)):
        return inside
    if by_name := None if layout else _one_folder(Pictures(root, list_pictures(root)), patterns):
        return by_name
    splits = split_folders(root) or {"": root}
    if not layout and "train" not in splits and "" not in splits:
        _refuse_unnamed(root, splits)
    pictures = {split: Pictures(folder, list_pictures(folder)) for split, folder in splits.items()}
    if not any(held.files for held in pictures.values()) and not list_pictures(root):
        raise no_pictures(
            root,
            "Wanted side-by-side pictures, or folders source/ and target/ with equal names; files of other "
            f"kinds are to be converted first. {ENDINGS}",
        )
    if not layout:
        for held in pictures.values():
            _refuse_partners(root, held)
    pairs = {split: _halved(held, source) for split, held in pictures.items()}
    return Found(pairs, "side by side", _together(root, pairs), roots=[root])


def _inside(root: Path, source: Literal["left", "right"], patterns: PairOfPatterns | None) -> Found | None:
    """Return the pairs of the parts of one data set further down, or of the only data set in a folder.

    None where there are neither. Raises UserError for several data sets.
    """
    fitting = nested.find_nested(root)
    if fitting:
        nested.refuse_many_targets(root, fitting[0])
    if fitting and nested.are_parts(root, fitting[0]):
        return pairs_of_layout(root, fitting[0], patterns, fitting[1:])
    inside = nested.data_sets_inside(root, fitting)
    if len(inside) == 1 and nested.holds_most(inside[0], root):
        found = _in_one_folder(inside[0], source, "", patterns)
        notes = [f"the pairs are those in {inside[0].relative_to(root)}/", *found.notes]
        return replace(found, notes=notes, roots=[root])
    if not inside:
        return None
    if not fitting and not any(map(layouts.find_folder_pairs, inside)):
        _refuse_halves(root, inside)
    to_learn = [folder for folder in inside if _has_training(folder)]
    if not to_learn:
        raise nested.no_training(root, inside)
    calls = [likely.call("train", folder) for folder in to_learn]
    of_one_layout = bool(fitting) and inside == nested.tops(root, fitting[0]) and len(inside) > 1
    of_one_layout = of_one_layout and not nested.splits_inside(fitting[0].folders)
    all_of_them = likely.call("train", root, "--layout", fitting[0].layout) if of_one_layout else ""
    together = f" All together: {all_of_them}." if all_of_them else ""
    raise UserError(
        f"{root} holds data sets of their own: {joined([f'{p.relative_to(root)}/' for p in inside])}.",
        f"Name one of them: {likely.any_of(calls)}.{together}",
    )


def _has_training(root: Path) -> bool:
    """Return whether a data set has pairs to learn from, or an error of its own that its call will name."""
    try:
        return bool({"", "train"} & search([root], "left").splits.keys())
    except UserError:
        return True


def _refuse_empty_half(root: Path, pair: layouts.FolderPair) -> None:
    """Raise UserError where only one half of a layout has pictures, but other folders are likely pairs."""
    halves = [half for both in pair.folders.values() for half in both]
    empty = [half for half in halves if not holds_pictures(half)]
    if 0 < len(empty) < len(halves) and (calls := likely.by_folders(root, list_pictures(root))):
        raise no_pictures(empty[0], calls)


def _refuse_unnamed(root: Path, splits: Mapping[str, Path]) -> None:
    """Raise UserError where pairs to learn from lie next to folders of other splits, by other names."""
    outside = [file for file in list_pictures(root) if not {*splits.values()} & {*file.parents}]
    if outside and (calls := likely.by_folders(root, outside)):
        raise UserError(
            f"{root} has {joined([f'{f.name}/' for f in splits.values()])}, but no folder train.", calls
        )


def _refuse_halves(root: Path, folders: Sequence[Path]) -> None:
    """Raise UserError where folders with splits of their own hold each other's targets by their names."""
    names = {folder.name for folder in folders}
    fitting = [
        pair for pair in likely.likely_layouts(root, list_pictures(root)) if {*pair.split(":")} <= names
    ]
    if fitting:
        calls = likely.any_of(likely.call("train", folder) for folder in folders)
        raise UserError(
            f"{joined([f'{name}/' for name in sorted(names)])} hold pictures of equal names.",
            f"{likely.by_layouts(root, fitting)} Of pairs side by side name one: {calls}.",
        )


def _together(root: Path, pairs: Mapping[str, Sequence[Pair]]) -> list[str]:
    """Return a note on pictures side by side that lie in several folders: they may be several data sets."""
    folders = {p.target.path.relative_to(root).parts[0] for p in pairs.get("", ()) if "/" in p.name}
    if len(folders) < 2:
        return []
    calls = likely.any_of(likely.call("train", root / folder) for folder in sorted(folders))
    return [f"{taken_together(sorted(folders))}; one alone: {calls}"]


def _one_folder(pictures: Pictures, patterns: PairOfPatterns | None) -> Found | None:
    """Return the pairs of one folder by their names; None where names say nothing."""
    by_name = in_one_folder(pictures, patterns)
    if by_name is None:
        return None
    matched, note = by_name
    return Found(
        split_unless_loose(whole_pairs(matched)),
        "one folder",
        [note],
        roots=[pictures.root],
        counted=matched.counted,
    )


def _refuse_partners(root: Path, pictures: Pictures) -> None:
    """Raise UserError for the pictures of two folders that are partners by their names."""
    folders = likely.partners(pictures.files)
    if not folders:
        return
    calls = likely.any_of(likely.call("train", folder) for folder in folders)
    hint = likely.in_place_of_halves(root, pictures.files)
    raise UserError(
        f"{folders[0].name}/ and {folders[1].name}/ hold pictures of equal names: two folders are no pairs "
        "side by side.",
        f"{hint} Pairs side by side of one folder alone: {calls}.",
    )


def _halved(pictures: Pictures, source: Literal["left", "right"]) -> list[Pair]:
    """Return each picture as a pair of its halves."""
    target: Side = "left" if source == "right" else "right"
    return [
        Pair(name_of(path, pictures.root), Half(path, source), Half(path, target)) for path in pictures.files
    ]
