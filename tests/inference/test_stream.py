"""Streamed and whole pictures: the same numbers."""

import errno
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from pix2pix.config import Config
from pix2pix.errors import UserError
from pix2pix.files import cannot_write
from pix2pix.inference import stream
from pix2pix.inference.stream import Stream, Where
from pix2pix.networks import Generator, build_generator
from pix2pix.networks.modes import in_mode, uses_noise
from pix2pix.networks.noise import noise_keys
from tests.helpers import small

Tiny = Callable[..., Config]
RESNET = ("model.generator=resnet", "model.blocks=2")
GENERATORS = {
    "unet": (),
    "encoder_decoder": ("model.generator=encoder_decoder", "model.upsample=resize"),
    "resnet": RESNET,
    "resnet, resized": (*RESNET, "model.upsample=resize", "model.dropout=0"),
}
SIZES = [(32, 32), (32, 96), (160, 64), (64, 224), (288, 32)]


def trained(*settings: str) -> Generator:
    """A generator with running statistics, whose outputs are neither flat nor full."""
    generator = build_generator(small(*settings)).requires_grad_(False)
    random = torch.Generator().manual_seed(0)
    for weight in generator.parameters():
        weight.mul_(5)
    for _ in range(20):
        generator(torch.rand(2, 3, 32, 32, generator=random) * 2 - 1)
    # Scale the outputs to a deviation of about a third.
    last = [weight for weight in generator.parameters() if weight.ndim == 4][-1]
    with in_mode(generator, "deterministic"):
        last.mul_(0.3 / generator.logits(picture(32, 32)[None]).std())
    return generator


def picture(height: int, width: int) -> Tensor:
    """Noise on a slope, so that rows differ in their statistics."""
    random = torch.Generator().manual_seed(height * width)
    slope = torch.linspace(-0.5, 0.5, height)[:, None]
    return (torch.rand(3, height, width, generator=random) - 0.5 + slope).clamp(-1, 1)


def where(folder: Path, about: Any, half: bool = False) -> Where:
    return Where(folder, about, half, torch.device("cpu"), "fp32")


def streamed(
    generator: Generator, x: Tensor, mode: Any, folder: Path, *, half: bool = False, about: Any = "x"
) -> Tensor:
    keys = noise_keys(5, torch.tensor([0])) if uses_noise(mode) else None
    run = Stream(generator, (x.shape[1], x.shape[2]), mode, keys, where(folder, about, half))
    return torch.cat(list(run.rows(lambda start, stop: x[:, start:stop])), 1)


def whole(generator: Generator, x: Tensor, mode: Any) -> Tensor:
    keys = noise_keys(5, torch.tensor([0])) if uses_noise(mode) else None
    with in_mode(generator, mode), torch.inference_mode():
        return generator(x[None], keys)[0]


