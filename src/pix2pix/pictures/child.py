"""The program of the process in which `apart` has one picture decoded: `python -m ...child TASK PATH`.

It writes lines of JSON, and after one with a shape the bytes of that array.
"""

import json
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from pix2pix.errors import UserError
from pix2pix.pictures import codec
from pix2pix.pictures.clips import animations
from pix2pix.pictures.formats.numbers import Array
from pix2pix.pictures.formats.opening import head_of, most_bytes, open_file

_OWN_BYTES = 2_000_000_000  # addresses that its libraries reserve
_COPIES = 5  # of a picture, while it is unpacked and converted


def main(task: str, path: Path) -> None:
    """Decode the picture, or all frames, of a file."""
    _limit_memory(int(_OWN_BYTES + _COPIES * most_bytes()))
    try:
        if task == "head":
            with open_file(path) as file:
                _send({"head": head_of(file)})
        elif task == "frames":
            for array, milliseconds in animations.frames_here(path):
                _send({"milliseconds": milliseconds}, array)
        else:
            array, fill = codec.read_here(path, lambda note: _send({"note": note}))
            _send({"fill": fill}, array)
        _send({"end": True})
    except UserError as error:
        _send({"error": error.message, "hint": error.hint})


def _limit_memory(count: int) -> None:
    with suppress(ImportError, ValueError, OSError):  # Windows has no such limits
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (count, count))


def _send(message: dict[str, Any], array: Array | None = None) -> None:
    if array is not None:
        message |= {"shape": array.shape, "type": str(array.dtype)}
    sys.stdout.buffer.write(json.dumps(message).encode() + b"\n")
    if array is not None:
        sys.stdout.buffer.write(np.ascontiguousarray(array).data)
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
