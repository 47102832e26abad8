"""A token that clients must send, if whoever runs the server wants one.

The page's own files need none: they hold nothing of a model, and a browser that opens an address sends no
header. Everything else is refused without `Authorization: Bearer TOKEN`.
"""

import hmac
import re
from collections.abc import Collection
from pathlib import Path

from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from pix2pix.errors import UserError

_LETTERS = 16


class TokenCheck:
    """Refuse requests without the token for all paths that begin with one of these names."""

    def __init__(self, app: ASGIApp, token: str, names: Collection[str]) -> None:
        self._app, self._names = app, names
        self._expected = f"Bearer {token}".encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle a request, as an ASGI application."""
        answer = self._app
        if scope["type"] == "http" and scope["path"].split("/")[1:2][0] in self._names:
            sent = Headers(scope=scope).get("authorization", "").encode("latin-1")
            # In the same time however much of it is right.
            if not hmac.compare_digest(sent, self._expected):
                answer = JSONResponse(
                    {
                        "error": "This server wants a token, and the request has none or another one.",
                        "hint": "Send it with a header 'Authorization: Bearer TOKEN'.",
                    },
                    401,
                    {"WWW-Authenticate": "Bearer"},
                )
        await answer(scope, receive, send)


def read_token(path: Path) -> str:
    """Return the token of a file; raises UserError for one that is easily guessed or cannot be sent."""
    try:
        token = path.read_text("ascii").strip()
    except (OSError, ValueError):
        token = ""
    if not re.fullmatch(r"[!-~]+", token) or len(token) < _LETTERS:
        raise UserError(
            f"{path} holds no token: wanted one line of {_LETTERS} or more letters without spaces.",
            f"Make one: python3 -c 'import secrets; print(secrets.token_urlsafe())' > {path}",
        )
    return token
