"""Patterns by which names are pairs, found in the names themselves.

A few names suggest patterns, and each is counted on all. One that pairs at least nine in ten is taken, else
one by which each target has its source while other sources have no target. The common part of two names ends
where a word does. In one folder the affixes must hold letters, since numbers count pictures and do not name
halves.
"""

import math
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher

from pix2pix.files import Pictures
from pix2pix.pairs.layouts import RESULT, role
from pix2pix.pairs.names import ByKey, PairOfPatterns, Pattern, match_patterns, split_name
from pix2pix.pairs.pair_set import evenly_spread

_SHARE = 0.9  # of the pictures, at least, are paired by a pattern that is taken
_LEARNED = 0.5  # of the sources in one folder, at least, have a target
_SAMPLED = 48  # names that suggest patterns
_NEAR = 4  # neighbours in the sorted list with which a name is compared
_TRIED = 24  # suggested patterns that are counted
# Pairs in one folder, at least, by a pattern of known words, of unknown ones, and of letters without a
# separator, which short names have by chance.
_LEAST_KNOWN, _LEAST, _LEAST_LETTERS = 1, 3, 8
Name = tuple[str, str, str]  # stem, ending and folder of a picture
_PHOTOGRAPHS = (".jpg", ".jpeg")


def find_patterns(sources: Pictures, targets: Pictures) -> list[PairOfPatterns]:
    """Return the patterns that pair at least nine in ten; several where each picture has several partners.

    `targets` may be the same object as `sources`: one folder that holds both.
    """
    one_folder = sources is targets
    within: list[tuple[PairOfPatterns, ByKey]] = []
    spare: list[tuple[PairOfPatterns, ByKey]] = []
    for patterns in _suggested(sources, targets):
        pairs = match_patterns(sources, targets, patterns).pairs
        if not pairs or any(kept == pairs for _, kept in (*within, *spare)):
            continue
        if len(pairs) >= (_least(patterns) if one_folder else _SHARE * len(sources.files)):
            within.append((patterns, pairs))
        if len(pairs) >= _least_of_targets(sources, targets, patterns):
            spare.append((patterns, pairs))
    count = len(sources.files) + (0 if one_folder else len(targets.files))
    for patterns, pairs in within:
        if 2 * len(pairs) >= _SHARE * count:
            return [_with_endings(patterns, pairs)]
    if family := _family(within, count):
        return sorted((_with_endings(*alike) for alike in family), key=str)
    most = max((len(pairs) for _, pairs in spare), default=0)
    alike = [_with_endings(*kept) for kept in spare if len(kept[1]) >= _SHARE * most]
    return sorted(alike, key=str)


def oriented(patterns: PairOfPatterns) -> PairOfPatterns:
    """Return the patterns of one folder with the likely source first; see `is_certain`."""
    return min(patterns, patterns.reverse, key=_rank)


def is_certain(patterns: PairOfPatterns) -> bool:
    """Return whether names say which of two patterns is the source."""
    return _rank(patterns)[:2] != _rank(patterns.reverse)[:2]


def _rank(patterns: PairOfPatterns) -> tuple[int, int, str]:
    """Return a number by which the right one of two orders of patterns comes first."""
    source, target = patterns
    roles = [role(p.affix) or 0 for p in patterns]
    photograph = source.ending.lower() in _PHOTOGRAPHS and target.ending.lower() not in _PHOTOGRAPHS
    plain = bool(target.affix) and not source.affix
    return roles[0] - roles[1], -(plain or photograph), str(patterns)


def _least(patterns: PairOfPatterns) -> int:
    """Return how many pairs in one folder, at least, make a pattern more than chance."""
    affixes = [pattern.affix for pattern in patterns if pattern.affix]
    if all(affix.isalnum() for affix in affixes):
        return _LEAST_LETTERS if affixes else _LEAST
    return _LEAST_KNOWN if all(role(affix) is not None for affix in affixes) else _LEAST


def _least_of_targets(sources: Pictures, targets: Pictures, patterns: PairOfPatterns) -> float:
    """Return how many pairs, at least, leave no target without a source; other sources may have no target."""
    if sources is not targets:
        return max(_LEAST, _SHARE * len(targets.files))
    if (role(patterns.target.affix) or 0) < RESULT:
        return math.inf
    names = [path.relative_to(sources.root) for path in sources.files]
    left = [name for name in names if not patterns.target.key(name)]
    if sum(bool(patterns.source.key(name)) for name in left) < _SHARE * len(left):
        return math.inf
    return max(_LEAST, _SHARE * (len(names) - len(left)), _LEARNED * len(left))


def _with_endings(patterns: PairOfPatterns, pairs: ByKey) -> PairOfPatterns:
    """Return the patterns with the endings of their files, where all have one."""
    found = [{path.suffix for path in side} for side in zip(*pairs.values(), strict=True)]
    source, target = (
        pattern._replace(ending=next(iter(endings))) if len(endings) == 1 else pattern
        for pattern, endings in zip(patterns, found, strict=True)
    )
    return PairOfPatterns(source, target)


