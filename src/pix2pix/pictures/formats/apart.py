"""Pictures decoded in a process of their own, which is ended when it takes too long.

Starting one takes about as long as decoding ten photographs, so it decodes only pictures for which a decoder
may take any time: see `opening.is_costly`. It runs `child`.
"""

import subprocess
import sys
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from io import BufferedReader
from pathlib import Path
from threading import Timer
from typing import Any, BinaryIO, cast

from pix2pix.errors import UserError
from pix2pix.files import limit_from_environment
from pix2pix.pictures.formats import opening, tiff, tiff_pages
from pix2pix.pictures.formats.messages import environment, receive, receive_array
from pix2pix.pictures.formats.numbers import Array
from pix2pix.pictures.formats.opening import Head

SECONDS = "PIX2PIX_MAX_SECONDS"
_DEFAULT_SECONDS = 60.0  # for a picture, or for each frame of an animation

Message = tuple[dict[str, Any], Array | None]


def is_costly(file: BinaryIO) -> bool:
    """Return whether a picture is to be decoded apart; raises PictureError for one that never ends."""
    return tiff_pages.is_costly(file) if tiff.is_tiff(file) else opening.is_costly(file)


def read(path: Path, note: Callable[[str], None]) -> tuple[Array, float | None]:
    """Return a picture (H, W, C) and its value for pixels without data; `note` as in `codec.read`.

    Raises UserError where it cannot be read, or not in time.
    """
    with closing(_messages("picture", path)) as messages:
        for message, array in messages:
            if array is not None:
                return array, message["fill"]
            note(message["note"])
    raise AssertionError("the process sends a picture or an error")


def frames(path: Path) -> Iterator[tuple[Array, float]]:
    """Yield the frames of an animation, and for how many milliseconds each is shown."""
    with closing(_messages("frames", path)) as messages:
        for message, array in messages:
            if array is not None:
                yield array, message["milliseconds"]


def look(path: Path) -> Head:
    """Return what a picture claims to be, in this process where that costs little."""
    with opening.open_file(path) as file:
        if not is_costly(file):
            return opening.head_of(file)
    with closing(_messages("head", path)) as messages:
        return Head(*next(messages)[0]["head"])


def _messages(task: str, path: Path) -> Generator[Message]:
    """Yield the messages of a process, with their arrays; the last one is {"end": true}."""
    seconds = limit_from_environment(SECONDS, _DEFAULT_SECONDS, " of seconds")
    with subprocess.Popen(
        [sys.executable, "-m", "pix2pix.pictures.child", task, path],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=environment(),
    ) as process:
        pipe = cast(BufferedReader, process.stdout)
        try:
            message: dict[str, Any] = {}
            while "end" not in message:
                began, late = time.monotonic(), Timer(seconds, process.kill)
                late.start()
                try:
                    message = receive(pipe)
                    array = receive_array(pipe, message) if "shape" in message else None
                except EOFError:
                    is_late = time.monotonic() - began >= seconds
                    raise _unfinished(path, seconds if is_late else None) from None
                finally:
                    late.cancel()
                if "error" in message:
                    raise UserError(message["error"], message["hint"])
                yield message, array
        finally:
            process.kill()


def _unfinished(path: Path, seconds: float | None) -> UserError:
    """Return the error of a process that ended by itself, or after so many seconds."""
    if seconds is None:
        return UserError(f"{path} cannot be read: its decoder failed.")
    return UserError(
        f"{path} took more than {seconds:g} seconds to decode.",
        f"If the file is to be trusted, raise the limit with the variable {SECONDS}.",
    )
