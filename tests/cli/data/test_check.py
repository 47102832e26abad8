"""`pix2pix data check` and `data palette`."""

from pathlib import Path

import numpy as np

from pix2pix.pictures.palette_file import load_palette
from tests.cli.command import good, pix2pix, refused
from tests.helpers import noise, scene, write, write_pairs, write_text


def test_check_ends_with_what_it_found(place: Path) -> None:
    places = [(split, n) for split, count in (("train", 5), ("val", 2)) for n in range(count)]
    for number, (split, n) in enumerate(places):
        for half, seed in (("source", number), ("target", number + 50)):
            write(place / "in" / split / half / f"{n}.png", noise(32, 48, seed=seed))
    lines = good("data", "check", "in").splitlines()
    assert [line.split(maxsplit=1)[0] for line in lines[:2]] == ["Pairs", "Layout"]
    assert "5 in train, 2 in val" in lines[0]
    assert "two folders" in lines[1]
    assert any("48 x 32 px" in line for line in lines)
    assert any("8 bit" in line for line in lines)
    assert lines[-2].startswith("nothing wrong")
    assert lines[-1] == "report: report/index.html"

    write_text(place / "in" / "train" / "source" / "4.png")
    result = pix2pix("data", "check", "in")
    assert result.exit_code == 1
    assert "nothing wrong" not in result.stdout
    assert "4.png is not a picture" in result.stdout


def heights(folder: Path, fill: float) -> None:
    """Photographs and heights from 0 to 1 of float, of which the first rows have no data."""
    for n in range(12):
        height = scene(n, 32, 32, 1).astype(np.float32) / 255
        height[:4] = fill
        write(folder / "source" / f"{n}.png", scene(n, 32, 32))
        write(folder / "target" / f"{n}.npy", height)


def test_check_knows_what_has_no_data(place: Path) -> None:
    heights(place / "in", -9999)
    result = pix2pix("data", "check", "in")
    assert result.exit_code == 1
    assert "few pixels set the range" in result.stdout
    stated = good("data", "check", "in", "--set", "data.target_fill=[-9999]")
    assert "12.50% of the values (-9999)" in stated
    assert "nothing wrong" in stated
    assert "-9999" not in (place / "report" / "index.html").read_text().split("plotly")[-1]
    assert "nothing wrong" in good("data", "check", "in", "--set", "data.target_range=[0,1]")
    heights(place / "nan", np.nan)
    assert "12.50% of the values (NaN)" in good("data", "check", "nan")


def test_check_refuses_settings_that_it_does_not_use(place: Path) -> None:
    write_pairs(place / "in", 3)
    message = refused("data", "check", "in", "--set", "training.images=3")
    assert "training.images has no effect here: data check uses data.layout," in message
    assert good("data", "check", "in", "--set", "data.source=right")


def test_a_check_that_is_refused_names_calls_of_its_own(place: Path) -> None:
    for half in ("ct", "mr"):
        for n in range(4):
            write_text(place / "in" / half / f"{n}.png")
    assert "`pix2pix data check in --layout ct:mr`" in refused("data", "check", "in")


def test_the_palette_of_the_half_that_has_labels(place: Path) -> None:
    for n in range(12):
        write(place / "eyes" / "images" / f"{n}.jpg", scene(n, 48, 64))
        areas = np.kron(scene(n, 12, 16, 1)[:, :, 0] // 128, np.ones((4, 4), np.uint8))
        write(place / "eyes" / "1st_manual" / f"{n}.png", areas[:, :, None] * np.uint8(255))
    for words in ([], ["--half", "target"], ["--layout", "1st_manual:images", "--half", "source"]):
        write_text(place / "classes.toml", good("data", "palette", "eyes", *words))
        assert set(load_palette("classes.toml").colours) == {(0, 0, 0), (255, 255, 255)}
    assert good("data", "palette", "eyes/1st_manual") == (place / "classes.toml").read_text()
    assert "share no palette" in refused("data", "palette", "eyes", "--half", "source")
