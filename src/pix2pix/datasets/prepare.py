"""Make pictures of pairs: two folders side by side, pictures of another size, frames of animations."""

from collections.abc import Mapping, Sequence
from itertools import count
from pathlib import Path

import numpy as np

from pix2pix.datasets.file_tasks import Done, FileTask, check_places, leaving_out, refuse_existing, run
from pix2pix.errors import UserError
from pix2pix.files import find_pictures
from pix2pix.pairs.find import search
from pix2pix.pictures import codec, geometry
from pix2pix.pictures.clips.animations import read_frames
from pix2pix.pictures.codec import Array
from pix2pix.pictures.contract import Side
from pix2pix.progress import OnProgress, no_progress


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
            lossless = ".png" if codec.holds(".png", str(whole.dtype), whole.shape[2]) else ".tif"
            path = task.outputs[0].with_name(task.outputs[0].name + (suffix or lossless))
            refuse_existing(path, force)
            codec.check_holds(path, str(whole.dtype), whole.shape[2])
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
    check_places([data], out)
    sides: tuple[Side, ...] = ("left", "right") if halves else ("whole",)
    tasks, failures = _one_to_one(data, out, suffix)

    def write(task: FileTask) -> bool:
        (path,), (output,) = task.inputs, task.outputs
        with leaving_out():
            refuse_existing(output, force)
            whole, fill = codec.read_picture(path)
            cut = [geometry.half(whole, side, str(path)) for side in sides]
            resized = np.concatenate([geometry.resize(half, size_px, nearest, fill) for half in cut], axis=1)
            codec.check_holds(output, str(resized.dtype), resized.shape[2])
        codec.write(resized, output, fill)
        return True

    return run(tasks, write, failures, [data], on_progress)


def write_frames(
    data: Path, out: Path, *, force: bool = False, on_progress: OnProgress = no_progress
) -> Done:
    """Write every frame of an animation, or of all pictures of a folder, as out/NAME-0001.png and so on.

    Sub-folders are kept. Raises UserError where nothing can be used.
    """
    if data.is_dir():
        check_places([data], out)
    tasks, failures = _one_to_one(data, out, ".png")
    if not tasks:
        raise UserError(f"{data} holds no pictures: wanted animations.")

    def write(task: FileTask) -> bool:
        (path,), (output,) = task.inputs, task.outputs
        frames = read_frames(path)
        for number in count(1):
            target = output.with_stem(f"{output.stem}-{number:04d}")
            with leaving_out():
                if (frame := next(frames, None)) is None:
                    return True
                refuse_existing(target, force)
            codec.write(frame, target)
        return True

    return run(tasks, write, failures, [data], on_progress)


def _one_to_one(
    data: str | Path, out: Path, suffix: str | None
) -> tuple[Sequence[FileTask], Mapping[Path, str]]:
    """Return a task for each picture, and a sentence for each that another would overwrite."""
    folder, paths = find_pictures(data)
    tasks: dict[Path, FileTask] = {}
    failures: dict[Path, str] = {}
    for path in paths:
        output = out / path.relative_to(folder)
        output = output.with_suffix(suffix) if suffix else output
        if (first := tasks.setdefault(output, FileTask((path,), (output,)))).inputs != (path,):
            failures[path] = f"{path} would become {output}, as {first.inputs[0]}."
    return [*tasks.values()], failures


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
