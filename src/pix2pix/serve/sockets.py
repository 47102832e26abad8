"""Where a server listens: a free port, and the address that a browser opens."""

import errno
import ipaddress
import socket
import sys

from pix2pix.errors import UserError

PORT = 8000
_PORTS_TRIED = 20  # where no certain one was requested


def listen(host: str, port: int | None) -> socket.socket:
    """Return a listening socket; without a port, at the default one or the next that is free.

    Raises UserError that says why there is none.
    """
    ports = range(PORT, PORT + _PORTS_TRIED) if port is None else [port]
    for number in ports:
        try:
            family, *_, address = socket.getaddrinfo(host, number, type=socket.SOCK_STREAM)[0]
            listening = socket.create_server(address[:2], family=family, backlog=1024)
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                continue
            raise UserError(
                f"Cannot listen at {host}, port {number}: {error.strerror}.",
                "Choose others with --host and --port.",
            ) from None
        if port is None and number != PORT:
            print(f"note: port {PORT} is taken", file=sys.stderr)
        return listening
    taken = f"port {port} is" if port is not None else f"ports {PORT} to {ports[-1]} are"
    raise UserError(f"At {host}, {taken} taken.", "Choose another with --port, or 0 for any.")


def address_of(listening: socket.socket) -> str:
    """Return the address that a browser opens."""
    name, port = listening.getsockname()[:2]
    ip = ipaddress.ip_address(name)
    shown = "localhost" if ip.is_unspecified else f"[{name}]" if ip.version == 6 else name
    return f"http://{shown}:{port}/"
