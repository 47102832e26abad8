"""Scores by classes: ignored pixels, pictures without a label, and what identifies a scorer."""

from pathlib import Path

import numpy as np
import pytest
import torch

from pix2pix.errors import UserError
from pix2pix.evaluation.labels import LabelScores, find_labels
from pix2pix.evaluation.subjects import Example
from pix2pix.model_file import ImageContract
from pix2pix.pictures.contract import Ignored, LabelClass, PictureContract
from pix2pix.pictures.palette import Palette
from tests.helpers import write_model, write_text

CLASSES = (LabelClass(name="wall", colour=(0, 0, 255)), LabelClass(name="door", colour=(255, 0, 0)))
PLAIN = ImageContract(source=PictureContract(), target=PictureContract(), layout="two folders", half="left")


def labels(*ignored: Ignored) -> LabelScores:
    """Scores of label maps in colours, by a scorer that finds the first class everywhere."""
    palette = Palette(tuple(c.name for c in CLASSES), tuple(c.colour for c in CLASSES), *ignored)
    return LabelScores(
        palette,
        "source",
        PictureContract(),
        lambda pictures: torch.zeros(len(pictures), *pictures.shape[2:], dtype=torch.int64),
        (),
        {},
    )


def walls(void_rows: int) -> torch.Tensor:
    """(3, 10, 10) of the first class, black in the first rows."""
    picture = torch.tensor([-1.0, -1, 1])[:, None, None].repeat(1, 10, 10)
    picture[:, :void_rows] = -1
    return picture


def scorer(path: Path, *settings: str, source: PictureContract | None = None) -> Path:
    target = PictureContract(classes=CLASSES, one_hot=True)
    one_hot = ("objective.gan=0", "data.target_one_hot=true")
    return write_model(path, *one_hot, *settings, source=source, target=target)


def test_an_area_of_ignored_pixels_is_no_other_palette() -> None:
    by_class = labels(Ignored(index=255, colour=(0, 0, 0)))
    example = by_class.with_classes(Example("a", walls(4), walls(0), walls(0)))
    assert isinstance(example, Example)
    records = by_class.records([example])
    assert records["fake_confusion"].tolist() == [[[60, 0], [0, 0]]]
    assert records["pixel_accuracy"].tolist() == [1.0]
    assert "colour near #080808" in str(labels().with_classes(Example("a", walls(4), walls(0), walls(0))))


def test_a_picture_without_a_labelled_pixel_has_no_accuracy() -> None:
    by_class = labels(Ignored(index=255, colour=(0, 0, 0)))
    example = by_class.with_classes(Example("a", walls(10), walls(0), walls(0)))
    assert isinstance(example, Example)
    assert np.isnan(by_class.records([example])["pixel_accuracy"]).tolist() == [True]


def test_scores_are_identified_by_colours_and_by_what_the_scorer_is(tmp_path: Path) -> None:
    def identity(model: Path, *colours: str) -> object:
        classes = zip(("wall", "door"), colours, strict=True)
        text = "".join(f'[[class]]\nname = "{n}"\ncolour = "{c}"\n' for n, c in classes)
        palette = str(write_text(tmp_path / "palette.toml", text))
        found = find_labels(PLAIN, model, palette, [], "cpu")
        assert found is not None
        return found.identity

    model = scorer(tmp_path / "scorer.safetensors")
    first = identity(model, "#0000ff", "#ff0000")
    assert identity(model, "#ff0000", "#0000ff") != first
    moved = model.rename(tmp_path / "moved.safetensors")
    assert identity(moved, "#0000ff", "#ff0000") == first
    other = scorer(tmp_path / "scorer.safetensors", "training.seed=5")
    assert identity(other, "#0000ff", "#ff0000") != first


def test_a_scorer_of_photographs_sees_grey_outputs(tmp_path: Path) -> None:
    source = PictureContract(classes=CLASSES)
    contract = PLAIN.model_copy(update={"source": source, "target": PictureContract(channels=1)})
    by_class = find_labels(contract, scorer(tmp_path / "scorer.safetensors"), None, [], "cpu")
    assert by_class is not None
    grey = torch.rand(2, 1, 32, 32) * 2 - 1
    torch.testing.assert_close(by_class.predict(grey), by_class.predict(grey.repeat(1, 3, 1, 1)))


def test_a_scorer_of_other_pictures_than_photographs_is_refused(tmp_path: Path) -> None:
    model = scorer(tmp_path / "scorer.safetensors", source=PictureContract(channels=1))
    contract = PLAIN.model_copy(update={"source": PictureContract(classes=CLASSES)})
    with pytest.raises(UserError, match="takes pictures of 1 channels: wanted a scorer of RGB"):
        find_labels(contract, model, None, [], "cpu")


def test_a_scorer_for_a_model_that_makes_label_maps_is_refused(tmp_path: Path) -> None:
    classes = (LabelClass(name="wall", colour=(0, 0, 255)), LabelClass(name="door", colour=(255, 0, 0)))
    labels = PictureContract(classes=classes, one_hot=True)
    contract = ImageContract(source=PictureContract(), target=labels, layout="side by side", half="left")
    with pytest.raises(UserError, match=r"A scorer is for models from label maps.*Leave --scorer out"):
        find_labels(contract, tmp_path / "scorer.safetensors", None, [], "cpu")
