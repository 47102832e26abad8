"""Known pairs are found next to a model, or in a folder that the user names."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pix2pix.errors import UserError
from pix2pix.model_file import ImageContract
from pix2pix.page.examples import LIMIT, find_examples
from pix2pix.pictures.contract import PictureContract
from tests.helpers import noise, write

RGB = PictureContract()
FOLDERS = ImageContract(source=RGB, target=RGB, layout="two folders", half="left")
RIGHT = ImageContract(source=RGB, target=RGB, layout="side by side", half="right")


def test_a_run_brings_its_own(tmp_path: Path) -> None:
    for half in ("source", "target"):
        write(tmp_path / "examples" / half / "01.png")
    write(tmp_path / "examples" / "source" / "02.png")
    for model in (tmp_path, tmp_path / "model.safetensors"):
        examples = find_examples(model, FOLDERS)
        assert [(e.name, e.target is not None) for e in examples] == [("01", True), ("02", False)]


def test_a_model_alone_has_none(tmp_path: Path) -> None:
    assert find_examples(tmp_path / "model.safetensors", FOLDERS) == []


def test_pairs_side_by_side_are_cut_as_in_training(tmp_path: Path) -> None:
    whole = noise(32, 64)
    write(tmp_path / "pairs" / "a.png", whole)
    (example,) = find_examples(tmp_path, RIGHT, tmp_path / "pairs")
    assert example.target is not None
    assert np.array_equal(example.source.read(), whole[:, 32:])
    assert np.array_equal(example.target.read(), whole[:, :32])


def test_a_single_picture_is_a_source_without_a_target(tmp_path: Path) -> None:
    write(tmp_path / "pictures" / "a.png", noise(32, 40))
    (example,) = find_examples(tmp_path, RIGHT, tmp_path / "pictures")
    assert example.target is None
    assert example.source.read().shape == (32, 40, 3)


def test_of_many_some_are_taken_from_everywhere(tmp_path: Path) -> None:
    for number in range(3 * LIMIT):
        write(tmp_path / "source" / f"{number:03d}.png", noise(1, 1))
    examples = find_examples(tmp_path, FOLDERS, tmp_path)
    assert [e.name for e in examples] == [f"{3 * n:03d}" for n in range(LIMIT)]


def test_an_empty_folder_is_refused_in_words(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="holds no pictures"):
        find_examples(tmp_path, FOLDERS, tmp_path)
