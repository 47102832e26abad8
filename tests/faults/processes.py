"""Work in a forked process, which begins at once because everything is imported already."""

from __future__ import annotations

import os
import signal
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple


class Ended(NamedTuple):
    """How a process ended: its exit code, -9 where it was killed, and what it printed."""

    code: int
    printed: str
    seconds: float


class Process:
    """A function in a process of its own; what it prints goes to a file in the folder."""

    def __init__(self, folder: Path, work: Callable[[], object]) -> None:
        self._began = time.monotonic()
        self._output = folder / f"printed-{time.monotonic_ns()}.txt"
        sys.stdout.flush()
        sys.stderr.flush()
        self.pid = os.fork()
        if self.pid == 0:
            self._work(work)

    def _work(self, work: Callable[[], object]) -> None:
        code = 99
        output = os.open(self._output, os.O_WRONLY | os.O_CREAT)
        os.dup2(output, 1)
        os.dup2(output, 2)
        try:
            work()
            code = 0
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else 0
        except BaseException:
            traceback.print_exc()
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)

    def kill_after(self, seconds: float) -> Ended:
        """Kill the process after a time, unless it has ended by then."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                return self._ended(status)
            time.sleep(min(0.002, max(0.0, deadline - time.monotonic())))
        os.kill(self.pid, signal.SIGKILL)
        return self.wait()

    def wait(self) -> Ended:
        """Wait until the process ends."""
        return self._ended(os.waitpid(self.pid, 0)[1])

    def _ended(self, status: int) -> Ended:
        printed = self._output.read_text() if self._output.is_file() else ""
        return Ended(os.waitstatus_to_exitcode(status), printed, time.monotonic() - self._began)
