"""What one request may cost, and what all may take together."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from pix2pix.serve.errors import RequestError


@dataclass(frozen=True)
class Limits:
    """What one request may cost."""

    megapixels: float = 4.0  # after padding, of all variants together
    seconds: float = 30.0  # to send the picture, and to wait for the network
    decoding_seconds: float = 30.0

    @property
    def bytes(self) -> int:
        """Return the largest body: enough for the largest picture in 16 bits, not packed at all."""
        return int(self.megapixels * 8e6) + 100_000


class Budget:
    """What all requests may take together, in any thread: requests, or bytes."""

    def __init__(self, limit: int, refusal: Callable[[], RequestError]) -> None:
        self.limit, self.taken, self.refusal = limit, 0, refusal
        self.lock = threading.Lock()

    @contextmanager
    def share(self) -> Iterator["Share"]:
        """Yield the share of one request, which it gives back when the block ends."""
        share = Share(self)
        try:
            yield share
        finally:
            share.close()


class Share:
    """The part of a budget that one request has."""

    def __init__(self, budget: Budget) -> None:
        self._budget, self._count, self._is_open = budget, 0, True

    def hold(self, count: int) -> None:
        """Have so much from now on; raises the budget's refusal where not enough is left."""
        budget = self._budget
        with budget.lock:
            taken = budget.taken - self._count + count
            if count > self._count and taken > budget.limit:
                raise budget.refusal()
            if self._is_open:  # else the request has ended, and a thread of it has not
                budget.taken, self._count = taken, count

    def close(self) -> None:
        """Give all back."""
        self.hold(0)
        self._is_open = False
