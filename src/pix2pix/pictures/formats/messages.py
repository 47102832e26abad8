"""Messages from and to a process that decodes pictures: lines of JSON, with arrays as bytes behind them."""

import json
import os
import sys
from collections.abc import Mapping
from io import BufferedReader
from typing import Any, BinaryIO

import numpy as np

from pix2pix.pictures.formats.numbers import Array

_ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "TIFFFILE_NUM_THREADS": "1"}


def environment() -> dict[str, str]:
    """Return the variables of such a process, which imports what this one would."""
    return {**os.environ, **_ONE_THREAD, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}


def send(pipe: BinaryIO, message: Mapping[str, Any], data: bytes | memoryview = b"") -> None:
    """Write a message, and bytes behind it."""
    pipe.write(json.dumps(message).encode() + b"\n")
    pipe.write(data)
    pipe.flush()


def send_array(pipe: BinaryIO, message: Mapping[str, Any], array: Array) -> None:
    """Write a message with an array of any shape behind it."""
    kind = {"shape": array.shape, "type": str(array.dtype)}
    send(pipe, {**message, **kind}, np.ascontiguousarray(array).data)


def receive(pipe: BufferedReader, most_bytes: int = -1) -> dict[str, Any]:
    """Return the next message; raises EOFError where the process ended before it was whole."""
    line = pipe.readline(most_bytes)
    if not line.endswith(b"\n"):
        raise EOFError
    message: dict[str, Any] = json.loads(line)
    return message


def receive_array(pipe: BufferedReader, message: Mapping[str, Any]) -> Array:
    """Return the array that the message announced; raises EOFError where not all of it comes."""
    array = np.empty(message["shape"], message["type"])
    if pipe.readinto(array.reshape(-1).view(np.uint8).data) < array.nbytes:
        raise EOFError
    return array
