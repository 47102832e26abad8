"""One number about all pictures, and which way of a score is better."""

import math
from dataclasses import dataclass
from typing import Any

# Whether more is better; of scores that are not here neither is.
HIGHER_IS_BETTER = {
    "l1": False,
    "psnr_db": True,
    "ssim": True,
    "lpips": False,
    "st_lpips": False,
    "kid": False,
    "fid": False,
    "histogram_L": True,
    "histogram_a": True,
    "histogram_b": True,
    "pixel_accuracy": True,
    "class_accuracy": True,
    "class_iou": True,
}
UNITS = {"l1": "of [-1, 1]", "psnr_db": "dB", "variety_l1": "of [-1, 1]", "memory": "of features"}


@dataclass(frozen=True)
class Score:
    """One number about all pictures, with the standard error of its mean if there is one."""

    name: str
    value: float
    standard_error: float | None = None
    note: str = ""

    @property
    def unit(self) -> str:
        """The unit of the value, or ""."""
        return UNITS.get(self.name, "")

    @property
    def higher(self) -> bool | None:
        """Whether more is better; None where neither is."""
        return HIGHER_IS_BETTER.get(self.name)

    def as_json(self) -> dict[str, Any]:
        """Return what a line of scores.jsonl has of it."""
        line: dict[str, Any] = {"score": self.name, "value": json_number(self.value), "note": self.note}
        if self.standard_error is not None:
            line["standard_error"] = json_number(self.standard_error)
        return line

    def __str__(self) -> str:
        """Return one line for a terminal."""
        error = f" ± {self.standard_error:.2g}" if self.standard_error is not None else ""
        line = f"{self.name:<16} {self.value:.4g}{error} {self.unit}".rstrip()
        return f"{line}  ({self.note})" if self.note else line


def json_number(value: float | None) -> float | None:
    """Return six digits of a number, and None of what JSON cannot hold, such as infinity."""
    return float(f"{value:.6g}") if value is not None and math.isfinite(value) else None
