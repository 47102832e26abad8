"""Columns on disk: what happens where they cannot be written."""

from pathlib import Path

import numpy as np
import pytest

from pix2pix.errors import UserError
from pix2pix.evaluation.columns import Columns


def test_a_column_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    columns = Columns(tmp_path, {})
    (tmp_path / "l1.column").mkdir()
    with pytest.raises(UserError, match=r"Cannot write .*l1\.column"):
        columns.append({"l1": np.zeros(3, np.float32)})
