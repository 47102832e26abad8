"""Make a data set of what people have: split, combine, resize."""

import filecmp
import hashlib
import os
import re
import shutil
from collections.abc import Sequence
from pathlib import Path
from threading import get_native_id

import numpy as np

from pix2pix.data import plausible
from pix2pix.datasets.file_tasks import Done, FileTask, check_places, leaving_out, refuse_existing, run
from pix2pix.errors import UserError, printable
from pix2pix.files import find_pictures, replacing
from pix2pix.pairs.find import search
from pix2pix.pairs.layouts import split_folders
from pix2pix.pairs.pair_set import PairSet
from pix2pix.pictures import codec
from pix2pix.pictures.codec import Array
from pix2pix.pictures.contract import Side
from pix2pix.progress import OnProgress, no_progress

_SPLITS = ("train", "val", "test")


def split(
    data: Sequence[str | Path],
    out: Path,
    val: float,
    test: float = 0.0,
    seed: int | None = None,
    *,
    by: str = "",
    layout: str = "",
    pair: Sequence[str] = (),
    link: bool = False,
    force: bool = False,
    on_progress: OnProgress = no_progress,
) -> Done:
    """Copy pairs to out/train, out/val and out/test, by the digest of each pair's name.

    `data` is what training takes: a folder of pairs in any layout, or two, or globs in their place. `val`
    and `test` are shares of 1.
    `by` keeps pairs together: of one `folder`, or of one text that a regular expression finds in their
    names, its first group if it has one; of few such parts each split gets one, at least. A pair stays
    in its split when others come; another `seed` gives other splits. `link` makes hard links instead of
    copies. Raises UserError where nothing can be used, or where a pair lies in another split of `out`
    already.
    """
    if val < 0 or test < 0 or not 0 < val + test < 1:
        raise UserError(f"Shares of {val:g} and {test:g}: wanted two from 0 on, below 1 together.")
    folders = check_places(data, out)
    found = search(data, "left", layout, pair)
    if found.splits.keys() != {""}:
        first = split_folders(folders[0]).get("train")
        raise UserError(
            f"{data[0]} is split already: it holds {', '.join(sorted(found.splits))}.",
            f"To split a part once more, give {first}." if first else "",
        )
    plausible.checked(PairSet({"train": found.splits[""]}, found.layout), data, stated=bool(layout))
    place_of = _places([member.name for member in found.splits[""]], by, val, test, seed)
    tasks = []
    for member in found.splits[""]:
        place = place_of[member.name]
        halves = {"source": member.source.path, "target": member.target.path}
        if found.layout == "side by side":
            halves = {"": member.source.path}
        outputs = [out / place / half / f"{member.name}{path.suffix}" for half, path in halves.items()]
        tasks.append(FileTask(tuple(halves.values()), tuple(outputs), place))
    _refuse_two_splits(tasks, out)
    return run(tasks, lambda task: _copy(task, link, force), found.faults, data, on_progress)


def combine(
    sources: str | Path,
    targets: str | Path,
    out: Path,
    suffix: str | None = None,
    *,
    pair: Sequence[str] = (),
    force: bool = False,
    on_progress: OnProgress = no_progress,
) -> Done:
    """Write out/NAME with the source on the left and the target on the right, at their own depth.

    Names are matched without ending, sub-folders kept. `suffix` is that of the outputs: PNG unless
    given, TIFF for what PNG cannot hold. Grey next to RGB becomes RGB, which loses nothing. Raises
    UserError where nothing can be used.
    """
    check_places([sources, targets], out)
    found = search([sources, targets], "left", pair=pair)

    def write(task: FileTask) -> bool:
        with leaving_out():
            left, right = map(codec.read, task.inputs)
            whole = np.concatenate(_alike(left, right, task.inputs), axis=1)
            depth, channels = str(whole.dtype), whole.shape[2]
            ending = suffix or (".png" if codec.holds(".png", depth, channels) else ".tif")
            path = task.outputs[0].with_name(task.outputs[0].name + ending)
            refuse_existing(path, force)
            codec.check_holds(path, depth, channels)
        codec.write(whole, path)
        return True

    members = [member for split in found.splits.values() for member in split]
    tasks = [FileTask((m.source.path, m.target.path), (out / m.name,)) for m in members]
    return run(tasks, write, found.faults, [sources, targets], on_progress)


def resize(
    data: str | Path,
    out: Path,
    size_px: tuple[int, int],
    suffix: str | None = None,
    *,
    halves: bool = False,
    nearest: bool = False,
    force: bool = False,
    on_progress: OnProgress = no_progress,
) -> Done:
    """Write every picture of a folder or a glob at size_px (height, width), names and sub-folders kept.

    `halves` resizes the two halves of side-by-side pictures, each to size_px, so that they do not
    mix. `nearest` takes the nearest pixel, as label maps need; else antialiased bicubic. Depth and
    channels are kept. Raises UserError where nothing can be used.
    """
    from pix2pix.pictures import geometry  # which loads torch

    sides: tuple[Side, ...] = ("left", "right") if halves else ("whole",)
    (folder,) = check_places([data], out)
    failures: dict[Path, str] = {}
    tasks: dict[Path, FileTask] = {}
    for path in find_pictures(data).files:
        output = out / path.relative_to(folder)
        output = output.with_suffix(suffix) if suffix else output
        if (first := tasks.setdefault(output, FileTask((path,), (output,)))).inputs != (path,):
            failures[path] = f"{path} would become {output}, as {first.inputs[0]}."

    def write(task: FileTask) -> bool:
        (path,), (output,) = task.inputs, task.outputs
        with leaving_out():
            refuse_existing(output, force)
            whole, fill = codec.read_picture(path)
            cut = [geometry.half(whole, side, str(path)) for side in sides]
            parts = [geometry.resize(half, size_px, nearest, fill) for half in cut]
            resized = np.concatenate(parts, axis=1)
            codec.check_holds(output, str(resized.dtype), resized.shape[2])
        codec.write(resized, output, fill)
        return True

    return run(list(tasks.values()), write, failures, [data], on_progress)


