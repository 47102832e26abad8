"""Large files in parts: hosts refuse files from 25 MB on, and what breaks off is fetched again."""

from __future__ import annotations

import gzip
import hashlib
from pathlib import Path
from typing import Any

PART_BYTES = 8 << 20


def write_parts(data: bytes, folder: Path, place: str, *, compress: bool = False) -> dict[str, Any]:
    """Write `data` below `folder`/`place`, and return what a page needs to put it together again.

    {"parts": [{"file", "bytes", "sha256"}, ...], "bytes", "sha256", "gzip"}, files relative to
    `folder`. Names come from the content, so that no cache can hold an old one under a new name.
    """
    packed = gzip.compress(data, mtime=0) if compress else data
    whole = hashlib.sha256(packed).hexdigest()
    (folder / place).mkdir(parents=True, exist_ok=True)
    parts = []
    for number, start in enumerate(range(0, len(packed), PART_BYTES)):
        part = packed[start : start + PART_BYTES]
        name = f"{place}/{whole[:16]}.{number:02d}.bin"
        (folder / name).write_bytes(part)
        digest = hashlib.sha256(part).hexdigest()
        parts.append({"file": name, "bytes": len(part), "sha256": digest})
    return {"parts": parts, "bytes": len(packed), "sha256": whole, "gzip": compress}
