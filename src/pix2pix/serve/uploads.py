"""A request's body -> a picture, within limits of bytes, pixels and time.

What a picture costs is known from its first bytes: it is refused before it is unpacked.
"""

import asyncio
import threading
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from starlette.datastructures import Headers, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser

from pix2pix.errors import UserError
from pix2pix.pictures.codec import Array, is_picture
from pix2pix.pictures.formats.opening import FRAMES_HINT, Head, animation
from pix2pix.pictures.geometry import padded_size
from pix2pix.serve.decoders import CostlyPictureError, Decoders
from pix2pix.serve.errors import RequestError

RAW = (
    *(f"image/{kind}" for kind in ("png", "jpeg", "webp", "bmp", "gif", "tiff")),
    "application/octet-stream",
)
# What clients send where nobody names a type: curl --data-binary the first, many nothing at all.
_UNTYPED = ("application/x-www-form-urlencoded", "")
_HEAD_BYTES = 12  # show whether it is a picture
FORM = "multipart/form-data"
FIELD = "image"
_FORMATS = "PNG, JPEG, WebP, BMP, GIF or TIFF"
_NAME = "The upload"


@dataclass(frozen=True)
class Limits:
    """What one request may cost."""

    megapixels: float = 4.0  # after padding, of all variants together
    seconds: float = 30.0  # to send the picture, and to wait for the network
    decoding_seconds: float = 30.0

    @property
    def bytes(self) -> int:
        """Return the largest body: enough for the largest picture in 16 bits, not packed at all."""
        return int(self.megapixels * 8e6) + 100_000


class Budget:
    """What all requests may take together, in any thread: places, or bytes."""

    def __init__(self, limit: int, refusal: Callable[[], RequestError]) -> None:
        self.limit, self.taken, self._refusal = limit, 0, refusal
        self._lock = threading.Lock()

    @contextmanager
    def share(self) -> Iterator["Share"]:
        """Yield the share of one request, which it gives back when the block ends."""
        share = Share(self)
        try:
            yield share
        finally:
            share.close()

    def exchange(self, before: int, after: int) -> None:
        """Replace a part of one size by one of another; raises the refusal where not enough is left."""
        with self._lock:
            taken = self.taken - before + after
            if after > before and taken > self.limit:
                raise self._refusal()
            self.taken = taken


class Share:
    """The part of a budget that one request has."""

    def __init__(self, budget: Budget) -> None:
        self._budget, self._count, self._is_open = budget, 0, True

    def take(self, count: int) -> None:
        """Take more; raises the budget's refusal where not enough is left."""
        self.hold(self._count + count)

    def hold(self, count: int) -> None:
        """Have so much from now on; raises the budget's refusal where not enough is left."""
        if self._is_open:  # else the request has ended, and a thread of it has not
            self._budget.exchange(self._count, count)
            self._count = count

    def close(self) -> None:
        """Give all back."""
        self.hold(0)
        self._is_open = False


async def read_body(
    headers: Headers,
    stream: AsyncIterator[bytes],
    limits: Limits,
    take: Callable[[int], None] = lambda count: None,
) -> bytes:
    """Return the bytes of the picture, sent as they are or as a form's field `image`.

    Where the client states no type, the first bytes tell whether it is a picture. `take` is called
    with the number of bytes that are about to be kept. Raises RequestError for another kind of body,
    for too large and too slow ones.
    """
    kind = headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind not in (*RAW, FORM, *_UNTYPED):
        raise _other_kind(kind)

    def check_start(start: bytes) -> None:
        if kind in _UNTYPED and start and not is_picture(start):
            raise _other_kind(kind)

    claimed = headers.get("content-length", "")
    try:
        async with asyncio.timeout(limits.seconds):
            announced = int(claimed) if claimed.isdigit() else 0
            body = await _received(stream, announced, limits.bytes, take, check_start)
    except TimeoutError:
        raise RequestError(
            408, f"The picture did not arrive within {limits.seconds:g} seconds.", "Send it again."
        ) from None
    if kind != FORM:
        return body
    take(len(body))  # of a form the picture is a copy
    return await asyncio.to_thread(lambda: asyncio.run(_field(headers, body)))


