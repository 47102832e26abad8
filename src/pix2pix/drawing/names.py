"""What models are called on the page: by their files, or by the folder that says more."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from pix2pix.model_file import model_path

_PLAIN = ("model", "training")  # names that many files and folders have


def model_names(models: Sequence[Path]) -> list[str]:
    """A name for each model, of letters that addresses take; numbered where two are alike."""
    names: list[str] = []
    for model in models:
        file = model_path(model).resolve()
        telling = (p for p in (file.stem, *(f.name for f in file.parents)) if p not in _PLAIN)
        name = re.sub(r"[^\w.-]+", "-", next(telling, "")).strip(".-") or "model"
        alike = sum(
            re.fullmatch(rf"{re.escape(name)}(-\d+)?", other) is not None for other in names
        )
        names.append(f"{name}-{alike + 1}" if alike else name)
    return names
