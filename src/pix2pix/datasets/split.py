"""Copy or link pairs into train, val and test, by the digest of each pair's name or of its group."""

import filecmp
import hashlib
import os
import re
import shutil
from collections.abc import Sequence
from pathlib import Path
from threading import get_native_id

from pix2pix.data import plausible
from pix2pix.datasets.file_tasks import Done, FileTask, check_places, leaving_out, refuse_existing, run
from pix2pix.errors import UserError, printable
from pix2pix.files import replacing
from pix2pix.pairs.find import search
from pix2pix.pairs.layouts import split_folders
from pix2pix.pairs.pair_set import Found, Pair, PairSet
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
    """Copy pairs to out/train, out/val and out/test.

    `data` is what training takes: a folder of pairs in any layout, or two, or globs in their place. `val`
    and `test` are shares of 1. `by` keeps pairs together: of one `folder`, or of one text that a regular
    expression finds in their names, its first group if it has one; of few such groups each split gets one, at
    least. A pair stays in its split when others come; another `seed` gives other splits. `link` makes hard
    links. Raises UserError where nothing can be used, or where a pair lies in another split of `out` already.
    """
    if val < 0 or test < 0 or not 0 < val + test < 1:
        raise UserError(f"Shares of {val:g} and {test:g}: wanted two from 0 on, below 1 together.")
    found = _unsplit(data, check_places(data, out), layout, pair)
    members, whole = found.splits[""], found.layout == "side by side"
    split_of = _assign([member.name for member in members], by, val, test, seed)
    tasks = [_task(member, whole, out, split_of[member.name]) for member in members]
    _refuse_two_splits(tasks, out)
    return run(tasks, lambda task: _copy(task, link, force), found.faults, data, on_progress)


def _unsplit(data: Sequence[str | Path], folders: Sequence[Path], layout: str, pair: Sequence[str]) -> Found:
    """Return pairs without splits; raise UserError for split ones, and for pictures that are no pairs."""
    found = search(data, "left", layout, pair)
    if found.splits.keys() != {""}:
        first = split_folders(folders[0]).get("train")
        raise UserError(
            f"{data[0]} is split already: it holds {', '.join(sorted(found.splits))}.",
            f"To split a part once more, give {first}." if first else "",
        )
    plausible.checked(PairSet({"train": found.splits[""]}, found.layout), data, stated=bool(layout))
    return found


def _task(pair: Pair, whole: bool, out: Path, split: str) -> FileTask:
    """Return which files become which; `whole`: a pair is one file."""
    halves = {"source": pair.source.path, "target": pair.target.path}
    inputs = {"": pair.source.path} if whole else halves
    outputs = [out / split / half / f"{pair.name}{path.suffix}" for half, path in inputs.items()]
    return FileTask(tuple(inputs.values()), tuple(outputs), split)


def _assign(names: Sequence[str], by: str, val: float, test: float, seed: int | None) -> dict[str, str]:
    """Return the split of each name: the digest of its group, as a number from 0 to 1, against the shares."""
    groups = _groups(names, by)
    numbers = {group: _number(group, seed) for group in groups.values()}
    split_of = {
        group: "val" if number < val else "test" if number < val + test else "train"
        for group, number in numbers.items()
    }
    if by:
        _fill_splits(split_of, sorted(numbers, key=lambda group: numbers[group]), val, test, by)
    return {name: split_of[groups[name]] for name in names}


def _groups(names: Sequence[str], by: str) -> dict[str, str]:
    """Return what each name is kept together with; raise UserError where that is one group or none."""
    if not by:
        return {name: name for name in names}
    if by == "folder":
        groups = {name: name.rpartition("/")[0] or name for name in names}
    else:
        try:
            matches = {name: re.search(by, name) for name in names}
        except re.error as error:
            raise UserError(f"--by '{by}' is no regular expression: {error}.") from None
        if strays := [name for name, match in matches.items() if not match]:
            count = f"{len(strays)} of {len(names)}"
            raise UserError(f"--by '{by}' fits no part of {count} names, such as {printable(strays[0])}.")
        groups = {name: match[match.re.groups and 1] or name for name, match in matches.items() if match}
    if len({*groups.values()}) < 2 <= len(names):
        only = printable(next(iter(groups.values())))
        raise UserError(f"--by '{by}' keeps all {len(names)} pairs together, as '{only}': nothing to split.")
    return groups


def _number(group: str, seed: int | None) -> float:
    key = group if seed is None else f"{seed}/{group}"
    return int.from_bytes(hashlib.sha256(os.fsencode(key)).digest()[:8], "big") / 2**64


def _fill_splits(split_of: dict[str, str], order: Sequence[str], val: float, test: float, by: str) -> None:
    """Put one group, at least, into each split; raise UserError where there are fewer groups than splits.

    `order` sorts the groups by their numbers: an empty split takes the nearest group of the largest split.
    """
    wished = [split for split, share in (("val", val), ("test", test), ("train", 1.0)) if share]
    if len(order) < len(wished):
        raise UserError(
            f"--by '{by}' makes {len(order)} groups of the pairs, too few for {', '.join(wished)}.",
            "Leave out --test, or choose a --by of more groups.",
        )
    for split in wished:
        members = {other: [group for group in order if split_of[group] == other] for other in _SPLITS}
        if not members[split]:
            largest = max(members.values(), key=len)
            split_of[largest[-1 if split == "train" else 0]] = split


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
    """Copy or link the files of a pair, all or none; return False where equal ones exist."""
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
