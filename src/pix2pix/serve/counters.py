"""What the service counts, in the text that Prometheus reads."""

from __future__ import annotations

from collections.abc import Callable

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    generate_latest,
)

CONTENT_TYPE = CONTENT_TYPE_LATEST
_SECONDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)


class Counters:
    """Counts of one server. Its registry is its own: several servers can live in one process."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        ProcessCollector(registry=self._registry)
        self._requests = Counter(
            "pix2pix_requests_total",
            "Requests for translations, by model and status.",
            ("model", "status"),
            registry=self._registry,
        )
        self._request_seconds = Histogram(
            "pix2pix_request_seconds",
            "From a request's head to its answer, where it was met.",
            buckets=_SECONDS,
            registry=self._registry,
        )
        self._network_seconds = Histogram(
            "pix2pix_network_seconds", "A batch in the network.", buckets=_SECONDS, registry=self._registry
        )
        self._batch = Histogram(
            "pix2pix_batch_pictures",
            "Pictures of a batch.",
            buckets=(1, 2, 4, 8, 16, 32),
            registry=self._registry,
        )

    def answered(self, model: str, status: int, seconds: float) -> None:
        """A request for a translation was answered."""
        self._requests.labels(model, str(status)).inc()
        if status == 200:
            self._request_seconds.observe(seconds)

    def translated(self, pictures: int, seconds: float) -> None:
        """A batch went through the network."""
        self._batch.observe(pictures)
        self._network_seconds.observe(seconds)

    def watch(self, name: str, about: str, value: Callable[[], float]) -> None:
        """Read a value whenever the counts are asked for."""
        Gauge(name, about, registry=self._registry).set_function(value)

    def text(self) -> bytes:
        """All counts."""
        return generate_latest(self._registry)
