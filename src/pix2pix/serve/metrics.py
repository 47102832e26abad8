"""What the service counts, in the text that Prometheus reads."""

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest

_SECONDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
_PICTURES = (1, 2, 4, 8, 16, 32)


class Metrics:
    """The counts of one server. Each has its own registry: several servers can live in one process."""

    def __init__(self) -> None:
        registry = self._registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        about = "Requests for translations, by model and status."
        self._requests = Counter("pix2pix_requests_total", about, ("model", "status"), registry=registry)
        self._request_seconds = Histogram(
            "pix2pix_request_seconds",
            "From a request's head to its answer, where it was met.",
            buckets=_SECONDS,
            registry=registry,
        )
        self._network_seconds = Histogram(
            "pix2pix_network_seconds", "A batch in the network.", buckets=_SECONDS, registry=registry
        )
        self._batch = Histogram(
            "pix2pix_batch_pictures", "Pictures of a batch.", buckets=_PICTURES, registry=registry
        )

    def count_request(self, model: str, status: int, seconds: float) -> None:
        """Count a request for a translation that was answered."""
        self._requests.labels(model, str(status)).inc()
        if status == 200:
            self._request_seconds.observe(seconds)

    def count_batch(self, pictures: int, seconds: float) -> None:
        """Count a batch that went through the network."""
        self._batch.observe(pictures)
        self._network_seconds.observe(seconds)

    def watch(self, name: str, about: str, value: Callable[[], float]) -> None:
        """Read a value whenever the counts are read."""
        Gauge(name, about, registry=self._registry).set_function(value)

    def text(self) -> bytes:
        """Return all counts."""
        return generate_latest(self._registry)
