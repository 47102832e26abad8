"""Download a file, going on where an earlier try broke off."""

import os
import re
import time
from pathlib import Path
from typing import Any

from pix2pix.progress import Progress

MB = 1_000_000
_CHUNK = 1 << 20  # bytes
_TRIES = 3  # of one address without a new byte
_PAUSE_S = 1.0  # after a try that brought nothing; doubled each time
_TIMEOUT_S = (15, 60)  # to connect, between two packets


class AddressError(Exception):
    """An address gave no data set, for the reason in the message; `final`: another try is useless."""

    def __init__(self, reason: str, final: bool = True) -> None:
        super().__init__(reason)
        self.final = final


def download(address: str, path: Path, expected_bytes: int, about_bytes: int, progress: Progress) -> None:
    """Bring the file of an address to `path`; raise AddressError where it does not come.

    What has come is kept in PATH.part, and PATH.mark names the version that it is of. A file of another
    size than `expected_bytes` is refused, if that is not 0; `about_bytes` is for the bar only.
    """
    part = path.with_suffix(".part")
    most, fruitless = _size(part), 0
    while True:
        try:
            _resume(address, part, expected_bytes, about_bytes, progress)
            break
        except AddressError as failure:
            fruitless = 0 if _size(part) > most else fruitless + 1
            most = max(most, _size(part))
            if failure.final or fruitless == _TRIES:
                raise
            progress.log(f"{address}: {failure}; trying again")
            time.sleep(_PAUSE_S * 2**fruitless)
    os.replace(part, path)
    part.with_suffix(".mark").unlink(missing_ok=True)


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _resume(address: str, part: Path, expected_bytes: int, about_bytes: int, progress: Progress) -> None:
    """Request what is missing, once; raise AddressError where some is still missing."""
    import requests
    import urllib3

    mark, headers = part.with_suffix(".mark"), {"Accept-Encoding": "identity"}
    if _size(part) and (version := mark.read_text("utf-8") if mark.exists() else ""):
        # If the file has changed since, the server sends all of it.
        headers |= {"Range": f"bytes={_size(part)}-", "If-Range": version}
    try:
        with requests.get(address, headers=headers, stream=True, timeout=_TIMEOUT_S) as reply:
            total = _check(reply, part, expected_bytes)
            if reply.status_code == 416:
                return  # all had come when the last call was stopped
            with part.open("ab" if _span(reply)[0] else "wb") as out:
                mark.write_text(_version(reply), "utf-8")
                for chunk in reply.raw.stream(_CHUNK, decode_content=False):
                    out.write(chunk)
                    whole = -(-max(total or about_bytes, out.tell() + 1) // MB)
                    done = whole if out.tell() == total else out.tell() // MB
                    progress.update("fetching", done, whole, "MB")
    except (requests.RequestException, urllib3.exceptions.HTTPError) as error:
        place = f" at byte {_size(part):,}" if _size(part) else ""
        raise AddressError(f"the connection failed{place} ({type(error).__name__})", final=False) from None
    if _size(part) < total:
        raise AddressError(f"it broke off at {_size(part):,} of {total:,} bytes", final=False)


def _check(reply: Any, part: Path, expected_bytes: int) -> int:
    """Return the length of the whole file, 0 if unknown; raise AddressError for a useless answer."""
    code, have, (start, total) = reply.status_code, _size(part), _span(reply)
    if not (code == 200 or (code == 206 and start in (0, have)) or (code == 416 and have == total)):
        if code in (206, 416):
            part.unlink(missing_ok=True)
        final = code not in (206, 408, 416, 429) and code < 500
        raise AddressError(f"the server answered {code} {reply.reason}", final)
    if expected_bytes and total and total != expected_bytes:
        raise AddressError(f"the archive is of {total:,} bytes, wanted {expected_bytes:,}")
    return total


def _span(reply: Any) -> tuple[int, int]:
    """Return (first byte, bytes in all) of an answer; -1 and 0 where the server does not say."""
    if reply.status_code in (206, 416):
        span = re.fullmatch(r"bytes (?:(\d+)-\d+|\*)/(?:(\d+)|\*)", reply.headers.get("Content-Range", ""))
        start, total = span.groups() if span else (None, None)
        return int(start or -1), int(total or 0)
    length = reply.headers.get("Content-Length", "")
    return 0, int(length) if length.isdecimal() else 0


def _version(reply: Any) -> str:
    """Return what names the version of the file on the server; empty where nothing does."""
    tag = reply.headers.get("ETag", "")
    return str(tag if tag and not tag.startswith("W/") else reply.headers.get("Last-Modified", ""))
