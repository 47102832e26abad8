"""Animations -> their frames as pictures of their own: GIF, WebP and PNG."""

from itertools import count
from pathlib import Path

from pix2pix.datasets.file_tasks import Done, FileTask, check_places, leaving_out, refuse_existing, run
from pix2pix.errors import UserError
from pix2pix.files import list_pictures
from pix2pix.pictures import codec
from pix2pix.pictures.clips.animations import read_frames
from pix2pix.progress import OnProgress, no_progress


def write_frames(
    data: Path, out: Path, *, force: bool = False, on_progress: OnProgress = no_progress
) -> Done:
    """Write every frame of an animation, or of all pictures of a folder, as out/NAME-0001.png and so on.

    Sub-folders are kept. Raises UserError where nothing can be used.
    """
    if data.is_dir():
        check_places([data], out)
    folder, paths = (data, list_pictures(data)) if data.is_dir() else (data.parent, [data])
    if not paths:
        raise UserError(f"{data} holds no pictures: wanted animations.")
    tasks = [FileTask((path,), (out / path.relative_to(folder).with_suffix(".png"),)) for path in paths]

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

    return run(tasks, write, {}, [data] if data.is_dir() else [], on_progress)