def _groups(names: Sequence[str], by: str) -> dict[str, str]:
    """Return what each name is kept together with; raise UserError where that parts nothing."""
    if not by:
        return {name: name for name in names}
    if by == "folder":
        groups = {name: name.rpartition("/")[0] or name for name in names}
    else:
        try:
            found = {name: re.search(by, name) for name in names}
        except re.error as error:
            raise UserError(f"--by '{by}' is no regular expression: {error}.") from None
        if strays := [name for name, match in found.items() if not match]:
            count = f"{len(strays)} of {len(names)}"
            raise UserError(f"--by '{by}' fits no part of {count} names, such as {printable(strays[0])}.")
        groups = {name: match[match.re.groups and 1] or name for name, match in found.items() if match}
    if len({*groups.values()}) < 2 <= len(names):
        only = printable(next(iter(groups.values())))
        raise UserError(f"--by '{by}' keeps all {len(names)} pairs together, as '{only}': nothing to split.")
    return groups


def _places(names: Sequence[str], by: str, val: float, test: float, seed: int | None) -> dict[str, str]:
    """Return the split of each name: the digest of its group, as a number from 0 to 1, against the shares."""
    groups = _groups(names, by)
    numbers = {group: _number(group, seed) for group in groups.values()}
    place_of = {
        group: "val" if number < val else "test" if number < val + test else "train"
        for group, number in numbers.items()
    }
    if by:
        _fill_splits(place_of, sorted(numbers, key=lambda group: numbers[group]), val, test, by)
    return {name: place_of[groups[name]] for name in names}


def _fill_splits(place_of: dict[str, str], order: Sequence[str], val: float, test: float, by: str) -> None:
    """Put one group, at least, into each split; raise UserError where there are fewer groups than splits.

    `order` is that of the groups' numbers: a split without any takes the nearest of the one that has most.
    """
    wished = [split for split, share in (("val", val), ("test", test), ("train", 1.0)) if share]
    if len(order) < len(wished):
        raise UserError(
            f"--by '{by}' makes {len(order)} groups of the pairs, too few for {', '.join(wished)}.",
            "Leave out --test, or choose a --by of more groups.",
        )
    for split in wished:
        members = {other: [group for group in order if place_of[group] == other] for other in _SPLITS}
        if not members[split]:
            largest = max(_SPLITS, key=lambda other: len(members[other]))
            place_of[members[largest][-1 if split == "train" else 0]] = split


def _number(group: str, seed: int | None) -> float:
    key = group if seed is None else f"{seed}/{group}"
    return int.from_bytes(hashlib.sha256(os.fsencode(key)).digest()[:8], "big") / 2**64


def _refuse_two_splits(tasks: Sequence[FileTask], out: Path) -> None:
    """Refuse what an earlier call put into another split: it would be learned and scored."""
    for task in tasks:
        for output in task.outputs:
            for other in {*_SPLITS} - {task.split}:
                earlier = out / other / output.relative_to(out / task.split)
                if earlier.exists():
                    raise UserError(
                        f"{earlier} exists, but belongs to {task.split} by these shares and seed.",
                        "Give those of the first time, or choose another --out.",
                    )


def _copy(task: FileTask, link: bool, force: bool) -> bool:
    """Copy or link the files of a pair, all or none; False where equal ones were there."""
    missing = []
    with leaving_out():
        for source, output in zip(task.inputs, task.outputs, strict=True):
            if not source.stat().st_size:
                raise UserError(f"{source} is empty (0 bytes).")
            source.open("rb").close()
            if not (output.exists() and filecmp.cmp(source, output, shallow=False)):
                refuse_existing(output, force)
                missing.append((source, output))
    for source, output in missing:
        if link:
            _link(source, output)
        else:
            with replacing(output) as temporary:
                shutil.copyfile(source, temporary)
    return bool(missing)


def _link(source: Path, output: Path) -> None:
    temporary = output.with_name(f".{os.getpid()}-{get_native_id()}-{output.name[-50:]}")
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
        os.link(source.resolve(), temporary)
        os.replace(temporary, output)
    except OSError as error:
        message = f"{output} cannot be made a hard link to {source}: {error.strerror}."
        raise UserError(message, "Leave out --link.") from error
    finally:
        temporary.unlink(missing_ok=True)


def _alike(left: Array, right: Array, paths: Sequence[Path]) -> tuple[Array, Array]:
    """Return source and target as they fit in one picture; raise UserError where they do not."""
    (height, width, channels), (rows, columns, others) = left.shape, right.shape
    for one, other in (
        (f"{width} x {height} px", f"{columns} x {rows} px"),
        (str(left.dtype), str(right.dtype)),
    ):
        if one != other:
            raise UserError(f"{paths[0]} is {one} but {paths[1]} is {other}: wanted equal ones.")
    if {channels, others} == {1, 3}:
        return np.broadcast_to(left, (height, width, 3)), np.broadcast_to(right, (height, width, 3))
    if channels != others:
        raise UserError(
            f"{paths[0]} has {channels} channels but {paths[1]} has {others}.",
            "Leave them in two folders: `pix2pix train SOURCES TARGETS`.",
        )
    return left, right
