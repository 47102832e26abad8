"""Pictures that wait become batches for the network.

There is one queue for all models, and a few lanes: threads that take the oldest picture, and with
it those that can share its batch. Nobody waits for a batch to fill: it is what waits when a lane is
free. In all inference modes a batch gives what single calls give.

On a processor two lanes of one thread each translate more pictures a second than one lane of two
threads: threads of one convolution wait for each other. So a lane takes all cores where it is
alone, and its share of them where others have work.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from contextlib import AbstractContextManager
from dataclasses import dataclass, field

import torch

from pix2pix.config import Mode
from pix2pix.device import is_out_of_memory
from pix2pix.inference.translator import Translator
from pix2pix.pictures.codec import Array
from pix2pix.serve.problems import RequestError

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Translated:
    """A target, (H, W, C) in its own depth, and how long its batch was in the network."""

    picture: Array
    milliseconds: float


@dataclass(frozen=True, eq=False)
class Job:
    """A picture that waits for a translation by one noise.

    `source` is what `Translator.source` gave; `padded` is the (height, width) that the network
    sees.
    """

    model: str
    mode: Mode
    padded: tuple[int, int]
    source: Array
    seed: int
    sample: int
    future: Future[Translated] = field(default_factory=Future)

    def shares_batch(self, other: Job) -> bool:
        """Whether one pass of a network can translate both."""
        return (self.model, self.mode, self.padded) == (other.model, other.mode, other.padded)


class Lanes:
    """Threads that translate what is submitted; `close` ends them when all is done.

    `use` lends the translator of a model to one lane. A batch has at most `largest_px` padded
    pixels, or is one picture. `seen` is told of every batch: its size and its seconds.
    """

    def __init__(
        self,
        use: Callable[[str], AbstractContextManager[Translator]],
        count: int,
        largest_px: int,
        seen: Callable[[int, float], None] = lambda pictures, seconds: None,
    ) -> None:
        self.count = count
        self._use, self._largest_px, self._seen = use, largest_px, seen
        self._threads_in_all = torch.get_num_threads()
        self._queue: deque[Job] = deque()
        self._changed = threading.Condition()
        self._running = 0
        self._closing = False
        self._seconds_each = 0.1  # a guess, until there are pictures to measure
        self._workers = [threading.Thread(target=self._work, daemon=True) for _ in range(count)]
        for worker in self._workers:
            worker.start()

    def submit(self, jobs: Sequence[Job]) -> None:
        """Queue them; each job's future gets a Translated or an error."""
        with self._changed:
            self._queue.extend(jobs)
            self._changed.notify_all()

    @property
    def waiting(self) -> int:
        """Pictures that no lane has taken yet."""
        return len(self._queue)

    @property
    def seconds_ahead(self) -> float:
        """About how long a picture that came now would wait."""
        return self._seconds_each * (len(self._queue) + self._running) / self.count

    def close(self) -> None:
        """Finish what was submitted, then end."""
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        for worker in self._workers:
            worker.join()

    def _work(self) -> None:
        while taken := self._next():
            batch, threads = taken
            torch.set_num_threads(threads)  # of this lane alone
            self._translate(batch)
            with self._changed:
                self._running -= 1

    def _next(self) -> tuple[list[Job], int] | None:
        """A batch and the threads for it; None at the end."""
        with self._changed:
            while True:
                while not self._queue and not self._closing:
                    self._changed.wait()
                if not self._queue:
                    return None
                if batch := self._take():
                    break
            self._running += 1
            busy = min(self.count, self._running + len(self._queue))
            return batch, max(1, self._threads_in_all // busy)

    def _take(self) -> list[Job]:
        """The oldest job and its companions, without those whose client has gone."""
        first = self._queue[0]
        limit = max(1, self._largest_px // (first.padded[0] * first.padded[1]))
        batch: list[Job] = []
        others: list[Job] = []
        while self._queue and len(batch) < limit:
            job = self._queue.popleft()
            if not first.shares_batch(job):
                others.append(job)
            elif job.future.set_running_or_notify_cancel():
                batch.append(job)
        self._queue.extendleft(reversed(others))
        return batch

    def _translate(self, batch: Sequence[Job]) -> None:
        try:
            with self._use(batch[0].model) as translator:
                start = time.perf_counter()  # after loading, which a model's first use does
                pictures = translator.translate_sources(
                    [job.source for job in batch],
                    mode=batch[0].mode,
                    seed=[job.seed for job in batch],
                    sample=[job.sample for job in batch],
                    batch=len(batch),
                )
                seconds = time.perf_counter() - start
        except Exception as error:
            told = _no_memory(batch[0]) if is_out_of_memory(error) else error
            for job in batch:
                job.future.set_exception(told)
            return
        self._seconds_each += 0.1 * (seconds / len(batch) - self._seconds_each)
        try:
            self._seen(len(batch), seconds)
        except Exception:  # who waits for a picture is to have it
            _log.exception("A batch could not be counted.")
        for job, picture in zip(batch, pictures, strict=True):
            job.future.set_result(Translated(picture, seconds * 1000))


def _no_memory(job: Job) -> RequestError:
    height, width = job.padded
    return RequestError(
        503,
        f"There is not enough memory for a picture of {width} x {height} px.",
        "Send a smaller one, or try again when there is less to do.",
        retry_seconds=5,
    )