async def _received(
    stream: AsyncIterator[bytes],
    announced: int,
    limit: int,
    take: Callable[[int], None],
    check_start: Callable[[bytes], None],
) -> bytes:
    """Return a body of up to `limit` bytes; `check_start` refuses it by its first ones."""
    body, checked = bytearray(), False
    async for chunk in stream:
        if max(announced, len(body) + len(chunk)) > limit:
            raise RequestError(
                413,
                f"The body has more than {limit / 1e6:.0f} MB.",
                "Send a smaller picture, or one that is packed (PNG, JPEG, WebP).",
            )
        take(len(chunk))
        body += chunk
        if not checked and len(body) >= _HEAD_BYTES:
            check_start(bytes(body[:_HEAD_BYTES]))
            checked = True
    check_start(bytes(body[:_HEAD_BYTES]))
    return bytes(body)


def read_picture(
    data: bytes, multiple: int, samples: int, limits: Limits, decoders: Decoders, hold: Callable[[int], None]
) -> Array:
    """Return (H, W, C) of a body; `multiple` is what the network's sides are multiples of.

    `hold` is called with the number of bytes that the picture may have, before it is decoded. Raises
    RequestError that says what is wrong with the picture.
    """

    def accept(head: Head) -> None:
        if head.frames > 1:
            raise RequestError(415, f"{animation(_NAME, head)}: wanted one picture.", FRAMES_HINT)
        height, width = padded_size(head.height, head.width, multiple)
        megapixels = samples * height * width * max(1, head.channels / 4) / 1e6  # of four channels
        if megapixels > limits.megapixels:
            channels = f" and {head.channels} channels" if head.channels > 4 else ""
            times = f" and {samples} variants" if samples > 1 else ""
            raise RequestError(
                413,
                f"{_NAME} is {head.width} x {head.height} px. With its sides filled up to what the network "
                f"takes ({width} x {height}){channels}{times} that makes {megapixels:.1f} "
                f"megapixels: more than the limit of {limits.megapixels:g}.",
                "Send a smaller one" + (", or request fewer variants." if samples > 1 else "."),
            )
        hold(head.height * head.width * max(8, 2 * head.channels))

    if not data:
        raise RequestError(400, "The body is empty: wanted a picture.")
    try:
        return decoders.read_bytes(data, _NAME, accept, limits.decoding_seconds)
    except RequestError:
        raise
    except CostlyPictureError as error:
        raise RequestError(413, error.message, error.hint) from None
    except UserError as error:
        raise RequestError(400, error.message + _resemblance(data), f"Wanted: {_FORMATS}.") from None


async def _field(headers: Headers, body: bytes) -> bytes:
    async def whole() -> AsyncGenerator[bytes, None]:
        yield body

    parser = MultiPartParser(headers, whole(), max_files=1, max_fields=8)
    parser.spool_max_size = len(body) + 1  # no temporary files: the body is in memory as it is
    try:
        form = await parser.parse()
    except MultiPartException as error:
        raise RequestError(400, f"The form cannot be read: {error.message.rstrip('.')}.") from None
    try:
        if isinstance(file := form.get(FIELD), UploadFile):
            return await file.read()
    finally:
        await form.close()
    raise RequestError(400, f"The form has no file in a field '{FIELD}'.")


def _other_kind(kind: str) -> RequestError:
    claim = f"claims to be '{kind}'" if kind else "states no type and does not begin like a picture"
    return RequestError(
        415,
        f"The body {claim}: wanted a picture ({_FORMATS}).",
        "Send it as it is with a header such as 'Content-Type: image/png', or as the field "
        f"'{FIELD}' of a form.",
    )


def _resemblance(data: bytes) -> str:
    """Return a sentence about a body that is none of the formats, if it looks like another one."""
    start = data[:512].lstrip().lower()
    if start.startswith((b"<svg", b"<?xml", b"<!doctype svg")):
        return " It looks like SVG, which draws with commands, not with pixels."
    return ""
