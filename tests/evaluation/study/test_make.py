"""Folders become a study: which are refused, and what is written."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pix2pix.errors import UserError
from pix2pix.evaluation.study.make import make
from pix2pix.evaluation.study.protocol import read_study
from tests.evaluation.study.studies import small_study, write_folder
from tests.helpers import files_below, noise, pixels, write, write_text

NAMES = [f"{number}" for number in range(6)]


def made(tmp_path: Path, **settings: Any) -> Any:
    few: dict[str, Any] = {"practice": 2, "trials": 4, "size_px": 16}
    return make(tmp_path / "real", {"ours": tmp_path / "ours"}, tmp_path / "study", **few | settings)


def test_pictures_lie_in_the_order_of_the_protocol(tmp_path: Path) -> None:
    folder, study = small_study(tmp_path, "a", "b")
    assert read_study(folder) == study
    assert [a.name for a in study.algorithms] == ["a", "b"]
    assert study.real == study.algorithms[1].sources == tuple(f"{n:02d}" for n in range(8))
    assert len(files_below(folder)) == 3 * 8 + 1
    for number in range(8):
        assert pixels(folder / "pictures" / "real" / f"{number}.png")[0, 0].tolist() == [number, 0, 0]
        assert pixels(folder / "pictures" / "fake-1" / f"{number}.png")[0, 0].tolist() == [number, 101, 0]


def test_every_picture_becomes_rgb_of_one_size(tmp_path: Path) -> None:
    write_folder(tmp_path / "real", NAMES)
    for name, channels, depth in (("0", 1, np.uint16), ("1", 4, np.uint8), ("2", 3, np.uint8)):
        write(tmp_path / "ours" / f"{name}.png", noise(24, 40, channels).astype(depth))
    write_folder(tmp_path / "ours", NAMES[3:])
    made(tmp_path)
    pictures = [pixels(path) for path in (tmp_path / "study" / "pictures").rglob("*.png")]
    assert {(p.shape, str(p.dtype)) for p in pictures} == {((16, 16, 3), "uint8")}
    assert len(pictures) == 12


def test_a_picture_of_the_size_is_not_changed(tmp_path: Path) -> None:
    write_folder(tmp_path / "real", NAMES[1:])
    write_folder(tmp_path / "ours", NAMES)
    write(tmp_path / "real" / "0.png", noise(16, 16))
    made(tmp_path)
    assert (pixels(tmp_path / "study" / "pictures" / "real" / "0.png") == noise(16, 16)).all()


def test_too_few_pictures_are_counted(tmp_path: Path) -> None:
    write_folder(tmp_path / "real", NAMES)
    write_folder(tmp_path / "ours", NAMES[:4])
    with pytest.raises(UserError, match=r"ours has 4 pictures: wanted at least 6.*2 are missing"):
        made(tmp_path)
    assert not (tmp_path / "study").exists()


def test_a_folder_without_pictures_is_named_and_one_picture_is_missing(tmp_path: Path) -> None:
    write_text(tmp_path / "real" / "notes.txt")
    write_folder(tmp_path / "ours", NAMES[:5])
    with pytest.raises(UserError, match=r"real holds no pictures: wanted at least 6.*\.png"):
        made(tmp_path)
    write_folder(tmp_path / "real", NAMES)
    with pytest.raises(UserError, match=r"ours has 5 pictures.* 1 is missing"):
        made(tmp_path)


def test_a_paired_study_takes_the_sources_that_all_have(tmp_path: Path) -> None:
    write_folder(tmp_path / "real", [*NAMES, "more"])
    write_folder(tmp_path / "ours", NAMES[::-1])
    study = made(tmp_path, paired=True)
    assert study.real == study.algorithms[0].sources == tuple(NAMES)


def test_a_paired_fake_needs_its_real_picture(tmp_path: Path) -> None:
    write_folder(tmp_path / "real", NAMES)
    write_folder(tmp_path / "ours", [*NAMES, "stray"])
    with pytest.raises(UserError, match=r"ours have no real picture.*stray\.png.*without --paired"):
        made(tmp_path, paired=True)
    assert made(tmp_path).algorithms[0].sources[-1] == "stray"


def test_paired_sources_must_be_enough(tmp_path: Path) -> None:
    write_folder(tmp_path / "real", NAMES)
    write_folder(tmp_path / "ours", NAMES[:5])
    with pytest.raises(UserError, match="5 pictures that all folders have: wanted at least 6"):
        made(tmp_path, paired=True)


def test_what_is_there_stays(tmp_path: Path) -> None:
    small_study(tmp_path)
    with pytest.raises(UserError, match="holds a study already"):
        small_study(tmp_path)


def test_a_missing_folder_and_a_broken_picture_are_named(tmp_path: Path) -> None:
    write_folder(tmp_path / "real", NAMES)
    with pytest.raises(UserError, match="ours is no folder"):
        made(tmp_path)
    write_folder(tmp_path / "ours", NAMES)
    write_text(tmp_path / "ours" / "3.png")
    with pytest.raises(UserError, match=r"3\.png is not a picture"):
        made(tmp_path)
    assert not (tmp_path / "study" / "study.json").exists()
    write_folder(tmp_path / "ours", NAMES)
    made(tmp_path)  # what an earlier try left is no hindrance


def test_two_files_of_one_name_are_refused(tmp_path: Path) -> None:
    write_folder(tmp_path / "real", NAMES)
    write(tmp_path / "real" / "0.bmp", noise(16, 16))
    write_folder(tmp_path / "ours", NAMES)
    with pytest.raises(UserError, match="has the same name as"):
        made(tmp_path)
