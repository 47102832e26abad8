from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pix2pix.errors import UserError
from pix2pix.pictures.clips import movies
from pix2pix.pictures.clips.animations import Frame
from pix2pix.pictures.clips.movies import Movie, Writer
from pix2pix.pictures.codec import Array
from tests.helpers import noise, scene, write_text

av = pytest.importorskip("av", reason="needs PyAV: pip install 'pix2pix[video]'")


def moving(height: int, width: int, count: int) -> list[Array]:
    """A bright square that goes from the top left to the right."""
    frames = [scene(0, height, width) // 4 for _ in range(count)]
    for number, frame in enumerate(frames):
        frame[:12, number * 3 : number * 3 + 12] = (240, 60, 20)
    return frames


def add_sound(container: Any, stream: Any, seconds: float) -> None:
    for number in range(int(seconds * 48_000) // 1024):
        tone = np.sin(np.arange(number * 1024, (number + 1) * 1024) / 20).astype(np.float32)[None] / 4
        sound = av.AudioFrame.from_ndarray(tone, "fltp", layout="mono")
        sound.sample_rate, sound.pts, sound.time_base = 48_000, number * 1024, Fraction(1, 48_000)
        container.mux(stream.encode(sound))
    container.mux(stream.encode())


def make(
    path: Path,
    arrays: Sequence[Array],
    times: Sequence[int] = (),
    *,
    codec: str = "libx264",
    pixels: str = "yuv420p",
    sound: str = "",
    rotation: int = 0,
) -> Path:
    """A video whose frames begin at these milliseconds."""
    times = times or [40 * n for n in range(len(arrays))]
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=25)
        stream.height, stream.width = arrays[0].shape[:2]
        stream.pix_fmt, stream.codec_context.time_base = pixels, Fraction(1, 1000)
        if codec == "libx264":
            stream.options = {"crf": "1"}
        if rotation:
            stream.set_display_rotation(rotation)
        noisy = container.add_stream(sound, rate=48_000) if sound else None
        for array, start in zip(arrays, times, strict=True):
            kind = "rgba" if array.shape[2] == 4 else "rgb24"
            frame = av.VideoFrame.from_ndarray(array, kind).reformat(format=pixels)
            frame.pts, frame.time_base = start, Fraction(1, 1000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
        if noisy is not None:
            add_sound(container, noisy, times[-1] / 1000)
    return path


def copy(source: Path, target: Path) -> list[Frame]:
    """Write a movie's own frames and sound; return the frames."""
    movie = Movie(source)
    writer = Writer(target, target, movie)
    frames = []
    for frame in movie.frames():
        frames.append(frame)
        writer.add(frame)
    writer.finish()
    movie.close()
    return frames


def read(path: Path) -> tuple[list[Frame], list[str]]:
    movie = Movie(path)
    frames = list(movie.frames())
    movie.close()
    return frames, movie.failures


def sounds(path: Path) -> list[tuple[Fraction, bytes]]:
    with av.open(str(path)) as container:
        packets = [p for p in container.demux(container.streams.audio[0]) if p.dts is not None]
        return [(p.pts * p.time_base, bytes(p)) for p in packets]


def difference(one: Frame, other: Frame) -> float:
    return float(np.abs(one.array.astype(int) - other.array).mean())


@pytest.mark.parametrize(("height", "width"), [(48, 64), (47, 63)])
def test_frames_come_back_at_their_uneven_times(tmp_path: Path, height: int, width: int) -> None:
    arrays, times = moving(height, width, 8), [0, 40, 117, 130, 400, 440, 1500, 1540]
    source = make(tmp_path / "a.mkv", arrays, times, codec="ffv1", pixels="bgr0")
    first = copy(source, tmp_path / "b.mp4")
    again, failures = read(tmp_path / "b.mp4")
    assert [frame.start * 1000 for frame in first] == times
    assert [frame.start * 1000 for frame in again] == times
    assert not failures
    for array, one, other in zip(arrays, first, again, strict=True):
        assert np.array_equal(one.array, array)
        assert difference(one, other) < 6
    assert np.abs(again[3].array[4, 12].astype(int) - (240, 60, 20)).max() < 25  # the right way round


@pytest.mark.parametrize("ending", [".mp4", ".mov", ".mkv"])
def test_sound_is_copied_as_it_is_and_stays_in_time(tmp_path: Path, ending: str) -> None:
    source = make(tmp_path / "a.mp4", moving(48, 64, 20), sound="aac")
    frames = copy(source, tmp_path / f"b{ending}")
    before, after = sounds(source), sounds(tmp_path / f"b{ending}")
    assert [packet for _, packet in before] == [packet for _, packet in after]
    again, _ = read(tmp_path / f"b{ending}")
    # Matroska begins at zero, and moves pictures and sound alike.
    lead = [
        abs(float(new.start - old.start) - float(after[9][0] - before[9][0]))
        for new, old in zip(again, frames, strict=True)
    ]
    assert max(lead) < 2e-3


def test_a_container_that_cannot_hold_the_sound_is_refused(tmp_path: Path) -> None:
    source = make(tmp_path / "a.mp4", moving(48, 64, 3), sound="aac")
    with pytest.raises(UserError, match=r"cannot hold the sound \(aac\)\. Write \.mkv"):
        copy(source, tmp_path / "b.webm")


def test_webm_is_written(tmp_path: Path) -> None:
    frames = copy(make(tmp_path / "a.mp4", moving(48, 64, 5)), tmp_path / "b.webm")
    again, _ = read(tmp_path / "b.webm")
    assert len(again) == 5
    assert difference(frames[4], again[4]) < 4


@pytest.mark.parametrize("degrees", [90, 180, -90])
def test_a_camera_that_was_turned_gives_upright_frames(tmp_path: Path, degrees: int) -> None:
    arrays = moving(48, 64, 3)
    lying = [np.ascontiguousarray(np.rot90(array, -degrees // 90)) for array in arrays]
    source = make(tmp_path / "a.mp4", lying, rotation=degrees)
    first = copy(source, tmp_path / "b.mp4")
    again, _ = read(tmp_path / "b.mp4")
    assert np.abs(first[0].array.astype(int) - arrays[0]).mean() < 4
    assert difference(first[0], again[0]) < 4


def test_colours_keep_their_meaning_at_the_sizes_of_hd(tmp_path: Path) -> None:
    flat = np.full((720, 1280, 3), (200, 40, 60), np.uint8)
    source = make(tmp_path / "a.mkv", [flat], codec="ffv1", pixels="bgr0")
    copy(source, tmp_path / "b.mp4")
    (frame,), _ = read(tmp_path / "b.mp4")
    assert np.abs(frame.array[9, 9].astype(int) - (200, 40, 60)).max() <= 4
    with av.open(str(tmp_path / "b.mp4")) as container:
        assert container.streams.video[0].codec_context.colorspace == 1  # BT.709


def test_grey_frames_are_written(tmp_path: Path) -> None:
    movie = Movie(make(tmp_path / "a.mp4", moving(48, 64, 1)))
    writer = Writer(tmp_path / "b.mp4", tmp_path / "b.mp4", movie)
    writer.add(Frame(np.full((48, 64, 1), 99, np.uint8), Fraction(0), Fraction(1, 25)))
    writer.finish()
    (frame,), _ = read(tmp_path / "b.mp4")
    assert np.abs(frame.array.astype(int) - 99).max() <= 2


def test_what_is_cut_off_is_translated_as_far_as_it_goes_and_named(tmp_path: Path) -> None:
    make(tmp_path / "a.mp4", [noise(48, 64, seed=n) for n in range(40)])
    copy(tmp_path / "a.mp4", tmp_path / "b.mp4")  # its index comes first
    copy(tmp_path / "a.mp4", tmp_path / "c.mkv")
    for name, sentence in (("b.mp4", "of its 40 frames"), ("c.mkv", "of 1.6 s")):
        path = tmp_path / name
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
        frames, failures = read(path)
        assert 1 <= len(frames) < 40
        assert [sentence in failure for failure in failures].count(True) == 1


def test_bytes_that_are_wrong_are_counted(tmp_path: Path) -> None:
    make(tmp_path / "a.mp4", moving(96, 128, 40))
    content = bytearray((tmp_path / "a.mp4").read_bytes())
    for place in np.random.default_rng(0).integers(len(content) // 4, len(content) * 3 // 4, 300):
        content[place] ^= 0x55
    (tmp_path / "a.mp4").write_bytes(content)
    _, failures = read(tmp_path / "a.mp4")
    assert "could not be decoded" in failures[0]


def sound_alone(path: Path) -> Path:
    with av.open(str(path), "w") as container:
        add_sound(container, container.add_stream("aac", rate=48_000), 0.2)
    return path


@pytest.mark.parametrize(
    ("path_of", "sentence"),
    [
        (lambda folder: folder / "a.mp4", "There is no file"),
        (lambda folder: write_text(folder / "a.mp4"), "cannot be read as a video"),
        (lambda folder: sound_alone(folder / "a.mp4"), "holds no video"),
        (
            lambda folder: make(
                folder / "a.mkv", [np.zeros((32, 32, 4), np.uint8)], codec="ffv1", pixels="yuva420p"
            ),
            "has transparent pixels",
        ),
    ],
)
def test_what_cannot_be_a_clip_is_refused(tmp_path: Path, path_of: Any, sentence: str) -> None:
    with pytest.raises(UserError, match=sentence):
        Movie(path_of(tmp_path))


def test_without_pyav_the_sentence_says_how_to_install_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = make(tmp_path / "a.mp4", moving(48, 64, 1))
    monkeypatch.setattr(movies, "find_spec", lambda name: None)
    with pytest.raises(UserError, match=r"pip install 'pix2pix\[video\]'"):
        Movie(source)
