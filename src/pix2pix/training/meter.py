"""Means of the losses between two lines of metrics, gathered on the device without waiting."""

from collections.abc import Mapping
from typing import Any

import torch


class Meter:
    """Sums of named scalars; reading them waits for the device, adding does not.

    The sums are one tensor that stays in its place, so that a captured step can add to it.
    """

    def __init__(self, device: torch.device) -> None:
        self.names: tuple[str, ...] = ()
        self.sums = torch.zeros(0, device=device)
        self.count = 0

    def add(self, losses: Mapping[str, torch.Tensor]) -> None:
        """Add the losses of one step."""
        self.gather(losses)
        self.count += 1

    def gather(self, losses: Mapping[str, torch.Tensor]) -> None:
        """Add without counting: the part of `add` that a captured step repeats."""
        names = self.names or tuple(losses)
        values = torch.stack([losses[name] for name in names])
        if not self.names:
            self.names, self.sums = names, torch.zeros_like(values)
        self.sums += values

    def means(self) -> dict[str, float]:
        """Return each loss's mean since the last clearing; NaN and infinity stay what they are."""
        return {name: total / self.count for name, total in self.pack()["sums"].items()}

    def clear(self) -> None:
        """Start again from zero."""
        self.count = 0
        self.sums.zero_()

    def pack(self) -> dict[str, Any]:
        """Return the sums as JSON, exactly: a float32 survives the way through a decimal float64."""
        totals = self.sums.tolist() if self.count else []
        return {"count": self.count, "sums": dict(zip(self.names, totals, strict=False))}

    def unpack(self, packed: Mapping[str, Any]) -> None:
        """Continue from sums that `pack` returned."""
        self.clear()
        self.count, sums = packed["count"], packed["sums"]
        if sums:
            values = torch.tensor([*sums.values()], device=self.sums.device)
            self.names, self.sums = tuple(sums), self.sums if self.names else values
            self.sums.copy_(values)
