"""Connections of clients: how long they may be silent, how little they may read, how many there may be.

uvicorn's own limits end with the header of a request, and it waits endlessly for clients that do not
read their answers.
"""

import asyncio
import logging
from contextlib import suppress
from typing import cast

import h11
import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol

SILENT_SECONDS = 30.0  # for a whole header, and for an answer of which nothing is read
HEADER_BYTES = 16_384  # of a request
READ_BYTES_PER_SECOND = 8_000  # the slowest that an answer may be read
_LOOK_SECONDS = 5.0
_MOST = 2_000
_OWN_FILES = 512  # models, pipes, and connections that are accepted faster than others are closed
_BACKLOG = 64  # accepted at a time

_log = logging.getLogger(__name__)


def most_connections() -> int:
    """Return how many connections may be open, so that the limit of open files is never reached."""
    with suppress(ImportError):  # Windows has no such limit
        import resource

        files = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
        if files != resource.RLIM_INFINITY:
            return min(_MOST, max(16, files - _OWN_FILES))
    return _MOST


class Connection(H11Protocol):
    """One client's connection, closed where it is silent, or reads nothing, for too long."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin to watch; make room by closing who has been silent for longest."""
        super().connection_made(cast(asyncio.Transport, transport))
        self._silent_since: float | None = self.loop.time()
        self._read_at, self._unread = self.loop.time(), 0
        self._look = self.loop.call_later(_LOOK_SECONDS, self._check)
        if len(self.connections) > (most := most_connections()):
            _log.warning("there are %d connections, as many as may be: the longest silent are closed", most)
            others = [other for other in self.connections if isinstance(other, Connection)]
            silent = [other for other in others if other._silent_since is not None]
            min(silent, key=lambda other: other._silent_since or 0.0).transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        """End the watch."""
        self._look.cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Note whether a whole header has come."""
        super().data_received(data)
        self._note()

    def on_response_complete(self) -> None:
        """Wait for the next header, and for the client to read."""
        self._silent_since, self._read_at = None, self.loop.time()
        super().on_response_complete()
        self._note()

    def send_400_response(self, msg: str) -> None:
        """Answer what is no HTTP, unless another answer has begun."""
        with suppress(h11.LocalProtocolError):
            super().send_400_response(msg)
        self.transport.close()

    def _note(self) -> None:
        if self.cycle is not None and not self.cycle.response_complete:
            self._silent_since = None
        elif self._silent_since is None:
            self._silent_since = self.loop.time()

    def _check(self) -> None:
        """Close the connection where its client has been silent or idle for too long."""
        now, unread = self.loop.time(), self.transport.get_write_buffer_size()
        if not unread or self._unread - unread >= READ_BYTES_PER_SECOND * _LOOK_SECONDS:
            self._read_at = now
        self._unread = unread
        if unread and self._silent_since is not None:
            self._silent_since = now  # it still reads
        silent = 0.0 if self._silent_since is None else now - self._silent_since
        if max(silent, now - self._read_at) >= SILENT_SECONDS:
            self.transport.abort()  # to close would wait until all is read
        else:
            self._look = self.loop.call_later(_LOOK_SECONDS, self._check)


def http_config(app: ASGIApp) -> uvicorn.Config:
    """Return how uvicorn serves: plain HTTP/1.1 by h11, without WebSockets, silently."""
    return uvicorn.Config(
        app,
        loop="asyncio",
        http=Connection,
        ws="none",
        log_config=None,
        log_level="error",
        access_log=False,
        server_header=False,
        proxy_headers=False,
        backlog=_BACKLOG,
        h11_max_incomplete_event_size=HEADER_BYTES,
    )
