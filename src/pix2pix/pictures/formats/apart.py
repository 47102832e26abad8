"""Pictures decoded in a process of their own, which is ended when it takes too long.

Starting one takes about as long as decoding ten photographs, so it decodes only pictures for which a decoder
may take any time: see `opening.is_costly`. It runs `child`.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from io import BufferedReader
from pathlib import Path
from threading import Timer
from typing import Any, BinaryIO, cast

import numpy as np

from pix2pix.errors import UserError
from pix2pix.files import limit_from_environment
from pix2pix.pictures.formats import opening, tiff, tiff_pages
from pix2pix.pictures.formats.numbers import Array
from pix2pix.pictures.formats.opening import Head

SECONDS = "PIX2PIX_MAX_SECONDS"
_DEFAULT_SECONDS = 60.0  # for a picture, or for each frame of an animation
_ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "TIFFFILE_NUM_THREADS": "1"}

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
    places = os.pathsep.join(filter(None, sys.path))  # it imports what this process would
    with subprocess.Popen(
        [sys.executable, "-m", "pix2pix.pictures.child", task, path],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={**os.environ, **_ONE_THREAD, "PYTHONPATH": places},
    ) as process:
        try:
            message: dict[str, Any] = {}
            while "end" not in message:
                began, late = time.monotonic(), Timer(seconds, process.kill)
                late.start()
                try:
                    received = _receive(cast(BufferedReader, process.stdout))
                finally:
                    late.cancel()
                if received is None:
                    raise _unfinished(path, seconds if time.monotonic() - began >= seconds else None)
                message = received[0]
                if "error" in message:
                    raise UserError(message["error"], message["hint"])
                yield received
        finally:
            process.kill()


def _receive(pipe: BufferedReader) -> Message | None:
    """Return the next message; None where the process ended before it was whole."""
    line = pipe.readline()
    if not line.endswith(b"\n"):
        return None
    message: dict[str, Any] = json.loads(line)
    if "shape" not in message:
        return message, None
    array = np.empty(message["shape"], message["type"])
    # A BufferedReader, which fills the whole.
    return (message, array) if pipe.readinto(array.reshape(-1).view(np.uint8).data) == array.nbytes else None


def _unfinished(path: Path, seconds: float | None) -> UserError:
    """Return the error of a process that ended by itself, or after so many seconds."""
    if seconds is None:
        return UserError(f"{path} cannot be read: its decoder failed.")
    return UserError(
        f"{path} took more than {seconds:g} seconds to decode.",
        f"If the file is to be trusted, raise the limit with the variable {SECONDS}.",
    )
