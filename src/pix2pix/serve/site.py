"""The drawing page's files, flat under `/`."""

from __future__ import annotations

import mimetypes
from pathlib import Path

from starlette.staticfiles import StaticFiles

from pix2pix import page

# Some systems call them otherwise, and a browser runs no module that is called plain text.
_TYPES = {
    ".js": "text/javascript",
    ".mjs": "text/javascript",
    ".json": "application/json",
    ".wasm": "application/wasm",
    ".webmanifest": "application/manifest+json",
}


def page_files(folder: Path | None = None) -> StaticFiles:
    """An application that serves the files, with their types and an ETag."""
    for suffix, kind in _TYPES.items():
        mimetypes.add_type(kind, suffix)
    return StaticFiles(directory=folder or Path(page.__file__).parent / "static", html=True)
