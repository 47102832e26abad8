"""Movies by PyAV (the extra `video`): frames one at a time, with their times and the sound.

Frames are upright: a camera's rotation mark is applied, and files are written without one. Times are exact if
the written file can state them (Matroska rounds to milliseconds).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from pix2pix.errors import UserError, counted, first_line
from pix2pix.pictures.clips.animations import Animation, Frame
from pix2pix.pictures.codec import Array
from pix2pix.pictures.formats.opening import refuse_large

# Containers that are written, with their codec and its quality.
_WRITTEN: dict[str, tuple[str, dict[str, str]]] = dict.fromkeys(
    (".mp4", ".m4v", ".mov", ".mkv"), ("libx264", {"crf": "18"})
) | {".webm": ("libvpx-vp9", {"crf": "24", "b": "0", "row-mt": "1"})}
WRITTEN = tuple(_WRITTEN)
READ = (*WRITTEN, ".avi", ".mpg", ".mpeg", ".ts", ".mts", ".m2ts", ".wmv", ".flv", ".ogv", ".3gp")

_BT709, _LIMITED, _UNSTATED = 1, 1, 2  # as FFmpeg numbers colour spaces and ranges
_SHORT_SECONDS = Fraction(1, 2)  # by which a file may end before its stated length
_HD_PX = 720  # from this height on players assume the colour space of HD where none is stated


def check_installed(path: Path) -> None:
    """Raise UserError where PyAV is missing, which the movie `path` needs."""
    if find_spec("av") is None:
        raise UserError(
            f"{path} is a video, and PyAV is not installed.", "Install it: pip install 'pix2pix[video]'."
        )


class Movie:
    """The frames of a video file, decoded one at a time.

    `count` is the number of frames that the file states, or that follows from its length; 0 if unknown.
    `failures` has a sentence for each part that cannot be decoded. Raises UserError for a file that is no
    video, has transparent pixels, or is damaged from its beginning.
    """

    loop = 0  # an animation made from it is endless

    def __init__(self, path: Path) -> None:
        import av

        if not path.is_file():
            raise UserError(f"There is no file {path}.")
        check_installed(path)
        self._path, self.failures = path, list[str]()
        with _in_words(path):
            self._container = av.open(str(path))
        streams = self._container.streams
        # The cover of a piece of music is a picture.
        moving = [s for s in streams.video if not s.disposition & s.disposition.attached_pic]
        if not moving:
            self.close()
            raise UserError(f"{path} holds no video.", "Wanted a file with moving pictures.")
        self._stream = stream = moving[0]
        stream.thread_type = "AUTO"
        self.sound = list(streams.audio)
        self.packets = list[Any]()  # of the sound, read and not written yet
        self.time_base = Fraction(stream.time_base or Fraction(1, 1000))
        self.rate = Fraction(stream.average_rate or 25)
        self._length = Fraction(self._container.duration or 0, av.time_base)
        self.count = stream.frames or round(self._length * self.rate)
        try:
            self._check()
        except UserError:
            self.close()
            raise

    def _check(self) -> None:
        stream, format_ = self._stream, self._stream.codec_context.format
        if format_ is None or not stream.codec_context.width:
            raise UserError(f"{self._path} is damaged: it does not say what its frames are.")
        refuse_large(stream.codec_context.height, stream.codec_context.width, self._path)
        marked = {key.lower(): value for key, value in stream.metadata.items()}
        if any(c.is_alpha for c in format_.components) or marked.get("alpha_mode") == "1":
            raise UserError(
                f"{self._path} has transparent pixels (alpha), which videos are translated without.",
                "Lay it on a background first, or translate its frames as pictures.",
            )

    @property
    def pixel_shape(self) -> Fraction | None:
        """Return width over height of a pixel, None for square ones."""
        ratio = self._stream.codec_context.sample_aspect_ratio
        return Fraction(ratio) if ratio else None

    def frames(self) -> Iterator[Frame]:
        """Yield the frames in the order in which they are shown; `packets` gathers the sound."""
        before, packets, broken, end = Fraction(-1), 0, 0, Fraction(0)
        size: tuple[int, ...] = ()
        for packet in self._demuxed():
            if packet.dts is not None:
                end = max(end, (packet.dts + (packet.duration or 0)) * packet.time_base)
            if packet.stream is not self._stream:
                self.packets += [packet] if packet.dts is not None else []
                continue
            packets += packet.size > 0
            decoded, good = self._decoded(packet)
            broken += not good
            for raw in decoded:
                frame = self._frame(raw, before)
                size, before = size or frame.array.shape[:2], frame.start
                self._check_size(frame, size)
                yield frame
        self._count_missing(packets, broken, end)

    def _check_size(self, frame: Frame, size: tuple[int, ...]) -> None:
        height, width = frame.array.shape[:2]
        if size != (height, width):
            raise UserError(
                f"{self._path} changes the size of its frames from {size[1]} x {size[0]} to "
                f"{width} x {height} px: wanted one size.",
                "Cut it there.",
            )

    def _count_missing(self, packets: int, broken: int, end: Fraction) -> None:
        path, stated = self._path, self._stream.frames
        if broken:
            self.failures.append(f"{path}: {counted(broken, 'frame')} could not be decoded as they were.")
        if packets < stated:
            self.failures.append(f"{path} is cut short: it holds {packets:,} of its {stated:,} frames.")
        elif not stated and self._length - end > _SHORT_SECONDS:
            length = f"{float(self._length):.1f} s"
            self.failures.append(f"{path} is cut short: it ends at {float(end):.1f} of {length}.")

    def close(self) -> None:
        """Close the file."""
        self._container.close()

    def _demuxed(self) -> Iterator[Any]:
        import av

        packets = self._container.demux([self._stream, *self.sound])
        while True:
            try:
                packet = next(packets)
            except (StopIteration, av.FFmpegError):
                return  # the caller counts the missing frames
            yield packet

    def _decoded(self, packet: Any) -> tuple[list[Any], bool]:
        """Return the frames that a packet completes, and whether it could be decoded."""
        import av

        try:
            frames = packet.decode()
        except av.FFmpegError:
            return [], False
        return frames, not any(frame.is_corrupt for frame in frames)

    def _frame(self, raw: Any, before: Fraction) -> Frame:
        """Return a decoded frame, which begins later than the one before."""
        duration = (raw.duration or 0) * self.time_base or 1 / self.rate
        start = before + duration if raw.pts is None else raw.pts * self.time_base
        if before >= 0 and start <= before:
            start = before + self.time_base
        return Frame(_upright(_to_rgb(raw), raw.rotation, self._path), max(start, Fraction(0)), duration)


class Writer:
    """Frames and sound -> a video file, in the container of the path's ending.

    Times and sound are those of `clip`. Errors call the file `name`. Raises UserError where the container
    cannot hold the sound. The file is complete after `finish`.
    """

    def __init__(self, path: Path, name: Path, clip: Movie | Animation) -> None:
        import av

        self._clip = clip
        codec, options = _WRITTEN[path.suffix.lower()]
        # With the index first a browser plays it while it loads.
        moving = {"movflags": "+faststart"} if path.suffix.lower() in (".mp4", ".m4v", ".mov") else {}
        self._container = av.open(str(path), "w", container_options=moving)
        try:
            self._stream: Any = self._container.add_stream(codec, rate=clip.rate, options=dict(options))
        except (av.FFmpegError, ValueError):
            self.close()
            raise UserError(f"{name}: this PyAV has no encoder {codec}.", "Take another ending.") from None
        self._sound = {sound: self._copied(sound, name) for sound in clip.sound}
        self._is_open = False

    def add(self, frame: Frame) -> None:
        """Write a frame (H, W, 1 or 3) uint8, and the sound that was read so far."""
        import av

        array = np.ascontiguousarray(np.broadcast_to(frame.array, (*frame.array.shape[:2], 3)))
        if not self._is_open:
            self._open(*array.shape[:2])
        raw = av.VideoFrame.from_ndarray(array, "rgb24").reformat(
            format=self._stream.pix_fmt, dst_colorspace=_BT709, dst_color_range=_LIMITED
        )
        base = self._clip.time_base
        raw.time_base, raw.pts, raw.duration = base, round(frame.start / base), round(frame.duration / base)
        self._container.mux(self._stream.encode(raw))
        self._write_sound()

    def finish(self) -> None:
        """Write what the encoder still holds."""
        self._container.mux(self._stream.encode())
        self._write_sound()
        self.close()

    def close(self) -> None:
        """Close the file, complete or not."""
        self._container.close()

    def _open(self, height: int, width: int) -> None:
        stream, context = self._stream, self._stream.codec_context
        # Colours at half the size need an even number of pixels.
        stream.pix_fmt = "yuv444p" if height % 2 or width % 2 else "yuv420p"
        stream.width, stream.height = width, height
        context.time_base = stream.time_base = self._clip.time_base
        context.colorspace = context.color_primaries = context.color_trc = _BT709
        context.color_range = _LIMITED
        if self._clip.pixel_shape:
            context.sample_aspect_ratio = self._clip.pixel_shape
        self._is_open = True

    def _copied(self, sound: Any, name: Path) -> Any:
        codec = sound.codec_context.name
        if codec in self._container.supported_codecs:
            return self._container.add_stream_from_template(sound)
        self.close()
        raise UserError(f"{name} cannot hold the sound ({codec}).", "Write .mkv, which holds any.")

    def _write_sound(self) -> None:
        for packet in self._clip.packets:
            packet.stream = self._sound[packet.stream]
            self._container.mux(packet)
        self._clip.packets.clear()


@contextmanager
def _in_words(path: Path) -> Iterator[None]:
    import av

    try:
        yield
    except av.FFmpegError as error:
        reason = first_line(Exception(error.strerror or error))
        raise UserError(
            f"{path} cannot be read as a video: {reason} ({path.stat().st_size:,} bytes)."
        ) from None


def _to_rgb(raw: Any) -> Array:
    """Return (H, W, 3) uint8 of a decoded frame."""
    unstated = raw.colorspace == _UNSTATED and raw.height >= _HD_PX
    array: Array = raw.to_ndarray(
        format="rgb24", src_colorspace=_BT709 if unstated else None, src_color_range=raw.color_range or None
    )
    return array


def _upright(array: Array, degrees: int, path: Path) -> Array:
    if degrees % 90:
        raise UserError(f"{path} is rotated by {degrees} degrees: wanted quarters of a turn.")
    return np.ascontiguousarray(np.rot90(array, degrees // 90 % 4))
