"""One number about all pictures, and what is known of a score by its name."""

import math
from dataclasses import dataclass
from typing import Any, NamedTuple


class Kind(NamedTuple):
    """Whether more of a score is better, None where neither is; its title where it has one, and its unit."""

    higher: bool | None = None
    title: str = ""
    unit: str = ""


_KINDS = {
    "pixel_accuracy": Kind(True, "per-pixel accuracy"),
    "class_accuracy": Kind(True, "per-class accuracy"),
    "class_iou": Kind(True, "class IoU"),
    "kid": Kind(False, "KID"),
    "fid": Kind(False, "FID"),
    "lpips": Kind(False, "LPIPS"),
    "st_lpips": Kind(False, "ST-LPIPS"),
    "l1": Kind(False, "L1", "of [-1, 1]"),
    "psnr_db": Kind(True, "PSNR, dB", "dB"),
    "ssim": Kind(True, "SSIM"),
    "histogram_L": Kind(True, "colours, L"),
    "histogram_a": Kind(True, "colours, a"),
    "histogram_b": Kind(True, "colours, b"),
    "variety_l1": Kind(unit="of [-1, 1]"),
    "memory": Kind(unit="of features"),
}


def kind_of(name: str) -> Kind:
    """Return what is known of a score."""
    return _KINDS.get(name, Kind())


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
        return kind_of(self.name).unit

    @property
    def higher(self) -> bool | None:
        """Whether more is better; None where neither is."""
        return kind_of(self.name).higher

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
