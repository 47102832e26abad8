"""Data sets as people have them, each built small: `pix2pix train FOLDER` takes or refuses them rightly."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from pix2pix.cli.main import app
from pix2pix.model_file import read_header
from pix2pix.pictures.codec import Array
from tests.helpers import SMALL, scene, write

QUICK = [word for s in (*SMALL, "training.images=4") for word in ("--set", s)]


def areas(seed: int) -> Array:
    """(48, 64) class indexes from 0 to 3 in areas."""
    return np.kron(scene(seed, 12, 16, 1)[:, :, 0] // 64, np.ones((4, 4), np.uint8))


def eyes_in_one_folder(root: Path) -> None:
    for n in range(12):
        write(root / f"Image_{n:02d}L.jpg", scene(n, 48, 64))
        write(root / f"Image_{n:02d}L_1stHO.png", (areas(n) > 1)[:, :, None] * np.uint8(255))


def streets_with_annotations(root: Path) -> None:
    for split in ("train", "val"):
        for n in range(12):
            write(root / split / f"{n}.png", scene(n, 48, 64))
            write(root / f"{split}annot" / f"{n}.png", areas(n)[:, :, None])


def index_masks(root: Path) -> None:
    for n in range(12):
        write(root / "images" / f"{n}.jpg", scene(n, 48, 64))
        write(root / "labels" / f"{n}.png", areas(n)[:, :, None])


def eyes_with_masks_as_gif(root: Path) -> None:
    for split, first in (("training", 21), ("test", 1)):
        for n in range(first, first + 12):
            write(root / split / "images" / f"{n:02d}_{split}.tif", scene(n, 48, 64))
            for name, mask in (("1st_manual", f"{n:02d}_manual1"), ("mask", f"{n:02d}_{split}_mask")):
                path = root / split / name / f"{mask}.gif"
                path.parent.mkdir(parents=True, exist_ok=True)
                Image.fromarray((areas(n) > 1) * np.uint8(255)).save(path)


def maps_with_single_pictures_in_val(root: Path) -> None:
    for n in range(12):
        pair = np.concatenate([scene(n, 48, 48), scene(n + 99, 48, 48)], axis=1)
        write(root / "train" / f"{n}.jpg", pair)
        write(root / "val" / f"{n}.jpg", pair[:, :48])


def train(folder: Path, run: Path, *words: str) -> tuple[int, str]:
    done = CliRunner().invoke(
        app, ["train", str(folder), "--run", str(run), "--device", "cpu", *words, *QUICK]
    )
    return done.exit_code, done.output


@pytest.mark.parametrize(
    ("lay", "layout", "said"),
    [
        (
            eyes_in_one_folder,
            "one folder",
            [
                "by name pattern '{}.jpg' / '{}_1stHO.png'",
                "the targets are label maps (colours of 2 classes)",
            ],
        ),
        (
            streets_with_annotations,
            "two folders",
            ["sources train/, targets trainannot/", "(class indexes of 4 classes)", "12 train, 12 val"],
        ),
        (
            index_masks,
            "two folders",
            [
                "sources images/, targets labels/",
                "--set data.target_labels=auto --set data.target_one_hot=true",
            ],
        ),
        (
            eyes_with_masks_as_gif,
            "two folders",
            [
                "21_training.tif with 21_manual1.gif (12 pairs, by name pattern",
                "sources images/, targets 1st_manual/",
                "test/ is scored in training",
                "--layout images:mask",
            ],
        ),
    ],
)
def test_a_folder_is_trained_on_as_it_is(tmp_path: Path, lay: object, layout: str, said: list[str]) -> None:
    assert callable(lay)
    lay(tmp_path / "data")
    code, output = train(tmp_path / "data", tmp_path / "run")
    assert code == 0, output
    for sentence in said:
        assert sentence in output
    assert read_header(tmp_path / "run").image.layout == layout


def test_single_pictures_in_val_are_refused_with_the_right_call(tmp_path: Path) -> None:
    maps_with_single_pictures_in_val(tmp_path / "data")
    code, output = train(tmp_path / "data", tmp_path / "run")
    assert code == 2
    assert "The pictures of val are single ones of 48 x 48 px, while those of train are pairs" in output
    assert f"`pix2pix train {tmp_path / 'data' / 'train'}`" in output
    assert not (tmp_path / "run").exists()
    assert train(tmp_path / "data" / "train", tmp_path / "run")[0] == 0


def test_a_run_with_stated_names_and_found_labels_goes_on_by_the_same_command(tmp_path: Path) -> None:
    eyes_in_one_folder(tmp_path / "data")
    words = ["--pair", "{}.jpg", "{}_1stHO.png", "--labels", "auto"]
    assert train(tmp_path / "data", tmp_path / "run", *words)[0] == 0
    header = read_header(tmp_path / "run")
    assert header.config.data.pair == ["{}.jpg", "{}_1stHO.png"]
    assert [c.colour for c in header.image.target.classes] in (
        [(0, 0, 0), (255, 255, 255)],
        [(255, 255, 255), (0, 0, 0)],
    )
    assert header.image.target.one_hot
    longer = [word.replace("images=4", "images=8") for word in QUICK]
    request = ["train", str(tmp_path / "data"), "--run", str(tmp_path / "run"), "--device", "cpu", *words]
    done = CliRunner().invoke(app, [*request, *longer])
    assert done.exit_code == 0, done.output
    assert "continuing" in done.output
