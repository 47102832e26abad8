"""A clip in, a clip out: movies (PyAV) and animations (GIF, WebP), frame by frame.

What flickers in pictures translated one by one: the noise; the statistics of normalisation, which a
moving object changes everywhere in the frame; and the network itself, which paints what is near a moving
object anew in each frame. Here the noise is one for the whole clip, the statistics are averaged over the
frames before, and so are the outputs wherever the source stands still. A cut begins anew.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing, nullcontext
from pathlib import Path

import numpy as np
from PIL import Image, ImageFilter

from pix2pix.device import explain_out_of_memory
from pix2pix.errors import UserError
from pix2pix.files import is_picture, replacing
from pix2pix.inference.items import Options
from pix2pix.inference.sources import restored
from pix2pix.inference.translator import Translator
from pix2pix.networks.modes import averaging
from pix2pix.pictures import geometry
from pix2pix.pictures.clips import animations, movies
from pix2pix.pictures.clips.animations import Animation, Frame
from pix2pix.pictures.clips.movies import Movie
from pix2pix.pictures.codec import Array, to_pillow
from pix2pix.pictures.conform import to_channels, to_depth
from pix2pix.progress import OnProgress, no_progress

_CELLS = 16  # by which frames are compared, each way
# Of the squared difference of two frames that have nothing in common. Measured: see docs/video.md.
_CUT = 0.3
_SAME_CELL = 0.02  # of values from 0 to 1
_NEAR_PX, _GRAIN = 2, 8.0  # changes of the source, in levels of 255 around a pixel, that are none
_LEAST_VARIANCE = 1e-3  # of values from 0 to 1: what differs less is no cut


def is_clip(inputs: Sequence[str], out: Path) -> bool:
    """Return whether a request is for a clip: by the endings, and by whether an input is animated."""
    suffix, sources = out.suffix.lower(), [Path(text) for text in inputs]
    endings = {source.suffix.lower() for source in sources}
    if suffix in movies.WRITTEN or not endings.isdisjoint(movies.READ) or {suffix} == endings == {".gif"}:
        return True
    return suffix in animations.WRITTEN and any(animations.is_animation(s) for s in sources)


def plan_clip(
    inputs: Sequence[str], out: Path, translator: Translator, options: Options
) -> tuple[Path, Path]:
    """Return the clip to read and the one to write; `out` may be a folder.

    Raises UserError where these cannot be, or the model's outputs are no frames of a video.
    """
    if len(inputs) > 1:
        raise UserError(f"{len(inputs)} inputs for one clip.", "Translate clips one at a time.")
    source, written = Path(inputs[0]), (*movies.WRITTEN, *animations.WRITTEN)
    if out.is_dir() or not out.suffix:
        out /= source.name if source.suffix.lower() in written else source.with_suffix(".mp4").name
    if out.suffix.lower() not in written:
        raise UserError(
            f"{out}: '{out.suffix}' is no video format that can be written.",
            f"Wanted one of {' '.join(written)}.",
        )
    if out.resolve() == source.resolve():
        raise UserError(f"{out} is the input and would be lost.", "Choose another --out.")
    if source.is_file() and source.resolve() in out.resolve().parents:
        raise UserError(f"{out} lies inside the input {source}, which is a file.", "Choose another --out.")
    if options.samples > 1 or options.stream:
        flag = "--samples" if options.samples > 1 else "--stream"
        raise UserError(
            f"{flag} is for pictures, and {source} is translated as a clip.", f"Leave out {flag}."
        )
    depth, channels = translator.output
    if depth != "uint8" or channels not in (1, 3):
        raise UserError(
            f"This model's pictures have {channels} channels of {depth}: wanted grey or RGB of uint8.",
            "Translate the frames as pictures: `pix2pix data frames`.",
        )
    if out.suffix.lower() in movies.WRITTEN:
        movies.check_installed(out)
    return source, out


def translate_clip(
    translator: Translator,
    source: Path,
    out: Path,
    options: Options,
    smooth: float = 0.0,
    on_progress: OnProgress = no_progress,
) -> tuple[int, list[str]]:
    """Translate a clip; return the number of frames, and a sentence for each part that is missing.

    `smooth`, from 0 to below 1, is the share of statistics, and of outputs where the source stands
    still, that is kept from frame to frame; 0 takes each frame alone. Raises UserError where nothing
    can be read, or (`strict`) not all.
    """
    count = 0
    with closing(_opened(source)) as clip:

        def reported() -> Iterator[Frame]:
            nonlocal count
            for count, frame in enumerate(_translated(translator, clip, source, options, smooth), 1):
                yield frame
                on_progress(count, max(clip.count, count + 1))  # what a file states may be wrong
            on_progress(count, count)

        doing = f"translating {source}"
        with explain_out_of_memory(translator.device, doing, "Use --size train, or a smaller clip."):
            _write(out, clip, reported())
        return count, clip.failures


def is_cut(before: Array, after: Array) -> bool:
    """Return whether two successive frames, (H, W, C) uint8, belong to different shots.

    They are compared by colour in a coarse grid, relative to what they hold: unlike pictures differ by
    the sum of their variances. And a third of the grid must change: more than one object covers.
    """
    one, other = (_cells(frame) for frame in (before, after))
    change, variance = one - other, one.var((0, 1)).mean() + other.var((0, 1)).mean()
    changed = np.mean(np.abs(change).max(2) > _SAME_CELL)
    return bool(changed > 1 / 3 and np.square(change).mean() > _CUT * (variance + _LEAST_VARIANCE))


class Still:
    """Averages outputs over time where the source stands still; elsewhere it leaves them as they are.

    `keep` is the share that older outputs keep at each further frame, 0 for none.
    """

    def __init__(self, keep: float) -> None:
        self._keep = keep
        self._before: tuple[Array, Array] | None = None  # the source, and the average of outputs

    def add(self, source: Array, output: Array) -> Array:
        """Return the average (H, W, C) uint8 of an output and those before, at a source (H, W, C')."""
        if not self._keep:
            return output
        average = output.astype(np.float32)
        if self._before is not None:
            last, mean = self._before
            change = np.abs(source.astype(np.int16) - last).mean(2).round().astype(np.uint8)
            # Of grain and compression the mean around a pixel is small; next to movement the pixel is.
            around = np.asarray(Image.fromarray(change).filter(ImageFilter.BoxBlur(_NEAR_PX)))
            near = np.minimum(change, around).astype(np.float32)
            weight = self._keep * np.exp(-np.square(near / _GRAIN))[:, :, None]
            average += weight * (mean - average)
        self._before = source, average
        return average.round().astype(np.uint8)

    def restart(self) -> None:
        """Forget all outputs."""
        self._before = None


def _opened(source: Path) -> Movie | Animation:
    return Animation(source) if is_picture(source) else Movie(source)


def _translated(
    translator: Translator, clip: Movie | Animation, source: Path, options: Options, smooth: float
) -> Iterator[Frame]:
    averages = smooth > 0 and (options.mode or translator.header.mode) != "running"
    # Its layers hold the averages: other threads may use the translator meanwhile.
    own = translator.share() if averages else translator
    image = own.header.image
    # A colour between those of two classes is of neither.
    still = Still(0 if image.target.one_hot else smooth)
    before: Array | None = None
    with averaging(own.generator, smooth) if averages else nullcontext(lambda: None) as restart:
        for frame in clip.frames():
            array = geometry.half(frame.array, options.half, str(source))
            # Frames of an animation may differ in channels.
            seen = to_channels(to_depth(array, "uint8", str(source)), 3, str(source))
            if before is not None and is_cut(before, seen):
                restart()
                still.restart()
            before = seen
            picture = own.source(array, str(source), options.make, source.stem, options.size)
            (output,) = own.translate_sources([picture], mode=options.mode, seed=options.seed)
            yield frame._replace(array=still.add(seen, restored(image, output, array)))
    if options.strict and clip.failures:
        raise UserError(clip.failures[0])
    if before is None:
        raise UserError(f"{source} holds no frame that can be decoded.")


def _write(out: Path, clip: Movie | Animation, frames: Iterator[Frame]) -> None:
    if out.suffix.lower() in animations.WRITTEN:
        animations.write(out, frames, clip.loop, is_cut)
        return
    with replacing(out) as temporary, closing(movies.Writer(temporary, out, clip)) as writer:
        for frame in frames:
            writer.add(frame)
        writer.finish()


def _cells(frame: Array) -> Array:
    small = to_pillow(to_channels(frame, 3, "A frame")).resize((_CELLS, _CELLS), Image.Resampling.BOX)
    return np.asarray(small, np.float32) / 255
