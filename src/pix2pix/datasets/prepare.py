"""Make a data set of what people have: split, combine, resize."""

import filecmp
import hashlib
import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from threading import get_native_id

import numpy as np

from pix2pix.datasets.file_tasks import (
    Done,
    FileTask,
    check_folders,
    leaving_out,
    pairs_of,
    refuse_existing,
    run,
)
from pix2pix.errors import UserError
from pix2pix.files import list_pictures, replacing
from pix2pix.pictures import codec
from pix2pix.pictures.codec import Array
from pix2pix.pictures.contract import Side
from pix2pix.progress import OnProgress, no_progress

_SPLITS = ("train", "val", "test")


def split(
    data: Sequence[Path],
    out: Path,
    val: float,
    test: float = 0.0,
    seed: int | None = None,
    *,
    link: bool = False,
    force: bool = False,
    on_progress: OnProgress = no_progress,
) -> Done:
    """Copy pairs to out/train, out/val and out/test, by the digest of each pair's name.

    `data` is a folder of side-by-side pictures, one that holds source/ and target/, or two folders
    with equal names. `val` and `test` are shares of 1. A pair stays in its split when others come;
    another `seed` gives other splits. `link` makes hard links instead of copies. Raises UserError
    where nothing can be used, or where a pair lies in another split of `out` already.
    """
    if val < 0 or test < 0 or not 0 < val + test < 1:
        raise UserError(f"Shares of {val:g} and {test:g}: wanted two from 0 on, below 1 together.")
    check_folders(data, out)
    folders = _folders_to_split(data)
    pairs, failures = pairs_of(folders)
    tasks = []
    for name, paths in pairs:
        place = _split_of(name, val, test, seed)
        parts = [out / place / ("" if len(folders) == 1 else half) for half in ("source", "target")]
        names = [path.relative_to(folder) for path, folder in zip(paths, folders, strict=True)]
        tasks.append(FileTask(paths, tuple(map(Path.joinpath, parts, names)), place))
    _refuse_two_splits(tasks, out)
    return run(tasks, lambda task: _copy(task, link, force), failures, data, on_progress)


def combine(
    sources: Path,
    targets: Path,
    out: Path,
    suffix: str | None = None,
    *,
    force: bool = False,
    on_progress: OnProgress = no_progress,
) -> Done:
    """Write out/NAME with the source on the left and the target on the right, at their own depth.

    Names are matched without ending, sub-folders kept. `suffix` is that of the outputs: PNG unless
    given, TIFF for what PNG cannot hold. Grey next to RGB becomes RGB, which loses nothing. Raises
    UserError where nothing can be used.
    """
    check_folders([sources, targets], out)
    pairs, failures = pairs_of([sources, targets])

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

    tasks = [FileTask(paths, (out / name,)) for name, paths in pairs]
    return run(tasks, write, failures, [sources, targets], on_progress)


def resize(
    data: Path,
    out: Path,
    size_px: tuple[int, int],
    suffix: str | None = None,
    *,
    halves: bool = False,
    nearest: bool = False,
    force: bool = False,
    on_progress: OnProgress = no_progress,
) -> Done:
    """Write every picture of a folder at size_px (height, width), names and sub-folders kept.

    `halves` resizes the two halves of side-by-side pictures, each to size_px, so that they do not
    mix. `nearest` takes the nearest pixel, as label maps need; else antialiased bicubic. Depth and
    channels are kept. Raises UserError where nothing can be used.
    """
    from pix2pix.pictures import geometry  # which loads torch

    sides: tuple[Side, ...] = ("left", "right") if halves else ("whole",)
    check_folders([data], out)
    failures: dict[Path, str] = {}
    tasks: dict[Path, FileTask] = {}
    for path in list_pictures(data):
        output = out / path.relative_to(data)
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


def _folders_to_split(data: Sequence[Path]) -> list[Path]:
    """Return the folders of `data`, or DATA/source and DATA/target."""
    halves = [data[0] / "source", data[0] / "target"]
    folders = halves if len(data) == 1 and all(half.is_dir() for half in halves) else list(data)
    if len(folders) > 2:
        raise UserError(f"{len(data)} folders were given: wanted one of pairs, or two.")
    for folder in folders:
        if splits := [split for split in _SPLITS if (folder / split).is_dir()]:
            raise UserError(
                f"{folder} is split already: it holds {splits[0]}/.",
                f"To split that once more, give {folder / splits[0]}.",
            )
    return folders


def _split_of(name: str, val: float, test: float, seed: int | None) -> str:
    """Return the split of a name: its digest, as a number from 0 to 1, against the shares."""
    key = name if seed is None else f"{seed}/{name}"
    place = int.from_bytes(hashlib.sha256(os.fsencode(key)).digest()[:8], "big") / 2**64
    return "val" if place < val else "test" if place < val + test else "train"


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
