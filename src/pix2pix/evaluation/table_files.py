"""Tables on disk: a line of JSON for each score, and a line of CSV for each picture."""

import csv
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from pix2pix.files import replacing, write_text


def write_jsonl(path: Path, lines: Iterable[Mapping[str, Any]]) -> None:
    """Write one object a line; raises UserError where the file cannot be written."""
    write_text(path, "".join(json.dumps(line) + "\n" for line in lines))


def write_csv(path: Path, names: Sequence[str], columns: Mapping[str, np.ndarray]) -> None:
    """Write the values of each picture, columns of (N,) by title, in six digits.

    Raises UserError where the file cannot be written.
    """
    with replacing(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as table:
        writer = csv.writer(table)
        writer.writerow(["name", *columns])
        for name, *values in zip(names, *columns.values(), strict=True):
            writer.writerow([name, *(f"{value:.6g}" for value in values)])
