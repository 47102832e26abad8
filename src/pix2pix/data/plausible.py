"""Are these pairs at all? What names and folders cannot tell is seen in a few pictures of each split.

Single pictures that would be cut in two as pairs side by side are refused, with the likely right call. Frames
of one video of which a part is held out are reported.
"""

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import NamedTuple

import numpy as np
from PIL import Image

from pix2pix.errors import UserError, joined, printable
from pix2pix.files import before_glob
from pix2pix.pairs import likely
from pix2pix.pairs.layouts import SIDE_BY_SIDE
from pix2pix.pairs.pair_set import Pair, PairSet, evenly_spread
from pix2pix.pictures import codec
from pix2pix.pictures.codec import Array
from pix2pix.pictures.seam import goes_on
from pix2pix.progress import in_parallel

_SAMPLED = 12  # pictures of each split
_LEAST = 3  # of them, at least, tell whether they are single pictures
_SINGLE_SHARE = 0.8
_WIDE = 1.5  # times as wide as high, at least, are two squares side by side
_THUMBNAIL_PX = 16
# A neighbour is so much nearer than others: 0.36 among street scenes a second apart, 0.64 among shoes of one
# catalogue, 0.9 among facades.
_FRAMES = 0.5
_NUMBER = r"(.*?)\D?\d+$"  # what is before the last number of a name


class _Seen(NamedTuple):
    """What a few pictures of a split are: the middle width and height, and whether they are single ones."""

    width: float
    height: float
    single: bool | None  # None where they are too even to tell
    panels: str = ""  # what they are made of, if not of two side by side
    meets: bool = False  # most end in the middle, as two side by side do
    grey: bool | None = None  # whether all are; None where one is in colour and another is not

    @property
    def size(self) -> str:
        return f"{self.width:.0f} x {self.height:.0f} px"


def checked(
    pairs: PairSet, data: Sequence[str | Path], *, stated: bool, words: Sequence[str] = ()
) -> PairSet:
    """Return the pairs of DATA, with what a user should know of them; `stated`: the layout was named.

    `words` are what a user gives `data split` for the same pairs. Raises UserError where pictures side
    by side are none.
    """
    if pairs.layout == "side by side" and not stated:
        notes = _refuse_singles(pairs, before_glob(Path(data[0])))
        pairs = replace(pairs, notes=(*pairs.notes, *notes))
    if pairs.held_out and (note := _frames_note(pairs, words or [*map(str, data)])):
        return replace(pairs, notes=(*pairs.notes, note))
    return pairs


def _refuse_singles(pairs: PairSet, root: Path) -> list[str]:
    """Return a note where pictures do not tell that they are pairs; raise UserError where they are none."""
    splits = {"train": [*pairs.splits["train"], *pairs.validation]} if pairs.held_out else pairs.splits
    seen = {split: _inspect(members) for split, members in splits.items() if members}
    usual_split = "train" if pairs.splits.get("train") else next(iter(seen), "")
    train = seen.pop(usual_split, None)
    if train is None:
        return []
    files = [pair.target.path for members in pairs.splits.values() for pair in members]
    first = pairs.splits[usual_split][0].target.path
    if train.single and train.panels:
        raise UserError(
            f"{printable(first)} and others like it are {train.panels}, of {train.size}: wanted two pictures "
            "side by side, the left half and the right.",
            "Cut each into files of one picture, and give two folders of equal names.",
        )
    folders = _by_folder(splits[usual_split])
    looks = {folder: look for folder, members in folders.items() if (look := _inspect(members))}
    of_folders = [(folders[folder][0].target.path, look) for folder, look in looks.items()]
    for path, look in ((first, train), *of_folders):
        if look.single:
            raise UserError(
                f"{printable(path)} and others like it are single pictures of {look.size}: they go on across "
                "the middle, where the halves of a pair would meet.",
                likely.in_place_of_halves(root, files),
            )
    if why := _as_two_folders(root, files, folders, looks):
        raise UserError(f"{why}: folders are no pairs side by side.", likely.in_place_of_halves(root, files))
    for split, other in [(name, look) for name, look in seen.items() if look]:
        _refuse_split(pairs, (usual_split, train), (split, other))
    if train.single is None and train.width < _WIDE * train.height:
        return [
            "nothing in the pictures tells that these are pairs: the halves would be "
            f"{train.width / 2:.0f} x {train.height:.0f} px (if they are: --layout {SIDE_BY_SIDE})"
        ]
    return []


def _refuse_split(pairs: PairSet, usual: tuple[str, _Seen], other: tuple[str, _Seen]) -> None:
    """Raise UserError where the pictures of another split are single ones, while the usual are pairs."""
    (usual_split, train), (split, look) = usual, other
    shape, usual_shape = look.width / look.height, train.width / train.height
    folder = _folder(pairs, usual_split)
    if look.single or (usual_shape >= _WIDE and abs(2 * shape / usual_shape - 1) < 0.1):
        raise UserError(
            f"The pictures of {split} are single ones of {look.size}, while those of {usual_split} are "
            f"pairs of {train.size}: cut in two they would be scored as something else.",
            f"{likely.call('train', folder)} holds some of its pairs out to validate on.",
        )


def _by_folder(pairs: Sequence[Pair]) -> dict[str, list[Pair]]:
    """Return the pairs of each of a few folders; none where all lie in one, or in many."""
    folders: dict[str, list[Pair]] = {}
    for pair in pairs:
        folders.setdefault(pair.name.rpartition("/")[0], []).append(pair)
    return folders if 2 <= len(folders) <= likely.SIBLINGS else {}


