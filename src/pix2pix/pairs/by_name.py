"""Files as pairs by their names, of one folder or of two: equal names, a stated pattern, or one found."""

import os
from collections.abc import Sequence
from pathlib import Path

from pix2pix.errors import UserError, counted, joined, printable
from pix2pix.files import ENDINGS, Pictures, no_pictures
from pix2pix.pairs.layouts import OR_HALVES
from pix2pix.pairs.name_patterns import find_patterns, is_certain
from pix2pix.pairs.names import Matched, PairOfPatterns, match_equal, match_patterns

_OTHER_KINDS = f"Files of other kinds are to be converted first. {ENDINGS}"


def in_one_folder(pictures: Pictures, patterns: PairOfPatterns | None) -> tuple[Matched, str] | None:
    """Return the pairs of one folder by their names, with a note; None where names say nothing.

    Raises UserError where there are several ways to pair them.
    """
    if patterns is None:
        suggested = find_patterns(pictures, pictures)
        if len(suggested) > 1:
            raise _several(suggested, f"{pictures.root} holds several pictures of each name.", OR_HALVES)
        if not suggested:
            return None
        patterns = suggested[0]
        matched = match_patterns(pictures, pictures, patterns)
        if not is_certain(patterns):
            raise _several(
                [patterns, patterns.reverse],
                f"The names in {pictures.root} make pairs, but do not say which is the source.",
                OR_HALVES,
            )
    else:
        matched = _stated(pictures, pictures, patterns)
    return _tolerated(matched), _by_pattern(matched, patterns)


def in_two_folders(
    sources: Pictures, targets: Pictures, patterns: PairOfPatterns | None
) -> tuple[Matched, list[str]]:
    """Return the pairs of two folders by equal names, or else by a pattern, which a note states.

    Raises UserError where there are none, or several ways to pair them.
    """
    names_of = [[path.relative_to(p.root) for path in p.files] for p in (sources, targets)]
    if names_of[0] and names_of[0] == names_of[1] and sources.root.resolve() == targets.root.resolve():
        raise UserError(f"{sources.root} is given twice: sources and targets would be the same pictures.")
    if patterns is not None:
        matched = _stated(sources, targets, patterns)
        return _tolerated(matched), [_by_pattern(matched, patterns)]
    matched = match_equal(sources, targets)
    if not (matched.pairs or matched.faults):
        raise UserError(f"{sources.root} and {targets.root} hold no pictures.", _OTHER_KINDS)
    for pictures in (sources, targets):
        if not pictures.files:
            raise no_pictures(pictures.root, _OTHER_KINDS)
    if not matched.faults or matched.only_spare:
        return matched, []
    suggested = find_patterns(sources, targets)
    if len(suggested) > 1:
        what = f"{sources.root} and {targets.root} hold several pictures of each name."
        raise _several(suggested, what, " All of these are pairs in a manifest (docs/data.md).")
    if not suggested and not matched.pairs:
        inner = _innermost(sources), _innermost(targets)
        if inner != (sources, targets):
            matched, notes = in_two_folders(*inner, None)
            return matched, [f"the pairs are those in {joined([f'{p.root}/' for p in inner])}", *notes]
    if not suggested:
        return matched, []
    matched = match_patterns(sources, targets, suggested[0])
    return _tolerated(matched), [_by_pattern(matched, suggested[0])]


def _innermost(pictures: Pictures) -> Pictures:
    """Return the same pictures by the folder that holds all, such as annotations/trimaps/."""
    return Pictures(Path(os.path.commonpath([file.parent for file in pictures.files])), pictures.files)


def _stated(sources: Pictures, targets: Pictures, patterns: PairOfPatterns) -> Matched:
    """Return the pairs by patterns of the user; raise UserError where there are none."""
    matched = match_patterns(sources, targets, patterns)
    if not matched.pairs:
        both = f"{sources.root} and {targets.root}" if targets is not sources else str(sources.root)
        example = next(iter(sources.files), None)
        raise UserError(
            f"The patterns {patterns} pair none of the pictures of {both}"
            + (f", such as {example.name}." if example else "."),
            "{} stands for what the names have in common.",
        )
    return matched


def _tolerated(matched: Matched) -> Matched:
    """Return pairs by a pattern, whose note counts the pictures without a partner."""
    return Matched(matched.pairs, {}, counted=frozenset(matched.faults))


def _by_pattern(matched: Matched, patterns: PairOfPatterns) -> str:
    """Return what was paired with what, and how many pictures were not."""
    source, target = next(iter(matched.pairs.values()))
    left = ""
    if matched.faults:
        first = printable(next(iter(matched.faults)))
        left = f"; {counted(len(matched.faults), 'picture')} without a partner, such as {first}"
    count = counted(len(matched.pairs), "pair")
    return printable(f"{source.name} with {target.name} ({count}, by name pattern {patterns}{left})")


def _several(suggested: Sequence[PairOfPatterns], what: str, more: str = "") -> UserError:
    return UserError(what, f"Say what is a pair: {', or '.join(p.flag for p in suggested[:4])}.{more}")