def _family(within: Sequence[tuple[PairOfPatterns, ByKey]], count: int) -> list[tuple[PairOfPatterns, ByKey]]:
    """Return the patterns that pair the same sources with other targets, if these are most files."""
    best: list[tuple[PairOfPatterns, ByKey]] = []
    most = max((len(pairs) for _, pairs in within), default=0)
    for patterns, _ in within:
        alike = [(p, g) for p, g in within if p.source == patterns.source and len(g) >= _SHARE * most]
        best = max(best, alike, key=len)
    if len(best) < 2:
        return []
    used = {path for _, pairs in best for both in pairs.values() for path in both}
    return best if len(used) >= _SHARE * count else []


def _suggested(sources: Pictures, targets: Pictures) -> list[PairOfPatterns]:
    """Return patterns that a few names suggest, the most frequent first."""
    one_folder = sources is targets
    ours, theirs = (
        sorted((*split_name(path), path.relative_to(p.root).parent.as_posix()) for path in p.files)
        for p in (sources, targets)
    )
    counts = Counter[PairOfPatterns]()
    if not (ours and theirs):
        return []
    orders = [_by_folder(theirs), _by_folder(sorted(theirs, key=lambda name: name[0][::-1]))]
    for place in evenly_spread(range(len(ours)), _SAMPLED):
        stem, ending, folder = ours[place]
        partners = {theirs[place]} if len(ours) == len(theirs) else set()
        for order, backwards in zip(orders, (False, True), strict=True):
            names = order.get(folder, [])
            middle = _place(names, stem, backwards)
            partners |= set(names[max(0, middle - _NEAR) : middle + _NEAR + 1])
        suggested = {
            patterns
            for other_stem, other_ending, other_folder in partners
            if other_folder == folder and (stem, ending) != (other_stem, other_ending)
            for patterns in _between((stem, ending), (other_stem, other_ending), one_folder)
        }
        counts.update(suggested)
    return sorted(counts, key=lambda patterns: (-counts[patterns], str(patterns)))[:_TRIED]


def _by_folder(names: Sequence[Name]) -> dict[str, list[Name]]:
    folders: dict[str, list[Name]] = {}
    for name in names:
        folders.setdefault(name[2], []).append(name)
    return folders


def _place(order: Sequence[Name], stem: str, backwards: bool) -> int:
    if backwards:
        return bisect_left(order, stem[::-1], key=lambda entry: entry[0][::-1])
    return bisect_left(order, stem, key=lambda entry: entry[0])


def _between(one: tuple[str, str], other: tuple[str, str], one_folder: bool) -> Iterator[PairOfPatterns]:
    """Yield the patterns by which two names may be a pair."""
    (a, a_ending), (b, b_ending) = one, other
    if a == b:
        if one_folder:
            yield oriented(PairOfPatterns(Pattern("", "", a_ending), Pattern("", "", b_ending)))
        return
    first, last = _common(a, b), _common(a[::-1], b[::-1])
    blocks = SequenceMatcher(None, a, b, autojunk=False).get_matching_blocks()
    for i, j, size in {(0, 0, first), (len(a) - last, len(b) - last, last), *blocks}:
        patterns = _around(a, b, i, j, size)
        if patterns and one_folder:
            letters = ["".join(filter(str.isalpha, pattern.affix)) for pattern in patterns]
            if letters[0] != letters[1] and all(map(_has_letters_or_nothing, patterns)):
                yield oriented(patterns)
        elif patterns:
            yield patterns


def _common(a: str, b: str) -> int:
    """Return how many letters two names begin with alike."""
    return next((n for n, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), min(len(a), len(b)))


def _has_letters_or_nothing(pattern: Pattern) -> bool:
    return not pattern.affix or any(map(str.isalpha, pattern.affix))


def _around(a: str, b: str, i: int, j: int, size: int) -> PairOfPatterns | None:
    """Return the patterns around a part that two names share, cut back to whole words."""
    while size and not (_ends_word(a, i + size) and _ends_word(b, j + size)):
        size -= 1
    while size and not (_ends_word(a, i) and _ends_word(b, j)):
        i, j, size = i + 1, j + 1, size - 1
    while size and not a[i + size - 1].isalnum() and (a[i + size :] or b[j + size :]):
        size -= 1
    while size and not a[i].isalnum() and (i or j):
        i, j, size = i + 1, j + 1, size - 1
    patterns = PairOfPatterns(Pattern(a[:i], a[i + size :]), Pattern(b[:j], b[j + size :]))
    return patterns if size else None


def _ends_word(text: str, place: int) -> bool:
    """Return whether a word may end or begin here: at an end, a separator, a digit or a capital."""
    if place in (0, len(text)):
        return True
    kinds = [
        "digit" if c.isdigit() else "upper" if c.isupper() else "lower" if c.isalpha() else "other"
        for c in text[place - 1 : place + 1]
    ]
    return kinds[0] != kinds[1] and kinds != ["upper", "lower"]
