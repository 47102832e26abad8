"""What happens to a request: admitted, read, translated, answered. Knows no routes.

Pictures are decoded in processes of their own and encoded in threads, so that the event loop stays free to
receive the next requests, and the workers to translate.
"""

import asyncio
import math
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from pix2pix.config import Mode
from pix2pix.device import pick_device
from pix2pix.errors import UserError
from pix2pix.inference.sources import conformed
from pix2pix.pictures.codec import Array, Format
from pix2pix.pictures.geometry import padded_size
from pix2pix.serve.answers import check_size, encode, preferred_format
from pix2pix.serve.errors import RequestError
from pix2pix.serve.hosting import Hosted
from pix2pix.serve.metrics import Metrics
from pix2pix.serve.parameters import Parameters
from pix2pix.serve.pool import Pool
from pix2pix.serve.uploads.body import read_body
from pix2pix.serve.uploads.decoders import Decoders
from pix2pix.serve.uploads.limits import Budget, Limits, Share
from pix2pix.serve.uploads.picture import NAME, read_picture
from pix2pix.serve.workers import WaitingPicture, Workers, shape_of_work

# Of the largest size: what all requests together may send at a time, and what may wait decoded.
_BODIES = 8
_PICTURES = 8
_CLIENT_GONE = 499  # nginx's; nobody receives it, but it is counted


