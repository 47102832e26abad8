"""What happens to a request: admitted, read, translated, answered. Knows no routes.

Decoding and encoding have threads of their own, so that the event loop stays free to take in the
next requests, and the lanes to translate.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request

from pix2pix.config import Mode
from pix2pix.errors import UserError
from pix2pix.inference.translator import conformed
from pix2pix.networks.modes import uses_noise
from pix2pix.serve.answers import check_size, encode, wanted_format
from pix2pix.serve.batching import Job, Lanes, Translated
from pix2pix.serve.counters import Counters
from pix2pix.serve.hosting import Hosted
from pix2pix.serve.pool import Pool
from pix2pix.serve.problems import RequestError
from pix2pix.serve.uploads import Budget, Limits, padded, read_body, read_picture

T = TypeVar("T")
_CODEC_THREADS = 2
_BODIES = 8  # of the largest size, that all requests together may send at a time
_LONGEST_RETRY_SECONDS = 60


class Asked(BaseModel):
    """How to translate: the part of a request behind the question mark."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    seed: int = Field(0, ge=0, le=2**32 - 1, description="Fixes the noise.")
    mode: Mode | None = Field(None, description="Inference mode; the model's own unless given.")
    sample: int = Field(0, ge=0, le=2**31 - 1, description="Which variant of the seed.")
    samples: int = Field(1, ge=1, le=8, description="Variants from there on, side by side.")
    make: bool = Field(False, description="The picture is a photograph: make the source of it.")


@dataclass(frozen=True)
class Answer:
    """A translation as it goes out. `milliseconds` is the time in the network."""

    body: bytes
    media_type: str
    milliseconds: float


