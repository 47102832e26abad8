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
