"""Download a file that goes on where it broke off: a downloader for pooch."""

from __future__ import annotations

import os
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
    """An address gave no data set, for the reason in the message; another may. `final`: always."""

    def __init__(self, reason: str, final: bool = True) -> None:
        super().__init__(reason)
        self.final = final


class Rest:
    """A downloader for pooch that keeps what has come in `part` and asks for the rest only."""

    def __init__(self, part: Path, wanted_bytes: int, about_bytes: int, progress: Progress) -> None:
        self.part, self.progress = part, progress
        self.wanted_bytes, self.about_bytes = wanted_bytes, about_bytes
        self.mark = part.with_suffix(".mark")  # which version of the file the bytes are of

    def __call__(self, address: str, output: str, _: object) -> None:
        """Bring the file of an address to `output`; raises AddressError where it does not come."""
        most, fruitless = self._have(), 0
        while True:
            try:
                self._get(address)
                break
            except AddressError as failure:
                fruitless = 0 if self._have() > most else fruitless + 1
                most = max(most, self._have())
                if failure.final or fruitless == _TRIES:
                    raise
                self.progress.log(f"{address}: {failure}; trying again")
                time.sleep(_PAUSE_S * 2**fruitless)
        os.replace(self.part, output)
        self.mark.unlink(missing_ok=True)

    def _have(self) -> int:
        return self.part.stat().st_size if self.part.exists() else 0

    def _get(self, address: str) -> None:
        """One request, and the bytes it brings; raises AddressError where some are missing."""
        import requests
        import urllib3

        headers = {"Accept-Encoding": "identity"}
        have, mark = self._have(), self.mark.read_text("utf-8") if self.mark.exists() else ""
        if have and mark:
            # If the file has changed since, the server sends all of it.
            headers |= {"Range": f"bytes={have}-", "If-Range": mark}
        try:
            with requests.get(address, headers=headers, stream=True, timeout=_TIMEOUT_S) as reply:
                self._take(reply, have)
        except (requests.RequestException, urllib3.exceptions.HTTPError) as error:
            place = f" at byte {self._have():,}" if self._have() else ""
            told = f"the connection failed{place} ({type(error).__name__})"
            raise AddressError(told, False) from None

    def _take(self, reply: Any, have: int) -> None:
        """Write the body of an answer behind what is there, or in its place."""
        start, total = _span(reply)
        if reply.status_code == 416 and have == total:
            return  # all had come when the last call was stopped
        if reply.status_code not in (200, 206) or start not in (0, have):
            if reply.status_code in (206, 416):
                self.part.unlink()
            passing = reply.status_code in (206, 408, 416, 429) or reply.status_code >= 500
            told = f"the server answered {reply.status_code} {reply.reason}"
            raise AddressError(told, not passing)
        if self.wanted_bytes and total and total != self.wanted_bytes:
            raise AddressError(f"the archive is of {total:,} bytes, wanted {self.wanted_bytes:,}")
        with self.part.open("ab" if start else "wb") as out:
            self.mark.write_text(_mark(reply), "utf-8")
            for chunk in reply.raw.stream(_CHUNK, decode_content=False):
                out.write(chunk)
                self._tell(out.tell(), total)
        if self._have() < total:
            raise AddressError(f"it broke off at {self._have():,} of {total:,} bytes", False)

    def _tell(self, done: int, total: int) -> None:
        about = max(total or self.about_bytes, done + 1)
        whole = -(-about // MB)
        self.progress.update("fetching", whole if done == total else done // MB, whole, "MB")


def _span(reply: Any) -> tuple[int, int]:
    """(first byte, bytes in all) of an answer; 0 in all where the server does not say."""
    if reply.status_code in (206, 416):
        told = reply.headers.get("Content-Range", "").removeprefix("bytes ")
        part, _, total = told.partition("/")
        start = part.partition("-")[0]
        return int(start) if start.isdecimal() else -1, _number(total)
    return 0, _number(reply.headers.get("Content-Length", ""))


def _number(text: str) -> int:
    return int(text) if text.isdecimal() else 0


def _mark(reply: Any) -> str:
    """What names the version of the file on the server; empty where nothing does."""
    tag = reply.headers.get("ETag", "")
    return str(tag if tag and not tag.startswith("W/") else reply.headers.get("Last-Modified", ""))
