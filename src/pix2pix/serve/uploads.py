"""A request's body -> a picture, within limits of bytes, pixels and time.

What a picture costs is known from its first bytes: it is refused before it is unpacked.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from starlette.datastructures import Headers, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser

from pix2pix.errors import UserError
from pix2pix.pictures.codec import Array, read_bytes
from pix2pix.pictures.geometry import padded_size
from pix2pix.pictures.opening import FRAMES_HINT, Head, animation
from pix2pix.serve.errors import RequestError

RAW = ("image/png", "image/jpeg", "image/webp", "image/bmp", "image/gif", "application/octet-stream")
FORM = "multipart/form-data"
FIELD = "image"
_FORMATS = "PNG, JPEG, WebP, BMP or GIF"
_NAME = "The upload"


@dataclass(frozen=True)
class Limits:
    """What one request may cost."""

    megapixels: float = 4.0  # after padding, of all variants together
    seconds: float = 30.0  # to send the picture, and to wait for the network

    @property
    def bytes(self) -> int:
        """Return the largest body: enough for the largest picture in 16 bits, not packed at all."""
        return int(self.megapixels * 8e6) + 100_000


class Budget:
    """What all requests may take together, in one event loop: places, or bytes."""

    def __init__(self, limit: int, refusal: Callable[[], RequestError]) -> None:
        self.limit, self.taken, self._refusal = limit, 0, refusal

    @contextmanager
    def share(self) -> Iterator[Callable[[int], None]]:
        """Yield the function by which one request takes its part, until the block ends.

        It raises the refusal where not enough is left.
        """
        counts: list[int] = []

        def take(count: int) -> None:
            if self.taken + count > self.limit:
                raise self._refusal()
            self.taken += count
            counts.append(count)

        try:
            yield take
        finally:
            self.taken -= sum(counts)


async def read_body(
    headers: Headers,
    stream: AsyncIterator[bytes],
    limits: Limits,
    take: Callable[[int], None] = lambda count: None,
) -> bytes:
    """Return the bytes of the picture, sent as they are or as a form's field `image`.

    `take` is called with the number of bytes that are about to be kept. Raises RequestError for
    another kind of body, for too large and too slow ones.
    """
    kind = headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind not in (*RAW, FORM):
        raise RequestError(
            415,
            f"The body claims to be '{kind}': wanted a picture ({_FORMATS}).",
            f"Send it as it is with a header such as 'Content-Type: image/png', or as the field "
            f"'{FIELD}' of a form.",
        )
    body, claimed = bytearray(), headers.get("content-length", "")
    announced = int(claimed) if claimed.isdigit() else 0
    try:
        async with asyncio.timeout(limits.seconds):
            async for chunk in stream:
                if max(announced, len(body) + len(chunk)) > limits.bytes:
                    raise RequestError(
                        413,
                        f"The body has more than {limits.bytes / 1e6:.0f} MB.",
                        "Send a smaller picture, or one that is packed (PNG, JPEG, WebP).",
                    )
                take(len(chunk))
                body += chunk
    except TimeoutError:
        raise RequestError(
            408, f"The picture did not arrive within {limits.seconds:g} seconds.", "Send it again."
        ) from None
    if kind != FORM:
        return bytes(body)
    take(len(body))  # of a form the picture is a copy
    return await asyncio.to_thread(lambda: asyncio.run(_field(headers, bytes(body))))


def read_picture(data: bytes, multiple: int, samples: int, limits: Limits) -> Array:
    """Return (H, W, C) of a body; `multiple` is what the network's sides are multiples of.

    Raises RequestError that says what is wrong with the picture.
    """

    def accept(head: Head) -> None:
        if head.frames > 1:
            raise RequestError(415, f"{animation(_NAME, head)}: wanted one picture.", FRAMES_HINT)
        height, width = padded_size(head.height, head.width, multiple)
        if samples * height * width > limits.megapixels * 1e6:
            times = f" and {samples} variants" if samples > 1 else ""
            raise RequestError(
                413,
                f"{_NAME} is {head.width} x {head.height} px. With its sides filled up to what the network "
                f"takes ({width} x {height}){times} that makes {samples * height * width / 1e6:.1f} "
                f"megapixels: more than the limit of {limits.megapixels:g}.",
                "Send a smaller one" + (", or request fewer variants." if samples > 1 else "."),
            )

    if not data:
        raise RequestError(400, "The body is empty: wanted a picture.")
    try:
        return read_bytes(data, _NAME, accept)
    except RequestError:
        raise
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


def _resemblance(data: bytes) -> str:
    """Return a sentence about a body that is none of the formats, if it looks like another one."""
    start = data[:512].lstrip().lower()
    if start.startswith((b"<svg", b"<?xml", b"<!doctype svg")):
        return " It looks like SVG, which draws with commands, not with pixels."
    return " It looks like TIFF." if start.startswith((b"ii*\0", b"mm\0*")) else ""