@pytest.fixture(autouse=True)
def thin_strips(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every layer of a small picture have several strips."""
    monkeypatch.setattr(stream, "STRIP_BYTES", 10_000)


@pytest.mark.parametrize("norm", ["batch", "instance", "none"])
@pytest.mark.parametrize("name", GENERATORS)
def test_streamed_is_whole(tmp_path: Path, name: str, norm: str) -> None:
    generator = trained(*GENERATORS[name], f"model.norm={norm}")
    for mode in ("paper", "deterministic", *(["running"] if norm == "batch" else [])):
        for size in SIZES if name in ("unet", "resnet") and norm != "none" else SIZES[1:3]:
            x = picture(*size)
            expected = whole(generator, x, mode)
            assert expected.std() > 0.02
            output = streamed(generator, x, mode, tmp_path, about=[mode, size])
            torch.testing.assert_close(output, expected, rtol=0, atol=1e-4)


@pytest.mark.parametrize("size", [(4, 4), (4, 20), (8, 4)])
def test_maps_of_one_pixel_are_streamed_too(tmp_path: Path, size: tuple[int, int]) -> None:
    generator, x = trained(*RESNET, "model.norm=none"), picture(*size)
    output = streamed(generator, x, "paper", tmp_path)
    torch.testing.assert_close(output, whole(generator, x, "paper"), rtol=0, atol=1e-4)


@pytest.mark.parametrize("name", ["unet", "resnet"])
def test_half_precision_stays_near(tmp_path: Path, name: str) -> None:
    generator, x = trained(*GENERATORS[name]), picture(160, 64)
    apart = (streamed(generator, x, "paper", tmp_path, half=True) - whole(generator, x, "paper")).abs()
    assert apart.max() < 4e-3
    assert 0 < apart.mean() < 3e-4


def test_numbers_too_large_for_half_precision_are_kept_in_float32(tmp_path: Path) -> None:
    generator, x = trained(), picture(64, 64)
    inner = generator.plan()[2].conv
    assert inner is not None
    inner.weight.mul_(1e6)
    output = streamed(generator, x, "deterministic", tmp_path, half=True)
    torch.testing.assert_close(output, whole(generator, x, "deterministic"), rtol=0, atol=4e-3)


@pytest.mark.parametrize("name", ["unet", "resnet"])
def test_no_more_is_on_disk_than_the_extent_says_and_nothing_is_left(tmp_path: Path, name: str) -> None:
    generator, x = trained(*GENERATORS[name]), picture(96, 64)
    run = Stream(generator, (96, 64), "deterministic", None, where(tmp_path, "x"))
    largest, shares = 0, []

    def measure(share: float, layer: int) -> None:
        nonlocal largest
        shares.append(share)
        largest = max(largest, sum(path.stat().st_size for path in tmp_path.glob("map-*")))

    for _ in run.rows(lambda a, b: x[:, a:b], measure):
        pass
    assert 0.9 < largest / run.bytes_on_disk <= 1  # some is in a buffer
    assert shares == sorted(shares)
    assert shares[-1] == pytest.approx(1)
    assert not list(tmp_path.glob("map-*"))


class StoppedError(Exception):
    """The process ends here."""


@pytest.mark.parametrize("name", ["unet", "resnet"])
def test_a_stopped_stream_goes_on_with_the_layer_that_it_was_at(tmp_path: Path, name: str) -> None:
    generator, x = trained(*GENERATORS[name]), picture(96, 64)
    keys, expected = noise_keys(5, torch.tensor([0])), whole(generator, x, "paper")
    last, begun = len(generator.plan()), []

    def stop_at(number: int) -> Tensor | None:
        def stop(share: float, layer: int) -> None:
            if layer not in begun[-1]:
                begun[-1].append(layer)
            if layer == number:
                raise StoppedError

        begun.append([])
        run = Stream(generator, (96, 64), "paper", keys, where(tmp_path, "x"))
        try:
            return torch.cat(list(run.rows(lambda a, b: x[:, a:b], stop)), 1)
        except StoppedError:
            return None

    for number in (3, 3, 7, last, 0):
        output = stop_at(number)
    assert begun == [[1, 2, 3], [3], [3, 4, 5, 6, 7], list(range(7, last + 1)), [last]]
    assert output is not None
    torch.testing.assert_close(output, expected, rtol=0, atol=1e-4)


def test_a_record_about_another_picture_is_not_used(tmp_path: Path) -> None:
    generator = trained()
    run = Stream(generator, (32, 32), "deterministic", None, where(tmp_path, "one"))
    next(run.rows(lambda a, b: picture(32, 32)[:, a:b]))
    other = -picture(32, 32)
    output = streamed(generator, other, "deterministic", tmp_path, about="other")
    torch.testing.assert_close(output, whole(generator, other, "deterministic"), rtol=0, atol=1e-4)


def test_a_full_disk_is_said_and_what_is_finished_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    generator, x = trained(), picture(64, 64)
    write, written = stream.MapFile.write, []

    def fill_up(self: Any, start: int, rows: Tensor) -> None:
        written.append(self.path.name)
        if self.path.name == "map-4.bin":
            raise cannot_write(self.path, OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)))
        write(self, start, rows)

    monkeypatch.setattr(stream.MapFile, "write", fill_up)
    with pytest.raises(UserError, match=r"map-4\.bin: No space left on device\. Free some space"):
        streamed(generator, x, "deterministic", tmp_path)
    monkeypatch.undo()
    monkeypatch.setattr(stream.MapFile, "write", lambda self, *rest: refuse_first(self, write, *rest))
    output = streamed(generator, x, "deterministic", tmp_path)
    torch.testing.assert_close(output, whole(generator, x, "deterministic"), rtol=0, atol=1e-4)


def refuse_first(file: Any, write: Callable[..., None], *rest: Any) -> None:
    assert file.path.name not in ("map-1.bin", "map-2.bin", "map-3.bin"), "it was finished before"
    write(file, *rest)


def test_a_generator_without_a_plan_has_nothing_to_stream() -> None:
    assert Generator(3, 3).plan() == ()
