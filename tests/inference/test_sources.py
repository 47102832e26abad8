from pathlib import Path

import numpy as np
import pytest
import torch

from pix2pix.config import DataConfig
from pix2pix.derive import lab
from pix2pix.derive.recipe import source_and_target
from pix2pix.errors import UserError
from pix2pix.inference.sources import Size, conformed, restored, scaled_size
from pix2pix.inference.translator import Translator
from pix2pix.model_file import Header, load_model
from pix2pix.pictures import geometry
from pix2pix.pictures.contract import LabelClass, PictureContract
from tests.helpers import noise, write_model


def header_of(folder: Path, *settings: str, **contracts: PictureContract) -> Header:
    model = write_model(folder / "m.safetensors", *settings, **contracts)
    return load_model(model, torch.device("cpu"))[1]


@pytest.mark.parametrize(
    ("size", "fit", "expected"),
    [
        ("train", "stretch", (32, 64)),
        ("train", "crop", (32, 96)),
        ("train", "pad", (21, 64)),
        (48, "stretch", (48, 48)),
        (48, "crop", (48, 144)),
        (48, "pad", (16, 48)),
        ((16, 40), "stretch", (16, 40)),
    ],
)
def test_a_picture_is_scaled_as_training_fits_its_pairs(
    size: Size, fit: str, expected: tuple[int, int]
) -> None:
    config = DataConfig.model_validate({"size_px": [32, 64], "fit": fit})
    assert scaled_size((100, 300), size, config) == expected


@pytest.mark.parametrize("size", [0, (0, 3), "big", (1, 2, 3), 1.5])
def test_what_is_no_size_is_refused(size: Size) -> None:
    with pytest.raises(UserError, match="is no size: wanted"):
        scaled_size((10, 10), size, DataConfig())


def test_a_source_is_made_after_scaling(tmp_path: Path) -> None:
    photograph = noise(64, 96)
    header = header_of(tmp_path, "data.make=downscale:4", photograph=PictureContract())
    source = conformed(header, photograph, "a.png", made=True, size="train")
    expected, _ = source_and_target("downscale:4", geometry.resize(photograph, (32, 32)), "a")
    assert np.array_equal(source, expected)


def test_label_maps_are_scaled_without_new_classes(tmp_path: Path) -> None:
    classes = (LabelClass(name="sky", colour=(0, 0, 9)), LabelClass(name="sea", colour=(9, 0, 0)))
    labels = PictureContract(classes=classes, one_hot=True)
    header = header_of(tmp_path, source=labels)
    index = noise(50, 70, 1) % 2
    assert set(np.unique(conformed(header, index, "a.png", made=False, size=32))) == {0, 1}
    small = np.array([[[0, 0, 9], [9, 0, 0]]], np.uint8)
    image = header.image.model_copy(update={"target": labels})
    assert {tuple(c) for c in restored(image, small, noise(9, 7)).reshape(-1, 3)} == {(0, 0, 9), (9, 0, 0)}


def test_a_coloured_picture_keeps_its_own_lightness(tmp_path: Path) -> None:
    photograph = np.repeat(noise(64, 64, 1) // 2 + 60, 3, axis=2)
    lightness, colours = (
        PictureContract(channels=channels, depth="float32", low=low, high=high)
        for channels, (low, high) in enumerate(lab.LAB_RANGES, 1)
    )
    parts = {"source": lightness, "target": colours, "photograph": PictureContract()}
    model = write_model(tmp_path / "m.safetensors", "data.make=lab", **parts)
    translator = Translator.load(model, "cpu")
    grey = np.full((16, 16, 3), 110, np.uint8)
    restored_lightness = lab.split_lab(restored(translator.header.image, grey, photograph))[0]
    assert np.abs(restored_lightness - lab.split_lab(photograph)[0]).max() < 1
    assert np.asarray(translator.translate(photograph, size="train")).shape == (64, 64, 3)


def test_a_translation_at_the_training_size_is_that_of_the_scaled_picture(tmp_path: Path) -> None:
    model = write_model(tmp_path / "m.safetensors", "model.dropout=0")
    translator, picture = Translator.load(model, "cpu"), noise(80, 50)
    small = np.asarray(translator.translate(geometry.resize(picture, (32, 32))))
    expected = geometry.resize(small, (80, 50)).astype(int)
    assert abs(np.asarray(translator.translate(picture, size="train")).astype(int) - expected).max() <= 1
    assert np.asarray(translator.translate(picture, size=(40, 30))).shape == (80, 50, 3)
