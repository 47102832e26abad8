"""Make a data set of what people have: split, combine, resize, or draw procedural pairs."""

from __future__ import annotations

import filecmp
import hashlib
import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from threading import get_native_id

import numpy as np
from PIL import Image

from pix2pix.datasets.archives import new_folder
from pix2pix.datasets.jobs import (
    Done,
    Job,
    Progress,
    check_folders,
    leaving_out,
    pairs_of,
    refuse_existing,
    run,
)
from pix2pix.datasets.sample import write_pairs
from pix2pix.errors import UserError
from pix2pix.files import list_pictures, replacing
from pix2pix.pictures import codec
from pix2pix.pictures.codec import Array

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
    progress: Progress = lambda done, total: None,
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
    folders = _halves(data)
    pairs, failures = pairs_of(folders)
    jobs = []
    for name, paths in pairs:
        place = _split_of(name, val, test, seed)
        parts = [out / place / ("" if len(folders) == 1 else half) for half in ("source", "target")]
        names = [path.relative_to(f) for path, f in zip(paths, folders, strict=True)]
        outputs = tuple(part / name for part, name in zip(parts, names, strict=False))
        jobs.append(Job(paths, outputs, place))
    _refuse_two_splits(jobs, out)
    return run(jobs, lambda job: _copy(job, link, force), failures, data, progress)


def combine(
    sources: Path,
    targets: Path,
    out: Path,
    suffix: str | None = None,
    *,
    force: bool = False,
    progress: Progress = lambda done, total: None,
) -> Done:
    """Write out/NAME with the source on the left and the target on the right, at their own depth.

    Names are matched without ending, sub-folders kept. `suffix` is that of the outputs: PNG unless
    given, TIFF for what PNG cannot hold. Grey beside RGB becomes RGB, which loses nothing. Raises
    UserError where nothing can be used.
    """
    check_folders([sources, targets], out)
    pairs, failures = pairs_of([sources, targets])

    def treat(job: Job) -> bool:
        with leaving_out():
            left, right = (codec.read(path) for path in job.inputs)
            whole = np.concatenate(_alike(left, right, job.inputs), axis=1)
            depth, channels = str(whole.dtype), whole.shape[2]
            ending = suffix or (".png" if codec.holds(".png", depth, channels) else ".tif")
            path = job.outputs[0].with_name(job.outputs[0].name + ending)
            refuse_existing(path, force)
            codec.check_holds(path, depth, channels)
        codec.write(whole, path)
        return True

    jobs = [Job(paths, (out / name,)) for name, paths in pairs]
    return run(jobs, treat, failures, [sources, targets], progress)


def resize(
    data: Path,
    out: Path,
    size_px: tuple[int, int],
    suffix: str | None = None,
    *,
    halves: bool = False,
    nearest: bool = False,
    force: bool = False,
    progress: Progress = lambda done, total: None,
) -> Done:
    """Write every picture of a folder at size_px (height, width), names and sub-folders kept.

    `halves` resizes the two halves of side-by-side pictures, each to size_px, so that they do not
    mix. `nearest` takes the nearest pixel, as label maps need; else antialiased bicubic. Depth and
    channels are kept. Raises UserError where nothing can be used.
    """
    failures: dict[Path, str] = {}
    jobs: dict[Path, Job] = {}
    check_folders([data], out)
    for path in list_pictures(data):
        name = path.relative_to(data)
        output = out / (name.with_suffix(suffix) if suffix else name)
        if (first := jobs.setdefault(output, Job((path,), (output,)))).inputs != (path,):
            failures[path] = f"{path} would become {output}, as {first.inputs[0]}."

    def treat(job: Job) -> bool:
        (path,), (output,) = job.inputs, job.outputs
        with leaving_out():
            refuse_existing(output, force)
            whole = codec.read(path)
            parts = _in_halves(whole, path) if halves else [whole]
            resized = np.concatenate([_resized(p, size_px, nearest) for p in parts], axis=1)
            codec.check_holds(output, str(resized.dtype), resized.shape[2])
        codec.write(resized, output)
        return True

    return run(list(jobs.values()), treat, failures, [data], progress)


def draw(
    out: Path,
    counts: Mapping[str, int],
    size_px: int,
    seed: int,
    progress: Progress = lambda done, total: None,
) -> None:
    """Write procedural pairs (see `data.sample`) of size_px: `counts` of each split.

    Raises UserError where `out` exists, or nothing is wanted.
    """
    wanted = {split: count for split, count in counts.items() if count}
    if not wanted:
        raise UserError("No pairs are wanted.", "Give --count.")
    with new_folder(out) as folder:
        total = sum(wanted.values())
        write_pairs(folder, wanted, size_px, seed, lambda done: progress(done, total))


