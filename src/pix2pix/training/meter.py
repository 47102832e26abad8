"""Means of the losses between two lines of metrics, gathered on the device without waiting."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor


class Meter:
    """Sums of named scalars; reading them waits for the device, adding does not.

    The sums are one tensor that stays in its place, so that a captured step can add to it.
    """

    def __init__(self) -> None:
        self.names: tuple[str, ...] = ()
        self.sums: Tensor | None = None
        self.count = 0

    def add(self, losses: Mapping[str, Tensor]) -> None:
        """Add the losses of one step."""
        self.gather(losses)
        self.count += 1

    def gather(self, losses: Mapping[str, Tensor]) -> None:
        """Add without counting: the part of `add` that a captured step repeats."""
        if not self.names:
            self.names = tuple(losses)
        values = torch.stack([losses[name] for name in self.names])
        if self.sums is None:
            self.sums = torch.zeros_like(values)
        self.sums += values

    def means(self) -> dict[str, float]:
        """Return each loss's mean since the last clearing; NaN and infinity stay what they are."""
        return {name: total / self.count for name, total in self._totals().items()}

    def clear(self) -> None:
        """Start again from zero."""
        self.count = 0
        if self.sums is not None:
            self.sums.zero_()

    def pack(self) -> dict[str, object]:
        """Return the sums as JSON, exactly: a float32 survives the way through a decimal float64."""
        return {"count": self.count, "sums": self._totals()}

    def unpack(self, packed: Mapping[str, Any], device: torch.device) -> None:
        """Continue from sums that `pack` returned."""
        self.clear()
        self.count, sums = packed["count"], packed["sums"]
        if sums:
            values = torch.tensor([*sums.values()], device=device)
            self.names, self.sums = tuple(sums), values if self.sums is None else self.sums
            self.sums.copy_(values)

    def _totals(self) -> dict[str, float]:
        if self.sums is None or not self.count:
            return {}
        return dict(zip(self.names, self.sums.tolist(), strict=True))
