from collections.abc import Iterator
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pix2pix.errors import UserError
from pix2pix.inference import video
from pix2pix.inference.items import Options
from pix2pix.inference.translator import Translator
from pix2pix.inference.video import Still, is_clip, is_cut, plan_clip, translate_clip
from pix2pix.pictures.clips import animations
from pix2pix.pictures.clips.animations import Animation, Frame
from pix2pix.pictures.codec import Array
from pix2pix.pictures.contract import PictureContract
from tests.helpers import noise, scene, settle, write, write_model, write_text


@pytest.fixture(scope="module")
def translator(tmp_path_factory: pytest.TempPathFactory) -> Translator:
    path = write_model(tmp_path_factory.mktemp("model") / "m.safetensors")
    return Translator.load(settle(path), "cpu", engine="torch")


def moving(count: int, seed: int = 0) -> list[Array]:
    """A still background of 96 x 96 px, and a bright square that jumps on it."""
    frames = [scene(seed, 96, 96) // 2 for _ in range(count)]
    for number, frame in enumerate(frames):
        left = (number * 29) % 70
        frame[30:56, left : left + 26] = 255 - scene(seed + 1, 26, 26) // 3
    return frames


class Clip:
    """A clip of arrays."""

    count, loop, failures = 0, 0, ()

    def __init__(self, arrays: list[Array]) -> None:
        self._arrays = arrays

    def frames(self) -> Iterator[Frame]:
        for number, array in enumerate(self._arrays):
            yield Frame(array, Fraction(number, 25), Fraction(1, 25))


def translated(
    translator: Translator, arrays: list[Array], smooth: float, options: Options | None = None
) -> list[Array]:
    clip: Any = Clip(arrays)
    frames = video._translated(translator, clip, Path("clip"), options or Options(), smooth)
    return [frame.array for frame in frames]


def flicker(outputs: list[Array], sources: list[Array]) -> float:
    """The mean change of pixels whose source did not change."""
    changes = [
        np.abs(one.astype(int) - other)[(before == after).all(2)].mean()
        for one, other, before, after in zip(outputs, outputs[1:], sources, sources[1:], strict=False)
    ]
    return float(np.mean(changes))


def test_what_stands_still_flickers_far_less(translator: Translator) -> None:
    sources = moving(16)
    fresh = [translator.translate_sources([s], seed=n)[0] for n, s in enumerate(sources)]
    fixed, smooth = (translated(translator, sources, keep) for keep in (0, 0.9))
    assert flicker(fresh, sources) > 5 * flicker(smooth, sources)
    assert flicker(fixed, sources) > 2 * flicker(smooth, sources)
    # The moving object is not held back with it.
    moved = [(before != after).any(2) for before, after in pairwise(sources)]
    change = [np.abs(a.astype(int) - b)[m].mean() for a, b, m in zip(smooth, smooth[1:], moved, strict=False)]
    assert np.mean(change) > 5 * flicker(smooth, sources)


def test_without_smoothing_frames_are_translated_as_pictures(translator: Translator) -> None:
    sources = moving(3)
    alone = [translator.translate_sources([source])[0] for source in sources]
    for one, other in zip(translated(translator, sources, 0), alone, strict=True):
        assert np.abs(one.astype(int) - other).max() <= 1


def test_nothing_is_dragged_over_a_cut(translator: Translator) -> None:
    first, second = moving(5), moving(4, seed=7)
    assert is_cut(first[-1], second[0])
    joined = translated(translator, first + second, 0.9)[5:]
    for one, other in zip(joined, translated(translator, second, 0.9), strict=True):
        assert np.abs(one.astype(int) - other).max() <= 1


def test_a_translator_serves_others_as_before_while_a_clip_is_translated(translator: Translator) -> None:
    clip: Any = Clip(moving(3))
    before = translator.translate_sources([scene(5, 96, 96)])[0]
    for _ in video._translated(translator, clip, Path("clip"), Options(), 0.9):
        after = translator.translate_sources([scene(5, 96, 96)])[0]
        assert np.abs(before.astype(int) - after).max() <= 1


@pytest.mark.parametrize(
    ("before", "after", "cut"),
    [
        (scene(0, 90, 120), scene(1, 90, 120), True),
        (np.zeros((90, 120, 3), np.uint8), scene(1, 90, 120), True),
        (scene(0, 90, 120), scene(0, 90, 120)[:, ::-1], True),
        (moving(2)[0], moving(2)[1], False),
        (scene(0, 90, 120), np.roll(scene(0, 90, 120), 1, 1), False),
        (scene(0, 90, 120) // 2, scene(0, 90, 120) // 2 + 12, False),
        (noise(90, 120) // 40, noise(90, 120, seed=1) // 40, False),  # grain on black
        (scene(0, 90, 120, 1), scene(0, 90, 120, 1), False),
    ],
)
def test_cuts_are_distinguished_from_movement(before: Array, after: Array, cut: bool) -> None:
    assert is_cut(before, after) is cut


def test_outputs_are_averaged_in_grain_and_not_where_something_moves() -> None:
    source, still = scene(0, 40, 40) // 2 + 40, Still(0.9)
    grainy = np.clip(source + np.random.default_rng(0).normal(0, 2, source.shape), 0, 255).astype(np.uint8)
    grainy[:10] = 255
    still.add(source, np.full((40, 40, 1), 100, np.uint8))
    second = still.add(grainy, np.full((40, 40, 1), 200, np.uint8))
    assert (second[:10] > 195).all()
    assert second[13:].mean() < 130
    still.restart()
    assert (still.add(source, np.full((40, 40, 1), 7, np.uint8)) == 7).all()


def test_label_maps_are_never_averaged(tmp_path: Path) -> None:
    from pix2pix.pictures.contract import LabelClass

    classes = tuple(LabelClass(name=str(n), colour=(n * 80, 0, 255 - n * 80)) for n in range(3))
    target = PictureContract(classes=classes, one_hot=True)
    path = write_model(tmp_path / "m.safetensors", target=target)
    maps = translated(Translator.load(path, "cpu"), moving(4), 0.9)
    colours = {tuple(pixel) for frame in maps for pixel in frame.reshape(-1, 3).tolist()}
    assert colours <= {label.colour for label in classes}


def write_animation(path: Path, arrays: list[Array]) -> Path:
    animations.write(path, Clip(arrays).frames(), 0, is_cut)
    return path


@pytest.mark.parametrize("ending", [".gif", ".webp"])
def test_an_animation_becomes_one_with_its_times(translator: Translator, tmp_path: Path, ending: str) -> None:
    source, seen = write_animation(tmp_path / f"a{ending}", moving(5)), list[tuple[int, int]]()
    out = tmp_path / f"b{ending}"
    options = Options(seed=3, size="train")
    result = translate_clip(translator, source, out, options, 0.9, lambda *counts: seen.append(counts))
    assert result == (5, [])
    assert seen[-1] == (5, 5)
    assert all(done < total for done, total in seen[:-1])
    frames = list(Animation(out).frames())
    assert [frame.duration for frame in frames] == [Fraction(1, 25)] * 5
    assert frames[0].array.shape[:2] == (96, 96)


def test_half_of_each_frame_may_be_taken(translator: Translator) -> None:
    (output,) = translated(translator, [scene(0, 32, 64)], 0.9, Options(half="left"))
    alone = translator.translate_sources([scene(0, 32, 64)[:, :32]])[0]
    assert np.abs(output.astype(int) - alone).max() <= 1


def test_a_clip_is_known_by_its_endings(tmp_path: Path) -> None:
    animation = str(write_animation(tmp_path / "a.webp", moving(2)))
    picture = str(write(tmp_path / "b.webp"))
    assert is_clip(["clip.mov"], Path("out"))
    assert is_clip(["clip"], Path("out.mkv"))
    assert is_clip([animation], Path("out.gif"))
    assert is_clip([str(tmp_path / "missing.gif")], Path("out.gif"))
    assert not is_clip([picture], Path("out.gif"))
    assert is_clip([animation], Path("out.webp"))
    assert not is_clip([picture], Path("out.webp"))
    assert not is_clip([animation], tmp_path / "out")
    assert not is_clip([animation], Path("out.png"))


def test_a_folder_keeps_the_name_of_a_clip(translator: Translator, tmp_path: Path) -> None:
    pytest.importorskip("av")
    written = [
        plan_clip([name], tmp_path, translator, Options())[1].name for name in ("a.mkv", "b.avi", "c.gif")
    ]
    assert written == ["a.mkv", "b.mp4", "c.gif"]


@pytest.mark.parametrize(
    ("inputs", "out", "options", "sentence"),
    [
        (["a.gif", "b.gif"], "c.gif", {}, "2 inputs for one clip"),
        (["a.gif"], "a.gif", {}, "is the input and would be lost"),
        (["a.gif"], "a.gif/b.gif", {}, "lies inside the input"),
        (["a.mp4"], "b.avi", {}, "'.avi' is no video format that can be written. Wanted one of .mp4"),
        (["a.gif"], "b.gif", {"samples": 2}, "--samples is for pictures"),
        (["a.gif"], "b.gif", {"stream": True}, "--stream is for pictures"),
    ],
)
def test_requests_that_cannot_be_met_are_refused(
    translator: Translator, tmp_path: Path, inputs: list[str], out: str, options: Any, sentence: str
) -> None:
    write_text(tmp_path / "a.gif")
    with pytest.raises(UserError) as caught:
        plan_clip([str(tmp_path / name) for name in inputs], tmp_path / out, translator, Options(**options))
    assert sentence in str(caught.value)


def test_pictures_of_more_than_8_bits_are_no_frames(tmp_path: Path) -> None:
    deep = PictureContract(depth="uint16", high=65535)
    model = Translator.load(write_model(tmp_path / "m.safetensors", target=deep), "cpu")
    with pytest.raises(UserError, match="3 channels of uint16"):
        plan_clip(["a.mp4"], tmp_path / "b.mp4", model, Options())


def test_a_clip_without_frames_leaves_no_file(
    translator: Translator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = write_animation(tmp_path / "a.gif", moving(2))
    monkeypatch.setattr(Animation, "frames", lambda self: iter(()))
    with pytest.raises(UserError, match="holds no frame"):
        translate_clip(translator, source, tmp_path / "b.gif", Options(), 0.9)
    assert not (tmp_path / "b.gif").exists()


def test_what_is_missing_is_named_and_with_strict_refused(translator: Translator, tmp_path: Path) -> None:
    source = write_animation(tmp_path / "a.gif", [noise(32, 32, seed=n) for n in range(4)])
    source.write_bytes(source.read_bytes()[: source.stat().st_size * 5 // 8])
    count, failures = translate_clip(translator, source, tmp_path / "b.gif", Options(), 0.9)
    assert failures
    assert count < 4
    with pytest.raises(UserError):
        translate_clip(translator, source, tmp_path / "c.gif", Options(strict=True), 0.9)
    assert not (tmp_path / "c.gif").exists()


def test_a_broken_animation_is_named_as_a_picture(translator: Translator, tmp_path: Path) -> None:
    source = write_text(tmp_path / "a.gif")
    with pytest.raises(UserError, match="is not a picture"):
        translate_clip(translator, source, tmp_path / "b.gif", Options(), 0.9)


def test_frames_of_an_animation_may_differ_in_channels(translator: Translator) -> None:
    first, second, third = moving(3)
    opaque = np.full((96, 96, 1), 255, np.uint8)
    grey = np.ascontiguousarray(third[:, :, :1])
    mixed = [np.concatenate([first, opaque], 2), second, grey, grey.astype(np.uint16) * 257]
    plain = [first, second, *[np.repeat(grey, 3, 2)] * 2]
    for one, other in zip(
        translated(translator, mixed, 0.9), translated(translator, plain, 0.9), strict=True
    ):
        assert np.abs(one.astype(int) - other).max() <= 1
