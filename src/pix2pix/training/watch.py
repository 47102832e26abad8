"""Several processes end together: each learns at once when another ends or cannot be reached.

A process that waits for a message of a dead one may wait for hours, in a library that cannot be
interrupted. So the first process holds a connection to each other one, on which a thread of its own
listens. A connection that closes without a word is a process that was killed; one that the kernel's
probes find dead is a network that is cut. No process needs time to answer those: a busy one is never
taken for a dead one. The first process reports for all of them, so that one sentence is on the screen.
"""

import errno
import json
import os
import secrets
import socket
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from selectors import EVENT_READ, DefaultSelector
from threading import Event, Lock, Thread

from pix2pix.errors import UserError, first_line

_SILENT_SECONDS, _PROBE_SECONDS, _PROBES = 10, 5, 4  # a cut network is noticed after 30 s
_GRACE_SECONDS = 3.0  # for a process to end by itself before its thread ends it
_CONNECT_SECONDS = 60.0
_LONGEST_ERROR = 3_000  # characters of an error that are sent, each of up to six bytes
_LONGEST = 20_000  # bytes of a message
_PASSWORD_SECONDS = 2.0  # for a connection to say who it is

# The last message on a connection.
_DONE = "done"  # training has ended well
_REPORTED = "reported"  # it has not, and the reason was reported


class Watch:
    """The connections of one process: the first one has one to each other, the others one to the first.

    `names` are the processes as users know them; `advice` returns how a run goes on. Of a group
    without the first process those report that are to do so in its place (`reports_for_first`).
    """

    def __init__(
        self,
        peers: Mapping[int, socket.socket],
        names: list[str],
        reports_for_first: bool,
        advice: Callable[[], str],
    ) -> None:
        self._peers, self._names = peers, names
        self._first, self._reports_for_first, self.advice = 0 not in peers, reports_for_first, advice
        self._ended, self._closed, self._sending = Event(), Event(), Lock()
        self._sentence = ""  # why the others cannot go on; empty where another process reports it
        Thread(target=self._listen, name="watch", daemon=True).start()

    def verdict(self, seconds: float) -> UserError | SystemExit | None:
        """Return what ends this process once another has ended, None where none has after so long."""
        if not self._ended.wait(seconds):
            return None
        # Reported here, and no longer by the thread.
        self._closed.set()
        return UserError(self._sentence) if self._sentence else SystemExit(2)

    def has_ended(self, seconds: float) -> bool:
        """Return whether another process has ended, or does in so many seconds.

        Signal handlers call this: a lock may be held by the very code that the signal interrupted, so
        none is waited for.
        """
        until = time.monotonic() + seconds
        while not self._ended.is_set() and time.monotonic() < until:
            time.sleep(0.02)
        return self._ended.is_set()

    def report(self, error: UserError) -> UserError | SystemExit:
        """Send the error to the process that reports; return what is to be raised here."""
        self._closed.set()
        if self._first:
            self._send_last(_REPORTED)
            return error
        return SystemExit(2) if self._send_last(json.dumps(str(error)[:_LONGEST_ERROR])) else error

    def close(self, well: bool) -> None:
        """Send the last message to all: that training has ended well, or that the reason was reported."""
        self._closed.set()
        self._send_last(_DONE if well else _REPORTED)

    def _send_last(self, message: str) -> bool:
        """Send the last message to all; return whether it reached any."""
        reached = False
        for peer in self._peers.values():
            with self._sending, suppress(OSError):
                peer.sendall(f"{message}\n".encode())
                peer.shutdown(socket.SHUT_WR)  # of several messages the first counts
                reached = True
        return reached

    def _listen(self) -> None:
        with DefaultSelector() as selector:
            for rank, peer in self._peers.items():
                selector.register(peer, EVENT_READ, rank)
            while selector.get_map():
                for key, _ in selector.select():
                    peer, rank = self._peers[key.data], key.data
                    if (message := _read(peer)) != _DONE:
                        self._end(rank, message)
                        return
                    selector.unregister(peer)

    def _end(self, rank: int, message: str | OSError) -> None:
        """End this process, since another has ended; its main thread may do it first."""
        if message == _REPORTED:
            self._sentence = ""
        elif self._first or self._reports_for_first:
            self._sentence = self._describe(rank, message)
        if self._first:
            self._send_last(_REPORTED)
        self._ended.set()
        # In a message that never comes the main thread cannot be interrupted.
        if not self._closed.wait(_GRACE_SECONDS):
            if self._sentence:
                print(f"\npix2pix: {self._sentence}", file=sys.stderr, flush=True)
            os._exit(2)

    def _describe(self, rank: int, message: str | OSError) -> str:
        name = self._names[rank]
        if isinstance(message, str) and message:
            with suppress(ValueError):
                message = str(json.loads(message))
            return f"{name}: {message}"
        cut = isinstance(message, OSError) and message.errno != errno.ECONNRESET
        what = "cannot be reached any more" if cut else "was killed or has crashed"
        return f"{name} {what}, and training has stopped. {self.advice()}"


def _read(peer: socket.socket) -> str | OSError:
    """Return one line of a process, empty where it ended without one."""
    line = b""
    try:
        while not line.endswith(b"\n") and len(line) < _LONGEST and (more := peer.recv(1)):
            line += more
    except OSError as error:
        return error
    return line.decode("utf-8", "replace").strip()


def open_listener(world: int) -> tuple[socket.socket, int, str]:
    """Return where the first process is reached by the others: the socket, its port and a password."""
    dual = socket.has_dualstack_ipv6()
    family = socket.AF_INET6 if dual else socket.AF_INET
    listener = socket.create_server(("", 0), family=family, backlog=world, dualstack_ipv6=dual)
    return listener, listener.getsockname()[1], secrets.token_hex(16)


def accept_peers(listener: socket.socket, password: str, others: int) -> dict[int, socket.socket]:
    """Return the connections of all other processes by rank; raises UserError where one does not come."""
    peers: dict[int, socket.socket] = {}
    until = time.monotonic() + _CONNECT_SECONDS
    with listener:
        while len(peers) < others:
            try:
                listener.settimeout(max(until - time.monotonic(), 0.01))
                peer, _ = listener.accept()
            except OSError:
                raise UserError(
                    f"{others - len(peers)} of {others} processes did not connect to the first one.",
                    "Open all ports between the machines.",
                ) from None
            # Other programs may connect, too, and say nothing.
            peer.settimeout(_PASSWORD_SECONDS)
            message = _read(peer)
            if isinstance(message, str) and message.startswith(f"{password} "):
                peers[int(message.removeprefix(password))] = _with_keepalive(peer)
            else:
                peer.close()
    return peers


def connect_to_first(address: str, port: int, password: str, rank: int) -> dict[int, socket.socket]:
    """Return the connection to the first process; raises UserError where it cannot be reached."""
    try:
        first = socket.create_connection((address, port), timeout=_CONNECT_SECONDS)
        first.sendall(f"{password} {rank}\n".encode())
    except OSError as error:
        raise UserError(
            f"Process {rank} cannot reach the first one at {address}, port {port}: {first_line(error)}.",
            "Open all ports between the machines.",
        ) from None
    return {0: _with_keepalive(first)}


def _with_keepalive(peer: socket.socket) -> socket.socket:
    """Let the kernel find out whether the other end is still there."""
    peer.settimeout(None)
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    if hasattr(socket, "TCP_KEEPIDLE"):  # Linux; others probe by their own settings
        peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, _SILENT_SECONDS)
        peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, _PROBE_SECONDS)
        peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, _PROBES)
    return peer
