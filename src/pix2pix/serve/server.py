"""The server itself: its start, and its end, which finishes what was admitted."""

import asyncio
import ipaddress
import os
import signal
import socket
import sys
import threading
import time
import webbrowser
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

import uvicorn

from pix2pix.device import give_back_memory, keep_freed_memory
from pix2pix.errors import counted
from pix2pix.serve.app import create_app, page_files
from pix2pix.serve.connections import http_config
from pix2pix.serve.guard import parse_origin
from pix2pix.serve.hosting import host
from pix2pix.serve.log import open_log
from pix2pix.serve.service import Service
from pix2pix.serve.sockets import address_of, listen
from pix2pix.serve.token import read_token

END_SECONDS = 28.0  # to finish what was admitted; the process has ended after 30
_CUT_SECONDS = 1.0  # for what is left then
_IDLE_SECONDS = 10.0  # until freed memory is given back


@dataclass(frozen=True)
class ServerOptions:
    """How to serve. `port` is 0 for any free one, None for the default or the next free one."""

    host: str = "127.0.0.1"
    port: int | None = None
    device: str = "auto"
    memory_gb: float = 4.0
    queue: int = 128
    megapixels: float = 4.0
    origins: Sequence[str] = ()
    examples: Path | None = None
    open_page: bool = False
    token_file: Path | None = None


def serve(models: Sequence[Path], options: ServerOptions) -> None:
    """Serve the models until a signal comes; then finish what was admitted, and return.

    Raises UserError for a file that is no model and for an address that cannot be had.
    """
    keep_freed_memory()
    origins = [parse_origin(url) for url in options.origins]
    token = read_token(options.token_file) if options.token_file else None
    hosted = host(models, options.examples, options.megapixels)
    listening = listen(options.host, options.port)
    bound = ipaddress.ip_address(listening.getsockname()[0])
    service = Service(hosted, options.device, options.memory_gb, options.megapixels, options.queue)
    app = create_app(service, page_files(), origins, loopback=bound.is_loopback, token=token)
    address = address_of(listening)
    print(f"pix2pix serves {', '.join(hosted)} at {address} (Ctrl-C stops it)", flush=True)
    if not bound.is_loopback:
        who = "whoever can reach this machine" + " and knows the token" * (token is not None)
        print(f"note: {who} can use it", file=sys.stderr)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # as Ctrl-C: a normal end
    open_log()
    if options.open_page:
        # The page's request waits at the socket for the start. Some browsers block their caller.
        threading.Thread(target=webbrowser.open, args=[address], daemon=True).start()
    server = Server(http_config(app), service)
    try:
        with suppress(KeyboardInterrupt):  # raised again by uvicorn, after it has stopped
            server.run(sockets=[listening])
        if not server.force_exit:
            closing = threading.Thread(target=service.close, daemon=True)
            closing.start()
            closing.join(server.ends_at and max(0.0, server.ends_at - time.monotonic()))
            server.force_exit = closing.is_alive()
    except KeyboardInterrupt:
        server.force_exit = True
    print("pix2pix has stopped serving", flush=True)
    if server.force_exit:
        os._exit(0)  # at once: threads are not awaited


class Server(uvicorn.Server):
    """Report what is left to finish at the end, and end in time."""

    def __init__(self, config: uvicorn.Config, service: Service) -> None:
        super().__init__(config)
        self._service = service
        self._busy_at, self._trimmed = 0.0, True
        self.ends_at: float | None = None  # by time.monotonic(), once a signal has come

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """End gracefully at the first signal, at once at the second."""
        count = self._service.requests.taken
        left = f": finishing {count} request{'s' * (count > 1)}" * (count > 0)
        if self.should_exit:
            self.force_exit = True
        else:
            self.ends_at = time.monotonic() + END_SECONDS + _CUT_SECONDS
            print(f"stopping{left}; Ctrl-C again stops at once", file=sys.stderr)
        super().handle_exit(sig, frame)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Finish what was admitted, for as long as END_SECONDS."""
        late = asyncio.get_running_loop().call_later(END_SECONDS, self._cut)
        try:
            await super().shutdown(sockets)
        finally:
            late.cancel()

    async def on_tick(self, counter: int) -> bool:
        """Give memory back when there was nothing to do for a while."""
        if self._service.requests.taken:
            self._busy_at, self._trimmed = time.monotonic(), False
        elif not self._trimmed and time.monotonic() - self._busy_at > _IDLE_SECONDS:
            self._trimmed = True
            await asyncio.to_thread(give_back_memory)
        return await super().on_tick(counter)

    def _cut(self) -> None:
        """Close what is still open: who has not read an answer until now hardly ever will."""
        count = len(self.server_state.connections)
        print(f"closing {counted(count, 'connection')} whose clients do not end", file=sys.stderr)
        for connection in list(self.server_state.connections):
            connection.transport.abort()
        asyncio.get_running_loop().call_later(_CUT_SECONDS, setattr, self, "force_exit", True)
