"""The program of a decode process: one picture after the other, each within limits that the system keeps.

`decoders` runs it. It loads no torch, opens no file and no connection: whatever a hostile picture does
to a decoder ends with this process. Messages are lines of JSON over its standard input and output, and
the bytes that they announce; nothing is unpickled.
"""

import json
import os
import signal
import sys
from contextlib import suppress
from typing import Any

from pix2pix.errors import UserError
from pix2pix.pictures.codec import read_bytes
from pix2pix.pictures.formats.messages import send, send_array
from pix2pix.pictures.formats.opening import SAVE_ANEW, ExcessError, Head

with suppress(ImportError):  # Windows has none of these
    import resource

_CAUSES: dict[int, str] = {}  # by the signal that ended a process
with suppress(AttributeError):  # nor these
    _CAUSES = {signal.SIGPROF: "processor", signal.SIGALRM: "time"}
_NICE = 5  # hostile pictures take no more than a share from the network
HEAD_SECONDS = 1.0  # of processor, until it is known how large the picture is


class _DeclinedError(BaseException):
    """The server does not want the picture. No decoder's error, so it is not put into words."""


def main() -> None:
    """Decode what comes until the input ends. Each process that dies is followed by another."""
    memory_bytes = int(sys.argv[1])
    if hasattr(os, "nice"):
        os.nice(_NICE)
    # A fork starts in milliseconds, with all that is imported.
    while hasattr(os, "fork") and (process := os.fork()):
        status = os.waitpid(process, 0)[1]
        if status == 0:
            return
        send(sys.stdout.buffer, {"died": _CAUSES.get(-os.waitstatus_to_exitcode(status), "failed")})
    with suppress(NameError, ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_DATA, (memory_bytes, memory_bytes))
    while line := sys.stdin.buffer.readline():
        request = json.loads(line)
        if "bytes" in request:  # else left over from a process that died
            _decode(request)
    os._exit(0)  # nothing is left to do


def _decode(request: dict[str, Any]) -> None:
    data = sys.stdin.buffer.read(request["bytes"])
    name = request["name"]
    _limit(HEAD_SECONDS, request["seconds"])

    def accept(head: Head) -> None:
        send(sys.stdout.buffer, {"head": head})
        if not (seconds := json.loads(sys.stdin.buffer.readline())["seconds"]):
            raise _DeclinedError
        _limit(seconds)

    try:
        array = read_bytes(data, name, accept)
    except _DeclinedError:
        return
    except UserError as refused:
        error, why = refused, refused.__context__
        if isinstance(why, MemoryError):
            error = UserError(f"{name} takes more memory than one picture may.", SAVE_ANEW)
    else:
        _limit(0, 0)  # the rest depends on who reads
        send_array(sys.stdout.buffer, {}, array)
        return
    _limit(0, 0)
    send(
        sys.stdout.buffer,
        {"error": error.message, "hint": error.hint, "costly": isinstance(why, ExcessError | MemoryError)},
    )


def _limit(processor_seconds: float, seconds: float | None = None) -> None:
    """End this process after these seconds, also inside a decoder's own code; 0 is no limit."""
    if hasattr(signal, "setitimer"):  # their signals are not handled, so they end the process
        signal.setitimer(signal.ITIMER_PROF, processor_seconds)
        if seconds is not None:
            signal.setitimer(signal.ITIMER_REAL, seconds)


if __name__ == "__main__":
    main()
