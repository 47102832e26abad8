"""Pictures are decoded in processes of their own, which can be ended; the server goes on.

They live long, are started when first needed, and are as many as decode at a time. Each has limits of
processor time by the size of the picture, of time and of memory.
"""

import os
import queue
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from io import BufferedReader, BufferedWriter
from threading import Timer
from typing import Any, cast, get_args

from pix2pix.errors import UserError
from pix2pix.pictures.codec import Array
from pix2pix.pictures.contract import Depth
from pix2pix.pictures.formats.messages import environment, receive, receive_array, send
from pix2pix.pictures.formats.opening import SAVE_ANEW, Head
from pix2pix.serve.uploads.decoder import HEAD_SECONDS

COUNT = 2
MEMORY_BYTES = 1_000_000_000  # of one process
_MEGAPIXEL_SECONDS = 1.0  # of processor; the slowest of common files take a quarter
_GRACE_SECONDS = 2.0
_PIPE_BYTES = 1 << 20  # a whole picture of 256 px
_LINE_BYTES = 10_000  # of a message
_PROGRAM = (sys.executable, "-P", "-m", "pix2pix.serve.uploads.decoder", str(MEMORY_BYTES))


class CostlyPictureError(UserError):
    """A picture that takes more time or memory than its size can need."""


class Decoders:
    """Decode processes, which threads share; `close` ends them."""

    def __init__(self, count: int = COUNT, program: Sequence[str] = _PROGRAM) -> None:
        self.count, self._program = count, program
        self._idle: queue.LifoQueue[_Decoder | None] = queue.LifoQueue()
        for _ in range(count):
            self._idle.put(None)  # started when it is needed

    def read_bytes(self, data: bytes, name: str, accept: Callable[[Head], None], seconds: float) -> Array:
        """Return (H, W, C) of a picture file, as `codec.read_bytes` does, within `seconds`.

        `accept` is called in this process, before anything is unpacked. Raises CostlyPictureError for
        what takes too much time or memory, or holds more than a picture of its size can need.
        """
        decoder = self._idle.get()
        try:
            decoder = decoder or _Decoder(self._program)
            return decoder.read_bytes(data, name, accept, seconds)
        finally:
            if decoder and not decoder.is_usable:
                decoder.end()
                decoder = None
            self._idle.put(decoder)

    def close(self) -> None:
        """End the processes; waits for what is being decoded."""
        for _ in range(self.count):
            if decoder := self._idle.get():
                decoder.end()


class _Decoder:
    """One process, and the pipes to it."""

    def __init__(self, program: Sequence[str]) -> None:
        self._process = subprocess.Popen(
            program,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,  # libraries warn of what clients send
            env=environment(),
            process_group=0,  # Ctrl-C is for the server, which finishes what it took
        )
        self._to = cast(BufferedWriter, self._process.stdin)
        self._from = cast(BufferedReader, self._process.stdout)
        with suppress(ImportError, AttributeError, OSError):
            import fcntl

            for pipe in (self._to, self._from):
                fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)

    @property
    def is_usable(self) -> bool:
        """Return whether it can decode another picture."""
        return self._process.poll() is None

    def read_bytes(self, data: bytes, name: str, accept: Callable[[Head], None], seconds: float) -> Array:
        """Decode a picture; see `Decoders.read_bytes`."""
        late = Timer(seconds + _GRACE_SECONDS, self._kill)  # the process ends itself before, if it can
        late.start()
        try:
            send(self._to, {"name": name, "bytes": len(data), "seconds": seconds}, data)
            reply = receive(self._from, _LINE_BYTES)
            if "head" not in reply:
                raise _refusal(reply, name, HEAD_SECONDS, seconds)
            head = Head(*reply["head"])
            allowed = self._allow(head, accept)
            reply = receive(self._from, _LINE_BYTES)
            if "shape" not in reply:
                raise _refusal(reply, name, allowed, seconds)
            return self._array(reply, head)
        except (EOFError, OSError):
            self._kill()
            raise CostlyPictureError(f"{name} was not decoded within {seconds:g} seconds.") from None
        finally:
            late.cancel()

    def end(self) -> None:
        """End the process, which decodes nothing now, if it has not ended."""
        for pipe in (self._to, self._from):
            with suppress(OSError):  # what it did not read
                pipe.close()
        self._process.wait()

    def _allow(self, head: Head, accept: Callable[[Head], None]) -> float:
        """Let the process decode the picture; return for how many seconds of processor."""
        megapixels = head.height * head.width * max(1, head.channels / 4) / 1e6
        seconds = HEAD_SECONDS + _MEGAPIXEL_SECONDS * megapixels
        try:
            accept(head)
        except BaseException:
            send(self._to, {"seconds": 0})
            raise
        send(self._to, {"seconds": seconds})
        return seconds

    def _array(self, reply: Mapping[str, Any], head: Head) -> Array:
        """Receive (H, W, C). What the process says is checked: a hostile picture may have taken it over."""
        shape = reply["shape"]
        sides = sorted(shape[:2]) == sorted((head.height, head.width))
        if not sides or len(shape) != 3 or shape[2] > head.channels or reply["type"] not in get_args(Depth):
            raise EOFError
        return receive_array(self._from, reply)

    def _kill(self) -> None:
        with suppress(ProcessLookupError):
            if hasattr(os, "killpg"):
                os.killpg(self._process.pid, signal.SIGKILL)
            else:
                self._process.kill()
        self._process.wait()


def _refusal(reply: Mapping[str, Any], name: str, processor_seconds: float, seconds: float) -> UserError:
    """Return the error of a picture that was not decoded."""
    match reply.get("died"):
        case "processor":
            return CostlyPictureError(
                f"{name} took more than {processor_seconds:.1f} s of processor time to decode: more than a "
                "picture of its size can need.",
                SAVE_ANEW,
            )
        case "time":
            return CostlyPictureError(f"{name} was not decoded within {seconds:g} seconds.")
        case str():
            return UserError(f"{name} cannot be read: its decoder failed.")
    kind = CostlyPictureError if reply["costly"] else UserError
    return kind(reply["error"], reply["hint"])