class Service:
    """The models and all that works for them. `queue` bounds the requests that are under way."""

    def __init__(
        self,
        hosted: dict[str, Hosted],
        pool: Pool,
        lanes: Lanes,
        counters: Counters,
        limits: Limits,
        queue: int,
    ) -> None:
        self.hosted, self.pool, self.lanes, self.counters = hosted, pool, lanes, counters
        self.limits, self.queue = limits, queue
        self.under_way = 0
        self.bodies = Budget(_BODIES * limits.bytes)
        self._codecs = ThreadPoolExecutor(_CODEC_THREADS, "codec")
        counters.watch("pix2pix_requests_under_way", "Requests being met.", lambda: self.under_way)
        counters.watch("pix2pix_pictures_waiting", "Not in the network yet.", lambda: lanes.waiting)
        counters.watch("pix2pix_loaded_bytes", "Weights in memory.", lambda: pool.loaded_bytes)
        counters.watch("pix2pix_loads", "Models read from disk.", lambda: pool.loads)

    def model(self, name: str) -> Hosted:
        """The model of that name; raises RequestError where there is none."""
        if name not in self.hosted:
            names = ", ".join(self.hosted)
            raise RequestError(404, f"There is no model '{name}'.", f"There is: {names}.")
        return self.hosted[name]

    async def translate(self, name: str, asked: Asked, request: Request) -> Answer:
        """The translation of a request's picture; raises RequestError where it cannot be had."""
        start, status = time.perf_counter(), 500
        try:
            answer = await self._translate(self.model(name), asked, request)
            status = 200
        except RequestError as problem:
            status = problem.status
            raise
        finally:
            known = name if name in self.hosted else ""
            self.counters.answered(known, status, time.perf_counter() - start)
        return answer

    async def aside(self, work: Callable[[], T]) -> T:
        """Run it in a thread for pictures."""
        return await asyncio.get_running_loop().run_in_executor(self._codecs, work)

    def close(self) -> None:
        """Finish what was taken."""
        self.lanes.close()
        self._codecs.shutdown()

    async def _translate(self, model: Hosted, asked: Asked, request: Request) -> Answer:
        kind, mode = wanted_format(request.headers.get("accept", "")), _mode(model, asked)
        with self._admitted():
            jobs = await self._read(model, mode, asked, request)
            height, width = jobs[0].source.shape[:2]
            check_size(height, width * asked.samples, kind)
            done = await self._done(jobs, lambda: _gone(request))
            pictures = [translated.picture for translated in done]
            encoded = await self.aside(lambda: encode(pictures, model.header, kind))
        # Variants may have shared a batch or not: the last to come back was there longest.
        return Answer(encoded, f"image/{kind}", max(t.milliseconds for t in done))

    async def _read(self, model: Hosted, mode: Mode, asked: Asked, request: Request) -> list[Job]:
        with self.bodies.share() as take:
            body = await read_body(request.headers, request.stream(), self.limits, take)
            return await self.aside(lambda: self._jobs(model, mode, asked, body))

    def _jobs(self, model: Hosted, mode: Mode, asked: Asked, body: bytes) -> list[Job]:
        multiple = model.card.multiple_px
        if asked.make and model.header.image.photograph is None:
            raise RequestError(
                422,
                "This model learned from pairs as they are: it makes no sources.",
                "Ask without make=true.",
            )
        array = read_picture(body, multiple, asked.samples, self.limits)
        try:
            source = conformed(model.header, array, "The upload", asked.make)
        except UserError as error:
            raise RequestError(422, error.message, error.hint) from None
        height, width = source.shape[:2]
        size = padded(height, width, multiple)
        samples = range(asked.sample, asked.sample + asked.samples)
        return [Job(model.name, mode, size, source, asked.seed, sample) for sample in samples]

    async def _done(self, jobs: Sequence[Job], gone: Callable[[], Awaitable[None]]) -> Sequence[Translated]:
        """What the lanes make of the jobs, unless it takes too long or nobody waits for it."""

        async def all_of_them() -> Sequence[Translated]:
            return await asyncio.gather(*(asyncio.wrap_future(job.future) for job in jobs))

        self.lanes.submit(jobs)
        work, left = asyncio.ensure_future(all_of_them()), asyncio.ensure_future(gone())
        either = {work, left}
        try:
            await asyncio.wait(either, timeout=self.limits.seconds, return_when="FIRST_COMPLETED")
            if all(job.future.running() or job.future.done() for job in jobs):
                # In the network: what was begun is finished.
                await asyncio.wait(either, return_when="FIRST_COMPLETED")
            if work.done():
                return work.result()
        finally:
            # Takes what has not begun out of the queue.
            work.cancel()
            left.cancel()
        if left.done():
            raise RequestError(503, "The client has gone.")
        raise self._busy(f"The picture waited {self.limits.seconds:g} seconds for the network.")

    @contextmanager
    def _admitted(self) -> Iterator[None]:
        if self.under_way >= self.queue:
            raise self._busy(f"There are {self.under_way} requests under way, as many as may be.")
        self.under_way += 1
        try:
            yield
        finally:
            self.under_way -= 1

    def _busy(self, told: str) -> RequestError:
        seconds = min(_LONGEST_RETRY_SECONDS, max(1, math.ceil(self.lanes.seconds_ahead)))
        return RequestError(503, told, f"Try again in {seconds} s.", retry_seconds=seconds)


def _mode(model: Hosted, asked: Asked) -> Mode:
    mode, has = asked.mode or model.header.mode, model.header.config.modes
    if mode not in has:
        raise RequestError(422, f"The model has no mode '{mode}'.", f"It has: {', '.join(has)}.")
    if asked.samples > 1 and not uses_noise(mode):
        raise RequestError(
            422,
            f"The mode '{mode}' has no noise, so all {asked.samples} samples would be equal.",
            "Ask for mode=paper, or for one sample.",
        )
    return mode


async def _gone(request: Request) -> None:
    """Until the client has closed its connection; after its body was read."""
    while (await request.receive())["type"] != "http.disconnect":
        pass