def _halves(data: Sequence[Path]) -> list[Path]:
    """The folders to split: those of DATA, or DATA/source and DATA/target."""
    halves = [data[0] / "source", data[0] / "target"]
    folders = halves if len(data) == 1 and all(half.is_dir() for half in halves) else list(data)
    if len(folders) > 2:
        raise UserError(f"{len(data)} folders were given: wanted one of pairs, or two.")
    for folder in folders:
        if found := [split for split in _SPLITS if (folder / split).is_dir()]:
            raise UserError(
                f"{folder} is split already: it holds {found[0]}/.",
                f"To split that once more, give {folder / found[0]}.",
            )
    return folders


def _split_of(name: str, val: float, test: float, seed: int | None) -> str:
    """The split of a name: its digest, as a number from 0 to 1, against the shares."""
    key = name if seed is None else f"{seed}/{name}"
    place = int.from_bytes(hashlib.sha256(os.fsencode(key)).digest()[:8], "big") / 2**64
    return "val" if place < val else "test" if place < val + test else "train"


def _refuse_two_splits(jobs: Sequence[Job], out: Path) -> None:
    """A pair that an earlier call put into another split would be learned and scored."""
    for job in jobs:
        for output in job.outputs:
            for other in {*_SPLITS} - {job.split}:
                there = out / other / output.relative_to(out / job.split)
                if there.exists():
                    raise UserError(
                        f"{there} exists, but belongs to {job.split} by these shares and seed.",
                        "Give those of the first time, or choose another --out.",
                    )


def _copy(job: Job, link: bool, force: bool) -> bool:
    """Copy or link the files of a pair, all or none; False where equal ones were there."""
    todo = []
    with leaving_out():
        for source, output in zip(job.inputs, job.outputs, strict=True):
            if not source.stat().st_size:
                raise UserError(f"{source} is empty (0 bytes).")
            source.open("rb").close()
            if not (output.exists() and filecmp.cmp(source, output, shallow=False)):
                refuse_existing(output, force)
                todo.append((source, output))
    for source, output in todo:
        if link:
            _link(source, output)
        else:
            with replacing(output) as temporary:
                shutil.copyfile(source, temporary)
    return bool(todo)


def _link(source: Path, output: Path) -> None:
    temporary = output.with_name(f".{os.getpid()}-{get_native_id()}-{output.name[-50:]}")
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
        os.link(source.resolve(), temporary)
        os.replace(temporary, output)
    except OSError as error:
        told = f"{output} cannot be made a hard link to {source}: {error.strerror}."
        raise UserError(told, "Leave out --link.") from error
    finally:
        temporary.unlink(missing_ok=True)


def _alike(left: Array, right: Array, paths: Sequence[Path]) -> tuple[Array, Array]:
    """Source and target as they can stand in one picture; raises UserError where they cannot."""
    for what, found in {
        "{1} x {0} px": [left.shape[:2], right.shape[:2]],
        "{0}": [(str(left.dtype),), (str(right.dtype),)],
    }.items():
        if found[0] != found[1]:
            first, second = (what.format(*values) for values in found)
            raise UserError(f"{paths[0]} is {first} but {paths[1]} is {second}: wanted equal ones.")
    if {left.shape[2], right.shape[2]} == {1, 3}:
        return np.broadcast_to(left, (*left.shape[:2], 3)), np.broadcast_to(right, (*right.shape[:2], 3))
    if left.shape[2] != right.shape[2]:
        raise UserError(
            f"{paths[0]} has {left.shape[2]} channels but {paths[1]} has {right.shape[2]}.",
            "Leave them in two folders: `pix2pix train SOURCES TARGETS`.",
        )
    return left, right


def _in_halves(whole: Array, path: Path) -> list[Array]:
    if whole.shape[1] % 2:
        raise UserError(f"{path} is {whole.shape[1]} px wide: wanted two halves, equally wide.")
    return np.split(whole, 2, axis=1)


def _resized(array: Array, size_px: tuple[int, int], nearest: bool) -> Array:
    """(H, W, C) at (height, width) of size_px, in its own depth and within its own range."""
    how = Image.Resampling.NEAREST if nearest else Image.Resampling.BICUBIC
    planes = []
    for plane in np.moveaxis(array.astype(np.float32), 2, 0):  # float32 holds 16 bits exactly
        resized = np.asarray(Image.fromarray(plane).resize(size_px[::-1], how))
        planes.append(resized.clip(plane.min(), plane.max()))
    stacked = np.stack(planes, axis=2)
    return (stacked.round() if array.dtype.kind == "u" else stacked).astype(array.dtype)
