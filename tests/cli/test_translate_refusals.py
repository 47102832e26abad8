"""`pix2pix translate` of files that are damaged, and requests that cannot be met."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import tifffile

from pix2pix.inference.translator import Translator
from pix2pix.pictures import codec
from tests.cli.command import pix2pix, refused
from tests.helpers import files_below, noise, write, write_text, write_truncated


def bad_among_good(place: Path) -> Path:
    """A folder of 20 good pictures and a bad one."""
    for n in range(20):
        write(place / "in" / f"{n:02d}.png", noise(16, 16, seed=n))
    write_text(place / "in" / "10b.jpg")
    return place / "in"


def test_one_bad_file_among_many_is_skipped_and_named(model: Path, place: Path) -> None:
    result = pix2pix("translate", model, bad_among_good(place), "-o", "out")
    assert result.exit_code == 1
    assert result.stdout == "20 of 21 pictures translated to out\n"
    *_, headline, failure = result.stderr.splitlines()
    assert headline == "1 file was skipped:"
    assert "10b.jpg is not a picture" in failure
    assert len(files_below(place / "out")) == 20


def test_ctrl_c_says_how_far_translating_came(
    model: Path, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(5):
        write(place / "in" / f"{number}.png", noise(8, 8))
    translated, batches = Translator.translate_sources, iter([True, True, False])

    def interrupted(self: Translator, *sources: Any, **how: Any) -> Any:
        if not next(batches):
            raise KeyboardInterrupt
        return translated(self, *sources, **how)

    monkeypatch.setattr(Translator, "translate_sources", interrupted)
    result = pix2pix("translate", model, "in", "-o", "out", "--batch", "2")
    assert result.exit_code == 130
    assert "stopped after 4 of 5 pictures; those are in out" in result.stderr
    assert len(files_below(place / "out")) == 4


def test_strict_stops_at_a_bad_file(model: Path, place: Path) -> None:
    said = refused("translate", model, bad_among_good(place), "-o", "out", "--strict")
    assert "10b.jpg is not a picture" in said


@pytest.mark.parametrize("count", [1, 2])
def test_only_bad_files_are_refused(model: Path, place: Path, count: int) -> None:
    for n in range(count):
        write_text(place / "in" / f"{n}.jpg")
    assert "0.jpg is not a picture" in refused("translate", model, "in", "-o", "out")
    assert not (place / "out").exists()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["gone.png", "-o", "out"], "There is no file or folder gone.png"),
        (["gone/*.png", "-o", "out"], "No picture matches gone/*.png"),
        (["odd.png", "-o", "out", "--half", "left"], "odd.png is 31 x 8 px, so its halves"),
        (["text.jpg", "-o", "out"], "text.jpg is not a picture (17 bytes)"),
        (["cut.jpg", "-o", "out"], "cut.jpg cannot be read"),
        (["empty", "-o", "out"], "empty holds no pictures"),
        (["a.png", "-o", "text.jpg/out"], "Cannot write text.jpg/out/a.png: Not a directory"),
        (["a.png", "odd.png", "-o", "b.png"], "2 pictures cannot all become b.png"),
        (["a.png", "deep/a.png", "-o", "out"], "would both become out/a.png"),
        (["a.png", "-o", "."], "a.png is an input and would be lost"),
        (["a-1.png", "-o", "a.png", "--samples", "2"], "a-1.png is an input and would be lost"),
        (["a.png", "-o", "out", "--mode", "papr"], "--mode papr is unknown: wanted paper, determ"),
        (["a.png", "-o", "out", "--half", "top"], "--half top is unknown: wanted whole, left"),
        (["a.png", "-o", "out", "--format", "doc"], "--format doc is unknown: wanted bmp, jpeg"),
        (["a.png", "-o", "out", "--device", "abacus"], "There is no device 'abacus' here"),
        (["a.png", "-o", "out", "--samples", "2", "--mode", "running"], "has no noise"),
    ],
)
def test_a_translation_that_is_not_possible_is_refused(
    model: Path, place: Path, nothing_written: Callable[[], bool], words: list[str], said: str
) -> None:
    write(place / "a.png")
    write(place / "a-1.png")
    write(place / "deep" / "a.png")
    write(place / "odd.png", noise(8, 31))
    write_text(place / "text.jpg")
    write_truncated(place / "cut.jpg")
    (place / "empty").mkdir()
    nothing_written()
    assert said in refused("translate", model, *words)
    assert nothing_written()


def test_a_broken_block_of_a_tiff_is_named_and_the_rest_is_translated(model: Path, place: Path) -> None:
    tifffile.imwrite(place / "a.tif", noise(64, 64), tile=(32, 32), photometric="rgb", compression="zlib")
    with tifffile.TiffFile(place / "a.tif") as opened:
        start = opened.pages.first.dataoffsets[3]
    data = bytearray((place / "a.tif").read_bytes())
    data[start : start + 20] = b"\xff" * 20
    (place / "a.tif").write_bytes(data)
    done = pix2pix("translate", model, "a.tif", "-o", "out", "--stream")
    assert done.exit_code == 1
    assert "1 of 1 pictures translated to out" in done.output
    assert "1 block was left without data:\n  a.tif: the block of rows 32 to 63 and col" in done.output
    assert codec.read(place / "out" / "a.tif").shape == (64, 64, 3)


def test_a_refusal_half_way_gives_the_cursor_back(
    model: Path, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TTY_COMPATIBLE", "1")
    result = pix2pix("translate", model, bad_among_good(place), "-o", "out", "--strict", "--batch", "2")
    assert result.exit_code == 2
    hide, show = "\x1b[?25l", "\x1b[?25h"
    assert result.stderr.count(hide) == result.stderr.count(show) == 1
    assert result.stderr.index(show) < result.stderr.index("pix2pix: ")
