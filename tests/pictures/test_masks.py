from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from pix2pix.pictures import codec, masks
from pix2pix.pictures.contract import Ignored, LabelClass, PictureContract
from pix2pix.pictures.palette import Palette
from tests.helpers import noise, write, write_text

CLASSES = Palette(("sky", "sea", "road"), ((0, 0, 9), (9, 0, 0), (200, 200, 0)))
GREYS = Palette(("off", "on"), ((0, 0, 0), (255, 255, 255)))
INDEX = np.arange(12, dtype=np.uint8).reshape(3, 4, 1) % 3


def contract(classes: Palette = CLASSES, **fields: Any) -> PictureContract:
    named = zip(classes.names, classes.colours, strict=True)
    labels = tuple(LabelClass(name=name, colour=colour) for name, colour in named)
    return PictureContract(classes=labels, one_hot=True, **fields)


def indexed(path: Path, table: list[tuple[int, int, int]]) -> Path:
    """A PNG of INDEX into a table of colours."""
    picture = Image.fromarray(INDEX[:, :, 0])
    picture.putpalette(np.array(table, np.uint8).tobytes())
    picture.save(path)
    return path


def kept(paths: list[Path], classes: Palette = CLASSES) -> dict[str, Any]:
    return masks.kept_as(paths, [codec.read(path) for path in paths], classes)


def test_files_of_indexes_of_greys_and_of_colours_are_recognised(tmp_path: Path) -> None:
    index, rgb = write(tmp_path / "i.png", INDEX), write(tmp_path / "c.png")
    assert kept([index]) == {"kept_as": "indexes"}
    assert kept([index], GREYS) == {"kept_as": "grey"}
    assert kept([rgb]) == kept([index, rgb]) == {}


def test_a_table_of_colours_is_kept_where_all_files_share_it(tmp_path: Path) -> None:
    table = [(1, 1, 1), (200, 200, 0), (9, 0, 0), (0, 0, 9)]
    first, second = (indexed(tmp_path / name, table) for name in ("a.png", "b.png"))
    assert kept([first, second]) == {"kept_as": "palette", "table": tuple(table)}
    other = indexed(tmp_path / "c.png", table[::-1])
    assert kept([first, other]) == {"kept_as": "palette", "table": CLASSES.colours}
    assert kept([indexed(tmp_path / "d.png", [(0, 0, 9), (9, 0, 0), (1, 2, 3)])])["table"] == CLASSES.colours
    assert kept([first, write(tmp_path / "e.png", INDEX)]) == {}


def test_a_file_that_cannot_be_opened_does_not_count(tmp_path: Path) -> None:
    table = list(CLASSES.colours)
    paths = [write_text(tmp_path / "a.png"), tmp_path / "gone.png", indexed(tmp_path / "b.png", table)]
    assert masks.kept_as(paths, [codec.read(paths[-1])], CLASSES)["kept_as"] == "palette"


@pytest.mark.parametrize(
    ("fields", "mode", "values"),
    [
        ({}, "RGB", np.array(CLASSES.colours)[INDEX[:, :, 0]]),
        ({"kept_as": "indexes"}, "L", INDEX[:, :, 0]),
        ({"kept_as": "palette", "table": CLASSES.colours[::-1]}, "P", 2 - INDEX[:, :, 0]),
    ],
)
def test_classes_are_written_as_the_targets_were(
    tmp_path: Path, fields: dict[str, Any], mode: str, values: codec.Array
) -> None:
    colours = np.array(CLASSES.colours, np.uint8)[INDEX[:, :, 0]]
    path = tmp_path / "new" / "a.png"
    masks.write(colours, path, contract(**fields))
    with Image.open(path) as picture:
        assert picture.mode == mode
        assert np.array_equal(np.asarray(picture), values)
        if mode != "L":
            assert np.array_equal(np.asarray(picture.convert("RGB")), colours)


def test_indexes_count_on_over_the_one_that_marks_ignored_pixels() -> None:
    colours = np.array(CLASSES.colours, np.uint8)[INDEX[:, :, 0]]
    for ignored, shown in ((0, {1, 2, 3}), (1, {0, 2, 3}), (255, {0, 1, 2})):
        about = contract(kept_as="indexes", ignored=Ignored(index=ignored, colour=(255, 255, 255)))
        assert set(np.unique(np.asarray(masks.as_picture(colours, about)))) == shown


def test_grey_levels_stay_grey_and_stray_colours_get_a_class() -> None:
    colours = np.array([[[3, 0, 0], [250, 255, 255]]], np.uint8)
    picture = masks.as_picture(colours, contract(GREYS, kept_as="grey"))
    assert isinstance(picture, Image.Image)
    assert (picture.mode, np.asarray(picture).tolist()) == ("L", [[0, 255]])


def test_what_pillow_has_no_mode_for_stays_an_array() -> None:
    deep = noise(4, 4).astype(np.uint16)
    assert masks.as_picture(deep, PictureContract(depth="uint16")) is deep


def test_the_kind_of_file_does_not_change_the_text_by_which_pairs_are_cached() -> None:
    assert repr(contract(kept_as="palette", table=CLASSES.colours)) == repr(contract())