class Service:
    """The models and all that works for them. `queue` bounds the requests that are under way."""

    def __init__(
        self,
        hosted: Mapping[str, Hosted],
        device: str = "auto",
        memory_gb: float = 4.0,
        megapixels: float = 4.0,
        queue: int = 128,
    ) -> None:
        self.hosted, self.metrics, self.limits = hosted, Metrics(), Limits(megapixels)
        self.pool = pool = Pool(hosted, int(memory_gb * 1e9), device)
        self.workers = workers = Workers(
            pool.use, *shape_of_work(pick_device(device)), self.metrics.count_batch
        )
        self.requests = Budget(
            queue, lambda: self._busy(f"The server is busy: it takes {queue} requests at a time.")
        )
        self.bodies = Budget(_BODIES * self.limits.bytes, self._too_many_bytes)
        self.pictures = Budget(
            _PICTURES * self.limits.bytes,
            lambda: self._busy("The server is busy: the pictures that wait fill their memory."),
        )
        self.decoders = Decoders()
        self._decoding = ThreadPoolExecutor(self.decoders.count, "decoding")
        self._encoding = ThreadPoolExecutor(2, "encoding")
        for name, about, value in (
            ("requests_under_way", "Requests in progress.", lambda: self.requests.taken),
            ("pictures_waiting", "Not in the network yet.", lambda: workers.waiting),
            ("loaded_bytes", "Weights in memory.", lambda: pool.loaded_bytes),
            ("loads", "Models read from disk.", lambda: pool.loads),
        ):
            self.metrics.watch(f"pix2pix_{name}", about, value)

    def model(self, name: str) -> Hosted:
        """Return the model of that name; raises RequestError where there is none."""
        if name not in self.hosted:
            names = ", ".join(self.hosted)
            raise RequestError(404, f"There is no model '{name}'.", f"There is: {names}.")
        return self.hosted[name]

    async def translate(self, name: str, parameters: Parameters, request: Request) -> Response:
        """Translate a request's picture; raises RequestError where that is not possible."""
        start, status = time.perf_counter(), 500
        try:
            model = self.model(name)
            kind = preferred_format(request.headers.get("accept", ""))
            mode = parameters.mode_of(model)
            with self.requests.share() as place:
                place.hold(1)
                encoded, milliseconds = await self._translate(model, mode, kind, parameters, request)
            status = 200
        except RequestError as error:
            status = error.status
            raise
        except ClientDisconnect:
            status = _CLIENT_GONE
            raise RequestError(status, "The client has gone.") from None
        finally:
            known = name if name in self.hosted else ""
            self.metrics.count_request(known, status, time.perf_counter() - start)
        headers = {"X-Milliseconds": f"{milliseconds:.1f}", "Vary": "Accept", "Cache-Control": "no-store"}
        return Response(encoded, media_type=f"image/{kind}", headers=headers)

    def close(self) -> None:
        """Finish the requests that were admitted."""
        self._decoding.shutdown()
        self.workers.close()
        self._encoding.shutdown()
        self.decoders.close()

    async def _translate(
        self, model: Hosted, mode: Mode, kind: Format, parameters: Parameters, request: Request
    ) -> tuple[bytes, float]:
        """Return the file of the variants, and the milliseconds in the network."""
        with self.bodies.share() as received, self.pictures.share() as memory:
            body = await read_body(request.headers, request.stream(), self.limits, received.hold)
            source = await self._source(model, parameters, body, memory)
            del body
            received.hold(0)
            height, width = source.shape[:2]
            check_size(height, width * parameters.samples, kind)
            size = padded_size(height, width, model.card.multiple_px)
            samples = range(parameters.sample, parameters.sample + parameters.samples)
            pictures = [
                WaitingPicture(model.card.name, mode, size, source, parameters.seed, sample)
                for sample in samples
            ]
            targets, milliseconds = zip(*await self._translated(pictures, request), strict=True)
            encoding = self._encoding.submit(encode, targets, model.header, kind)
            # Variants may have shared a batch or not: the last to come back was there longest.
            return await asyncio.wrap_future(encoding), max(milliseconds)

    async def _source(self, model: Hosted, parameters: Parameters, body: bytes, memory: Share) -> Array:
        """Return the source that the picture in the body is, or is made into."""
        work = self._decoding.submit(self._decode, model, parameters, body, memory)
        try:
            async with asyncio.timeout(self.limits.decoding_seconds):
                return await asyncio.wrap_future(work)
        except TimeoutError:
            message = f"The picture waited {self.limits.decoding_seconds:g} seconds to be decoded."
            raise self._busy(message) from None

    def _decode(self, model: Hosted, parameters: Parameters, body: bytes, memory: Share) -> Array:
        multiple, samples = model.card.multiple_px, parameters.samples
        array = read_picture(body, multiple, samples, self.limits, self.decoders, memory.hold)
        try:
            source = conformed(model.header, array, NAME, parameters.make)
        except UserError as error:
            raise RequestError(422, error.message, error.hint) from None
        memory.hold(source.nbytes)
        return source

    async def _translated(
        self, pictures: Sequence[WaitingPicture], request: Request
    ) -> Sequence[tuple[Array, float]]:
        """Wait for the workers, unless it takes too long or the client hangs up."""
        self.workers.submit(pictures)
        work = asyncio.gather(*(asyncio.wrap_future(picture.future) for picture in pictures))
        left = asyncio.ensure_future(_disconnected(request))
        either: set[asyncio.Future[Any]] = {work, left}
        try:
            await asyncio.wait(either, timeout=self.limits.seconds, return_when="FIRST_COMPLETED")
            if all(picture.future.running() or picture.future.done() for picture in pictures):
                # In the network: what was begun is finished.
                await asyncio.wait(either, return_when="FIRST_COMPLETED")
            if work.done():
                return work.result()
            gone = left.done()
        finally:
            # Removes what has not begun from the queue.
            work.cancel()
            left.cancel()
            await asyncio.wait(either)
            if not work.cancelled():
                work.exception()  # else asyncio logs that nobody looked at it
        if gone:
            raise RequestError(_CLIENT_GONE, "The client has gone.")
        raise self._busy(f"The picture waited {self.limits.seconds:g} seconds for the network.")

    def _busy(self, message: str) -> RequestError:
        seconds = min(60, max(1, math.ceil(self.workers.seconds_ahead)))
        return RequestError(503, message, f"Try again in {seconds} s.", retry_seconds=seconds)

    def _too_many_bytes(self) -> RequestError:
        message = f"The server is busy: it receives {self.bodies.limit / 1e6:.0f} MB of pictures at a time."
        return RequestError(503, message, "Try again in 5 s.", retry_seconds=5)


async def _disconnected(request: Request) -> None:
    """Wait until the client has closed its connection; after its body was read."""
    while (await request.receive())["type"] != "http.disconnect":
        pass
