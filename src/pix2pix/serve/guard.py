"""Which requests are allowed: of the service's own page, of programs, of the sites that the user named.

A page of any other site can send requests to a server on this machine, through the visitor's own
browser. Its requests carry its address as Origin; after DNS rebinding they carry its name as Host.
Both are checked before anything else is done.
"""

import ipaddress
import re
import socket
from collections.abc import Sequence
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from pix2pix.errors import UserError
from pix2pix.serve.connections import HEADER_BYTES

_HEADERS = {
    # Everything from this server; workers run networks, pictures are made in memory.
    "Content-Security-Policy": (
        "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self' blob:; "
        "img-src 'self' blob: data:; media-src 'self' blob:; connect-src 'self' blob: data:; "
        "object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'self'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    # Together they allow a page to use threads.
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Embedder-Policy": "require-corp",
    "Cross-Origin-Resource-Policy": "same-origin",
    # Compared each time, by its ETag: the next version of the package shows at once.
    "Cache-Control": "no-cache",
}


class Guard:
    """Refuse requests of foreign pages; add the headers that keep the own page safe.

    `origins` are other allowed sites, such as https://pix.example.org. With `loopback` the Host must
    be a name of this machine by which only itself is reached, or that of one of the sites. Without,
    it may also be any IP address, and this machine's name in its network: a foreign page cannot
    point these elsewhere. (Starlette's TrustedHostMiddleware takes names alone.)
    """

    def __init__(self, app: ASGIApp, origins: Sequence[str], loopback: bool) -> None:
        self._app, self._loopback = app, loopback
        self._origins = {origin.lower() for origin in origins}
        self._hosts = {_name_of(_netloc(origin)) for origin in self._origins}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle a request, as an ASGI application."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_safely(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        answer = self._app
        if sum(len(name) + len(value) for name, value in scope["headers"]) > HEADER_BYTES:
            # h11 refuses longer ones only while they are not whole.
            refusal = f"The request's header has more than {HEADER_BYTES // 1024} kB."
            answer = JSONResponse({"error": refusal, "hint": ""}, 431)
        elif refusal := self._refusal(Headers(scope=scope)):
            hint = "Whoever runs the server can allow a site with --origin https://its.name."
            answer = JSONResponse({"error": refusal, "hint": hint}, 403)
        await answer(scope, receive, send_safely)

    def _refusal(self, headers: Headers) -> str:
        host, origin = headers.get("host", "").lower(), headers.get("origin", "").lower()
        if not self._is_allowed(_name_of(host)):
            return f"The request is for the host '{host}', which is not this machine."
        if origin and origin not in self._origins and _netloc(origin) != host:
            return f"The request comes from a page of another site: {origin}."
        return ""

    def _is_allowed(self, name: str) -> bool:
        """Return whether a request may be for a host of this name."""
        if name == "localhost" or name.endswith(".localhost") or name in self._hosts:
            return True
        try:
            return ipaddress.ip_address(name).is_loopback or not self._loopback
        except ValueError:
            own = socket.gethostname().lower()
            short = own.partition(".")[0]
            return not self._loopback and name in (own, short, f"{short}.local")


def parse_origin(url: str) -> str:
    """Return an origin as browsers write it; raises UserError for more or less than scheme and host."""
    origin = url.rstrip("/").lower()
    if not re.fullmatch(r"https?://[^/?#@*\s]+", origin):
        raise UserError(f"--origin {url} is no origin: wanted one such as https://pix.example.org.")
    return origin


def _netloc(origin: str) -> str:
    """Return host and port of an Origin header: `https://a:80` -> `a:80`; nothing of `null`."""
    return origin.partition("://")[2]


def _name_of(netloc: str) -> str:
    """Remove the port: `[::1]:80` -> `::1`."""
    try:
        return urlsplit(f"//{netloc}").hostname or ""
    except ValueError:
        return ""
