"""`pix2pix data fetch` and `data sample`."""

import io
import tarfile
from pathlib import Path

from tests.cli.command import good, pix2pix, refused
from tests.helpers import pixels


def archive(path: Path, *names: str) -> Path:
    with tarfile.open(path, "w:gz") as out:
        for name in names:
            out.addfile(tarfile.TarInfo(name), io.BytesIO())
    return path


def test_fetch_says_what_there_is_and_what_to_do_next(place: Path) -> None:
    packed = archive(place / "mine.tar.gz", "facades/train/1.jpg", "facades/val/2.jpg")
    result = pix2pix("data", "fetch", "facades", "--from", packed)
    assert result.exit_code == 0
    assert result.stdout.splitlines() == [
        "facades: train 1, val 1; left photograph, right label map",
        "next: pix2pix train facades --set data.source=right",
    ]
    assert "not verified: no SHA-256 of facades is known" in result.stderr
    assert "the authors' archive holds train 400, val 100, test 106" in result.stderr
    assert "is there already" in pix2pix("data", "fetch", "facades").stderr


def test_fetch_names_the_sets_that_it_knows() -> None:
    assert "wanted one of facades, maps, cityscapes" in refused("data", "fetch", "facade")


def test_fetch_tells_what_the_licence_of_cityscapes_asks() -> None:
    message = refused("data", "fetch", "cityscapes")
    assert "Register at https://www.cityscapes-dataset.com" in message
    assert "--accept-licence" in message


def test_sample_draws_pairs(place: Path) -> None:
    words = ("sample", "-o", "out", "--count", "2", "--val", "1", "--size", "32")
    assert good("data", *words) == "out: train 2, val 1 pairs, source left\n"
    assert pixels(place / "out" / "train" / "0001.png").shape == (32, 64, 3)
    assert "exists" in refused("data", *words)
