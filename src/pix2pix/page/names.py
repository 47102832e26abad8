"""What models are called on the page: by their files, or by the folder that says more."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import chain, count
from pathlib import Path

from pix2pix.model_file import model_path

_PLAIN = ("model", "training")  # names that many files and folders have


def model_names(models: Sequence[Path]) -> list[str]:
    """A name for each model, of letters that addresses take; numbered where two are alike."""
    names: list[str] = []
    for model in models:
        file = model_path(model).resolve()
        parts = (file.stem, *(folder.name for folder in file.parents))
        telling = (part for part in parts if part and part not in _PLAIN)
        name = re.sub(r"[^\w.-]+", "-", next(telling, "")).strip(".-") or "model"
        numbered = (f"{name}-{number}" for number in count(2))
        names.append(next(one for one in chain([name], numbered) if one not in names))
    return names
