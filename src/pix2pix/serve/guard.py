"""Who may ask: the service's own page, programs, and the sites that the user named.

A page of any other site can send requests to a server on this machine, through the visitor's own
browser. Its requests carry its address as Origin; after DNS rebinding they carry its name as Host.
Both are checked before anything else is done.
"""

from __future__ import annotations

import ipaddress
import json
import socket
from collections.abc import Sequence
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

# Everything from here, nothing from elsewhere; workers run networks, pictures are made in memory.
_POLICY = (
    "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self' blob:; "
    "img-src 'self' blob: data:; media-src 'self' blob:; connect-src 'self' blob: data:; "
    "object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'self'"
)
_HEADERS = {
    "Content-Security-Policy": _POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    # Together they allow a page to use threads.
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Embedder-Policy": "require-corp",
    "Cross-Origin-Resource-Policy": "same-origin",
    # Asked again each time, by its ETag: the next version of the package shows at once.
    "Cache-Control": "no-cache",
}


class Guard:
    """Refuses requests of foreign pages; adds the headers that keep the own page safe.

    `origins` are other sites that may ask, such as https://pix.example.org. With `loopback` the
    Host must be a name of this machine by which only itself is reached, or that of one of them.
    Without, it may also be any IP address, and this machine's name in its network: a foreign page
    cannot point these elsewhere.
    """

    def __init__(self, app: ASGIApp, origins: Sequence[str], loopback: bool) -> None:
        self._app, self._loopback = app, loopback
        self._origins = {origin.lower() for origin in origins}
        self._hosts = {_name_of(_place(origin)) for origin in self._origins}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """An ASGI application."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_safely(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        if told := self._refusal(Headers(scope=scope)):
            await _refuse(told, send_safely)
        else:
            await self._app(scope, receive, send_safely)

    def _refusal(self, headers: Headers) -> str:
        host, origin = headers.get("host", "").lower(), headers.get("origin", "").lower()
        name = _name_of(host)
        if not (_is_here(name) or name in self._hosts or (not self._loopback and _is_own(name))):
            return f"The request is for the host '{host}', which is not this machine."
        if origin and origin not in self._origins and _place(origin) != host:
            return f"The request comes from a page of another site: {origin}."
        return ""


async def _refuse(told: str, send: Send) -> None:
    hint = "Whoever runs the server can allow a site with --origin https://its.name."
    body = json.dumps({"error": told, "hint": hint}).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": 403, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def _place(origin: str) -> str:
    """Host and port of an Origin header: `https://a:80` -> `a:80`; nothing of `null`."""
    return origin.partition("://")[2]


def _name_of(netloc: str) -> str:
    """Without the port: `[::1]:80` -> `::1`."""
    try:
        return urlsplit(f"//{netloc}").hostname or ""
    except ValueError:
        return ""


def _is_own(name: str) -> bool:
    """Whether it is an address, or what this machine calls itself."""
    try:
        return bool(ipaddress.ip_address(name))
    except ValueError:
        own = socket.gethostname().lower()
        return name in (own, own.partition(".")[0], f"{own.partition('.')[0]}.local")


def _is_here(name: str) -> bool:
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False