def _as_two_folders(
    root: Path, files: Sequence[Path], folders: Mapping[str, Sequence[Pair]], looks: Mapping[str, _Seen]
) -> str:
    """Return why the pictures of folders are partners of each other, and not pairs of halves; or ""."""
    names = joined([f"{printable(folder)}/" for folder in folders])
    if not folders or any(look.single is False and look.meets for look in looks.values()):
        return ""
    counts = {len(members) for members in folders.values()}
    greys = [look.grey for look in looks.values()]
    if len(folders) == 2 and len(counts) == 1 and sorted(map(str, greys)) == ["False", "True"]:
        return f"{names} hold {counts.pop()} pictures each, one in colour and the other in grey"
    if likely.likely_layouts(root, files):
        return f"The names in {names} make pairs"
    return ""


def _inspect(pairs: Sequence[Pair]) -> _Seen | None:
    """Return what a few pictures of a split are; None where none can be read."""
    paths = dict.fromkeys(pair.target.path for pair in evenly_spread(pairs, _SAMPLED))
    read = [array for _, array in in_parallel([*paths], codec.read) if not isinstance(array, UserError)]
    if not read:
        return None
    height, width = (median(array.shape[axis] for array in read) for axis in (0, 1))
    known = [on for array in read if (on := goes_on(array)) is not None]
    single = sum(known) >= _SINGLE_SHARE * len(known) if len(known) >= min(_LEAST, len(pairs)) else None
    meets = 2 * known.count(False) > max(len(known), _LEAST)
    greys = {bool(np.ptp(array, axis=2).max() == 0) for array in read}
    return _Seen(width, height, single, _panels(read), meets, greys.pop() if len(greys) == 1 else None)


def _panels(pictures: Sequence[Array]) -> str:
    """Return whether most pictures are made of two, one over the other, or of three side by side."""
    turned = [goes_on(np.swapaxes(array, 0, 1)) for array in pictures]
    # The seam between two of three lies in the middle of their two thirds.
    thirds = [
        goes_on(array[:, start : start + 2 * (array.shape[1] // 3)])
        for array in pictures
        for start in (0, array.shape[1] // 3)
    ]
    for answers, what in (
        (turned, "two pictures, one over the other"),
        (thirds, "three pictures side by side"),
    ):
        if answers.count(False) >= _SINGLE_SHARE * len(answers) and len(answers) >= _LEAST:
            return what
    return ""


def _folder(pairs: PairSet, split: str) -> str:
    return os.path.commonpath([pair.target.path.parent for pair in pairs.splits[split]])


def _frames_note(pairs: PairSet, words: Sequence[str]) -> str:
    """Return a note where the pictures that are held out look like their neighbours by name, or ""."""
    train, held = pairs.splits["train"], set(pairs.splits["val"])
    order = sorted([*train, *held], key=_counting)
    chosen = evenly_spread([n for n, pair in enumerate(order) if pair in held and 0 < n < len(order) - 1], 8)
    if len(chosen) < _LEAST or len(train) < 4 * _LEAST:
        return ""
    sides = {tuple(pair.target.path for pair in order), tuple(pair.source.path for pair in order)}
    if min(_nearness(files, chosen) for files in sides) >= _FRAMES:
        return ""
    groups = {match[1] for pair in order if (match := re.match(_NUMBER, pair.name))}
    by = "folder" if len({pair.name.rpartition("/")[0] for pair in order}) > 2 else _NUMBER
    cure = f"{likely.hold_out(words[0], *words, by=by)} keeps them together"
    if pairs.layout in ("manifest", "hub data set"):  # which `data split` does not take
        cure = "give a stretch of its own the split val"
    elif by == _NUMBER and len(groups) < _LEAST:
        cure = "put a stretch of its own into a folder val, next to train"
    return (
        "what is held out looks like its neighbours by name, as frames of one video do, so that scores are "
        f"too good: {cure}"
    )


def _nearness(files: Sequence[Path], chosen: Sequence[int]) -> float:
    """Return how far pictures are from their neighbours, as a part of how far they are from others."""
    others = evenly_spread(files, 12)
    needed = {files[n + step] for n in chosen for step in (-1, 0, 1)} | {*others}
    views = {p: v for p, v in in_parallel(sorted(needed), _thumbnail) if not isinstance(v, UserError)}
    ratios = []
    for n in chosen:
        near = [views[path] for path in (files[n - 1], files[n + 1]) if path in views]
        far = [views[path] for path in others if path in views and path not in files[n - 1 : n + 2]]
        if files[n] in views and near and far:
            own = views[files[n]]
            usual = median(_apart(own, view) for view in far)
            ratios.append(min(_apart(own, view) for view in near) / usual if usual else 1.0)
    return median(ratios) if len(ratios) >= _LEAST else 1.0


def _counting(pair: Pair) -> list[tuple[str, int]]:
    """Return a key by which names are sorted as a person counts them."""
    parts = re.findall(r"(\D*)(\d*)", pair.name)
    return [(text, int(number or 0)) for text, number in parts]


def _thumbnail(path: Path) -> Array:
    """Return (16, 16) float of what a picture shows."""
    array = codec.read(path).astype(np.float32).mean(axis=2)
    small = Image.fromarray(array).resize((_THUMBNAIL_PX, _THUMBNAIL_PX), Image.Resampling.BOX)
    return np.asarray(small)


def _apart(one: Array, other: Array) -> float:
    return float(np.sqrt(((one - other) ** 2).mean()))
