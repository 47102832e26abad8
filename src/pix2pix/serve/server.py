"""The server itself: its start, and its end, which finishes what was admitted."""

from __future__ import annotations

import ipaddress
import logging
import signal
import socket
import sys
import threading
import webbrowser
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

import torch
import uvicorn

from pix2pix.device import keep_freed_memory, pick_device
from pix2pix.serve.app import create_app, page_files
from pix2pix.serve.guard import parse_origin
from pix2pix.serve.hosting import Hosted, host
from pix2pix.serve.metrics import Metrics
from pix2pix.serve.pool import Pool
from pix2pix.serve.service import Service
from pix2pix.serve.sockets import address_of, listen
from pix2pix.serve.uploads import Limits
from pix2pix.serve.workers import Workers

_MOST_WORKERS = 4


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


def serve(models: Sequence[Path], options: ServerOptions) -> None:
    """Serve the models until a signal comes; then finish what was admitted, and return.

    Raises UserError for a file that is no model and for an address that cannot be had.
    """
    keep_freed_memory()
    origins = [parse_origin(url) for url in options.origins]
    hosted = host(models, options.examples, options.megapixels)
    listening = listen(options.host, options.port)
    bound = ipaddress.ip_address(listening.getsockname()[0])
    service = create_service(hosted, options)
    app = create_app(service, page_files(), origins, loopback=bound.is_loopback)
    address = address_of(listening)
    print(f"pix2pix serves {', '.join(hosted)} at {address} (Ctrl-C stops it)", flush=True)
    if not bound.is_loopback:
        print("note: whoever can reach this machine can use it", file=sys.stderr)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # as Ctrl-C: a normal end
    # What clients do wrong is in their answers, not in the log.
    logging.getLogger("python_multipart").setLevel(logging.ERROR)
    config = uvicorn.Config(app, log_level="error", access_log=False, server_header=False)
    with suppress(KeyboardInterrupt):  # raised again by uvicorn, after it has stopped
        Server(config, service, address if options.open_page else "").run(sockets=[listening])


class Server(uvicorn.Server):
    """Open the page once it answers; report what is left to finish at the end."""

    def __init__(self, config: uvicorn.Config, service: Service, address: str = "") -> None:
        super().__init__(config)
        self._service, self._address = service, address

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to answer."""
        await super().startup(sockets)
        if self.started and self._address:
            # Some browsers block the program that opens them.
            threading.Thread(target=webbrowser.open, args=[self._address], daemon=True).start()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """End gracefully at the first signal, at once at the second."""
        if count := self._service.under_way:
            left = f"{count} request{'s' * (count > 1)}"
            print(f"finishing {left}; Ctrl-C again stops at once", file=sys.stderr)
        super().handle_exit(sig, frame)


def create_service(hosted: dict[str, Hosted], options: ServerOptions) -> Service:
    """Build all that works for the models, running and waiting."""
    device, metrics = pick_device(options.device), Metrics()
    models = {name: (model.path, model.header) for name, model in hosted.items()}
    pool = Pool(models, int(options.memory_gb * 1e9), options.device)
    workers = Workers(pool.use, *shape_of_work(device), metrics.count_batch)
    return Service(hosted, pool, workers, metrics, Limits(megapixels=options.megapixels), options.queue)


def shape_of_work(device: torch.device) -> tuple[int, int]:
    """Return the number of workers, and the pixels of a batch."""
    if device.type == "cpu":
        return min(_MOST_WORKERS, torch.get_num_threads()), 2 * 256**2
    return 2, 16 * 256**2
