"""Which colours label maps share, and which pictures have others."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pix2pix.datasets.sample import make_pair
from tests.datasets.check.made import PX, Array, building, findings, report_on, write_buildings
from tests.helpers import noise, write

COLOURS = np.array([(200, 0, 0), (0, 180, 0), (0, 0, 220), (250, 240, 20)], np.uint8)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_buildings(tmp_path)


def labelled(seed: int) -> Array:
    """(64, 128, 3): blocks of four colours, and noise."""
    blocks = COLOURS[np.random.default_rng(seed).integers(0, 4, (4, 4))]
    return np.concatenate([blocks.repeat(16, 0).repeat(16, 1), noise(64, 64, seed=seed)], axis=1)


@pytest.fixture(params=[".png", ".jpg"])
def maps(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    """Thirty label maps with noise as targets, as PNG and as JPEG."""
    for seed in range(30):
        Image.fromarray(labelled(seed)).save(tmp_path / f"{seed}{request.param}", quality=90)
    return tmp_path


def ending(maps: Path) -> str:
    return next(maps.iterdir()).suffix


def gradient() -> Array:
    """A smooth picture of many colours."""
    ramp = np.linspace(0, 255, PX)
    red, green = np.broadcast_to(ramp, (PX, PX)), np.broadcast_to(ramp[:, None], (PX, PX))
    return np.stack([red, green, (red + green) / 2], axis=2).astype(np.uint8)


def test_the_palette_of_exact_label_maps_is_found(folder: Path) -> None:
    source, target = report_on(folder).classes
    assert source is not None
    assert source.exact
    drawn = {tuple(c) for i in range(16) for c in building(i)[:, :PX].reshape(-1, 3).tolist()}
    assert set(source.palette.colours) <= drawn
    assert sum(source.shares) == pytest.approx(1)
    assert target is None


def test_jpeg_of_label_maps_is_only_noted(maps: Path) -> None:
    report = report_on(maps)
    assert report.classes[0] is not None
    colours = np.array(report.classes[0].palette.colours)
    nearest = np.abs(colours[:, None] - COLOURS.astype(int)).max(axis=2).min(axis=1)
    assert len(colours) == 4
    assert nearest.max() <= (0 if ending(maps) == ".png" else 4)
    noted = [] if ending(maps) == ".png" else ["blurred labels"]
    assert [finding.kind for finding in report.findings] == noted
    assert report.exit_code == 0


@pytest.mark.parametrize("quality", [95, 85, 75])
def test_small_maps_of_strong_compression_are_recognised_together(tmp_path: Path, quality: int) -> None:
    for number in range(12):
        pair = np.concatenate(make_pair(0, number, 128), axis=1)
        Image.fromarray(pair).save(tmp_path / f"{number:02d}.jpg", quality=quality)
    report = report_on(tmp_path)
    assert report.classes[0] is not None
    assert report.classes[1] is None
    assert [finding.kind for finding in report.findings] == ["blurred labels"]


def test_an_area_of_another_colour_is_a_stray(maps: Path) -> None:
    strange = labelled(40)
    strange[8:24, 8:24] = (250, 0, 250)
    Image.fromarray(strange).save(maps / f"strange{ending(maps)}", quality=90)
    assert findings(maps)["stray colours"] == [[f"strange{ending(maps)}"]]


def test_the_blends_of_a_smoothed_map_are_no_strays(maps: Path) -> None:
    whole = Image.fromarray(labelled(40))
    whole.resize((64, 32), Image.Resampling.BILINEAR).resize((128, 64)).save(maps / "smooth.jpg", quality=90)
    assert "stray colours" not in findings(maps)


def test_one_pixel_is_a_stray_in_exact_label_maps_alone(tmp_path: Path) -> None:
    for seed in range(30):
        pair = labelled(seed)
        pair[10, 10] = (200, 0, 1) if seed == 7 else pair[10, 10]
        write(tmp_path / f"{seed}.png", pair)
    (finding,) = report_on(tmp_path).findings
    assert finding.kind == "stray colours"
    assert finding.sentence.startswith("7.png: #c80001 (under 0.1%) in the source")


def test_a_colour_of_few_pictures_is_a_class_and_no_stray(tmp_path: Path) -> None:
    for seed in range(10):
        pair = labelled(seed)
        pair[:16, :16] = (90, 90, 90) if seed == 3 else pair[:16, :16]
        write(tmp_path / f"{seed}.png", pair)
    assert findings(tmp_path) == {}


def test_smoothed_and_foreign_pictures_among_exact_label_maps_are_named(folder: Path) -> None:
    Image.fromarray(labelled(3)).save(folder / "train" / "smooth.jpg", quality=90)
    write(folder / "train" / "photo.png", np.tile(gradient(), (1, 2, 1)))
    kinds = findings(folder)
    assert kinds["smoothed labels"] == [["train/smooth.jpg"]]
    assert kinds["equal"] == [["train/photo.png"]]
    assert "no label map" not in kinds  # that both halves are equal is another finding
    write(folder / "train" / "photo.png", np.concatenate([gradient(), noise(PX, PX)], axis=1))
    assert findings(folder)["no label map"] == [["train/photo.png"]]
