"""One number about all pictures."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Score:
    """One number about all pictures. `higher` says whether more is better; None where neither is."""

    name: str
    value: float
    unit: str = ""
    higher: bool | None = True
    standard_error: float | None = None
    note: str = ""

    def __str__(self) -> str:
        """Return one line for a terminal."""
        error = f" ± {self.standard_error:.2g}" if self.standard_error is not None else ""
        line = f"{self.name:<16} {self.value:.4g}{error} {self.unit}".rstrip()
        return f"{line}  ({self.note})" if self.note else line
