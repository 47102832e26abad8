"""The program of the process in which `apart` has one picture decoded: `python -m ...child TASK PATH`.

It writes lines of JSON, and after one with a shape the bytes of that array.
"""

import sys
from contextlib import suppress
from pathlib import Path

from pix2pix.errors import UserError
from pix2pix.pictures import codec
from pix2pix.pictures.clips import animations
from pix2pix.pictures.formats.messages import send, send_array
from pix2pix.pictures.formats.opening import head_of, most_bytes, open_file

_OWN_BYTES = 2_000_000_000  # addresses that its libraries reserve
_COPIES = 5  # of a picture, while it is unpacked and converted


def main(task: str, path: Path) -> None:
    """Decode the picture, or all frames, of a file."""
    _limit_memory(int(_OWN_BYTES + _COPIES * most_bytes()))
    out = sys.stdout.buffer
    try:
        if task == "head":
            with open_file(path) as file:
                send(out, {"head": head_of(file)})
        elif task == "frames":
            for array, milliseconds in animations.frames_here(path):
                send_array(out, {"milliseconds": milliseconds}, array)
        else:
            array, fill = codec.read_here(path, lambda note: send(out, {"note": note}))
            send_array(out, {"fill": fill}, array)
        send(out, {"end": True})
    except UserError as error:
        send(out, {"error": error.message, "hint": error.hint})


def _limit_memory(count: int) -> None:
    with suppress(ImportError, ValueError, OSError):  # Windows has no such limits
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (count, count))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
