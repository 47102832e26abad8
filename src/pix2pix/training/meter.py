"""Means of the losses between two lines of metrics, gathered on the device without waiting."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor


class Meter:
    """Sums of named scalars; reading them waits for the device, adding does not."""

    def __init__(self) -> None:
        self.sums: dict[str, Tensor] = {}
        self.count = 0

    def add(self, losses: Mapping[str, Tensor]) -> None:
        """Add the losses of one step."""
        for name, value in losses.items():
            self.sums[name] = self.sums[name] + value if name in self.sums else value
        self.count += 1

    def means(self) -> dict[str, float]:
        """The mean of each loss since the last clearing; NaN and infinity stay what they are."""
        return {name: float(total) / self.count for name, total in self.sums.items()}

    def clear(self) -> None:
        """Begin anew."""
        self.sums, self.count = {}, 0

    def pack(self) -> dict[str, object]:
        """The sums as JSON, exactly: a float32 survives the way through a decimal float64."""
        return {"count": self.count, "sums": {k: float(v) for k, v in self.sums.items()}}

    def unpack(self, packed: Mapping[str, object], device: torch.device) -> None:
        """Take up sums that `pack` gave."""
        sums, count = packed["sums"], packed["count"]
        assert isinstance(sums, dict)
        assert isinstance(count, int)
        self.sums = {k: torch.tensor(v, device=device) for k, v in sums.items()}
        self.count = count
