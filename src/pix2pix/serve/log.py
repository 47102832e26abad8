"""The log of a server: one line a minute for one kind of trouble, whatever clients do."""

import logging
import time
import warnings

_SECONDS = 60.0
_MOST_KINDS = 1_000


class OncePerMinute(logging.Filter):
    """Drop records of a kind that was logged within the last minute; the next one says how many."""

    def __init__(self) -> None:
        super().__init__()
        self._seen: dict[tuple[object, ...], tuple[float, int]] = {}  # when it was logged, dropped since

    def filter(self, record: logging.LogRecord) -> bool:
        """Return whether the record is logged."""
        error = record.exc_info[0] if record.exc_info else None
        kind = (record.name, str(record.msg).partition("\n")[0], error)
        now = time.monotonic()
        logged, dropped = self._seen.get(kind, (-_SECONDS, 0))
        if now - logged < _SECONDS:
            self._seen[kind] = logged, dropped + 1
            return False
        if len(self._seen) >= _MOST_KINDS:
            self._seen.clear()
        self._seen[kind] = now, 0
        if dropped:
            record.msg, record.args = f"{record.getMessage()} (and {dropped:,} times before)", ()
        return True


def open_log() -> None:
    """Log to standard error, without the warnings of libraries: these are about what clients send."""
    handler = logging.StreamHandler()
    handler.addFilter(OncePerMinute())
    logging.basicConfig(handlers=[handler], level=logging.WARNING, format="%(message)s")
    logging.getLogger("python_multipart").setLevel(logging.ERROR)
    warnings.simplefilter("ignore")
