"""Which files belong together by their names: equal names, or names around a common part.

A pattern is a name with `{}` for the common part, such as `{}_training.tif` and `{}_manual1.gif`; without
an ending it stands for any. Composed and decomposed letters are the same, folders must be equal.
"""

import unicodedata
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from pix2pix.errors import UserError
from pix2pix.files import PICTURE_SUFFIXES, Pictures, list_pictures

ByKey = dict[str, tuple[Path, Path]]  # source and target


class Pattern(NamedTuple):
    """What stands around the common part of names; `ending` of "" is any."""

    prefix: str
    suffix: str
    ending: str = ""

    def __str__(self) -> str:
        return f"{self.prefix}{{}}{self.suffix}{self.ending}"

    @property
    def affix(self) -> str:
        """What tells the halves apart, without the ending."""
        return self.prefix + self.suffix

    def key(self, path: Path) -> str:
        """Return the common part of a name, its folder in front, or "" where it does not fit."""
        stem, ending = split_name(path)
        fits = stem.startswith(self.prefix) and stem.endswith(self.suffix) and self.ending in ("", ending)
        inner = stem[len(self.prefix) : len(stem) - len(self.suffix)]
        folder = path.parent.as_posix()
        return (inner if folder == "." else f"{composed(folder)}/{inner}") if fits and inner else ""


class Matched(NamedTuple):
    """Files of equal keys, by key, and the pictures that have no partner or are there twice."""

    pairs: ByKey
    faults: dict[Path, str]
    only_spare: bool = False  # the faults are sources without a target, while each target has its source
    counted: frozenset[Path] = frozenset()  # pictures without a partner that a note counts


class PairOfPatterns(NamedTuple):
    """The patterns of sources and of targets."""

    source: Pattern
    target: Pattern

    def __str__(self) -> str:
        return f"'{self.source}' / '{self.target}'"

    @property
    def flag(self) -> str:
        """What requests these patterns on a command line."""
        return f"--pair '{self.source}' '{self.target}'"

    @property
    def reverse(self) -> "PairOfPatterns":
        """The same with the target as the source."""
        return PairOfPatterns(self.target, self.source)


def parse_patterns(texts: Sequence[str]) -> PairOfPatterns | None:
    """Return the patterns of --pair, None for none; raise UserError for what is no pair of patterns."""
    if not texts:
        return None
    if len(texts) != 2 or any(text.count("{}") != 1 or "/" in text for text in texts):
        raise UserError(
            f"--pair {' '.join(map(repr, texts))} is no pair of name patterns.",
            "Wanted those of sources and targets, {} once in each for what is common, and no folder, so no "
            "/: --pair '{}.jpg' '{}_mask.png'. Names that fit no patterns are listed in a manifest "
            "(docs/data.md).",
        )
    source, target = map(_parse, texts)
    if source == target:
        raise UserError(f"--pair has '{source}' twice: sources and targets would be the same files.")
    return PairOfPatterns(source, target)


def match(sources: Path, targets: Path) -> Matched:
    """Return the files of equal names in two folders, and a sentence for each file without a partner.

    A name is the relative path without its ending.
    """
    return match_equal(*(Pictures(folder, list_pictures(folder)) for folder in (sources, targets)))


def match_equal(sources: Pictures, targets: Pictures) -> Matched:
    """Return the files of equal names, and a sentence for each file without a partner."""
    faults = dict[Path, str]()
    files: tuple[dict[str, Path], dict[str, Path]] = ({}, {})
    for pictures, by_name in zip((sources, targets), files, strict=True):
        for path in pictures.files:
            name = composed(name_of(path, pictures.root))
            if (first := by_name.setdefault(name, path)) != path:
                faults[path] = f"{path} has the same name as {first}."
    only_spare = not faults and bool(files[1]) and files[1].keys() <= files[0].keys()
    for name in sorted(files[0].keys() ^ files[1].keys()):
        side = int(name in files[1])
        path = files[side][name]
        faults[path] = f"{path} has no partner in {(targets, sources)[side].root}."
    # In the order of the names as they are on disk, which the data digest of a run depends on.
    common = {name_of(files[0][key], sources.root): key for key in files[0].keys() & files[1].keys()}
    pairs = {name: (files[0][k], files[1][k]) for name, k in sorted(common.items())}
    return Matched(pairs, faults, only_spare)


def match_patterns(sources: Pictures, targets: Pictures, patterns: PairOfPatterns) -> Matched:
    """Return the files of equal keys; a file of both patterns is of the one that says more."""
    faults = dict[Path, str]()
    files: tuple[dict[str, Path], dict[str, Path]] = ({}, {})
    for side, pictures in enumerate((sources, targets)):
        own, other = patterns[side], patterns[1 - side]
        for path in pictures.files:
            relative = path.relative_to(pictures.root)
            key = own.key(relative)
            if not key or (sources is targets and _says_more(other, own) and other.key(relative)):
                continue
            if (first := files[side].setdefault(key, path)) != path:
                faults[path] = f"{path} and {first} are the same '{key}' of '{own}'."
    for key in sorted(files[0].keys() ^ files[1].keys()):
        side = int(key in files[1])
        faults[files[side][key]] = f"{files[side][key]} has no partner by '{patterns[1 - side]}'."
    common = sorted(files[0].keys() & files[1].keys())
    return Matched({key: (files[0][key], files[1][key]) for key in common}, faults)


def composed(name: str) -> str:
    """Return a name with its accents composed, as some systems store them apart."""
    return unicodedata.normalize("NFC", name)


def name_of(path: Path, folder: Path) -> str:
    """Return the name of a picture: its path relative to a folder, without the ending."""
    return path.relative_to(folder).with_suffix("").as_posix()


def _parse(text: str) -> Pattern:
    prefix, _, rest = text.partition("{}")
    ending = Path(f"x{rest}").suffix
    known = ending.lower() in PICTURE_SUFFIXES
    rest = rest.removesuffix(ending if known else ".*")
    return Pattern(composed(prefix), composed(rest), ending if known else "")


def split_name(path: Path) -> tuple[str, str]:
    """Return the stem of a file, composed, and its ending."""
    return composed(path.stem), path.suffix


def _says_more(one: Pattern, other: Pattern) -> bool:
    """Return whether one pattern is narrower than the other."""
    return (len(one.affix), len(one.ending)) > (len(other.affix), len(other.ending))
