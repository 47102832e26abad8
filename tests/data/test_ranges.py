from pathlib import Path

import numpy as np
import pytest
import tifffile

from pix2pix.data.ranges import find_fill
from pix2pix.errors import UserError
from pix2pix.pictures.contract import PictureContract
from pix2pix.pictures.formats.tiff import NO_DATA

LEVELS = PictureContract(channels=1, depth="uint16", high=65535)


def write_tagged(path: Path, tag: str | None) -> Path:
    tags = [(NO_DATA, "s", 0, tag, True)] if tag else []
    tifffile.imwrite(path, np.zeros((4, 4), np.uint16), extratags=tags)
    return path


def test_a_value_that_all_files_name_stands_for_no_data(tmp_path: Path) -> None:
    files = [write_tagged(tmp_path / f"{n}.tif", "65535") for n in range(2)]
    assert find_fill(LEVELS, "target", [], files) == 65535


def test_files_that_name_none_keep_the_level_that_others_name(tmp_path: Path) -> None:
    files = [write_tagged(tmp_path / "a.tif", "0"), write_tagged(tmp_path / "b.tif", None)]
    assert find_fill(LEVELS, "target", [], files) is None
    assert find_fill(LEVELS, "target", [0.0], files) == 0  # stated


def test_files_that_name_different_values_are_refused(tmp_path: Path) -> None:
    files = [write_tagged(tmp_path / "a.tif", "0"), write_tagged(tmp_path / "b.tif", "65535")]
    with pytest.raises(UserError, match=r"0 and 65535\..*data\.target_fill"):
        find_fill(LEVELS, "target", [], files)
    assert find_fill(LEVELS, "target", [65535.0], files) == 65535
