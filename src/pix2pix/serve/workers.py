"""Pictures that wait become batches for the network.

There is one queue for all models, and a few workers: threads that take the oldest picture, and with
it those that can share its batch; large pictures let smaller ones pass, for a while. No request
waits for a batch to fill: a batch is what waits when a worker is free. In all inference modes a
batch gives what single calls give.

On a processor two workers of one thread each translate more pictures a second than one worker of two
threads: threads of one convolution wait for each other. So a worker takes all cores where it is
alone, and its share of them where others have work.
"""

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import dataclass, field

import torch

from pix2pix.config import Mode
from pix2pix.device import is_out_of_memory
from pix2pix.inference.translator import Translator
from pix2pix.pictures.codec import Array
from pix2pix.serve.errors import RequestError

_PATIENCE_SECONDS = 4.0  # a megapixel


@dataclass(frozen=True, eq=False)
class WaitingPicture:
    """A picture that waits for a translation by one noise.

    `source` comes from `Translator.source`; `padded` is the (height, width) that the network sees.
    The future gets the target, (H, W, C) in its own depth, and the milliseconds that its batch was in
    the network; or an error.
    """

    model: str
    mode: Mode
    padded: tuple[int, int]
    source: Array
    seed: int
    sample: int
    future: Future[tuple[Array, float]] = field(default_factory=Future)
    arrived: float = field(default_factory=time.monotonic)

    @property
    def network_pass(self) -> tuple[str, Mode, tuple[int, int]]:
        """Return what is equal in pictures that one pass of a network can translate."""
        return self.model, self.mode, self.padded

    @property
    def turn(self) -> float:
        """Return when its turn is: large pictures let smaller ones pass, for a while."""
        return self.arrived + _PATIENCE_SECONDS * self.padded[0] * self.padded[1] / 1e6


def shape_of_work(device: torch.device) -> tuple[int, int]:
    """Return the number of workers, and the pixels of a batch."""
    if device.type == "cpu":
        return min(4, torch.get_num_threads()), 2 * 256**2
    return 2, 16 * 256**2


class Workers:
    """Threads that translate what is submitted; `close` ends them when all is done.

    `use` lends the translator of a model to one worker. A batch has at most `largest_px` padded
    pixels, or is one picture. `count_batch` is called for every batch with its size and its seconds.
    """

    def __init__(
        self,
        use: Callable[[str], AbstractContextManager[Translator]],
        count: int,
        largest_px: int,
        count_batch: Callable[[int, float], None] = lambda pictures, seconds: None,
    ) -> None:
        self.count = count
        self._use, self._largest_px, self._count_batch = use, largest_px, count_batch
        self._cores = torch.get_num_threads()
        self._queue: deque[WaitingPicture] = deque()
        self._lock = threading.Lock()
        self._running = 0
        self._seconds_each = 0.1  # a guess, until there are pictures to measure
        self._threads = ThreadPoolExecutor(count, "worker")

    def submit(self, pictures: Sequence[WaitingPicture]) -> None:
        """Queue pictures, whose futures get their translations."""
        with self._lock:
            self._queue.extend(pictures)
        for _ in pictures:
            self._threads.submit(self._work)

    @property
    def waiting(self) -> int:
        """Return how many pictures no worker has begun."""
        return len(self._queue)

    @property
    def seconds_ahead(self) -> float:
        """Estimate how long a picture that came now would wait."""
        return self._seconds_each * (len(self._queue) + self._running) / self.count

    def close(self) -> None:
        """Finish what was submitted, then end."""
        self._threads.shutdown()

    def _work(self) -> None:
        """Translate a batch, if those who came before have left any pictures."""
        with self._lock:
            if not (batch := self._take()):
                return
            self._running += 1
            busy = min(self.count, self._running + len(self._queue))
        torch.set_num_threads(max(1, self._cores // busy))  # of this worker alone
        try:
            self._translate(batch)
        finally:
            with self._lock:
                self._running -= 1

    def _take(self) -> list[WaitingPicture]:
        """Take the picture whose turn it is and its companions, without those whose client has gone."""
        batch: list[WaitingPicture] = []
        waiting = sorted(self._queue, key=lambda picture: picture.turn)
        for picture in waiting:
            height, width = picture.padded
            fits = len(batch) < max(1, self._largest_px // (height * width))
            if fits and picture.network_pass == waiting[0].network_pass:
                self._queue.remove(picture)
                if picture.future.set_running_or_notify_cancel():
                    batch.append(picture)
        return batch

    def _translate(self, batch: Sequence[WaitingPicture]) -> None:
        try:
            with self._use(batch[0].model) as translator:
                start = time.perf_counter()  # after loading, which a model's first use does
                targets = translator.translate_sources(
                    [picture.source for picture in batch],
                    mode=batch[0].mode,
                    seed=[picture.seed for picture in batch],
                    sample=[picture.sample for picture in batch],
                    batch=len(batch),
                )
                seconds = time.perf_counter() - start
        except Exception as error:
            for picture in batch:
                picture.future.set_exception(_no_memory(picture) if is_out_of_memory(error) else error)
            return
        self._seconds_each += 0.1 * (seconds / len(batch) - self._seconds_each)
        try:
            self._count_batch(len(batch), seconds)
        finally:  # clients get their pictures all the same
            for picture, target in zip(batch, targets, strict=True):
                picture.future.set_result((target, seconds * 1000))


def _no_memory(picture: WaitingPicture) -> RequestError:
    height, width = picture.padded
    return RequestError(
        503,
        f"There is not enough memory for a picture of {width} x {height} px.",
        "Send a smaller one, or try again when there is less to do.",
        retry_seconds=5,
    )
